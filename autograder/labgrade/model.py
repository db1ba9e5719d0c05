"""The values that travel through the pipeline, from the lab to the score.

Everything here is frozen and made of plain data, so that a value can be written to the journal or sent to
another machine without running any code of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = [
    "CellRun",
    "CellSpec",
    "CellState",
    "Finding",
    "LabSpec",
    "Limits",
    "NotebookRun",
    "NotebookSpec",
    "Outcome",
    "PreparedCell",
    "PreparedNotebook",
    "PreparedSubmission",
    "Severity",
    "SubmissionRun",
    "TestCellRun",
    "TestOutcome",
]

Output = dict[str, Any]
"""One nbformat 4 output (stream, display_data, execute_result or error)."""


class Outcome(StrEnum):
    """How one test ended. The names are those that students and reports see."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_ATTEMPTED = "not attempted"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    SKIPPED = "skipped"
    GRADER_ERROR = "grader error"


class CellState(StrEnum):
    """How one cell of the student's notebook ended."""

    OK = "ok"
    ERROR = "error"
    TIMED_OUT = "timed out"
    KILLED = "killed"
    OUT_OF_MEMORY = "out of memory"
    NOT_RUN = "not run"


class Severity(StrEnum):
    """How much a finding asks of a person."""

    NOTE = "note"
    """Worth knowing; nothing to do."""
    LOOK = "look"
    """A person should look before the grade is published."""
    FAILURE = "failure"
    """The submission, or a part of it, could not be graded."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know about a submission.

    Args:
        code: stable, documented name, e.g. ``cell-duplicated``.
        message: one sentence: what was found and what was done about it.
        severity: what it asks of the reader.
        notebook: name of the notebook, without suffix, or "".
        cell: grade id or position of the cell ("#7"), or "".
        found: the student's text that it is about, for a view side by side; "" if there is none.
        expected: what students were given there; never the solution, never a hidden test.

    """

    code: str
    message: str
    severity: Severity = Severity.NOTE
    notebook: str = ""
    cell: str = ""
    found: str = ""
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a submission may use.

    Args:
        cell_s: wall-clock seconds for one cell, and for one test.
        submission_s: wall-clock seconds for a whole submission.
        memory_mib: memory above what the zygote holds, in MiB.
        output_kib: text kept of one cell, in KiB.
        file_mib: largest file that may be written, in MiB.
        scratch_mib: size of the private work folder, in MiB.
        processes: processes and threads at the same time.
        cpu_s: CPU seconds for a whole submission.

    """

    cell_s: float = 30.0
    submission_s: float = 600.0
    memory_mib: int = 2048
    output_kib: int = 256
    file_mib: int = 64
    scratch_mib: int = 256
    processes: int = 64
    cpu_s: int = 600


@dataclass(frozen=True, slots=True)
class CellSpec:
    """A cell of the instructor's notebook.

    Args:
        index: position in the notebook, from 0.
        cell_type: ``code``, ``markdown`` or ``raw``.
        source: the instructor's full text, with solution and hidden tests.
        released: the text that students got (stub, no hidden tests).
        grade_id: nbgrader's id, "" for a cell that nbgrader does not know.
        grade: has points that nbgrader records.
        solution: students write here.
        locked: read-only.
        task: a task cell.
        points: maximum, 0 or more.
        cell_id: nbformat cell id, "" if none.

    """

    index: int
    cell_type: str
    source: str
    released: str
    grade_id: str = ""
    grade: bool = False
    solution: bool = False
    locked: bool = False
    task: bool = False
    points: float = 0.0
    cell_id: str = ""

    @property
    def is_test(self) -> bool:
        """Whether the cell's code decides the points (nbgrader's "autograded tests")."""
        return self.grade and not self.solution and self.cell_type == "code"

    @property
    def is_manual(self) -> bool:
        """Whether a person gives the points."""
        return (self.grade and self.solution) or self.task


@dataclass(frozen=True, slots=True)
class NotebookSpec:
    """A notebook of the lab as the instructor wrote it."""

    name: str
    cells: tuple[CellSpec, ...]
    kernel: str = "python3"
    language: str = "python"

    def cell(self, grade_id: str) -> CellSpec:
        """Return the cell with this grade id; KeyError if there is none."""
        for cell in self.cells:
            if cell.grade_id == grade_id:
                return cell
        raise KeyError(grade_id)


@dataclass(frozen=True, slots=True)
class LabSpec:
    """A lab (nbgrader: assignment): its notebooks and the files beside them.

    Args:
        name: the assignment id.
        notebooks: in order.
        given_files: relative path -> bytes; the master copies that replace what a student hands in.
        student_files: relative paths of companion files that the student writes (nbgrader's
            ``exclude_overwriting``); the bytes here are the released stubs.
        digest: SHA-256 over all of it, in hex; changes when anything that can change a score does.

    """

    name: str
    notebooks: tuple[NotebookSpec, ...]
    given_files: Mapping[str, bytes] = field(default_factory=dict)
    student_files: Mapping[str, bytes] = field(default_factory=dict)
    digest: str = ""


@dataclass(frozen=True, slots=True)
class PreparedCell:
    """A cell as it will be run: the lab's own text for locked cells, the student's for the others.

    Args:
        source: what runs (for a test cell: the instructor's full text).
        cell_type: ``code``, ``markdown`` or ``raw``.
        spec: the lab's cell it was matched with; None for a cell that the student added.
        untouched: an answer cell that still holds the released stub.

    """

    source: str
    cell_type: str
    spec: CellSpec | None = None
    untouched: bool = False


@dataclass(frozen=True, slots=True)
class PreparedNotebook:
    """A student's notebook, matched with the lab's."""

    spec: NotebookSpec
    cells: tuple[PreparedCell, ...]
    findings: tuple[Finding, ...] = ()
    missing: bool = False


@dataclass(frozen=True, slots=True)
class PreparedSubmission:
    """All that a worker needs to grade one submission.

    Args:
        student: id in the gradebook.
        notebooks: one for each notebook of the lab, in the lab's order.
        files: relative path -> bytes of the private work folder (the student's files, with the lab's
            given files put over them).
        timestamp: ISO 8601 with offset, or "".
        digest: SHA-256 of the original bytes, in hex.
        findings: what collecting and preparing found.

    """

    student: str
    notebooks: tuple[PreparedNotebook, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    timestamp: str = ""
    digest: str = ""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class CellRun:
    """What happened when one cell ran. Parallel to ``PreparedNotebook.cells``."""

    state: CellState
    outputs: tuple[Output, ...] = ()
    seconds: float = 0.0
    execution_count: int | None = None


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """What one test function found.

    Args:
        name: the function's name.
        title: first line of its docstring: the sentence for students.
        outcome: see :class:`Outcome`.
        points: earned.
        max_points: its share of the cell's points.
        message: what was called, expected, came back, likely cause. For instructors when ``hidden``.
        hidden: the test stood between HIDDEN TESTS marks.
        cause: the known mistake it resembles, "" if none.
        seconds: wall clock.

    """

    __test__ = False

    name: str
    title: str
    outcome: Outcome
    points: float
    max_points: float
    message: str = ""
    hidden: bool = False
    cause: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TestCellRun:
    """The verdict on one test cell.

    Args:
        grade_id: nbgrader's id of the cell.
        score: points, 0 <= score <= max_points.
        max_points: the cell's points.
        mode: ``apart`` (trusted process) or ``in-kernel`` (the student's process, as nbgrader does).
        tests: one for each test function; empty for a plain assertion cell.
        outputs: what the autograded notebook shows for this cell.
        reason: why ``in-kernel`` was needed, or why the score failed closed; "" otherwise.

    """

    __test__ = False

    grade_id: str
    score: float
    max_points: float
    mode: str
    tests: tuple[TestOutcome, ...] = ()
    outputs: tuple[Output, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NotebookRun:
    """All that came of running and verifying one notebook."""

    name: str
    cells: tuple[CellRun, ...]
    tests: tuple[TestCellRun, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class SubmissionRun:
    """All that came of running and verifying one submission.

    Args:
        student: id in the gradebook.
        notebooks: in the lab's order.
        findings: of the whole submission.
        sandbox: level of confinement reached, e.g. ``full``.
        seconds: wall clock, whole submission.

    """

    student: str
    notebooks: tuple[NotebookRun, ...]
    findings: tuple[Finding, ...] = ()
    sandbox: str = ""
    seconds: float = 0.0
