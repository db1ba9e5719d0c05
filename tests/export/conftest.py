"""A small graded class: a real gradebook and real results, with scores that the test chooses."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from labgrade.course import CourseSettings
from labgrade.lab import Lab, read_lab
from labgrade.model import Finding, Outcome, Severity, TestOutcome
from labgrade.record.gradebook import Gradebook
from labgrade.report import write_json
from labgrade.report.place import ClassPlace, find_class
from labgrade.result import CellScore, GradedNotebook, GradedSubmission, NotebookStatus
from labgrade.score import question_of

PLAIN = Path(__file__).parents[1] / "courses" / "plain"
HIDDEN_MESSAGE = "root(49) gave 6, a secret line"
TESTS = (
    TestOutcome("test_a", "`root` of 4 is 2.", Outcome.PASSED, 2.0, 2.0, "fine"),
    TestOutcome("test_b", "`root` of 9 is 3.", Outcome.FAILED, 0.0, 1.0, "root(9) gave 2\nexpected 3"),
    TestOutcome("test_c", "`root` of others.", Outcome.FAILED, 0.0, 1.0, HIDDEN_MESSAGE, hidden=True),
)


@pytest.fixture(scope="session")
def lab() -> Lab:
    """Return the lab ``ps1``: points by tests, and two hand-graded answers and a task."""
    settings = CourseSettings(root=PLAIN, exclude_overwriting={"ps1": ("mine.py",)})
    return read_lab(PLAIN / "source" / "ps1", settings)


def result_of(lab: Lab, student: str, scores: Mapping[str, float | None], **more: Any) -> GradedSubmission:
    """Return a result; a cell that is not named has all its points."""
    notebooks = []
    for spec in lab.spec.notebooks:
        cells = tuple(
            CellScore(
                cell.grade_id,
                question_of(cell, spec),
                scores.get(cell.grade_id, cell.points),
                cell.points,
                "task" if cell.task else "manual" if cell.is_manual else "test",
                TESTS if cell.grade_id == "test-root" else (),
            )
            for cell in spec.cells
            if cell.grade or cell.task
        )
        notebooks.append(GradedNotebook(spec.name, NotebookStatus.GRADED, cells, {}))
    return GradedSubmission(student, "digest", "key", tuple(notebooks), **more)


@pytest.fixture
def make_class(lab: Lab, tmp_path: Path) -> Callable[..., ClassPlace]:
    """Return a function that makes a graded class of students and their scores."""

    def make(students: Mapping[str, Mapping[str, float | None]], **more: Any) -> ClassPlace:
        out = tmp_path / "graded"
        out.mkdir()
        look = (Finding("answer-missing", "a person must look", Severity.LOOK),)
        results = [
            result_of(
                lab, name, scores, timestamp="2026-11-20 12:00:00 UTC", findings=look if name == "eve" else ()
            )
            for name, scores in students.items()
        ]
        settings = replace(
            CourseSettings(root=out, **more), structure="{nbgrader_step}/{student_id}/{assignment_id}"
        )
        with Gradebook(settings.gradebook_url, settings) as book:
            book.open_lab(lab, keep_structure=False)
            book.record(results)
        write_json(out / "results.json", lab.spec, results, about={"sandbox": "full"})
        return find_class(str(out), None)

    return make


@pytest.fixture
def run_sql() -> Callable[..., None]:
    """Return a function that changes a gradebook as the formgrader or nbgrader would."""

    def run(place: ClassPlace, statement: str, *values: object) -> None:
        connection = sqlite3.connect(place.folder / "gradebook.db")
        with connection:
            connection.execute(statement, values)
        connection.close()

    return run


GRADE_BY_HAND = """
UPDATE grade SET manual_score = ?, extra_credit = ?, needs_manual_grade = 0 WHERE id IN (
  SELECT g.id FROM grade g JOIN submitted_notebook n ON g.notebook_id = n.id
  JOIN submitted_assignment s ON n.assignment_id = s.id JOIN base_cell b ON g.cell_id = b.id
  WHERE s.student_id = ? AND b.name = ?)
"""


@pytest.fixture
def grade_by_hand(run_sql: Callable[..., None]) -> Callable[..., None]:
    """Return a function that gives points as the formgrader does."""

    def give(place: ClassPlace, student: str, cell: str, points: float, extra: float = 0.0) -> None:
        run_sql(place, GRADE_BY_HAND, points, extra or None, student, cell)

    return give
