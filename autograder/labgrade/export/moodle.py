"""Moodle: its offline grading worksheet as CSV, the same as XLSX, and the zip of feedback files.

The worksheet is read by its columns ``Identifier``, ``Grade`` and ``Last modified (grade)``; the feedback zip
by ``NAME_NUMBER_assignsubmission_file_`` before the file's own name.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence

from labgrade.collect.table import Table, format_table, read_table
from labgrade.errors import UsageError
from labgrade.export.feedback import read_pages, zip_pages
from labgrade.export.joining import join_sheet, written_cells
from labgrade.export.model import ClassGrades
from labgrade.export.options import ExportOptions, Product
from labgrade.export.points import points_text, read_points
from labgrade.export.workbook import format_workbook
from labgrade.model import Finding, Severity
from labgrade.spreadsheet import safe_cell

__all__ = ["export_moodle"]

_GRADE = ("grade", "bewertung", "note", "calificación", "valutazione", "nota", "cijfer")
_MAXIMUM = ("maximum grade", "bestwertung", "höchste bewertung", "note maximale", "calificación máxima")
_IDENTIFIER = ("identifier", "id", "identifiant", "identificador")
_NAME = ("full name", "vollständiger name", "nom complet", "nombre completo", "nome completo")
_HEADER = ("Identifier", "Full name", "Email address", "Grade", "Maximum Grade", "Last modified (grade)")
_NUMBER = re.compile(r"\D*(\d+)")


def export_moodle(grades: ClassGrades, options: ExportOptions) -> Product:
    """Fill Moodle's grading worksheet, or make one where the download told the participants' numbers.

    Raises:
        UsageError: neither a worksheet nor the numbers are there, or the worksheet lacks a column.

    """
    findings: list[Finding] = []
    if options.sheet is not None:
        files, numbers, written = _fill(grades, options, findings)
    else:
        files, numbers, written = _make(grades, options)
    if options.feedback is not None:
        pages = read_pages(options.feedback, grades, findings)
        names = {
            student: f"{_plain_name(name)}_{number}_assignsubmission_file_/feedback.html"
            for student, (name, number) in numbers.items()
        }
        files[f"{grades.lab}-moodle-feedback.zip"] = zip_pages(pages, names, findings)
    return Product(files, findings, written)


def _fill(
    grades: ClassGrades, options: ExportOptions, findings: list[Finding]
) -> tuple[dict[str, bytes], dict[str, tuple[str, str]], int]:
    assert options.sheet is not None
    table = read_table(options.sheet, "sheet")
    column = table.column(options.column) if options.column else table.column(*_GRADE)
    identifier = table.column(*_IDENTIFIER)
    if column < 0 or identifier < 0:
        raise UsageError(
            "sheet-column",
            f"the sheet has no column '{options.column or 'Grade' if column < 0 else 'Identifier'}'",
            "in Moodle: View all submissions, Grading action, Download grading worksheet; or --column NAME",
            f"{table.path}:1",
        )
    joined = join_sheet(grades, table)
    findings += joined.findings
    values = {
        line: points_text(row.total, comma=options.comma)
        for line, row in joined.by_line.items()
        if row.total is not None
    }
    _check_maximum(table, grades.max_score, findings)
    rows = written_cells(table, column, values, findings)
    name = table.column(*_NAME)
    numbers = {
        row.student: (table.cell(cells, name) or row.student, match[1])
        for line, row in joined.by_line.items()
        if (cells := table.rows[line - 2]) and (match := _NUMBER.fullmatch(table.cell(cells, identifier)))
    }
    files = {
        f"{grades.lab}-moodle.csv": format_table(table, table.header, rows),
        f"{grades.lab}-moodle.xlsx": format_workbook(grades.lab, table.header, rows, {column}),
    }
    return files, numbers, len(values)


def _make(
    grades: ClassGrades, options: ExportOptions
) -> tuple[dict[str, bytes], dict[str, tuple[str, str]], int]:
    known = [row for row in grades.rows if row.person.number and row.state != "absent"]
    if not known:
        raise UsageError(
            "sheet-missing",
            "the participants' numbers are not known",
            "in Moodle: View all submissions, Grading action, Download grading worksheet; then --sheet FILE",
        )
    maximum = points_text(grades.max_score, comma=options.comma)
    rows = [
        [
            f"Participant {row.person.number}",
            safe_cell(row.person.name),
            safe_cell(row.person.email),
            points_text(row.total, comma=options.comma),
            maximum,
            "-",
        ]
        for row in known
    ]
    numbers: Mapping[str, tuple[str, str]] = {
        row.student: (row.person.name or row.student, row.person.number) for row in known
    }
    files = {
        f"{grades.lab}-moodle.csv": _format_csv(_HEADER, rows),
        f"{grades.lab}-moodle.xlsx": format_workbook(grades.lab, _HEADER, rows, {3, 4}),
    }
    return files, dict(numbers), sum(row.total is not None for row in known)


def _format_csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Return CSV in UTF-8 without a byte order mark, which Moodle would take for part of ``Identifier``."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8", "replace")


def _check_maximum(table: Table, max_score: float, findings: list[Finding]) -> None:
    column = table.column(*_MAXIMUM)
    found = {read_points(table.cell(row, column)) for row in table.rows} - {None} if column >= 0 else set()
    if any(value is not None and abs(value - max_score) > 0.005 for value in found):
        shown = ", ".join(f"{value:g}" for value in sorted(value for value in found if value is not None))
        message = f"the lab has {max_score:g} points, the sheet says that {shown} are the maximum"
        findings.append(Finding("points-differ", message, Severity.LOOK))


def _plain_name(name: str) -> str:
    """Return a name as Moodle puts it into a file name: no underscores, which part the fields."""
    return re.sub(r'[_/\\:*?"<>|\x00-\x1f]+', " ", name).strip() or "participant"
