"""A small lab and a graded class of it, made without an engine: what ran and came out is written by hand.

Everything else is real: preparing, scoring, the gradebook, the autograded notebooks, ``results.json``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labgrade.course import CourseSettings
from labgrade.executor.frames import Done, Job, Setup
from labgrade.executor.worker import grade_one
from labgrade.intake import RawSubmission, SubmissionPlace, read_submission
from labgrade.ipynb import format_notebook
from labgrade.lab import Lab, read_lab
from labgrade.model import (
    CellRun,
    CellSpec,
    CellState,
    Finding,
    LabSpec,
    Limits,
    NotebookRun,
    Outcome,
    PreparedSubmission,
    SubmissionRun,
    TestCellRun,
    TestOutcome,
)
from labgrade.record.autograded import write_autograded
from labgrade.record.gradebook import Gradebook
from labgrade.report.files import write_json

CANARY = "canary_6b1f"
"""Stands in every hidden line of the lab but the public sentence."""

DOUBLE_TEST = f'''from labkit import check, expect


def test_double_of_two():
    """`double` of 2 is 4."""
    expect.close(double(2), 4)


### BEGIN HIDDEN TESTS
def test_double_{CANARY}_large():
    """`double` works for large numbers."""
    {CANARY}_input = 10**20
    assert double({CANARY}_input) == 2 * {CANARY}_input, "{CANARY}: large numbers"


### END HIDDEN TESTS
check("double", points=4, tests=2)'''

PLAIN_TEST = f"""assert half(4) == 2, "half of 4 is 2"
### BEGIN HIDDEN TESTS
{CANARY}_value = half(7)
assert {CANARY}_value == 3.5, "{CANARY} of 7"
### END HIDDEN TESTS"""


def lab_cells() -> list[dict[str, Any]]:
    """Return the cells of the lab's source."""

    def cell(
        kind: str, source: str, grade_id: str = "", points: float | None = None, **flags: bool
    ) -> dict[str, Any]:
        metadata: dict[str, Any] = {}
        if grade_id:
            known = {"grade": False, "solution": False, "locked": False, "task": False, **flags}
            metadata["nbgrader"] = {"schema_version": 3, "grade_id": grade_id, **known}
            if points is not None:
                metadata["nbgrader"]["points"] = points
        made: dict[str, Any] = {"cell_type": kind, "metadata": metadata, "source": source}
        return made | ({"outputs": [], "execution_count": None} if kind == "code" else {})

    solution = "### BEGIN SOLUTION\n{}\n### END SOLUTION"
    return [
        cell("markdown", "# Doubling"),
        cell("code", "from mine import triple\n\nprint('given')"),
        cell("code", solution.format("def double(x):\n    return 2 * x"), "double", solution=True),
        cell("code", DOUBLE_TEST, "test-double", 4, grade=True, locked=True),
        cell("code", solution.format("def half(x):\n    return x / 2"), "half", solution=True),
        cell("code", PLAIN_TEST, "test-half", 2, grade=True, locked=True),
        cell("markdown", "Why? {}".format(solution.format("Because.")), "why", 3, grade=True, solution=True),
        cell("code", solution.format("plot()"), "plot", 2, grade=True, solution=True),
        cell("code", "double(3)"),
    ]


def stream(text: str) -> dict[str, Any]:
    """Return an output on stdout."""
    return {"output_type": "stream", "name": "stdout", "text": text}


def display(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rich output."""
    return {"output_type": "display_data", "data": dict(data), "metadata": {}}


def outcome(
    name: str,
    title: str,
    result: Outcome = Outcome.PASSED,
    *,
    points: float = 2.0,
    hidden: bool = False,
    message: str = "",
    cause: str = "",
) -> TestOutcome:
    """Return how one test of 2 points ended."""
    earned = points if result is Outcome.PASSED else 0.0
    return TestOutcome(name, title, result, earned, points, message, hidden, cause, 0.01)


PUBLIC = outcome("test_double_of_two", "`double` of 2 is 4.")
HIDDEN = outcome(f"test_double_{CANARY}_large", "`double` works for large numbers.", hidden=True)


@dataclass
class Student:
    """What a student handed in and what came of it.

    Args:
        answers: grade id -> text; what is not named stays as released.
        module: text of ``mine.py``.
        outputs: grade id, or position as ``#N`` from 0 -> outputs.
        tests: outcomes of ``test-double``.
        half: outputs of the plain test, which has its points if there is no error among them.
        findings: of the run.
        stamp: ``timestamp.txt``.

    """

    answers: Mapping[str, str] = field(default_factory=lambda: {"double": "def double(x):\n    return 2 * x"})
    module: str = "def triple(x):\n    return 3 * x\n"
    outputs: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=dict)
    tests: Sequence[TestOutcome] = (PUBLIC, HIDDEN)
    half: Sequence[dict[str, Any]] = ()
    findings: Sequence[Finding] = ()
    stamp: str = ""


class _WrittenByHand:
    """Stands for the engine."""

    def __init__(self, student: Student) -> None:
        self._student = student

    def run(self, lab: LabSpec, submission: PreparedSubmission) -> SubmissionRun:
        """Return what the student's description says."""
        student = self._student
        runs = []
        for notebook in submission.notebooks:
            cells = []
            for position, cell in enumerate(notebook.cells):
                name = cell.spec.grade_id if cell.spec is not None else ""
                outputs = student.outputs.get(name) or student.outputs.get(f"#{position}") or ()
                cells.append(CellRun(CellState.OK, tuple(outputs), 0.01, position + 1))
            failed = any(output["output_type"] == "error" for output in student.half)
            tests = (
                TestCellRun(
                    "test-double",
                    sum(test.points for test in student.tests),
                    4.0,
                    "apart",
                    tuple(student.tests),
                ),
                TestCellRun("test-half", 0.0 if failed else 2.0, 2.0, "apart", outputs=tuple(student.half)),
            )
            runs.append(NotebookRun(notebook.spec.name, tuple(cells), tests))
        return SubmissionRun(submission.student, tuple(runs), tuple(student.findings), "made by hand", 0.1)


@dataclass(frozen=True)
class GradedClass:
    """A graded class on the disk: what ``labs grade --out FOLDER`` leaves."""

    folder: Path
    lab: Lab

    def page(self, student: str) -> str:
        """Return the text of a student's page."""
        return (self.folder / "feedback" / f"{student}.html").read_text(encoding="utf-8")

    def notebook(self, student: str) -> Path:
        """Return the path of the autograded notebook."""
        return self.folder / "autograded" / student / "doubling" / "work.ipynb"


def make_lab(folder: Path) -> Lab:
    """Write the lab's source and read it."""
    source = folder / "source" / "doubling"
    source.mkdir(parents=True)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(lab_cells())]
    document = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (source / "work.ipynb").write_text(json.dumps(document))
    (source / "mine.py").write_text("def triple(x):\n    raise NotImplementedError\n")
    course = CourseSettings(root=folder, exclude_overwriting={"doubling": ("mine.py",)})
    return read_lab(source, course)


