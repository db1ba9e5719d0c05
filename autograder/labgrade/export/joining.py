"""Find each person's row on an LMS's own sheet; nobody is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labgrade.collect.roster import Roster, RosterRow, rows_of
from labgrade.collect.table import Table
from labgrade.export.model import ClassGrades, PersonGrade
from labgrade.model import Finding, Severity

__all__ = ["Joined", "join_sheet", "written_cells"]


@dataclass(slots=True)
class Joined:
    """Who stands where on a sheet.

    Args:
        by_line: line of the sheet, from 1 -> grade.
        rows: student -> row of the sheet.
        findings: who was not found, or not for sure.

    """

    by_line: dict[int, PersonGrade] = field(default_factory=dict)
    rows: dict[str, RosterRow] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def join_sheet(grades: ClassGrades, table: Table) -> Joined:
    """Join a class with a sheet.

    Raises:
        UsageError: the sheet has no column that tells who somebody is.

    """
    sheet = Roster(tuple(rows_of(table)), table.path)
    joined = Joined()
    missing: list[str] = []
    for row in grades.rows:
        join = sheet.join(row.person)
        if join.row is None:
            if row.state != "absent" and not join.candidates:
                missing.append(row.student)
            elif row.state != "absent":
                message = f"'{row.student}' was not written: {join.how}"
                joined.findings.append(Finding("sheet-ambiguous", message, Severity.LOOK))
            continue
        other = joined.by_line.get(join.row.line)
        if other is not None:
            message = f"'{row.student}' and '{other.student}' both fit line {join.row.line} of the sheet"
            joined.findings.append(Finding("sheet-ambiguous", message, Severity.LOOK))
            del joined.by_line[join.row.line]
            joined.rows.pop(other.student, None)
            continue
        joined.by_line[join.row.line] = row
        joined.rows[row.student] = join.row
    if missing:
        shown = ", ".join(missing[:8]) + (" …" if len(missing) > 8 else "")
        message = f"{len(missing)} graded students are not on the sheet: {shown}"
        joined.findings.append(Finding("not-on-sheet", message, Severity.LOOK))
    return joined


def written_cells(
    table: Table, column: int, values: Mapping[int, str], findings: list[Finding]
) -> list[list[str]]:
    """Return the sheet's rows with values in one column, everything else as it was.

    Args:
        table: the sheet.
        column: index.
        values: line, from 1 -> text.
        findings: gets how many cells held another value before.

    """
    rows: list[list[str]] = []
    changed = 0
    for line, row in enumerate(table.rows, start=2):
        cells = list(row)
        if line in values:
            cells += [""] * (column + 1 - len(cells))
            if cells[column].strip() and not _equal(cells[column], values[line]):
                changed += 1
            cells[column] = values[line]
        rows.append(cells)
    if changed:
        message = f"{changed} grades on the sheet were others before"
        findings.append(Finding("sheet-changed", message, Severity.NOTE))
    return rows


def _equal(one: str, other: str) -> bool:
    try:
        return abs(float(one.replace(",", ".")) - float(other.replace(",", "."))) < 0.005
    except ValueError:
        return one.strip() == other.strip()
