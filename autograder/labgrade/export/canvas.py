"""Canvas: its own grade sheet, with one column filled. All columns and the "Points Possible" row stay.

Canvas joins by its own ``ID``; text cells are the LMS's and are written back as they came.
"""

from __future__ import annotations

import re
from pathlib import Path

from labgrade.collect.table import Table, format_table, plain, read_table
from labgrade.errors import UsageError
from labgrade.export.joining import join_sheet, written_cells
from labgrade.export.model import ClassGrades
from labgrade.export.options import ExportOptions, Product
from labgrade.export.points import points_text, read_points
from labgrade.model import Finding, Severity

__all__ = ["export_canvas"]

_TITLED = re.compile(r"(?P<title>.*\S)\s*\((?P<number>\d+)\)\s*")
_KEPT = frozenset({"ex", "n/a"})
"""Excused, and not assigned: a grade would change what somebody decided."""


def export_canvas(grades: ClassGrades, options: ExportOptions) -> Product:
    """Fill the column of the assignment in Canvas's grade sheet.

    Raises:
        UsageError: there is no sheet, or it is not clear which column is meant.

    """
    if options.sheet is None:
        raise UsageError(
            "sheet-missing",
            "Canvas takes back its own grade sheet",
            "in Canvas: Grades, Export, Export Entire Gradebook; then --sheet FILE",
        )
    table = read_table(options.sheet, "sheet")
    column = _find_column(table, grades.lab, options.column)
    joined = join_sheet(grades, table)
    findings = list(joined.findings)
    values: dict[int, str] = {}
    for line, row in joined.by_line.items():
        before = table.cell(table.rows[line - 2], column)
        if before.casefold() in _KEPT:
            message = f"'{row.student}' has '{before}' on the sheet; it was left"
            findings.append(Finding("sheet-excused", message, Severity.LOOK))
        elif row.total is not None:
            values[line] = points_text(row.total, comma=options.comma)
    _check_points(table, column, grades.max_score, findings)
    rows = written_cells(table, column, values, findings)
    name = f"{grades.lab}-canvas.csv"
    return Product({name: format_table(table, table.header, rows)}, findings, len(values))


def _find_column(table: Table, lab: str, wanted: str) -> int:
    titles: dict[int, tuple[str, str]] = {}
    for index, cell in enumerate(table.header):
        match = _TITLED.fullmatch(cell)
        if match is not None:
            titles[index] = (match["title"], match["number"])
    if wanted:
        found = [
            index
            for index, cell in enumerate(table.header)
            if wanted.strip() in (cell.strip(), *titles.get(index, ()))
        ]
    else:
        found = [index for index, (title, _) in titles.items() if plain(title) == plain(lab)]
        found = found or [index for index, (title, _) in titles.items() if plain(lab) in plain(title)]
    if len(found) == 1:
        return found[0]
    raise UsageError(
        "sheet-column",
        f"{len(found) or 'no'} columns of the sheet could be '{wanted or lab}'",
        "name one with --column: " + ", ".join(table.header[index] for index in titles),
        _where(table.path),
    )


def _where(path: Path) -> str:
    return f"{path}:1"


def _check_points(table: Table, column: int, max_score: float, findings: list[Finding]) -> None:
    for row in table.rows:
        if row and row[0].strip().casefold().startswith("points possible"):
            possible = read_points(table.cell(row, column))
            if possible is not None and abs(possible - max_score) > 0.005:
                message = f"the lab has {max_score:g} points, the sheet says {possible:g} are possible"
                findings.append(Finding("points-differ", message, Severity.LOOK))
