"""Match a student's cells with the lab's: by id where ids survived, else by likeness and order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from labgrade.ipynb import RawCell
from labgrade.model import CellSpec, NotebookSpec
from labgrade.prepare.likeness import POSITION, cell_likeness, same_text

__all__ = ["Match", "Matching", "match_cells"]

MOVED_LIKENESS = 0.75
"""A cell that stands out of order is taken only if it is at least so like the lab's."""
MAX_ALIGNED = 250_000
"""Largest table (lab cells × student cells) that is filled; beyond it only equal texts are matched."""


@dataclass(frozen=True, slots=True)
class Match:
    """A pair of cells.

    Args:
        position: of the student's cell.
        how: ``grade-id``, ``cell-id``, ``text`` or ``likeness``.
        confidence: 0 to 1.

    """

    position: int
    how: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Matching:
    """Which cell of the student's is which of the lab's.

    Args:
        matches: index of the lab's cell -> match.
        copies: index of the lab's cell -> positions of further cells with its grade id.

    """

    matches: Mapping[int, Match]
    copies: Mapping[int, tuple[int, ...]]


def match_cells(spec: NotebookSpec, cells: Sequence[RawCell]) -> Matching:
    """Match each cell of the lab with at most one of the student's."""
    matches: dict[int, Match] = {}
    copies: dict[int, tuple[int, ...]] = {}
    used: set[int] = set()
    _match_grade_ids(spec, cells, matches, copies, used)
    _match_cell_ids(spec, cells, matches, used)
    _match_between_anchors(spec, cells, matches, used)
    _match_moved(spec, cells, matches, used)
    return Matching(matches, copies)


def _match_grade_ids(
    spec: NotebookSpec,
    cells: Sequence[RawCell],
    matches: dict[int, Match],
    copies: dict[int, tuple[int, ...]],
    used: set[int],
) -> None:
    positions: dict[str, list[int]] = {}
    for position, cell in enumerate(cells):
        if cell.grade_id:
            positions.setdefault(cell.grade_id, []).append(position)
    for lab in spec.cells:
        found = positions.get(lab.grade_id) if lab.grade_id else None
        if not found:
            continue
        chosen = _choose_copy(lab, cells, found)
        matches[lab.index] = Match(chosen, "grade-id", 1.0)
        used.update(found)
        if len(found) > 1:
            copies[lab.index] = tuple(position for position in found if position != chosen)


def _choose_copy(lab: CellSpec, cells: Sequence[RawCell], positions: Sequence[int]) -> int:
    """Return the last copy, as nbgrader does, but no untouched stub where another copy holds an answer."""
    answered = [
        position
        for position in positions
        if cells[position].source.strip() and not same_text(cells[position].source, lab.released)
    ]
    return answered[-1] if lab.solution and answered else positions[-1]


def _match_cell_ids(
    spec: NotebookSpec, cells: Sequence[RawCell], matches: dict[int, Match], used: set[int]
) -> None:
    positions: dict[str, int] = {}
    for position, cell in enumerate(cells):
        if cell.cell_id and position not in used:
            positions.setdefault(cell.cell_id, position)
    for lab in spec.cells:
        if lab.cell_id and lab.index not in matches and lab.cell_id in positions:
            position = positions.pop(lab.cell_id)
            matches[lab.index] = Match(position, "cell-id", 1.0)
            used.add(position)


def _match_between_anchors(
    spec: NotebookSpec, cells: Sequence[RawCell], matches: dict[int, Match], used: set[int]
) -> None:
    """Align what is unmatched between each two neighbouring cells that are matched in the same order."""
    anchors = _rising(sorted((index, match.position) for index, match in matches.items()))
    before = (-1, -1)
    for after in [*anchors, (len(spec.cells), len(cells))]:
        lab_gap = [lab for lab in spec.cells[before[0] + 1 : after[0]] if lab.index not in matches]
        gap = [position for position in range(before[1] + 1, after[1]) if position not in used]
        for lab, position, likeness in _align(lab_gap, gap, cells):
            matches[lab.index] = Match(position, "text" if likeness == 1.0 else "likeness", likeness)
            used.add(position)
        before = after


def _rising(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return a longest run of pairs in which both members rise."""
    best: list[tuple[int, int]] = []  # (length, index of the pair before) for each pair
    for here, (_, position) in enumerate(pairs):
        options = [(best[there][0], there) for there in range(here) if pairs[there][1] < position]
        length, there = max(options, default=(0, -1))
        best.append((length + 1, there))
    here = max(range(len(pairs)), key=lambda index: best[index][0], default=-1)
    run: list[tuple[int, int]] = []
    while here >= 0:
        run.append(pairs[here])
        here = best[here][1]
    return run[::-1]


def _align(
    labs: Sequence[CellSpec], positions: Sequence[int], cells: Sequence[RawCell]
) -> list[tuple[CellSpec, int, float]]:
    """Pair two sequences without crossing so that the sum of likenesses is largest."""
    if not labs or not positions:
        return []
    if len(labs) * len(positions) > MAX_ALIGNED:
        return []
    likeness = [[cell_likeness(lab, cells[position]) for position in positions] for lab in labs]
    rows, columns = len(labs), len(positions)
    total = [[0.0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows - 1, -1, -1):
        for column in range(columns - 1, -1, -1):
            skip = max(total[row + 1][column], total[row][column + 1])
            like = likeness[row][column]
            total[row][column] = (
                max(skip, like + total[row + 1][column + 1]) if like >= POSITION * 0.8 else skip
            )
    pairs: list[tuple[CellSpec, int, float]] = []
    row = column = 0
    while row < rows and column < columns:
        like = likeness[row][column]
        if like >= POSITION * 0.8 and total[row][column] == like + total[row + 1][column + 1]:
            pairs.append((labs[row], positions[column], like))
            row, column = row + 1, column + 1
        elif total[row][column] == total[row + 1][column]:
            row += 1
        else:
            column += 1
    return pairs


def _match_moved(
    spec: NotebookSpec, cells: Sequence[RawCell], matches: dict[int, Match], used: set[int]
) -> None:
    """Match what stands out of order, the likest pair first."""
    labs = [lab for lab in spec.cells if lab.index not in matches and lab.released.strip()]
    free = [position for position in range(len(cells)) if position not in used]
    if not labs or not free or len(labs) * len(free) > MAX_ALIGNED:
        return
    rated = sorted(
        ((cell_likeness(lab, cells[position]), lab.index, position) for lab in labs for position in free),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    for likeness, index, position in rated:
        if likeness < MOVED_LIKENESS:
            return
        if index not in matches and position not in used:
            matches[index] = Match(position, "text" if likeness == 1.0 else "likeness", likeness)
            used.add(position)
