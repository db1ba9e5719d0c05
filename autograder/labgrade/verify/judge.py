"""Walks through one submission: cells in the student's process, tests here, and tells what came of each."""

from __future__ import annotations

import functools
import re
import sys
import time
import types
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labgrade.model import (
    CellRun,
    CellSpec,
    CellState,
    Finding,
    LabSpec,
    Limits,
    Outcome,
    PreparedNotebook,
    PreparedSubmission,
    Severity,
    TestCellRun,
)
from labgrade.verify.canaries import Canaries
from labgrade.verify.cells import TestCode, run_test_cell
from labgrade.verify.faults import StudentGoneError
from labgrade.verify.given import Given, seed_all
from labgrade.verify.hubline import HubGoneError, HubLine
from labgrade.verify.hygiene import fresh_copy
from labgrade.verify.inkernel import distrust, run_in_kernel
from labgrade.verify.modes import Modes
from labgrade.verify.names import NotebookPlan
from labgrade.verify.seeds import take_seeds
from labgrade.verify.sources import StudentTexts
from labgrade.verify.strikes import LESS_TIME
from labgrade.verify.student import Student
from labgrade.wire import ChannelClosedError, CodecError

_ANNOUNCE_S = 1.0
"""Tests that follow each other faster than this are announced together; see ``engine._SLACK_S``."""

__all__ = ["Judge", "PreparedLab", "seed_of"]

Tell = Callable[[str, int, int, Any], None]
"""Reports ``(kind, notebook, cell, value)``: ``at`` before a cell or test, then ``cell`` with a CellRun,
``test`` with a TestCellRun, ``finding`` with a Finding; ``end`` when all is done."""


@dataclass(frozen=True, slots=True)
class PreparedLab:
    """A lab as the trusted process has understood it.

    Args:
        spec: the lab.
        plans: of its notebooks.
        given: what their given cells compute.
        copied: position of a cell -> the names of it that tests come to and could change.
        tests: their test cells, compiled.
        modes: the test cells that run in the student's process, and why.
        pictures: what its given cells draw; see :mod:`labgrade.verify.rehearsal`.

    """

    spec: LabSpec
    plans: tuple[NotebookPlan, ...]
    given: tuple[Given, ...]
    copied: tuple[Mapping[int, frozenset[str]], ...]
    tests: Mapping[tuple[int, int], TestCode]
    modes: Modes
    pictures: Mapping[str, bytes] = field(default_factory=dict)


@dataclass
class Judge:
    """Runs and verifies one submission.

    Args:
        lab: the lab.
        line: to the warm process.
        launch: the request that makes a child.
        limits: of the submission.
        tell: takes the results one by one.
        modes: the test cells that run in the student's process.

    """

    lab: PreparedLab
    line: HubLine
    launch: Mapping[str, Any]
    limits: Limits
    tell: Tell
    modes: Modes

    def run(self, submission: PreparedSubmission, start: tuple[int, int] = (0, 0)) -> None:
        """Run all notebooks; each starts with a fresh process, as a kernel would."""
        for index, notebook in enumerate(submission.notebooks):
            if index < start[0]:
                continue
            first = start[1] if index == start[0] else 0
            if notebook.spec.language == "python":
                _NotebookWalk(self, index, notebook, submission).run(first)
            elif not notebook.missing and first == 0:
                from labgrade.verify.kernels import run_in_jupyter

                tell = functools.partial(self._tell_of, index)
                run_in_jupyter(notebook, submission, self.limits, dict(self.launch), tell)
        self.tell("end", 0, 0, None)

    def _tell_of(self, notebook: int, kind: str, position: int, value: Any) -> None:
        self.tell(kind, notebook, position, value)


