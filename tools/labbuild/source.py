"""Reading a source file: bytes to numbered lines, whatever the encoding was."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from labbuild.diagnostics import Diagnostics

__all__ = ["Line", "SourceText", "read_source", "source_from_bytes"]

# Two or three letters that appear when UTF-8 is decoded as Windows-1252 and saved again.
_MOJIBAKE = re.compile(
    "(?:Ã[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€[\u0080-\u00bf™œ\u009d“”¦¢˜š]|Â[\u00a0-\u00bf])"
)
_BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a source.

    Args:
        number: 1-based, as an editor counts.
        text: without its line end.

    """

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class SourceText:
    """A source file as text.

    Args:
        path: where it is.
        lines: split at line ends only; a form feed is a character like another.
        report: what was found while reading; later steps add to it.

    """

    path: Path
    lines: tuple[Line, ...]
    report: Diagnostics


def read_source(path: Path) -> SourceText:
    """Read a source file.

    Args:
        path: the file.

    Returns:
        Its lines. Bytes that are not UTF-8 are read as Windows-1252, line by line, with a warning; if the
        file cannot be read at all there are no lines and an error.

    """
    try:
        data = path.read_bytes()
    except OSError as error:
        report = Diagnostics(path)
        report.add("LB103", f"the file cannot be read: {error.strerror or error}")
        return SourceText(path, (), report)
    return source_from_bytes(path, data)


def source_from_bytes(path: Path, data: bytes) -> SourceText:
    """Read a source whose bytes are at hand; see :func:`read_source`."""
    report = Diagnostics(path)
    if b"\0" in data:
        report.add("LB103", "the file is binary, not text", hint="save it as UTF-8 text")
        return SourceText(path, (), report)
    rows, foreign = _decode(data)
    report.lines = tuple(rows)
    for number in foreign:
        report.add(
            "LB101",
            "this line is not UTF-8; it was read as Windows-1252",
            line=number,
            hint="save the file as UTF-8",
        )
    for number, row in enumerate(rows, 1):
        _report_mojibake(report, number, row)
    if rows and rows[-1] == "":
        rows = rows[:-1]
    lines = (Line(number, row) for number, row in enumerate(rows, 1))
    return SourceText(path, tuple(lines), report)


def _decode(data: bytes) -> tuple[list[str], list[int]]:
    """Return the lines, and the numbers of those that were not UTF-8."""
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        return data.decode("utf-8").removeprefix(_BOM).split("\n"), []
    except UnicodeDecodeError:
        rows: list[str] = []
        foreign: list[int] = []
        for number, raw in enumerate(data.split(b"\n"), 1):
            try:
                rows.append(raw.decode("utf-8"))
            except UnicodeDecodeError:
                foreign.append(number)
                # cp1252 leaves five bytes undefined; latin-1 gives every byte a meaning.
                rows.append(
                    "".join(bytes([byte]).decode("cp1252" if _in_cp1252(byte) else "latin-1") for byte in raw)
                )
        rows[0] = rows[0].removeprefix(_BOM)
        return rows, foreign


def _in_cp1252(byte: int) -> bool:
    return byte not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)


def _report_mojibake(report: Diagnostics, number: int, row: str) -> None:
    if row.isascii():
        return
    found = _MOJIBAKE.search(row)
    if not found:
        return
    try:
        meant = found[0].encode("cp1252").decode("utf-8")
    except UnicodeError:
        meant = ""
    report.add(
        "LB102",
        f"'{found[0]}' looks like text that was decoded wrongly; it was left as it is",
        line=number,
        col=found.start() + 1,
        hint=f"'{meant}' was probably meant" if meant else "type the character again and save as UTF-8",
    )
