"""Compare two results of a class: which scores change, by student and by check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from labgrade.model import TestOutcome
from labgrade.report.book import Gradebook
from labgrade.report.reading import ClassResults
from labgrade.result import CellScore, GradedSubmission

__all__ = ["CheckChange", "CheckCount", "GradeDiff", "StudentChange", "compare_results"]

CLOSE = 1e-9
"""Scores nearer than this are the same: they are sums of shares."""


@dataclass(frozen=True, slots=True)
class CheckChange:
    """One check of one student that ended differently.

    Args:
        question: of the check.
        cell: (notebook, grade id).
        check: its sentence; the grade id for a cell without tests of its own.
        before, after: points; None where there were none.
        was, now: outcomes, "" where the check did not exist or has none.

    """

    question: str
    cell: tuple[str, str]
    check: str
    before: float | None
    after: float | None
    was: str = ""
    now: str = ""


@dataclass(frozen=True, slots=True)
class StudentChange:
    """A student whose automatic score changes.

    Args:
        student: id.
        before, after: totals that count: a score given by hand stays.
        auto_before, auto_after: totals of the autograder alone.
        resubmitted: other files were handed in, so the change is not the test's alone.
        by_hand: cells whose automatic score changed while the one given by hand stays.
        checks: what changed.

    """

    student: str
    before: float
    after: float
    auto_before: float
    auto_after: float
    resubmitted: bool
    by_hand: tuple[str, ...]
    checks: tuple[CheckChange, ...]

    @property
    def change(self) -> float:
        """Points gained; negative where the score goes down."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class CheckCount:
    """How a check changes over the class."""

    question: str
    check: str
    up: int
    down: int


@dataclass(frozen=True, slots=True)
class GradeDiff:
    """What grading again changes.

    Args:
        lab: the assignment id.
        old_digest, new_digest: of the lab.
        changes: students whose automatic score or one of whose checks' points differ, by id.
        same: students in both results without any change.
        new: students who were not in the earlier results.
        gone: students who are not in the later results.
        trial: nothing was recorded: this is what would change.

    """

    lab: str
    old_digest: str
    new_digest: str
    changes: tuple[StudentChange, ...]
    same: int
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    trial: bool = False

    @property
    def up(self) -> int:
        """Students whose score goes up."""
        return sum(one.change > CLOSE for one in self.changes)

    @property
    def down(self) -> int:
        """Students whose score goes down."""
        return sum(one.change < -CLOSE for one in self.changes)

    def by_check(self) -> list[CheckCount]:
        """Return how each check changes over the class, those of most students first."""
        up: Counter[tuple[str, str]] = Counter()
        down: Counter[tuple[str, str]] = Counter()
        for change in self.changes:
            for check in change.checks:
                gained = (check.after or 0.0) - (check.before or 0.0)
                key = (check.question, check.check)
                up[key] += gained > CLOSE
                down[key] += gained < -CLOSE
        counts = [CheckCount(*key, up[key], down[key]) for key in up]
        return sorted(counts, key=lambda one: (-(one.up + one.down), one.question, one.check))


@dataclass(slots=True)
class _Total:
    """Sums of one student's scores in one of the results."""

    auto: float = 0.0
    counting: float = 0.0
    by_hand: dict[str, None] = field(default_factory=dict)