class _NotebookWalk:
    def __init__(
        self, judge: Judge, index: int, notebook: PreparedNotebook, submission: PreparedSubmission
    ) -> None:
        self._judge = judge
        self._index = index
        self._notebook = notebook
        lab = judge.lab
        self._plan = lab.plans[index]
        self._given = lab.given[index]
        self._copied = lab.copied[index]
        self._namespace = self._given.namespace
        environment = {"NBGRADER_EXECUTION": "autograde"}
        self._student = Student(
            judge.line, judge.launch, submission.files, environment, judge.limits, seed_of(lab.spec)
        )
        self._student.pictures = lab.pictures
        self._student.texts = StudentTexts(notebook, submission.files, self._plan.modules)
        self._canaries = Canaries(self._student, self._plan)
        self._believed: list[tuple[int, CellSpec, TestCellRun]] = []
        self._position = 0
        self._student.heartbeat = lambda: self._begin(self._position)
        self._applied = -1
        self._wanted: set[str] = set()
        self._echoed = _find_echoed(notebook, self._plan)

    def run(self, start: int) -> None:
        """Walk through the cells; those before ``start`` were told about by an earlier judge."""
        self._namespace_for_tests()
        if self._notebook.missing:
            return
        for index, why in self._given.failed.items():
            text = f"a given cell could not be computed apart from the student's work: {why}"
            finding = Finding("given-failed", text, Severity.LOOK, self._notebook.spec.name, f"#{index + 1}")
            self._tell("finding", index, finding)
        count = 0
        try:
            self._student.start()
            if any(notebook == self._index for notebook, _ in self._judge.modes):
                self._canaries.prepare()
            for position, cell in enumerate(self._notebook.cells):
                told = position < start
                if cell.cell_type != "code":
                    if not told:
                        self._tell("cell", position, CellRun(CellState.OK))
                    continue
                count += 1
                if told:
                    if cell.spec is None or not cell.spec.is_test:
                        self._student.remember(cell.source, count)
                    continue
                self._begin(position)
                if cell.spec is not None and cell.spec.is_test:
                    self._test(position, cell.spec, count)
                else:
                    self._tell("cell", position, self._student.run_cell(cell.source, count))
            self._look_again()
        finally:
            self._student.stop(wait=False)
            for name in self._plan.modules:
                sys.modules.pop(name, None)

    def _begin(self, position: int) -> None:
        self._position = position
        self._tell("at", position, None)

    def _tell(self, kind: str, position: int, value: Any) -> None:
        self._judge.tell(kind, self._index, position, value)

    def _namespace_for_tests(self) -> None:
        keep = {"__name__": "__main__", "__builtins__": __builtins__}
        self._namespace.clear()
        self._namespace.update(keep)
        for name in self._plan.modules:
            sys.modules[name] = _StudentModule(name, self._student)

    def _advance(self, spec: CellSpec) -> None:
        """Bind what the given cells above a test cell bind."""
        for index in sorted(self._given.bound):
            if self._applied < index < spec.index:
                self._namespace.update(fresh_copy(self._given.bound[index], self._copied.get(index)))
        self._applied = max(self._applied, spec.index - 1)

    def _fetch(self, spec: CellSpec) -> None:
        """Bind the student's names that this cell, or a test above, reads."""
        plan = self._plan.cells[spec.index]
        self._wanted |= plan.reads
        names = sorted(self._wanted & plan.student_names)
        for name in names:
            self._namespace.pop(name, None)
        if names:
            self._namespace.update(self._student.find(names))

    def _test(self, position: int, spec: CellSpec, count: int) -> None:
        reason = self._judge.modes.get((self._index, spec.index))
        if reason is not None:
            ran, run = run_in_kernel(self._student, self._canaries, spec, count, reason)
            self._tell("cell", position, ran)
            self._tell_in_kernel(position, spec, run)
            if run.score > 0:
                self._believed.append((position, spec, run))
            return
        share = 1.0
        try:
            share = self._test_apart(position, spec, count)
        except (StudentGoneError, CodecError) as error:
            self._tell(
                "test", position, TestCellRun(spec.grade_id, 0.0, spec.points, "apart", reason=str(error))
            )
        except (HubGoneError, ChannelClosedError):
            raise
        except Exception as error:  # a fault of ours costs this cell, and a person is asked
            reason = f"grader error: {type(error).__name__}: {error}"
            self._find("grader-error", reason, spec)
            self._tell("test", position, TestCellRun(spec.grade_id, 0.0, spec.points, "apart", reason=reason))
        if spec.index in self._echoed:
            # What the student saw of this cell, run where the student's later cells expect what it binds.
            self._student.run_cell(spec.released, count, share=share)

    def _tell_in_kernel(self, position: int, spec: CellSpec, run: TestCellRun) -> None:
        self._tell("test", position, run)
        if run.reason.partition("tampered: ")[1]:
            self._find("tampered", run.reason.rpartition("tampered: ")[2], spec)

    def _look_again(self) -> None:
        """At the end, run the cells that gave points over there once more, so that they must fail."""
        for position, spec, run in self._believed:
            self._begin(position)
            meddled = self._canaries.look(spec.index) or self._canaries.look_at_cell(spec.source)
            if meddled:
                self._tell_in_kernel(position, spec, distrust(run, meddled))

    def _find(self, code: str, message: str, spec: CellSpec) -> None:
        finding = Finding(code, message, Severity.LOOK, self._notebook.spec.name, spec.grade_id)
        self._tell("finding", spec.index, finding)

    def _test_apart(self, position: int, spec: CellSpec, count: int) -> float:
        """Judge a test cell; return which part of the limit its text may take in the student's process."""
        self._advance(spec)
        seed_all(seed_of(self._judge.lab.spec) + spec.index)
        take_seeds()  # those of given cells have had their turn in the student's process
        self._fetch(spec)
        student = self._student
        limit = self._judge.limits.cell_s

        announced = 0.0

        def begin(test: str) -> None:
            nonlocal announced
            now = time.monotonic()
            if now - announced > _ANNOUNCE_S:
                announced = now
                self._begin(position)
            student.deadline = now + limit

        run = run_test_cell(
            self._judge.lab.tests[self._index, spec.index], self._namespace, limit, count, begin
        )
        student.deadline = None
        state = CellState.ERROR if any(o["output_type"] == "error" for o in run.outputs) else CellState.OK
        self._tell("cell", position, CellRun(state, run.outputs, 0.0, count))
        self._tell("test", position, run)
        has_hung = any(one.outcome is Outcome.TIMED_OUT for one in run.tests)
        return LESS_TIME if has_hung else 1.0


