"""A table as XLSX; text stays text, whatever sign it begins with."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence

from labgrade.export.points import read_points

__all__ = ["format_workbook"]

MAX_TITLE_CHARS = 31
_NOT_IN_TITLES = str.maketrans(dict.fromkeys("[]:*?/\\", "-"))


def format_workbook(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Collection[int]
) -> bytes:
    """Return a workbook of one sheet.

    Args:
        title: of the sheet.
        header: first row.
        rows: the others.
        numeric: columns whose numbers are written as numbers.

    """
    from openpyxl import Workbook
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook()
    sheet = book.active
    sheet.title = title.translate(_NOT_IN_TITLES)[:MAX_TITLE_CHARS] or "grades"
    for number, row in enumerate([header, *rows], start=1):
        for column, text in enumerate(row, start=1):
            value = read_points(text) if number > 1 and column - 1 in numeric else None
            cell = sheet.cell(row=number, column=column)
            if value is not None:
                cell.value = value
            elif text:
                cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)
                cell.data_type = "s"  # not "f": a name that begins with = is a name
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()
