"""Twins: a Markdown source and its percent script say the same, cell by cell."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labbuild.cells import Cell, SourceFormat, UnreadableSourceError, read_cells
from labbuild.diagnostics import Diagnostics
from labbuild.folder import format_of, source_format
from labbuild.markers import Marker, scan
from labbuild.source import read_source, source_from_bytes

__all__ = [
    "PairCell",
    "PairSide",
    "content_digest",
    "first_difference",
    "pair_cells",
    "read_side",
    "report_drift",
]

# What each format needs for itself, and what editors leave behind and Jupytext does not write.
_LAYOUT = frozenset(
    {
        "autoscroll",
        "cell_marker",
        "collapsed",
        "ExecuteTime",
        "execution",
        "lines_to_end_of_cell_marker",
        "lines_to_next_cell",
        "noskipline",
        "region_name",
        "scrolled",
        "skipline",
        "trusted",
    }
)


@dataclass(frozen=True, slots=True)
class PairCell:
    """What must be equal in both twins.

    Args:
        cell_type: ``code``, ``markdown`` or ``raw``.
        text: its source, markers included.
        metadata: without what each format needs for itself.
        line: where it begins in its file; not compared.
        start: index of its first line in its file; not compared.
        stop: index after its last line; not compared.

    """

    cell_type: str
    text: str
    metadata: Mapping[str, Any]
    line: int
    start: int = 0
    stop: int = 0

    @property
    def key(self) -> tuple[str, str, str]:
        """What is compared."""
        return self.cell_type, self.text, json.dumps(self.metadata, sort_keys=True, default=str)


@dataclass(frozen=True, slots=True)
class PairSide:
    """One of the twins.

    Args:
        path: the file.
        format: how Jupytext reads it.
        lines: of the file.
        cells: in order.
        metadata: of the notebook.

    """

    path: Path
    format: SourceFormat
    lines: tuple[str, ...]
    cells: tuple[PairCell, ...]
    metadata: Mapping[str, Any]


def read_side(path: Path, data: bytes | None = None) -> PairSide:
    """Read one twin.

    Args:
        path: a ``.md`` or ``.py`` notebook source.
        data: its bytes; read from the file when not given.

    Returns:
        Its cells.

    Raises:
        UnreadableSourceError: Jupytext cannot read it.

    """
    source = read_source(path) if data is None else source_from_bytes(path, data)
    if not source.lines and source.report.has_errors:
        raise UnreadableSourceError("LB103", source.report.found[0].message)
    found = source_format(path) if data is None else format_of(path, data)
    kind = found or SourceFormat(path.suffix, "markdown" if path.suffix == ".md" else "percent")
    markers = scan(source.lines, Diagnostics(path))
    reading = read_cells(source.lines, markers, kind)
    cells = pair_cells(reading.cells, markers)
    return PairSide(path, kind, tuple(line.text for line in source.lines), cells, reading.metadata)


def _pair_cell(cell: Cell, markers: Mapping[int, Marker]) -> PairCell:
    rows = [_bare(line.text) if line.number in markers else line.text for line in cell.lines]
    metadata = {key: value for key, value in cell.metadata.items() if key not in _LAYOUT}
    return PairCell(cell.cell_type, "\n".join(rows), metadata, cell.number, cell.start, cell.stop)


def _bare(text: str) -> str:
    """Return a marker line without the comment sign that a percent script puts before it."""
    left = text.removeprefix("#").removeprefix(" ")
    return left if text.startswith("#") and left.lstrip().startswith("#!") else text


def content_digest(cells: tuple[PairCell, ...]) -> str:
    """Return a hash of what the twins must share."""
    return hashlib.sha256(json.dumps([cell.key for cell in cells]).encode()).hexdigest()


def first_difference(left: tuple[PairCell, ...], right: tuple[PairCell, ...]) -> int | None:
    """Return the index of the first cell that differs, None if the twins agree."""
    for index in range(max(len(left), len(right))):
        if index >= len(left) or index >= len(right) or left[index].key != right[index].key:
            return index
    return None


def pair_cells(cells: Iterable[Cell], markers: Mapping[int, Marker]) -> tuple[PairCell, ...]:
    """Return what must be equal in both twins, for the cells of one of them."""
    return tuple(_pair_cell(cell, markers) for cell in cells)


def report_drift(path: Path, ours: tuple[PairCell, ...], twin: Path, report: Diagnostics) -> None:
    """Report where two twins differ.

    Args:
        path: the source that is being built.
        ours: its cells.
        twin: the other one.
        report: of ``path``.

    """
    try:
        theirs = read_side(twin).cells
    except UnreadableSourceError as error:
        if not report.has_errors:
            report.add("LB601", f"{twin.name} cannot be compared with {path.name}: {error}")
        return
    index = first_difference(ours, theirs)
    if index is None:
        return
    here = ours[index] if index < len(ours) else None
    there = theirs[index] if index < len(theirs) else None
    line, what = _first_line(here, there)
    report.add(
        "LB601",
        f"{twin.name} differs from {path.name} from cell {index + 1} on: {what}",
        line=line,
        hint="run 'labs sync' to bring the two together",
    )


def _first_line(here: PairCell | None, there: PairCell | None) -> tuple[int, str]:
    if here is None or there is None:
        only = here or there
        first = only.text.split("\n")[0] if only else ""
        side = "is only here" if here else f"is only in the twin (line {there.line if there else 0})"
        return (here.line if here else 0), f"a {only.cell_type if only else ''} cell {side}: {first!r}"
    if here.cell_type != there.cell_type:
        return here.line, f"a {here.cell_type} cell here, a {there.cell_type} cell there (line {there.line})"
    ours, theirs = here.text.split("\n"), there.text.split("\n")
    for number in range(max(len(ours), len(theirs))):
        a = ours[number] if number < len(ours) else None
        b = theirs[number] if number < len(theirs) else None
        if a != b:
            ours_said = "nothing" if a is None else repr(a)
            theirs_said = "nothing" if b is None else repr(b)
            return here.line + number, f"{ours_said} here, {theirs_said} there (line {there.line + number})"
    return here.line, f"cell metadata {dict(here.metadata)} here, {dict(there.metadata)} there"
