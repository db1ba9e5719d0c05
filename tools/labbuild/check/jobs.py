"""What is asked of the warm process, and what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["CellResult", "Job", "JobCell", "JobResult", "TestResult"]


@dataclass(frozen=True, slots=True)
class JobCell:
    """A code cell to run.

    Args:
        index: position in the notebook, from 0.
        source: its text.

    """

    index: int
    source: str


@dataclass(frozen=True, slots=True)
class Job:
    """One notebook to run in one forked process.

    Args:
        key: names the job in its result.
        cells: code cells, in order.
        folder: absolute path of the files that lie beside the notebook; copied for the job.
        files: relative path -> text that replaces or adds a file in the job's copy.
        environment: variables to set; None unsets one.
        cell_timeout_s: wall-clock seconds for one cell.
        job_timeout_s: wall-clock seconds for the whole job.
        stop_on_error: leave the rest out after a cell that fails.

    """

    key: str
    cells: tuple[JobCell, ...]
    folder: str
    files: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str | None] = field(default_factory=dict)
    cell_timeout_s: float = 60.0
    job_timeout_s: float = 600.0
    stop_on_error: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the job as plain data."""
        return asdict(self)

    @staticmethod
    def from_json(data: dict[str, Any]) -> Job:
        """Make a job from plain data."""
        cells = tuple(JobCell(**cell) for cell in data.pop("cells"))
        return Job(cells=cells, **data)


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test function of a test cell, as labkit's ``check`` reports it."""

    __test__ = False

    name: str
    title: str
    outcome: str
    points: float
    message: str
    cause: str


@dataclass(frozen=True, slots=True)
class CellResult:
    """How one cell ended.

    Args:
        index: position in the notebook.
        state: ``ok``, ``error`` or ``timed out``.
        error: ``Name: message`` of the exception, "" if none.
        error_line: 1-based line of the cell that raised, 0 if none.
        result: ``text/plain`` of the last value, None if none is shown.
        shown: the text of everything that the cell showed or printed.
        tests: test functions, if the last value is a result of ``labkit.check``.
        seconds: wall clock.

    """

    index: int
    state: str
    error: str = ""
    error_line: int = 0
    result: str | None = None
    shown: str = ""
    tests: tuple[TestResult, ...] = ()
    seconds: float = 0.0

    @property
    def crashed(self) -> bool:
        """Whether the cell ended in an error or ran out of time."""
        return self.state != "ok"


@dataclass(frozen=True, slots=True)
class JobResult:
    """How one job ended.

    Args:
        key: of the job.
        cells: by position; a cell that was not run is not there.
        problem: why the process gave no full result (killed, out of time), "" if it did.

    """

    key: str
    cells: Mapping[int, CellResult]
    problem: str = ""

    @staticmethod
    def from_json(key: str, data: list[dict[str, Any]], problem: str = "") -> JobResult:
        """Make a result from the plain data that the child wrote."""
        cells = {}
        for item in data:
            tests = tuple(TestResult(**test) for test in item.pop("tests", ()))
            cells[int(item["index"])] = CellResult(tests=tests, **item)
        return JobResult(key, cells, problem)
