"""Part cells that an editor has merged, where the lab's text or the names of answers show the seams."""

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
    """Return the cells, with the lab's code cut out of cells that hold it, and answers in one cell parted.

    Only what is missing is looked for: a cell that the lab knows by id or by its text is left alone, and so
    is an answer whose names several cells bind. Code runs in the same order as before.
    """
    ids = {cell.grade_id for cell in cells if cell.grade_id} | {
        cell.cell_id for cell in cells if cell.cell_id
    }
    missing = [
        lab
        for lab in spec.cells
        if lab.cell_type == "code"
        and not (lab.grade_id and lab.grade_id in ids)
        and not (lab.cell_id and lab.cell_id in ids)
        and not any(same_text(cell.source, lab.released) for cell in cells)
    ]
    given = [lab for lab in missing if not lab.solution and lab.released.strip()]
    bound = [bound_names(cell.source) for cell in cells if cell.cell_type == "code"]
    answers = [
        lab
        for lab in missing
        if lab.solution and sum(bool(names & bound_names(lab.source)) for names in bound) == 1
    ]
    parted: list[RawCell] = []
    for cell in cells:
        if cell.cell_type != "code" or not (given or answers) or cell.source.count("\n") > MAX_LINES:
            parted.append(cell)
            continue
        own = next((lab for lab in spec.cells if lab.grade_id and lab.grade_id == cell.grade_id), None)
        texts = [part for text in _cut(cell.source, given) for part in _part(text, answers, own)]
        if len(texts) == 1:
            parted.append(cell)
            continue
        keeper = _keeper(texts, own)
        for number, text in enumerate(texts):
            parted.append(replace(cell, source=text) if number == keeper else RawCell("code", text))
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


def _part(text: str, answers: Sequence[CellSpec], own: CellSpec | None) -> Iterator[str]:
    """Part a text before each top-level statement that begins another answer."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield text
        return
    known = [*answers, *([own] if own is not None and own not in answers else [])]
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


def _keeper(texts: Sequence[str], own: CellSpec | None) -> int:
    """Return which part keeps the cell's id: the one that binds what the cell is to bind, else the first."""
    wanted = bound_names(own.source) if own is not None else frozenset()
    return next((number for number, text in enumerate(texts) if wanted & bound_names(text)), 0)
