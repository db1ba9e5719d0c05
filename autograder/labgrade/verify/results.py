"""Puts together what judges tell about one submission; what nothing was told about was not run."""

from __future__ import annotations

import msgspec

from labgrade.model import (
    CellRun,
    CellState,
    Finding,
    LabSpec,
    NotebookRun,
    PreparedNotebook,
    PreparedSubmission,
    Severity,
    SubmissionRun,
    TestCellRun,
)

__all__ = ["Results"]

Place = tuple[int, int]
"""Notebook and cell, from 0."""


class Results:
    """What is known so far.

    Args:
        lab: the lab.
        submission: that is being graded.

    """

    def __init__(self, lab: LabSpec, submission: PreparedSubmission) -> None:
        self._lab = lab
        self._submission = submission
        self._cells: dict[Place, CellRun] = {}
        self._tests: dict[Place, TestCellRun] = {}
        self._findings: list[tuple[int, Finding]] = []
        self._reasons: dict[Place, str] = {}
        self.at: Place = (0, 0)
        self.is_complete = False

    def take(self, kind: str, raw: bytes | bytearray) -> None:
        """Take one message of a judge: ``at`` (a cell begins), ``cell``, ``test``, ``finding`` or ``end``."""
        if kind == "cell":
            notebook, cell, run = msgspec.msgpack.decode(raw, type=tuple[int, int, CellRun])
            self._cells[notebook, cell] = run
        elif kind == "test":
            notebook, cell, test = msgspec.msgpack.decode(raw, type=tuple[int, int, TestCellRun])
            self._tests[notebook, cell] = test
        elif kind == "finding":
            notebook, _, finding = msgspec.msgpack.decode(raw, type=tuple[int, int, Finding])
            self.find(notebook, finding)
        elif kind == "end":
            self.is_complete = True
        elif kind == "at":
            self.at = msgspec.msgpack.decode(raw, type=tuple[int, int])

    def find(self, notebook: int, finding: Finding) -> None:
        """Add a finding, once; -1 is the submission as a whole."""
        if (notebook, finding) not in self._findings:
            self._findings.append((notebook, finding))

    def give_up_cell(self, state: CellState, reason: str) -> Place:
        """Record that the cell at hand took its judge down, and return where to go on."""
        notebook, cell = self.at
        self._cells.setdefault(self.at, CellRun(state))
        self._reasons[self.at] = reason
        name = self._submission.notebooks[notebook].spec.name
        self.find(
            notebook,
            Finding(
                "judge-ended", f"{reason}; the other cells were graded", Severity.LOOK, name, f"#{cell + 1}"
            ),
        )
        return notebook, cell + 1

    def finish(self, level: str, seconds: float, reason: str = "") -> SubmissionRun:
        """Return the whole.

        Args:
            level: of confinement.
            seconds: wall clock.
            reason: why what is missing was not run.

        """
        notebooks = tuple(
            self._finish_notebook(index, notebook, reason)
            for index, notebook in enumerate(self._submission.notebooks)
        )
        whole = tuple(finding for at, finding in self._findings if at < 0)
        return SubmissionRun(self._submission.student, notebooks, whole, level, seconds)

    def _finish_notebook(self, index: int, notebook: PreparedNotebook, reason: str) -> NotebookRun:
        reason = "the notebook was not handed in" if notebook.missing else reason or "the cell was not run"
        cells, tests = [], []
        seen = set()
        for position, cell in enumerate(notebook.cells):
            place = (index, position)
            cells.append(self._cells.get(place, CellRun(CellState.NOT_RUN)))
            if cell.spec is None or not cell.spec.is_test:
                continue
            seen.add(cell.spec.index)
            why = self._reasons.get(place, reason)
            tests.append(self._tests.get(place) or _not_run(cell.spec.grade_id, cell.spec.points, why))
        tests += [
            _not_run(spec.grade_id, spec.points, reason if notebook.missing else "the cell is missing")
            for spec in notebook.spec.cells
            if spec.is_test and spec.index not in seen
        ]
        findings = tuple(finding for at, finding in self._findings if at == index)
        return NotebookRun(notebook.spec.name, tuple(cells), tuple(tests), findings)


def _not_run(grade_id: str, points: float, reason: str) -> TestCellRun:
    return TestCellRun(grade_id, 0.0, points, "apart", reason=reason)
