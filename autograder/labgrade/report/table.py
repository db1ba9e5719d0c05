"""The closing table: student, points for each question, total, finding."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from labgrade.model import Finding, LabSpec, Severity
from labgrade.report.questions import points_by_question, questions_of
from labgrade.result import GradedSubmission

__all__ = ["format_points", "format_table", "worst_finding"]

MAX_FINDING_CHARS = 60
_ORDER = (Severity.NOTE, Severity.LOOK, Severity.FAILURE)


def format_table(spec: LabSpec, results: Iterable[GradedSubmission]) -> Iterable[str]:
    """Yield the lines of the table; ``…`` stands where a person still has to give points."""
    questions = questions_of(spec)
    head = [
        "student",
        *(f"{question.id} /{format_points(question.max_score)}" for question in questions),
        "total",
        "finding",
    ]
    rows = []
    for result in results:
        points = points_by_question(result, questions)
        open_points = any(score is None for score in points)
        rows.append(
            [
                _clean(result.student),
                *(format_points(score) for score in points),
                format_points(result.score) + ("…" if open_points else ""),
                _describe(worst_finding(result.findings), len(result.findings)),
            ]
        )
    widths = [max(map(_width, column)) for column in zip(head, *rows, strict=True)]
    yield _line(head, widths)
    yield "  ".join("─" * width for width in widths)
    for row in rows:
        yield _line(row, widths)


def worst_finding(findings: Sequence[Finding]) -> Finding | None:
    """Return the first of the most severe findings, None if there is none."""
    return max(findings, key=lambda finding: _ORDER.index(finding.severity), default=None)


def format_points(score: float | None) -> str:
    """Return points with at most two digits after the point, ``…`` for None."""
    return "…" if score is None else f"{score:.2f}".rstrip("0").rstrip(".")


def _describe(finding: Finding | None, count: int) -> str:
    if finding is None:
        return ""
    place = "/".join(part for part in (finding.notebook, finding.cell) if part)
    text = _clean(f"{finding.code}{f' [{place}]' if place else ''}: {finding.message}")
    more = f" (+{count - 1})" if count > 1 else ""
    return (text if len(text) <= MAX_FINDING_CHARS else text[: MAX_FINDING_CHARS - 1] + "…") + more


def _clean(text: str) -> str:
    """Replace what would move the cursor or break the line: names and messages come from students."""
    return "".join(char if char.isprintable() else "�" for char in text)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    last = len(cells) - 1
    parts = [
        _pad(cell, width, right=0 < number < last)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(parts).rstrip()


def _pad(text: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if right else text + blanks


def _width(text: str) -> int:
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
        if not unicodedata.combining(char)
    )
