"""Part cells that an editor has merged, where the lab's text, or the names that are bound, show the seams."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace

from labgrade.ipynb import RawCell
from labgrade.model import CellSpec, NotebookSpec
from labgrade.prepare.likeness import bound_names, same_text

__all__ = ["part_merged"]

MAX_LINES = 20_000
"""Longer cells are left as they are."""


def part_merged(spec: NotebookSpec, cells: Sequence[RawCell]) -> list[RawCell]:
    """Return the cells, with the lab's code cut out of cells that hold it, and several answers in one parted.

    Only what is missing is looked for: a cell that the lab knows by id or by its text is left alone, and so
    is one whose names several cells bind. Code runs in the same order as before.
    """
    ids = {cell.grade_id for cell in cells if cell.grade_id} | {
        cell.cell_id for cell in cells if cell.cell_id
    }
    missing = [
        lab
        for lab in spec.cells
        if not (lab.grade_id and lab.grade_id in ids)
        and not (lab.cell_id and lab.cell_id in ids)
        and not any(same_text(cell.source, lab.released) for cell in cells)
    ]
    given = [lab for lab in missing if not lab.solution and lab.released.strip()]
    bound = [bound_names(cell.source) for cell in cells if cell.cell_type == "code"]
    named = [
        lab
        for lab in missing
        if lab.cell_type == "code" and sum(bool(names & bound_names(lab.source)) for names in bound) == 1
    ]
    parted: list[RawCell] = []
    for cell in cells:
        own = next((lab for lab in spec.cells if lab.grade_id and lab.grade_id == cell.grade_id), None)
        alike = [lab for lab in given if lab.cell_type == cell.cell_type]
        texts = _cut(cell.source, alike) if cell.source.count("\n") <= MAX_LINES else [cell.source]
        if cell.cell_type == "code" and named and cell.source.count("\n") <= MAX_LINES:
            texts = [part for text in texts for part in _part(text, named, own)]
        if len(texts) == 1:
            parted.append(cell)
            continue
        keeper = _keeper(texts, own, alike)
        for number, text in enumerate(texts):
            kept = number == keeper
            parted.append(replace(cell, source=text) if kept else RawCell(cell.cell_type, text))
    return parted


def _cut(source: str, given: Sequence[CellSpec]) -> list[str]:
    """Cut the given texts out of a cell: what stands before, the text, what stands after."""
    parts = [source]
    for lab in given:
        wanted = _lines(lab.released)
        for at, text in enumerate(parts):
            lines = text.split("\n")
            plain = [line.rstrip() for line in lines]
            start = _find(plain, wanted)
            if start < 0 or len(lines) == len(wanted):
                continue
            end = start + len(wanted)
            pieces = ["\n".join(lines[:start]), "\n".join(lines[start:end]), "\n".join(lines[end:])]
            parts[at : at + 1] = [piece.strip("\n") for piece in pieces if piece.strip()]
            break
    return parts


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip("\n").split("\n")]


def _find(lines: Sequence[str], wanted: Sequence[str]) -> int:
    """Return where the wanted lines stand one after the other, -1 if they do not."""
    for start in range(len(lines) - len(wanted) + 1):
        if lines[start] == wanted[0] and list(lines[start : start + len(wanted)]) == list(wanted):
            return start
    return -1


def _part(text: str, named: Sequence[CellSpec], own: CellSpec | None) -> Iterator[str]:
    """Part a text before each top-level statement that binds a name of another cell of the lab."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield text
        return
    known = [*named, *([own] if own is not None and own not in named else [])]
    lines = text.split("\n")
    start, current = 0, None
    for node in body:
        bound = bound_names(ast.get_source_segment(text, node) or "")
        owner = next((lab for lab in known if bound & bound_names(lab.source)), None)
        if owner is None or owner is current:
            continue
        first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))]) - 1
        while first > start and lines[first - 1].lstrip().startswith("#"):
            first -= 1  # a comment above belongs to what follows
        if current is not None and first > start:
            yield "\n".join(lines[start:first]).strip("\n")
            start = first
        current = owner
    yield "\n".join(lines[start:]).strip("\n")


def _keeper(texts: Sequence[str], own: CellSpec | None, given: Sequence[CellSpec]) -> int:
    """Return which part keeps the cell's id; -1 for none: a cell of the lab's is put back anyway.

    The part with the cell's own text, else the one that binds its names, else, for an answer, the first part
    that is the student's.
    """
    if own is None:
        return 0
    wanted = bound_names(own.source) if own.cell_type == "code" else frozenset()
    ranked = [number for number, text in enumerate(texts) if same_text(text, own.released)]
    ranked += [number for number, text in enumerate(texts) if wanted & bound_names(text)]
    if own.solution:
        free = [not any(same_text(text, lab.released) for lab in given) for text in texts]
        ranked += [number for number, is_free in enumerate(free) if is_free]
    return ranked[0] if ranked else -1
