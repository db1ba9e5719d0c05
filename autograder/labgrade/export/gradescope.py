"""Gradescope: a ``results.json`` for each student, as its autograder platform reads it.

What a hidden test expected or got is not in it: only the sentence that students may read.
"""

from __future__ import annotations

from typing import Any

import msgspec

from labgrade.collect.names import clean_id
from labgrade.export.model import ClassGrades, PersonGrade
from labgrade.export.options import ExportOptions, Product
from labgrade.model import Outcome, TestOutcome
from labgrade.report.questions import Question
from labgrade.result import CellScore

__all__ = ["export_gradescope"]


def export_gradescope(grades: ClassGrades, options: ExportOptions) -> Product:
    """Write a file for each student who has a grade."""
    files: dict[str, bytes] = {}
    for row in grades.rows:
        if row.total is None:
            continue
        name = options.anonymous(row.student) if options.anonymous else row.student
        document = _document(row, grades.questions)
        text = msgspec.json.format(msgspec.json.encode(document), indent=1)
        files[f"{grades.lab}-gradescope/{clean_id(name)}/results.json"] = text + b"\n"
    return Product(files, [], len(files))


def _document(row: PersonGrade, questions: tuple[Question, ...]) -> dict[str, Any]:
    cells = {
        (notebook.name, cell.grade_id): cell
        for notebook in (row.result.notebooks if row.result else ())
        for cell in notebook.cells
    }
    tests: list[dict[str, Any]] = []
    for number, (question, points) in enumerate(zip(questions, row.standing.points, strict=True), start=1):
        own = [cells[place] for place in question.cells if place in cells]
        tests.append(
            {
                "name": question.id,
                "number": str(number),
                "score": round(points or 0.0, 2),
                "max_score": question.max_score,
                "output": "\n".join(line for cell in own for line in _lines(cell)),
                "output_format": "text",
                "visibility": "visible",
            }
        )
    if row.standing.extra:
        tests.append(_extra("Extra credit", row.standing.extra))
    if row.standing.penalty:
        tests.append(_extra("Late penalty", -row.standing.penalty))
    return {
        "score": round(row.standing.total, 2),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def _extra(name: str, points: float) -> dict[str, Any]:
    return {"name": name, "score": round(points, 2), "max_score": 0, "visibility": "visible"}


def _lines(cell: CellScore) -> list[str]:
    if not cell.tests:
        return [] if cell.kind == "test" else ["graded by a person"]
    return [_line(test) for test in cell.tests]


def _line(test: TestOutcome) -> str:
    head = f"{test.outcome.value}: {test.title or test.name}"
    if test.hidden or test.outcome is Outcome.PASSED or not test.message:
        return head
    return f"{head}\n  " + test.message.strip().replace("\n", "\n  ")
