"""Regions and cells must agree: a region stands inside one cell.

Real sources break this in ways that have only one meaning; those are mended here, by moving a line, before
the cells are read a second time. What could mean two things is an error that names both lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from labbuild.cells import Cell, Reading, SourceFormat, read_cells
from labbuild.diagnostics import Diagnostics
from labbuild.markers import Kind, Marker
from labbuild.source import Line, SourceText

__all__ = ["mend_layout", "report_unclosed"]

_END_REGION = re.compile(r"^<!--\s*#end(?:region|markdown|md|raw)\s*-->\s*$")
_OPENS_REGION = re.compile(r"^<!--\s*#(region|markdown|md|raw)\b")
_OPENS_FENCE = re.compile(r"^(`{3,})")
_HEADER = re.compile(r"^\s*(?:<!--\s*#(?:region|markdown|md|raw)|#\s*%%|```)")
_FOOTER = re.compile(r"^(?:<!--\s*#end|```)")
_ENDS = {Kind.BEGIN: Kind.END, Kind.HIDDEN_BEGIN: Kind.HIDDEN_END}
_EDGES = frozenset({*_ENDS, *_ENDS.values()})
_MAX_MENDS = 200


@dataclass(frozen=True, slots=True)
class _Span:
    """A region whose begin and end stand in different cells (by index)."""

    begin: Marker
    end: Marker
    first: int
    last: int


def mend_layout(
    source: SourceText, reading: Reading, markers: Mapping[int, Marker], source_format: SourceFormat
) -> tuple[Reading, Mapping[int, Marker]]:
    """Bring cells and regions together.

    Args:
        source: the file; its report gets what was mended and what could not be.
        reading: its cells as they stand there.
        markers: line number -> marker.
        source_format: how to read it.

    Returns:
        The cells, each region inside one of them, and the markers without those of regions that span cells
        (they were reported).

    Raises:
        UnreadableSourceError: Jupytext cannot read the file after a line was moved.

    """
    lines = source.lines
    for _ in range(_MAX_MENDS):
        span = _first_span(reading.cells, markers)
        if span is None:
            return reading, markers
        merged = _merge(reading, span, lines, source.report)
        if merged is not None:
            reading = merged
            continue
        moved = _move(lines, reading.cells, span, markers, source.report)
        if moved is not None:
            lines = moved
            reading = read_cells(lines, markers, source_format)
            continue
        _report_span(span, reading.cells, source.report)
        dropped = (span.begin.line, span.end.line)
        markers = {number: marker for number, marker in markers.items() if number not in dropped}
    return reading, markers


def report_unclosed(source: SourceText, cells: Sequence[Cell]) -> None:
    """Report a fence or region comment that nothing closes: all the cells below would be swallowed by it.

    Args:
        source: a Markdown source; its report gets the errors.
        cells: as Jupytext read them.

    """
    for cell in cells:
        rows = [line.text for line in source.lines[cell.start : cell.stop]]
        if not rows or (cell.cell_type == "raw" and cell.start == 0):
            continue
        opened = _OPENS_REGION.match(rows[0])
        fence = _OPENS_FENCE.match(rows[0]) if cell.cell_type == "code" else None
        if opened:
            closing = f"<!-- #end{opened[1]} -->"
            is_closed = any(_END_REGION.match(row) for row in rows)
        elif fence:
            closing = fence[1]
            is_closed = any(row.startswith(closing) for row in rows[1:])
        else:
            continue
        if not is_closed:
            source.report.add(
                "LB315",
                f"the cell that begins here is never closed; it would hold all below, to line {cell.stop}",
                line=source.lines[cell.start].number,
                related=(source.lines[min(cell.stop, len(source.lines)) - 1].number,),
                hint=f"write '{closing}' after its last line",
            )


def _loose_ends(cell: Cell, markers: Mapping[int, Marker]) -> tuple[Marker | None, Marker | None]:
    """Return the end marker that closes a region of an earlier cell, and the begin marker left open."""
    edges = [
        markers[line.number]
        for line in cell.lines
        if line.number in markers and markers[line.number].kind in _EDGES
    ]
    leading = edges.pop(0) if edges and edges[0].kind in (Kind.END, Kind.HIDDEN_END) else None
    opened: Marker | None = None
    for marker in edges:
        # A second BEGIN closes the region as far as this goes; what it means is decided cell by cell.
        begins = marker.kind in (Kind.BEGIN, Kind.HIDDEN_BEGIN)
        opened = marker if begins and opened is None else None
    return leading, opened


def _first_span(cells: Sequence[Cell], markers: Mapping[int, Marker]) -> _Span | None:
    """Find the first region that begins in one cell and ends in a later one, nothing else in between."""
    opened: tuple[Marker, int] | None = None
    for index, cell in enumerate(cells):
        leading, trailing = _loose_ends(cell, markers)
        if opened is not None and leading is not None and _ENDS[opened[0].kind] is leading.kind:
            return _Span(opened[0], leading, opened[1], index)
        if any(line.number in markers and markers[line.number].kind in _EDGES for line in cell.lines):
            opened = (trailing, index) if trailing is not None else None
    return None


def _merge(reading: Reading, span: _Span, lines: tuple[Line, ...], report: Diagnostics) -> Reading | None:
    """Put Markdown cells together that only blank lines in a region had split."""
    cells = reading.cells[span.first : span.last + 1]
    if not all(cell.is_implicit for cell in cells):
        return None
    report.add(
        "LB307",
        f"two blank lines split the region that ends in line {span.end.line}; it was kept as one cell",
        line=span.begin.line,
        related=(span.end.line,),
        hint="put '<!-- #region -->' above and '<!-- #endregion -->' below the cell",
    )
    first, last = cells[0], cells[-1]
    numbers = (first.lines[0].number, last.lines[-1].number)
    texts = tuple(line for line in lines[first.start : last.stop] if numbers[0] <= line.number <= numbers[1])
    whole = replace(first, lines=texts, stop=last.stop)
    return replace(reading, cells=(*reading.cells[: span.first], whole, *reading.cells[span.last + 1 :]))


def _move(
    lines: tuple[Line, ...],
    cells: Sequence[Cell],
    span: _Span,
    markers: Mapping[int, Marker],
    report: Diagnostics,
) -> tuple[Line, ...] | None:
    """Move the line that is out of place; None if it is not clear which one that is."""
    first, last = cells[span.first], cells[span.last]
    if _is_region(first, lines) and all(cell.is_implicit for cell in cells[span.first + 1 : span.last + 1]):
        return _move_endregion(lines, first, span, report)
    begin_trails = all(_is_filler(line, markers) for line in first.lines if line.number > span.begin.line)
    end_leads = all(_is_filler(line, markers) for line in last.lines if line.number < span.end.line)
    if span.last == span.first + 2 and begin_trails and end_leads:
        inner = cells[span.first + 1]
        _report_moved(span, report)
        below = _take(lines, [span.end.line], _bottom(lines, inner))
        return _take(below, _group(first, span.begin, markers), _top(below, inner))
    if span.last == span.first + 1 and begin_trails != end_leads:
        _report_moved(span, report)
        if begin_trails:
            return _take(lines, _group(first, span.begin, markers), _top(lines, last))
        return _take(lines, [span.end.line], _bottom(lines, first))
    return None


def _is_region(cell: Cell, lines: tuple[Line, ...]) -> bool:
    return cell.cell_type == "markdown" and lines[cell.start].text.lstrip().startswith("<!--")


def _move_endregion(
    lines: tuple[Line, ...], cell: Cell, span: _Span, report: Diagnostics
) -> tuple[Line, ...] | None:
    closing = [line for line in lines[cell.start : cell.stop] if _END_REGION.match(line.text)]
    if not closing:
        return None
    report.add(
        "LB306",
        f"'{closing[-1].text.strip()}' stands inside the region of lines {span.begin.line} to"
        f" {span.end.line}; it was moved below HWEND",
        line=closing[-1].number,
        related=(span.begin.line, span.end.line),
        hint="put '#!TAG HWEND' above it",
    )
    return _take(lines, [closing[-1].number], _index(lines, span.end.line) + 1)


def _is_filler(line: Line, markers: Mapping[int, Marker]) -> bool:
    marker = markers.get(line.number)
    return marker.kind is Kind.MESSAGE if marker else not line.text.strip()


def _group(cell: Cell, begin: Marker, markers: Mapping[int, Marker]) -> list[int]:
    """The begin marker and the messages that follow it."""
    return [line.number for line in cell.lines if line.number >= begin.line and line.number in markers]


def _index(lines: tuple[Line, ...], number: int) -> int:
    return next(index for index, line in enumerate(lines) if line.number == number)


def _top(lines: tuple[Line, ...], cell: Cell) -> int:
    """Where the first line of the cell's text belongs."""
    return cell.start + 1 if _HEADER.match(lines[cell.start].text) else cell.start


