"""A comparison of results as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from labgrade.regrade.diff import CheckChange, GradeDiff, StudentChange
from labgrade.report.table import format_points

__all__ = ["format_diff", "headline"]

SHOWN_CHECKS = 12
SHOWN_STUDENTS = 30


def headline(diff: GradeDiff) -> str:
    """Return the sentence that counts: ``42 scores change: 39 go up, 3 go down; 258 stay``."""
    if not diff.changes:
        return f"no score changes; {diff.same} stay"
    verb = (
        ("would change" if diff.trial else "change")
        if len(diff.changes) != 1
        else ("would change" if diff.trial else "changes")
    )
    count = len(diff.changes)
    parts = [
        f"{diff.up} go{'es' if diff.up == 1 else ''} up",
        f"{diff.down} go{'es' if diff.down == 1 else ''} down",
    ]
    level = count - diff.up - diff.down
    if level:
        parts.append(f"{level} with the same total")
    return f"{count} score{'' if count == 1 else 's'} {verb}: {', '.join(parts)}; {diff.same} stay"


def format_diff(diff: GradeDiff) -> Iterator[str]:
    """Yield the lines: the count, then by check, then by student; those that go down come first."""
    yield headline(diff)
    if not diff.changes:
        return
    counts = diff.by_check()
    yield "by check"
    for count in counts[:SHOWN_CHECKS]:
        yield f"  {count.question}: {count.up} up, {count.down} down: {count.check}"
    if len(counts) > SHOWN_CHECKS:
        yield f"  and {len(counts) - SHOWN_CHECKS} more"
    yield "by student"
    ordered = sorted(diff.changes, key=lambda one: (one.change, one.student))
    for change in ordered[:SHOWN_STUDENTS]:
        yield from _student_lines(change)
    if len(ordered) > SHOWN_STUDENTS:
        yield f"  and {len(ordered) - SHOWN_STUDENTS} more; regrade.json and regrade.html have all of them"
    hands = sum(bool(one.by_hand) for one in diff.changes)
    if hands:
        yield f"{hands} of them have points by hand in a cell that changes: those points stay as they are"


def _student_lines(change: StudentChange) -> Iterator[str]:
    sign = "+" if change.change > 0 else "−" if change.change < 0 else "±"
    total = f"{format_points(change.before)} → {format_points(change.after)}"
    notes = [
        "other files were handed in" if change.resubmitted else "",
        f"by hand, stays: {', '.join(change.by_hand)}" if change.by_hand else "",
    ]
    tail = "; ".join(note for note in notes if note)
    yield (
        f"  {_clean(change.student)}  {total}  ({sign}{format_points(abs(change.change))})"
        + (f"  [{tail}]" if tail else "")
    )
    for check in change.checks:
        yield f"    {describe_check(check)}"


def describe_check(check: CheckChange) -> str:
    """Return a check's change in a line."""
    points = f"{_or_none(check.before)} → {_or_none(check.after)}"
    outcome = f", {check.was or 'not there'} → {check.now or 'not there'}" if check.was or check.now else ""
    return f"{check.question}: {points}{outcome}: {check.check}"


def _or_none(points: float | None) -> str:
    return "none" if points is None else format_points(points)


def _clean(text: str) -> str:
    """Replace what would move the cursor: ids come from folder names."""
    return "".join(char if char.isprintable() else "�" for char in text)
