"""The mapping for people: what was recognised and why, one line for each submission."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

from labgrade.collect.job import Collection
from labgrade.collect.layouts import LAYOUTS
from labgrade.collect.model import Entry
from labgrade.model import Severity

__all__ = ["describe_collection", "format_collection"]

MAX_CELL_CHARS = 46


def format_collection(collection: Collection) -> Iterator[str]:
    """Yield the lines of the table, and what needs a person."""
    choice = collection.choice
    yield f"recognised as {choice.layout.title}: {choice.layout.sign}"
    others = ", ".join(
        f"{layout.title} {choice.shares[layout.name]:.0%}"
        for layout in LAYOUTS
        if layout.name in choice.shares
    )
    yield f"names that fit: {others}"
    yield ""
    rows: list[tuple[str, ...]] = [("submission", "student", "status", "why", "files", "finding")]
    rows += [_row(entry) for entry in collection.entries]
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        yield "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        if number == 0:
            yield "  ".join("─" * width for width in widths)
    yield ""
    counts = Counter(entry.status for entry in collection.entries)
    late = sum(entry.late for entry in collection.entries)
    summary = ", ".join(f"{count} {status}" for status, count in counts.most_common())
    yield f"{len(collection.entries)} submissions: {summary}; {late} late"
    if collection.absent:
        shown = ", ".join(collection.absent[:10]) + (" …" if len(collection.absent) > 10 else "")
        yield f"{len(collection.absent)} on the roster handed in nothing: {shown}"
    for finding in collection.findings:
        yield f"{finding.code} {finding.message}"


def describe_collection(collection: Collection) -> dict[str, object]:
    """Return the same as plain data, for ``--json``."""
    return {
        "layout": collection.choice.layout.name,
        "shares": collection.choice.shares,
        "wrapper": collection.choice.wrapper,
        "entries": list(collection.entries),
        "findings": list(collection.findings),
        "absent": list(collection.absent),
        "changed": list(collection.changed),
        "out": str(collection.out) if collection.out else None,
    }


def _row(entry: Entry) -> tuple[str, ...]:
    worst = [finding for finding in entry.findings if finding.severity is not Severity.NOTE] or list(
        entry.findings
    )
    more = f" (+{len(entry.findings) - 1})" if len(entry.findings) > 1 else ""
    text = f"{worst[0].code}: {worst[0].message}" if worst else ""
    late = " late" if entry.late else ""
    return (
        _short(entry.source),
        _short(", ".join(entry.students)),
        entry.status + late,
        _short(entry.how),
        str(len(entry.files)),
        _short(text, 70) + more,
    )


def _short(text: str, limit: int = MAX_CELL_CHARS) -> str:
    text = "".join(char if char.isprintable() else "�" for char in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _width(text: str | Sequence[str]) -> int:
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
        if not unicodedata.combining(char)
    )
