"""Failures of a class, grouped by the known mistake that they resemble, else by what was said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from labgrade.model import Outcome, TestOutcome
from labgrade.result import CellScore, GradedSubmission, NotebookStatus

__all__ = ["FailureGroup", "FailureGroups", "essence"]

_COUNTED = frozenset(
    {Outcome.FAILED, Outcome.CRASHED, Outcome.TIMED_OUT, Outcome.NOT_ATTEMPTED, Outcome.GRADER_ERROR}
)
"""Outcomes that stand for themselves; a skipped test only follows from another."""
_CONTEXT = ("called:", "expected:", "read:", "hint:", "printed:")
_NUMBER = re.compile(r"(?<![\w.])[-+−]?(?:0x[0-9a-fA-F]+|\d[\d,]*\.?\d*(?:e[-+]?\d+)?)")
_RUNS = re.compile(r"#(?:[\s,×x()\[\]]*#)+")
MAX_ESSENCE = 160


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Students who failed in the same way.

    Args:
        question: the question's id.
        text: the known mistake, or what the message says.
        is_cause: the text is a known mistake.
        outcome: how the tests ended, most frequent first.
        students: positions in the class, in order, each once.
        tests: sentence of each test -> students who failed it.
        sample: one whole message.
        sample_student: position of the student whose message it is.

    """

    question: str
    text: str
    is_cause: bool
    outcome: Outcome
    students: tuple[int, ...]
    tests: Mapping[str, int]
    sample: str
    sample_student: int


@dataclass(slots=True)
class _Growing:
    students: dict[int, None] = field(default_factory=dict)
    tests: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    sample: str = ""


class FailureGroups:
    """Collects the failures of a class, one submission at a time."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, str, bool], _Growing] = {}

    def add(self, position: int, result: GradedSubmission, questions: Mapping[tuple[str, str], str]) -> None:
        """Add a submission's failures.

        Args:
            position: of the student in the class.
            result: of the autograder.
            questions: (notebook, grade id) -> id of the question.

        """
        by_question: dict[str, list[CellScore]] = {}
        for notebook in result.notebooks:
            if notebook.status is not NotebookStatus.GRADED:
                continue  # nothing of it ran
            for cell in notebook.cells:
                question = questions.get((notebook.name, cell.grade_id), cell.question)
                by_question.setdefault(question, []).append(cell)
        for question, cells in by_question.items():
            failed = [test for cell in cells for test in cell.tests if test.outcome in _COUNTED]
            # where one test of a question names the mistake, the others fail for the same reason
            named = [test for test in failed if test.cause]
            for test in named or failed:
                self._add(position, question, test)
            if not failed:
                for cell in cells:
                    self._add_plain(position, question, cell)

    def groups(self) -> list[FailureGroup]:
        """Return the groups, those of most students first."""
        made = [
            FailureGroup(
                question,
                text,
                is_cause,
                one.outcomes.most_common(1)[0][0],
                tuple(one.students),
                dict(one.tests.most_common()),
                one.sample,
                next(iter(one.students)),
            )
            for (question, text, is_cause), one in self._groups.items()
        ]
        return sorted(made, key=lambda group: (-len(group.students), group.question, group.text))

    def _add(self, position: int, question: str, test: TestOutcome) -> None:
        text = test.cause or essence(test)
        group = self._groups.setdefault((question, text, bool(test.cause)), _Growing())
        group.students[position] = None
        group.tests[test.title or test.name] += 1
        group.outcomes[test.outcome] += 1
        group.sample = group.sample or test.message

    def _add_plain(self, position: int, question: str, cell: CellScore) -> None:
        """Add a cell of assertions, which has no tests of its own."""
        if cell.kind != "test" or cell.tests or cell.score is None or cell.score >= cell.max_score:
            return
        text = _shorten(cell.reason) if cell.reason else f"the test cell {cell.grade_id} did not pass"
        group = self._groups.setdefault((question, text, False), _Growing())
        group.students[position] = None
        group.tests[cell.grade_id] += 1
        group.outcomes[Outcome.FAILED] += 1


def essence(test: TestOutcome) -> str:
    """Return what two failures have in common: the line that says what came back, numbers as ``#``.

    An error says by itself what is wrong; that values differ does not, so the test's sentence goes before it.
    """
    if test.outcome is Outcome.NOT_ATTEMPTED:
        return "not attempted"
    lines = [line.strip() for line in test.message.splitlines() if line.strip()]
    said = next((line for line in lines if not line.startswith(_CONTEXT)), "")
    said = said.removeprefix("came back:").removeprefix("reason:").strip()
    said = _shorten(said)
    if said and test.outcome is not Outcome.FAILED:
        return said
    return f"{test.title or test.name} {said}".strip()


def _shorten(text: str) -> str:
    same = _RUNS.sub("#", _NUMBER.sub("#", text))
    return same if len(same) <= MAX_ESSENCE else same[: MAX_ESSENCE - 1] + "…"