def compare_results(
    before: ClassResults,
    after: Iterable[GradedSubmission],
    book: Gradebook | None,
    *,
    new_digest: str = "",
    is_partial: bool = False,
    trial: bool = False,
) -> GradeDiff:
    """Compare results; both are walked through one student at a time.

    Args:
        before: the earlier results.
        after: the later ones.
        book: for scores given by hand, which count before automatic ones; None without a gradebook.
        new_digest: of the lab that the later results are of.
        is_partial: the later results are of some students only; the others are not looked at.
        trial: the later results were not recorded.

    Raises:
        UsageError: the earlier results are damaged.

    """
    names = before.positions()
    hands = {} if book is None else {name: one.grades for name, one in book.submissions.items()}
    changes: list[StudentChange] = []
    new: list[str] = []
    same = 0
    for result in after:
        position = names.pop(result.student, None)
        if position is None:
            new.append(result.student)
            continue
        hand = {
            place: grade.manual
            for place, grade in hands.get(result.student, {}).items()
            if grade.manual is not None
        }
        change = _compare(before.submission(position), result, hand)
        if change is None:
            same += 1
        else:
            changes.append(change)
    changes.sort(key=lambda one: one.student)
    gone = () if is_partial else tuple(names)
    digests = (before.lab_digest, new_digest)
    return GradeDiff(before.lab, *digests, tuple(changes), same, tuple(new), gone, trial)


def _compare(
    before: GradedSubmission, after: GradedSubmission, hand: Mapping[tuple[str, str], float]
) -> StudentChange | None:
    old, new = _cells(before), _cells(after)
    totals = (_Total(), _Total())
    checks: list[CheckChange] = []
    by_hand: dict[str, None] = {}
    for place in dict.fromkeys((*old, *new)):
        scores = (old.get(place), new.get(place))
        for total, cell in zip(totals, scores, strict=True):
            auto = (cell.score or 0.0) if cell is not None else 0.0
            total.auto += auto
            total.counting += hand.get(place, auto)
        changed = _checks(place, *scores)
        checks.extend(changed)
        if changed and place in hand:
            by_hand[place[1]] = None
    if not checks:
        return None
    first, second = totals
    return StudentChange(
        before.student,
        first.counting,
        second.counting,
        first.auto,
        second.auto,
        bool(before.digest) and bool(after.digest) and before.digest != after.digest,
        tuple(by_hand),
        tuple(checks),
    )


def _cells(result: GradedSubmission) -> dict[tuple[str, str], CellScore]:
    return {(notebook.name, cell.grade_id): cell for notebook in result.notebooks for cell in notebook.cells}


def _checks(place: tuple[str, str], old: CellScore | None, new: CellScore | None) -> list[CheckChange]:
    """Return a cell's checks whose points differ, or the cell itself where it has none of its own."""
    known = new or old
    if known is None or known.kind != "test":
        return []
    question = known.question
    before, after = _tests(old), _tests(new)
    changes = []
    for key in dict.fromkeys((*before, *after)):
        was, now = before.get(key), after.get(key)
        first, second = was.points if was else None, now.points if now else None
        if _differ(first, second):
            outcomes = (was.outcome.value if was else "", now.outcome.value if now else "")
            changes.append(CheckChange(question, place, key[0], first, second, *outcomes))
    score, other = old.score if old else None, new.score if new else None
    if not changes and _differ(score, other):
        changes = [CheckChange(question, place, place[1], score, other)]
    return changes


def _tests(cell: CellScore | None) -> dict[tuple[str, int], TestOutcome]:
    """Return the tests by sentence; the number tells tests with one sentence apart."""
    found: dict[tuple[str, int], TestOutcome] = {}
    for test in cell.tests if cell else ():
        title = test.title or test.name
        number = sum(key[0] == title for key in found)
        found[title, number] = test
    return found


def _differ(before: float | None, after: float | None) -> bool:
    if before is None or after is None:
        return before is not after
    return abs(before - after) > CLOSE


def to_builtins(diff: GradeDiff) -> dict[str, object]:
    """Return the comparison as plain data, with the counts that a script asks for."""
    return {
        "lab": diff.lab,
        "trial": diff.trial,
        "old_digest": diff.old_digest,
        "new_digest": diff.new_digest,
        "changed": len(diff.changes),
        "up": diff.up,
        "down": diff.down,
        "same": diff.same,
        "new": list(diff.new),
        "gone": list(diff.gone),
        "checks": msgspec.to_builtins(diff.by_check()),
        "students": msgspec.to_builtins(diff.changes),
    }
