"""Plain CSV and JSON: everything that is known, a row for each person."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec

from labgrade.export.model import ClassGrades, PersonGrade
from labgrade.export.options import ExportOptions, Product
from labgrade.export.points import points_text
from labgrade.spreadsheet import safe_cell

__all__ = ["export_csv", "export_json"]


def export_csv(grades: ClassGrades, options: ExportOptions) -> Product:
    """Write a table in UTF-8 with a byte order mark, without which spreadsheets spoil umlauts."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n", delimiter=";" if options.comma else ",")
    people = () if options.anonymous else ("name", "email")
    questions = [question.id for question in grades.questions]
    ends = (
        "points", "extra_credit", "late_penalty", "total", "maximum", "state", "open_cells", "hours_late",
        "submitted", "findings",
    )  # fmt: skip
    writer.writerow(["student", *people, "group", *questions, *ends])
    for row in grades.rows:
        entry = _entry(row, grades, options)
        points = [points_text(entry["questions"][name], comma=options.comma) for name in questions]
        cells = [safe_cell(str(entry[name])) for name in ("student", *people, "group")]
        numbers = [
            points_text(entry[name], comma=options.comma)
            for name in ("points", "extra_credit", "late_penalty", "total", "maximum")
        ]
        tail = [
            entry["state"],
            entry["open_cells"],
            points_text(entry["hours_late"], comma=options.comma),
            safe_cell(entry["submitted"]),
            " ".join(entry["findings"]),
        ]
        writer.writerow([*cells, *points, *numbers, *tail])
    data = b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")
    return Product({f"{grades.lab}-grades.csv": data}, [], _written(grades))


def export_json(grades: ClassGrades, options: ExportOptions) -> Product:
    """Write one document; points that are not known are null."""
    document = {
        "lab": grades.lab,
        "maximum": grades.max_score,
        "questions": [{"id": question.id, "maximum": question.max_score} for question in grades.questions],
        "students": [_entry(row, grades, options) for row in grades.rows],
    }
    data = msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"
    return Product({f"{grades.lab}-grades.json": data}, [], _written(grades))


def _written(grades: ClassGrades) -> int:
    return sum(row.total is not None for row in grades.rows)


def _entry(row: PersonGrade, grades: ClassGrades, options: ExportOptions) -> dict[str, Any]:
    show = options.anonymous or (lambda name: name)
    standing = row.standing
    known = row.state != "absent"
    entry: dict[str, Any] = {
        "student": show(row.student),
        "name": row.person.name,
        "email": row.person.email,
        "group": show(row.group) if row.group else "",
        "questions": {
            question.id: points if known else None
            for question, points in zip(grades.questions, standing.points, strict=True)
        },
        "points": sum(point for point in standing.points if point is not None)
        if row.state == "graded"
        else None,
        "extra_credit": standing.extra if known else None,
        "late_penalty": standing.penalty if known else None,
        "total": row.total,
        "maximum": grades.max_score,
        "state": row.state,
        "open_cells": standing.open_cells,
        "hours_late": standing.late_s / 3600,
        "submitted": standing.handed_in,
        "findings": list(dict.fromkeys(finding.code for finding in row.result.findings))
        if row.result
        else [],
    }
    if options.anonymous:
        del entry["name"], entry["email"]
    return entry
