"""What ``labs report`` says on stdout: a few lines for a person, or one document for a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labgrade.model import Severity
from labgrade.report.classview import ClassView
from labgrade.report.parts import Comparison
from labgrade.report.statistics import describe_discrimination
from labgrade.report.table import format_points

__all__ = ["format_similar", "format_summary", "summarise"]

SHOWN_FAILURES = 5
SHOWN_PAIRS = 10


def format_summary(view: ClassView, page: Path) -> Iterator[str]:
    """Yield the lines that a person reads: where the page is, and what to look at first."""
    spread = view.spread
    yield (
        f"{view.lab}: {spread.count} handed in, mean {format_points(spread.mean)}, "
        f"median {format_points(spread.median)} of {format_points(view.max_score)}"
    )
    looks = len(view.positions(lambda one: one.needs_person))
    if looks:
        yield f"{looks} of {spread.count} submissions need a person:"
        for group in view.findings:
            if group.severity is not Severity.NOTE:
                yield f"  {len(group.students):>5}  {group.code}: {group.advice}"
    still_open = len(view.positions(lambda one: bool(one.open_cells)))
    if still_open:
        yield f"{still_open} wait for points that a person gives in formgrader"
    causes = [group for group in view.failures if group.is_cause][:SHOWN_FAILURES]
    if causes:
        yield "most frequent mistakes:"
        for failure in causes:
            yield f"  {len(failure.students):>5}  {failure.question}: {failure.text}"
    yield f"page:  {page}"


def format_similar(found: Comparison | None) -> Iterator[str]:
    """Yield what a comparison of answers gave; nothing if none was asked for."""
    if found is None:
        return
    count = len(found.pairs)
    who = "1 pair of students has" if count == 1 else f"{count} pairs of students have"
    yield f"{who} answers that are alike: a hint, see the page"
    for pair in found.pairs[:SHOWN_PAIRS]:
        where = ", ".join(unit.name for unit in pair.units)
        yield f"  {pair.left} and {pair.right}: {pair.share:.0%} in {where}"
    if count > SHOWN_PAIRS:
        yield f"  and {count - SHOWN_PAIRS} more"


def summarise(view: ClassView, page: Path, found: Comparison | None = None) -> dict[str, Any]:
    """Return the same, and more, as plain data; students are named by id."""
    similar = (
        {}
        if found is None
        else {
            "similar": [
                {
                    "students": [pair.left, pair.right],
                    "share": pair.share,
                    "evidence": pair.evidence,
                    "answers": [unit.name for unit in pair.units],
                }
                for pair in found.pairs
            ]
        }
    )
    return similar | _summary(view, page)


def _summary(view: ClassView, page: Path) -> dict[str, Any]:
    ids = [one.student for one in view.standings]
    return {
        "lab": view.lab,
        "page": str(page),
        "handed_in": view.spread.count,
        "mean": view.spread.mean,
        "median": view.spread.median,
        "max_score": view.max_score,
        "need_person": [ids[position] for position in view.positions(lambda one: one.needs_person)],
        "open": [ids[position] for position in view.positions(lambda one: bool(one.open_cells))],
        "late": [ids[position] for position in view.positions(lambda one: one.is_late)],
        "absent": [ids[position] for position in view.positions(lambda one: one.absent)],
        "findings": [
            {
                "code": group.code,
                "severity": group.severity.value,
                "advice": group.advice,
                "students": [ids[position] for position in group.students],
            }
            for group in view.findings
        ],
        "questions": [
            {
                "id": one.question.id,
                "max_score": one.question.max_score,
                "count": one.count,
                "open": one.open,
                "mean": one.mean,
                "median": one.median,
                "discrimination": one.discrimination,
                "says": describe_discrimination(one),
            }
            for one in view.statistics
        ],
        "failures": [
            {
                "question": group.question,
                "text": group.text,
                "is_cause": group.is_cause,
                "outcome": group.outcome.value,
                "students": [ids[position] for position in group.students],
            }
            for group in view.failures
        ],
    }
