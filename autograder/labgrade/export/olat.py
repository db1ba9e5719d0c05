"""OLAT and OpenOlat: the lines of a bulk assessment, and the zip of return files.

A line is: user, points, passed, comment. An empty field means "leave as it is" there. There is no header:
OLAT would take it for a user. Return files lie in a folder named like the user.
"""

from __future__ import annotations

import csv
import io

from labgrade.collect.names import clean_id
from labgrade.collect.table import read_table
from labgrade.export.feedback import read_pages, zip_pages
from labgrade.export.joining import join_sheet
from labgrade.export.model import ClassGrades
from labgrade.export.options import ExportOptions, Product
from labgrade.export.points import points_text
from labgrade.model import Finding
from labgrade.spreadsheet import safe_cell

__all__ = ["export_olat"]


def export_olat(grades: ClassGrades, options: ExportOptions) -> Product:
    """Write the lines to paste into "Bulk assessment".

    Args:
        grades: of the class.
        options: a sheet is a list of participants, which tells the user names.

    Raises:
        UsageError: the sheet has no column that tells who somebody is.

    """
    findings: list[Finding] = []
    users = {row.student: row.student for row in grades.rows}
    if options.sheet is not None:
        joined = join_sheet(grades, read_table(options.sheet, "sheet"))
        findings += joined.findings
        users = {student: row.id for student, row in joined.rows.items()}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    written = 0
    for row in grades.rows:
        if row.total is None or row.student not in users:
            continue
        passed = "" if options.passed is None else "y" if row.total >= options.passed else "n"
        writer.writerow([safe_cell(users[row.student]), points_text(row.total), passed, ""])
        written += 1
    files = {f"{grades.lab}-olat.csv": out.getvalue().encode("utf-8", "replace")}
    if options.feedback is not None:
        pages = read_pages(options.feedback, grades, findings)
        names = {student: f"{clean_id(user)}/feedback.html" for student, user in users.items()}
        files[f"{grades.lab}-olat-feedback.zip"] = zip_pages(pages, names, findings)
    return Product(files, findings, written)
