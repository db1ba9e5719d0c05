"""What grading a submission gave: plain data for the gradebook, the journal, tables and reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from labgrade.model import Finding, Severity, TestOutcome

__all__ = ["CellScore", "GradedNotebook", "GradedSubmission", "NotebookStatus"]


class NotebookStatus(StrEnum):
    """What became of a notebook of the lab."""

    GRADED = "graded"
    MISSING = "missing"
    """Not handed in, though others were: 0 points, as nbgrader gives."""
    UNREADABLE = "unreadable"
    """Handed in, but not to be graded without a person: no points, marked for manual grading."""


@dataclass(frozen=True, slots=True)
class CellScore:
    """The points of one graded cell.

    Args:
        grade_id: nbgrader's id.
        question: the question's id in tables.
        score: points; None where a person gives them.
        max_score: the cell's points.
        kind: ``test``, ``manual`` or ``task``.
        tests: one for each test function.
        mode: ``apart`` or ``in-kernel``; "" for a cell without tests.
        reason: why it was in-kernel, or why the score failed closed.

    """

    grade_id: str
    question: str
    score: float | None
    max_score: float
    kind: str
    tests: tuple[TestOutcome, ...] = ()
    mode: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GradedNotebook:
    """The scores of a notebook.

    Args:
        name: of the notebook.
        status: see :class:`NotebookStatus`.
        cells: graded cells in the lab's order.
        comments: grade id of each answer and task that is in the notebook -> nbgrader's automatic comment.
        slowest_s: seconds of the slowest cell.
        slowest_cell: its grade id, or its position ("#7").

    """

    name: str
    status: NotebookStatus
    cells: tuple[CellScore, ...] = ()
    comments: Mapping[str, str | None] = field(default_factory=dict)
    slowest_s: float = 0.0
    slowest_cell: str = ""


@dataclass(frozen=True, slots=True)
class GradedSubmission:
    """All that is known of a graded submission.

    Args:
        student: id in the gradebook.
        digest: SHA-256 of what was handed in.
        key: of the journal: submission, lab, grader and options.
        notebooks: in the lab's order.
        findings: all of them, in the order they were made.
        timestamp: as handed in, "" if none.
        sandbox: level of confinement reached.
        seconds: wall clock of running and verifying.
        limits_hit: a limit of time or memory decided a part of the result.
        limits: the limits that were in force, as ``name=value`` text.

    """

    student: str
    digest: str
    key: str
    notebooks: tuple[GradedNotebook, ...]
    findings: tuple[Finding, ...] = ()
    timestamp: str = ""
    sandbox: str = ""
    seconds: float = 0.0
    limits_hit: bool = False
    limits: str = ""

    @property
    def score(self) -> float:
        """Points so far; what a person still has to give counts 0."""
        return sum(cell.score or 0.0 for notebook in self.notebooks for cell in notebook.cells)

    @property
    def max_score(self) -> float:
        """Points of the whole lab."""
        return sum(cell.max_score for notebook in self.notebooks for cell in notebook.cells)

    @property
    def needs_person(self) -> bool:
        """Whether someone must look before the grade is published."""
        return any(finding.severity is not Severity.NOTE for finding in self.findings)