def make_class(folder: Path, students: Mapping[str, Student]) -> GradedClass:
    """Grade a class by hand into a folder."""
    lab = make_lab(folder / "lab")
    out = folder / "graded"
    finished = {}
    for name, student in students.items():
        handed_in = _hand_in(folder / "in" / name, lab, student)
        raw = read_submission(SubmissionPlace(name, handed_in), ())
        done = grade_one(_WrittenByHand(student), Setup(lab, Limits(), "auto", "apart"), Job(raw, "key"))
        assert isinstance(done, Done), done
        finished[name] = done
    _record(lab, out, finished)
    return GradedClass(out, lab)


def _record(lab: Lab, out: Path, finished: Mapping[str, Done]) -> None:
    """Write what ``labs grade`` leaves behind."""
    out.mkdir(exist_ok=True)
    course = CourseSettings(root=out.resolve())
    results = [done.result for done in finished.values()]
    for name, done in finished.items():
        write_autograded(done.files, out / "autograded" / name / lab.spec.name)
    with Gradebook(course.gradebook_url, course) as book:
        book.open_lab(lab, keep_structure=False)
        book.record(results)
    about = {"sandbox": "made by hand", "tests": "apart", "stopped": False}
    write_json(out / "results.json", lab.spec, results, about=about)


def grade_by_hand(
    lab: Lab,
    out: Path,
    name: str,
    outputs: Mapping[str, Sequence[dict[str, Any]]],
    tests_of: Callable[[CellSpec], Sequence[TestOutcome]],
) -> Path:
    """Grade one submission of any lab, handed in as released.

    Args:
        lab: of any kind.
        out: where the graded class goes.
        name: of the student.
        outputs: notebook -> what its test cells and every tenth other code cell show.
        tests_of: gives the outcomes of a test cell.

    """

    class ByHand:
        def run(self, spec: LabSpec, submission: PreparedSubmission) -> SubmissionRun:
            runs = []
            for notebook in submission.notebooks:
                said = tuple(outputs[notebook.spec.name])
                shown = tuple(
                    CellRun(CellState.OK, said if at % 10 == 1 and cell.cell_type == "code" else ())
                    for at, cell in enumerate(notebook.cells)
                )
                tests = tuple(
                    TestCellRun(cell.grade_id, 0.0, cell.points, "apart", tuple(tests_of(cell)), said)
                    for cell in notebook.spec.cells
                    if cell.is_test
                )
                runs.append(NotebookRun(notebook.spec.name, shown, tests))
            return SubmissionRun(submission.student, tuple(runs), (), "made by hand", 0.1)

    notebooks = {}
    for spec in lab.spec.notebooks:
        cells = [
            {"cell_type": cell.cell_type, "id": cell.cell_id, "metadata": {}, "source": cell.released}
            | ({"outputs": [], "execution_count": None} if cell.cell_type == "code" else {})
            for cell in spec.cells
        ]
        document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        notebooks[f"{spec.name}.ipynb"] = format_notebook(document)
    raw = RawSubmission(name, notebooks, dict(lab.spec.student_files), digest="0")
    done = grade_one(ByHand(), Setup(lab, Limits(), "auto", "apart"), Job(raw, "key"))
    assert isinstance(done, Done), done
    _record(lab, out, {name: done})
    return out


def write_submission(folder: Path, lab: Lab, answers: Mapping[str, str]) -> Path:
    """Write a notebook with answers as the student's editor would, and the module as it was handed out."""
    return _hand_in(folder, lab, Student(answers=answers))


def _hand_in(folder: Path, lab: Lab, student: Student) -> Path:
    """Write a submission as the student's editor would."""
    folder.mkdir(parents=True)
    cells = []
    for spec, made in zip(lab.spec.notebooks[0].cells, lab_cells(), strict=True):
        cells.append(
            {**made, "id": spec.cell_id, "source": student.answers.get(spec.grade_id, spec.released)}
        )
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "work.ipynb").write_bytes(format_notebook(document))
    (folder / "mine.py").write_text(student.module, encoding="utf-8", errors="surrogatepass")
    if student.stamp:
        (folder / "timestamp.txt").write_text(student.stamp)
    return folder
