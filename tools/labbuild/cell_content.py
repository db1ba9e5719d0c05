"""What a notebook's cell says: its text, its grading, and which names it binds and uses."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["CellNames", "cell_names", "cell_text", "grade_id_of", "is_python", "is_test"]


def cell_text(cell: Mapping[str, Any]) -> str:
    """Return a cell's source as one text (nbformat allows a list of lines)."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def grade_id_of(cell: Mapping[str, Any]) -> str:
    """Return nbgrader's id of a cell, "" if it has none."""
    return str(cell["metadata"].get("nbgrader", {}).get("grade_id", ""))


def is_test(cell: Mapping[str, Any]) -> bool:
    """Whether a cell's code decides points."""
    grading = cell["metadata"].get("nbgrader", {})
    return bool(grading.get("grade")) and not grading.get("solution") and cell["cell_type"] == "code"


def is_python(text: str) -> bool:
    """Whether a cell is plain Python, without IPython's magics, shell lines or help."""
    return not any(line.lstrip().startswith(("%", "!", "?")) for line in text.split("\n"))


@dataclass(frozen=True, slots=True)
class CellNames:
    """What a cell does to names.

    Args:
        binds: names that exist after the cell, or whose value it may have changed.
        uses: names that it reads, in functions that it defines as well.
        defines: names that its top level imports or defines, so that it needs them from nowhere else.
        is_opaque: it cannot be read as Python (magics), or it imports ``*``: what it binds is unknown.

    """

    binds: frozenset[str]
    uses: frozenset[str]
    defines: frozenset[str] = frozenset()
    is_opaque: bool = False


def cell_names(text: str) -> CellNames:
    """Read the names of a code cell."""
    if not is_python(text):
        return CellNames(frozenset(), frozenset(), is_opaque=True)
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return CellNames(frozenset(), frozenset(), is_opaque=True)
    reader = _Names()
    reader.visit(tree)
    return CellNames(
        frozenset(reader.binds), frozenset(reader.uses), frozenset(_defined(tree)), reader.is_opaque
    )


def _defined(tree: ast.Module) -> set[str]:
    defined: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            defined.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
    return defined


# Calls on these show something and change no value that a test looks at.
_HARMLESS = frozenset({"print", "display", "plt", "ax", "axes", "fig", "warnings"})


class _Names(ast.NodeVisitor):
    """Collects names; a name that something is called on, or that is written into, counts as bound too."""

    def __init__(self) -> None:
        self.binds: set[str] = set()
        self.uses: set[str] = set()
        self.is_opaque = False

    def visit_Name(self, node: ast.Name) -> None:
        (self.uses if isinstance(node.ctx, ast.Load) else self.binds).add(node.id)

    def visit_Import(self, node: ast.Import) -> None:
        self.binds.update((alias.asname or alias.name).split(".")[0] for alias in node.names)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if any(alias.name == "*" for alias in node.names):
            self.is_opaque = True
        self.binds.update(alias.asname or alias.name for alias in node.names)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self.binds.add(node.name)
        self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.binds.add(node.name)
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.binds.add(node.name)
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._touch(node.value)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._touch(node.value)
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        # A call for its effect: `model.fit(data)` may change the model and the data.
        if isinstance(node.value, ast.Call) and _root(node.value) not in _HARMLESS:
            for part in (node.value.func, *node.value.args, *(word.value for word in node.value.keywords)):
                self._touch(part)
        self.generic_visit(node)

    def _touch(self, node: ast.expr) -> None:
        root = _root(node)
        if root and root not in _HARMLESS:
            self.binds.add(root)


def _root(node: ast.expr) -> str:
    """Return the name that `a.b[c](d).e` begins with, "" if it begins with something else."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
