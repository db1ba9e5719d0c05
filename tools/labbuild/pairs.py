"""Twins: a Markdown source and its percent script say the same, cell by cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labbuild.cells import Cell, SourceFormat, UnreadableSourceError, read_cells
from labbuild.diagnostics import Diagnostics
from labbuild.folder import source_format
from labbuild.kernels import release_cell_metadata
from labbuild.markers import scan
from labbuild.source import read_source

__all__ = ["PairCell", "first_difference", "read_pair_cells", "report_drift"]


@dataclass(frozen=True, slots=True)
class PairCell:
    """What must be equal in both twins.

    Args:
        cell_type: ``code``, ``markdown`` or ``raw``.
        text: its source, markers included.
        metadata: as JSON, without what each format needs for itself.
        line: where it begins in its file; not compared.

    """

    cell_type: str
    text: str
    metadata: str
    line: int

    def says_the_same(self, other: PairCell) -> bool:
        """Whether both cells have the same content."""
        return (self.cell_type, self.text, self.metadata) == (other.cell_type, other.text, other.metadata)


def read_pair_cells(path: Path) -> tuple[PairCell, ...]:
    """Read the cells of one twin.

    Args:
        path: a ``.md`` or ``.py`` notebook source.

    Returns:
        Its cells.

    Raises:
        UnreadableSourceError: Jupytext cannot read it.

    """
    source = read_source(path)
    if not source.lines and source.report.has_errors:
        raise UnreadableSourceError("LB103", source.report.found[0].message)
    kind = source_format(path) or SourceFormat(path.suffix, "markdown" if path.suffix == ".md" else "percent")
    markers = scan(source.lines, Diagnostics(path))
    reading = read_cells(source.lines, markers, kind)
    return tuple(_pair_cell(cell, markers) for cell in reading.cells)


def _pair_cell(cell: Cell, markers: Mapping[int, Any]) -> PairCell:
    rows = [_bare(line.text) if line.number in markers else line.text for line in cell.lines]
    metadata = release_cell_metadata(cell.metadata) | {
        key: cell.metadata[key] for key in ("tags", "nbgrader") if key in cell.metadata
    }
    return PairCell(
        cell.cell_type,
        "\n".join(rows).rstrip(),
        json.dumps(metadata, sort_keys=True, default=str),
        cell.number,
    )


def _bare(text: str) -> str:
    """A marker line without the comment sign that a percent script puts before it."""
    blanks = text[: len(text) - len(text.lstrip())]
    return blanks + text[text.index("#!") :] if "#!" in text else text


def first_difference(left: tuple[PairCell, ...], right: tuple[PairCell, ...]) -> int | None:
    """Return the index of the first cell that differs, None if the twins agree."""
    for index in range(max(len(left), len(right))):
        if index >= len(left) or index >= len(right) or not left[index].says_the_same(right[index]):
            return index
    return None


def report_drift(path: Path, twin: Path, report: Diagnostics) -> None:
    """Report where two twins differ.

    Args:
        path: the source that is being built.
        twin: the other one.
        report: of ``path``.

    """
    try:
        ours, theirs = read_pair_cells(path), read_pair_cells(twin)
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
            return here.line + number, f"{a!r} here, {b!r} there (line {there.line + number})"
    return here.line, f"cell metadata {here.metadata} here, {there.metadata} there"
