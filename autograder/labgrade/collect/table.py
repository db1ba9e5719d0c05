"""Read a CSV file as spreadsheets and LMSs of any country write it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labgrade.errors import MachineError, UsageError

__all__ = ["Table", "format_table", "plain", "read_table"]

MAX_BYTES = 50_000_000
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file as it was, so that it can be written again the same way.

    Args:
        path: of the file.
        header: first row.
        rows: the others, as long as the header or not.
        delimiter: between cells.
        encoding: ``utf-8``, ``utf-8-sig``, ``utf-16`` or ``cp1252``.
        newline: line end.
        quoted: every cell of the header stands in quotes.

    """

    path: Path
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    delimiter: str = ","
    encoding: str = "utf-8"
    newline: str = "\n"
    quoted: bool = False

    def column(self, *names: str) -> int:
        """Return the index of the first column with one of the names, compared without case and signs; -1."""
        wanted = [plain(name) for name in names]
        plains = [plain(cell) for cell in self.header]
        return next((plains.index(name) for name in wanted if name in plains), -1)

    def cell(self, row: Sequence[str], index: int) -> str:
        """Return a cell without blanks around, "" where the row is short."""
        return row[index].strip() if 0 <= index < len(row) else ""


def plain(text: str) -> str:
    """Return a header in small letters and digits only."""
    return "".join(char for char in text.casefold() if char.isalnum())


def read_table(path: Path, what: str) -> Table:
    """Read a CSV file.

    Args:
        path: of the file.
        what: what it should be, for messages: ``roster``, ``sheet`` …

    Raises:
        UsageError: it is not there, empty, or no CSV.
        MachineError: the disk refuses.

    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UsageError(f"{what}-missing", f"there is no such {what}", where=str(path)) from error
    except OSError as error:
        raise MachineError(
            "disk-error", f"the {what} cannot be read: {error.strerror}", where=str(path)
        ) from error
    if len(data) > MAX_BYTES:
        raise UsageError(
            f"{what}-format", f"the {what} is larger than {MAX_BYTES / 1e6:.0f} MB", where=str(path)
        )
    if data.startswith(b"PK\x03\x04"):
        raise UsageError(
            f"{what}-format",
            f"the {what} is a spreadsheet file, not CSV",
            "save it as CSV (UTF-8)",
            str(path),
        )
    text, encoding = _decode(data)
    delimiter = _delimiter(text)
    newline = "\r\n" if "\r\n" in text[:10_000] else "\n"
    try:
        rows = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]
    except csv.Error as error:
        raise UsageError(f"{what}-format", f"the {what} is no CSV: {error}", where=str(path)) from error
    rows = [row for row in rows if row]
    while rows and not any(cell.strip() for cell in rows[0]):
        del rows[0]
    if not rows:
        raise UsageError(f"{what}-format", f"the {what} is empty", where=str(path))
    first = text.lstrip("\ufeff").split("\n", 1)[0].strip()
    quoted = len(rows[0]) > 1 and first.count('"') >= 2 * len(rows[0])
    return Table(path, rows[0], tuple(rows[1:]), delimiter, encoding, newline, quoted)


def _decode(data: bytes) -> tuple[str, str]:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace"), encoding
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "cp1252"


def _delimiter(text: str) -> str:
    """Return the sign that the first line holds most of, outside quotes."""
    line, quoted = [], False
    for char in text[:20_000]:
        if char == '"':
            quoted = not quoted
        elif char == "\n" and not quoted:
            break
        elif not quoted:
            line.append(char)
    counts = {sign: line.count(sign) for sign in _DELIMITERS}
    best = max(counts, key=lambda sign: counts[sign])
    return best if counts[best] else ","


def format_table(table: Table, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bytes:
    """Return a CSV file written the way the table was: delimiter, encoding, line ends, quotes."""
    out = io.StringIO()
    quoting: Literal[0, 1] = csv.QUOTE_ALL if table.quoted else csv.QUOTE_MINIMAL
    writer = csv.writer(out, delimiter=table.delimiter, lineterminator=table.newline, quoting=quoting)
    writer.writerow(header)
    writer.writerows(rows)
    try:
        return out.getvalue().encode(table.encoding)
    except UnicodeEncodeError:  # the sheet was in a code page that has no sign for what is to be written
        return out.getvalue().encode("utf-8-sig")