def _bottom(lines: tuple[Line, ...], cell: Cell) -> int:
    """Where a line after the last one of the cell's text belongs."""
    index = min(cell.stop, len(lines))
    while index > cell.start + 1 and not lines[index - 1].text.strip():
        index -= 1
    return index - 1 if index > cell.start + 1 and _FOOTER.match(lines[index - 1].text) else index


def _take(lines: tuple[Line, ...], numbers: list[int], target: int) -> tuple[Line, ...]:
    """Move some lines to the place before the line with index ``target``."""
    taken = [line for line in lines if line.number in numbers]
    before = [line for line in lines[:target] if line.number not in numbers]
    after = [line for line in lines[target:] if line.number not in numbers]
    return (*before, *taken, *after)


def _report_moved(span: _Span, report: Diagnostics) -> None:
    report.add(
        "LB308",
        f"the markers of lines {span.begin.line} and {span.end.line} stand outside the cell that is their"
        " region; they were read as if they stood in it",
        line=span.begin.line,
        related=(span.end.line,),
        hint="put both markers inside the cell",
    )


def _report_span(span: _Span, cells: Sequence[Cell], report: Diagnostics) -> None:
    between = span.last - span.first + 1
    report.add(
        "LB305",
        f"the region begins in one cell and ends in another, in line {span.end.line} ({between} cells on)",
        line=span.begin.line,
        related=(span.end.line, cells[span.last].number),
        hint="close the region in each cell and begin it again in the next",
    )
