"""The values a check gives: one result for each test, one for the cell."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["CheckError", "CheckResult", "Fact", "Outcome", "TestResult", "is_grading"]


class CheckError(Exception):
    """The test cell itself is written wrongly; the message says how to mend it."""


class Outcome(StrEnum):
    """How one test ended. The names are those that students and reports see."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ATTEMPTED = "not attempted"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    SKIPPED = "skipped"
    GRADER_ERROR = "grader error"


@dataclass(frozen=True, slots=True)
class Fact:
    """One labelled line of a message.

    Args:
        label: what the line is about: ``called``, ``expected``, ``came back``, ``likely cause``, ``read`` …
        text: the line, perhaps several.

    """

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test function ended.

    Args:
        name: the function's name.
        title: first line of its docstring: the sentence for students.
        outcome: see :class:`Outcome`.
        points: earned, 0 <= points <= max_points.
        max_points: the test's share of the cell's points.
        facts: the message in labelled lines, in reading order.
        cause: the known mistake it resembles, "" if none.
        seconds: wall clock.
        hidden: the test stood between HIDDEN TESTS marks.
        output: what was printed while it ran, capped.
        notes: observations that cost nothing, such as an input that was modified.
        for_author: what the test's author should mend, such as a variant that raised; not shown to students.

    """

    __test__ = False

    name: str
    title: str
    outcome: Outcome
    points: float
    max_points: float
    facts: tuple[Fact, ...] = ()
    cause: str = ""
    seconds: float = 0.0
    hidden: bool = False
    output: str = ""
    notes: tuple[str, ...] = ()
    for_author: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The facts as plain text, one labelled line each."""
        lines = []
        for fact in self.facts:
            label = f"{fact.label}: " if fact.label else ""
            lines.append(label + fact.text.replace("\n", "\n" + " " * len(label)))
        return "\n".join(lines)

    @property
    def passed(self) -> bool:
        """Whether the test passed in full."""
        return self.outcome is Outcome.PASSED


@dataclass(frozen=True, slots=True, repr=False)
class CheckResult:
    """How the tests of one cell ended.

    A notebook shows it as HTML, a terminal as text. While nbgrader grades, its ``text/plain`` is the number
    of points, which nbgrader takes as partial credit.

    Args:
        question: the question's id.
        points: earned, 0 <= points <= max_points.
        max_points: the points of the cell.
        tests: in order of definition.
        missing: tests of the complete cell that are not in this notebook (the hidden ones).
        needs_person: a test could not decide through a fault of its own: a person should look.

    """

    question: str
    points: float
    max_points: float
    tests: tuple[TestResult, ...]
    missing: int = 0
    needs_person: bool = False

    @property
    def passed(self) -> bool:
        """Whether every test that is here passed."""
        return all(test.passed for test in self.tests)

    def to_text(self) -> str:
        """Return the readable text that a terminal shows."""
        from labkit.checks.text import render_text

        return render_text(self)

    def to_html(self) -> str:
        """Return the self-contained HTML that a notebook shows."""
        from labkit.checks.html import render_html

        return render_html(self)

    def __repr__(self) -> str:
        return repr(float(self.points)) if is_grading() else self.to_text()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self.to_html()}


def is_grading() -> bool:
    """Tell whether nbgrader, or an engine that speaks its language, is grading this notebook."""
    return os.environ.get("NBGRADER_EXECUTION") == "autograde"
