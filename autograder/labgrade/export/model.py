"""A class as an export sees it: a row for each person, whoever they worked with."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from labgrade.collect.model import Person
from labgrade.model import Finding
from labgrade.report.questions import Question
from labgrade.report.standing import Standing
from labgrade.result import GradedSubmission

__all__ = ["ClassGrades", "PersonGrade", "State"]

State = str
"""``graded``; ``open`` (a person has to give points); ``conflict`` (two grades); ``absent``."""


@dataclass(frozen=True, slots=True)
class PersonGrade:
    """What one person gets.

    Args:
        student: id.
        person: name, number, login and address, as far as they are known.
        state: see :data:`State`.
        standing: points, extra credit, penalty.
        group: id of the submission in the gradebook, "" if the person worked alone.
        result: of the autograder; None for who handed in nothing.

    """

    student: str
    person: Person
    state: State
    standing: Standing
    group: str = ""
    result: GradedSubmission | None = None

    @property
    def total(self) -> float | None:
        """Points with extra credit and less the late penalty; None where they are not known."""
        return self.standing.total if self.state == "graded" else None

    @property
    def submission(self) -> str:
        """Id of the submission in the gradebook, and name of its feedback page."""
        return self.group or self.student


@dataclass(frozen=True, slots=True)
class ClassGrades:
    """A graded class.

    Args:
        lab: the assignment id.
        questions: columns.
        rows: by student.
        findings: what a person should know before publishing.

    """

    lab: str
    questions: tuple[Question, ...]
    rows: tuple[PersonGrade, ...]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def max_score(self) -> float:
        """Points of the whole lab."""
        return sum(question.max_score for question in self.questions)

    @property
    def unsettled(self) -> tuple[PersonGrade, ...]:
        """Rows that have no grade though something was handed in."""
        return tuple(row for row in self.rows if row.state in ("open", "conflict"))

    def without_unsettled(self) -> ClassGrades:
        """Return the class without the rows that have no grade yet."""
        kept = tuple(row for row in self.rows if row.state not in ("open", "conflict"))
        return replace(self, rows=kept)
