"""Jupytext reads the cells; each of them knows which lines of the source it came from."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labbuild.markers import Marker
from labbuild.quick_jupytext import jupytext_module
from labbuild.source import Line

__all__ = ["Cell", "Reading", "SourceFormat", "UnreadableSourceError", "read_cells", "shield", "unshield"]


_REGION = re.compile(r"<!--\s*#(?:region|markdown|md|raw)\b")
_PERCENT = re.compile(r"\s*#\s*%%")
_FENCE = re.compile(r"```")
_RULE = re.compile(r"(?:# )?---\s*$")

# Jupytext cuts lines also at these; private characters stand for them while it reads.
_SEPARATORS = {ord(sign): 0xF0000 + ord(sign) for sign in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"}
_BACK = {private: sign for sign, private in _SEPARATORS.items()}


class UnreadableSourceError(Exception):
    """Jupytext cannot read the source; the text says why.

    Args:
        code: of the diagnostic to give.
        message: what is wrong.
        line: 1-based, 0 for the whole file.

    """

    def __init__(self, code: str, message: str, line: int = 0) -> None:
        """Keep the code and the line beside the text."""
        super().__init__(message)
        self.code = code
        self.line = line


@dataclass(frozen=True, slots=True)
class SourceFormat:
    """A Jupytext text format.

    Args:
        extension: ``.md`` or ``.py``.
        name: ``markdown``, ``percent``, ``light`` …

    """

    extension: str
    name: str


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as the source has it, markers included.

    Args:
        cell_type: ``code``, ``markdown`` or ``raw``.
        lines: its text; line numbers are those of the source.
        metadata: as Jupytext read it.
        start: index (not number) of its first line in the source, its header included.
        stop: index after its last line.
        is_implicit: a Markdown cell that no region comment or cell header delimits.

    """

    cell_type: str
    lines: tuple[Line, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    start: int = 0
    stop: int = 0
    is_implicit: bool = False

    @property
    def number(self) -> int:
        """The line of the source that a diagnostic about the whole cell names."""
        return self.lines[0].number if self.lines else self.start + 1


@dataclass(frozen=True, slots=True)
class Reading:
    """What Jupytext made of a source.

    Args:
        cells: in order.
        metadata: the notebook's, from the header.

    """

    cells: tuple[Cell, ...]
    metadata: Mapping[str, Any]


def shield(text: str) -> str:
    """Return a text in which Jupytext cuts lines only at line ends."""
    return text.translate(_SEPARATORS)


def unshield(text: str) -> str:
    """Return the text that :func:`shield` was given."""
    return text.translate(_BACK)


def read_cells(
    lines: tuple[Line, ...], markers: Mapping[int, Marker], source_format: SourceFormat
) -> Reading:
    """Let Jupytext find the cells.

    Markers are hidden from it behind plain comments: in a percent script it would take ``#!TAG`` for a shell
    command, and one on the first line for the interpreter's name.

    Args:
        lines: of the source.
        markers: line number -> marker.
        source_format: how to read them.

    Returns:
        Cells whose lines are the source's own, with the numbers they have there.

    Raises:
        UnreadableSourceError: the header or the format is not readable.

    """
    header_stop = _header_stop(lines)
    text = "\n".join(
        _hidden(line, {} if index < header_stop else markers, source_format)
        for index, line in enumerate(lines)
    )
    records: list[tuple[int, int]] = []
    notebook = _run_jupytext(text, source_format, records)
    total = len(text.splitlines())
    found = notebook["cells"]
    header_cells = len(found) - len(records)
    cells: list[Cell] = []
    header_stop = total - records[0][0] if records else total
    for cell in found[:header_cells]:
        # Front matter that is not Jupytext's own; Jupytext makes it a raw cell.
        cells.append(_whole(cell, lines, header_stop))
    for cell, (remaining, length) in zip(found[header_cells:], records, strict=True):
        start = total - remaining
        cells.append(_located(cell, lines, markers, start, start + length))
    return Reading(tuple(cells), notebook["metadata"])


def _header_stop(lines: tuple[Line, ...]) -> int:
    """Return the index after the YAML header, in which a marker is a comment like another."""
    rules = [index for index, line in enumerate(lines) if _RULE.match(line.text)][:2]
    return rules[1] + 1 if len(rules) == 2 and rules[0] == 0 else 0


def _hidden(line: Line, markers: Mapping[int, Marker], source_format: SourceFormat) -> str:
    if line.number not in markers:
        return shield(line.text)
    blanks = line.text[: len(line.text) - len(line.text.lstrip())]
    sign = "# " if source_format.extension == ".py" else ""
    return f"{blanks}{sign}seqlabs-marker-{line.number}"


def _run_jupytext(text: str, source_format: SourceFormat, records: list[tuple[int, int]]) -> Any:
    yaml_error = __import__("yaml").YAMLError
    converter_class = jupytext_module("jupytext").TextNotebookConverter
    formats_error = jupytext_module("formats").JupytextFormatError
    try:
        converter = converter_class(
            {"extension": source_format.extension, "format_name": source_format.name}, None
        )
        converter.implementation = copy.copy(converter.implementation)
        converter.implementation.cell_reader_class = _recording(
            converter.implementation.cell_reader_class, records
        )
        return converter.reads(text)
    except yaml_error as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        # The header's YAML begins one line below its first '---'.
        raise UnreadableSourceError(
            "LB104", f"the header is not valid YAML: {problem}", mark.line + 2 if mark else 1
        ) from error
    except formats_error as error:
        raise UnreadableSourceError("LB107", str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableSourceError("LB107", f"Jupytext cannot read this file: {error}") from error


def _recording(reader_class: Any, records: list[tuple[int, int]]) -> Any:
    """Return Jupytext's cell reader, noting for each cell how many lines were left and how many it took."""

    class Recording(reader_class):  # type: ignore[misc]  # Jupytext has no type information
        def read(self, lines: list[str]) -> tuple[Any, int]:
            remaining = len(lines)
            cell, length = super().read(lines)
            records.append((remaining, length))
            return cell, length

    return Recording


def _whole(cell: Any, lines: tuple[Line, ...], stop: int) -> Cell:
    number = lines[0].number if lines else 1
    texts = unshield(str(cell["source"])).split("\n")
    return Cell(
        cell["cell_type"], tuple(Line(number, text) for text in texts), _plain(cell["metadata"]), 0, stop
    )


def _located(
    cell: Any, lines: tuple[Line, ...], markers: Mapping[int, Marker], start: int, stop: int
) -> Cell:
    """Give the lines of a cell their numbers.

    Jupytext takes the lines of a cell from one stretch of the source, in order, each of them a part of its
    source line (a comment sign or a quote may be gone). So the place is where every line of the cell is
    contained in the line of the source.
    """
    source = unshield(str(cell["source"]))
    texts = source.split("\n") if source else []
    found: list[Line] = []
    if texts:
        offset = _offset(texts, lines, markers, start, stop)
        if offset is None and texts[0].startswith("%%"):
            # Jupytext turned the language of the fence, on the line before, into a cell magic.
            below = _offset(texts[1:], lines, markers, start + 1, stop) if texts[1:] else start + 1
            offset = None if below is None else below - 1
        if offset is None:
            raise UnreadableSourceError(
                "LB108", "the cell that begins here cannot be traced back to the source", lines[start].number
            )
        for index, text in enumerate(texts):
            origin = lines[offset + index]
            found.append(Line(origin.number, origin.text if origin.number in markers else text))
    explicit = start < len(lines) and bool(
        _REGION.match(lines[start].text) or _PERCENT.match(lines[start].text)
    )
    return Cell(
        cell["cell_type"],
        tuple(found),
        _plain(cell["metadata"]),
        start,
        stop,
        is_implicit=cell["cell_type"] == "markdown" and not explicit,
    )


def _offset(
    texts: list[str], lines: tuple[Line, ...], markers: Mapping[int, Marker], start: int, stop: int
) -> int | None:
    for offset in range(start, min(stop, len(lines)) - len(texts) + 1):
        if all(
            text in lines[offset + index].text or lines[offset + index].number in markers
            for index, text in enumerate(texts)
        ) and not _is_header(texts, lines[offset], markers):
            return offset
    return None


def _is_header(texts: list[str], line: Line, markers: Mapping[int, Marker]) -> bool:
    """Whether the place would take the cell's own header for its first line."""
    if line.number in markers or texts[0] == line.text:
        return False
    return any(pattern.match(line.text) for pattern in (_REGION, _PERCENT, _FENCE))


def _plain(value: Any) -> Any:
    """Turn Jupytext's attribute dicts into ordinary ones."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