class _StudentModule(types.ModuleType):
    """A module of the student's as a test imports it: its names are asked for when they are used."""

    def __init__(self, name: str, student: Student) -> None:
        super().__init__(name)
        self.__dict__["_student"] = student

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        student: Student = self.__dict__["_student"]
        if name == "__all__":
            return student.ask("names_in", self.__name__)
        found = student.find([name], self.__name__)
        if name not in found:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return found[name]


def _find_echoed(notebook: PreparedNotebook, plan: NotebookPlan) -> frozenset[int]:
    """Return the test cells that bind what a later cell of the student's, or a given one, speaks of."""
    found = set()
    elsewhere = {name for part in plan.cells.values() if not part.is_test for name in part.binds}
    for position, cell in enumerate(notebook.cells):
        part = plan.cells.get(cell.spec.index) if cell.spec is not None else None
        if part is None or not part.is_test:
            continue
        names = {name for name in part.binds - elsewhere if not name.startswith("test_")}
        later = [
            other.source
            for other in notebook.cells[position + 1 :]
            if other.cell_type == "code" and (other.spec is None or not other.spec.is_test)
        ]
        if any(name in text and _speaks_of(text, name) for name in names for text in later):
            found.add(part.index)
    return frozenset(found)


def _speaks_of(text: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def seed_of(lab: LabSpec) -> int:
    """Return the seed with which each submission of a lab starts."""
    return zlib.crc32(lab.digest.encode() or lab.name.encode())
