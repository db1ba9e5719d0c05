"""How much a student's cell is like a cell of the lab: cheap, and the same on every run."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import lru_cache

from labgrade.ipynb import RawCell
from labgrade.model import CellSpec

__all__ = ["bound_names", "cell_likeness", "same_text", "token_likeness", "tokens"]

_TOKEN = re.compile(r"\w+|[^\w\s]")
_BOUND = re.compile(r"^(?:async\s+def|def|class)\s+(\w+)|^(\w+)\s*(?::[^=\n]+)?=(?!=)", re.MULTILINE)

POSITION = 0.3
"""What standing in the right place is worth to an answer, of which no text is known beforehand."""


@lru_cache(maxsize=4096)
def tokens(text: str) -> Counter[str]:
    """Return words and signs with their counts."""
    return Counter(_TOKEN.findall(text[:20_000]))


def token_likeness(one: Counter[str], other: Counter[str]) -> float:
    """Return the Dice coefficient of two token counts, 0 to 1; two empty texts are alike."""
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 1.0


def same_text(one: str, other: str) -> bool:
    """Return whether two texts are equal but for blanks at line ends and around."""
    return one == other or _normal(one) == _normal(other)


@lru_cache(maxsize=4096)
def _normal(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


@lru_cache(maxsize=4096)
def bound_names(source: str) -> frozenset[str]:
    """Return the names that top-level statements of a code cell bind, also of code that does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset(first or second for first, second in _BOUND.findall(source))
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For | ast.With):
            names.update(
                inner.id
                for inner in ast.walk(node)
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
            )
    return frozenset(names)


def cell_likeness(lab: CellSpec, cell: RawCell) -> float:
    """Return how sure it is that the student's cell is that cell of the lab, 0 to 1.

    A cell that students do not change is compared with the released text. An answer is compared with the
    stub, with the solution, and by the names that it binds; what is left is its place.
    """
    if same_text(lab.released, cell.source):
        return 1.0 if lab.cell_type == cell.cell_type else 0.9
    factor = 1.0 if lab.cell_type == cell.cell_type else 0.8
    text = tokens(cell.source)
    likeness = token_likeness(tokens(lab.released), text)
    if not lab.solution:
        likeness = max(likeness, token_likeness(tokens(lab.source), text))
        return factor * likeness if likeness > 0.5 else 0.0
    if not cell.source.strip():
        return POSITION if lab.cell_type == cell.cell_type else 0.0
    likeness = max(likeness, token_likeness(tokens(lab.source), text))
    if lab.cell_type == "code" and cell.cell_type == "code":
        wanted = bound_names(lab.source)
        if wanted:
            share = len(wanted & bound_names(cell.source)) / len(wanted)
            likeness = max(likeness * (0.5 if share == 0 else 1.0), 0.6 * share + 0.4 * likeness)
    if lab.cell_type != cell.cell_type:
        return factor * likeness if likeness > 0.5 else 0.0
    return max(likeness, POSITION)
