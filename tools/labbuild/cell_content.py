"""What a notebook's cell says: its text, its grading, and which names it binds and uses."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator, Mapping
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


# Calls on these show something and change no value that a test looks at.
_HARMLESS = frozenset({"print", "display", "plt", "plots", "warnings"})


def cell_names(text: str) -> CellNames:
    """Read the names of a code cell."""
    if not is_python(text):
        return CellNames(frozenset(), frozenset(), is_opaque=True)
    try:
        tree = ast.parse(text)
        scopes = list(_scopes(symtable.symtable(text, "<cell>", "exec")))
    except (SyntaxError, ValueError):
        return CellNames(frozenset(), frozenset(), is_opaque=True)
    top, inner = scopes[0], scopes[1:]
    binds = {name.get_name() for name in top.get_symbols() if _is_bound(name)}
    uses = {name.get_name() for name in top.get_symbols() if name.is_referenced()}
    for scope in inner:
        for name in scope.get_symbols():
            if name.is_global():
                uses.add(name.get_name())
                if name.is_assigned():
                    binds.add(name.get_name())
    # `x += 1` reads x, which a symbol table does not say.
    uses |= {
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id in binds
    }
    touched = _Touched(_figures(tree))
    touched.visit(tree)
    # A name that only a function knows is nobody else's.
    binds |= touched.names & ({name.get_name() for name in top.get_symbols()} | uses)
    has_star = any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree))
    return CellNames(frozenset(binds), frozenset(uses), frozenset(_defined(tree)), has_star)


def _scopes(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    yield table
    for child in table.get_children():
        yield from _scopes(child)


def _is_bound(name: symtable.Symbol) -> bool:
    return name.is_assigned() or name.is_imported() or name.is_namespace()


def _defined(tree: ast.Module) -> set[str]:
    defined: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            defined.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
    return defined


def _figures(tree: ast.Module) -> frozenset[str]:
    """Return the names that hold figures and axes: calls of them draw."""
    names = set(_HARMLESS)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _root(node.value) in names:
            names |= {
                part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)
            }
    return frozenset(names)


class _Touched(ast.NodeVisitor):
    """Collects names whose value a cell may change: what it writes into, and what it calls for an effect."""

    def __init__(self, harmless: frozenset[str]) -> None:
        self.names: set[str] = set()
        self._harmless = harmless

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
        if isinstance(node.value, ast.Call) and _root(node.value) not in self._harmless:
            for part in (node.value.func, *node.value.args, *(word.value for word in node.value.keywords)):
                self._touch(part)
        self.generic_visit(node)

    def _touch(self, node: ast.expr) -> None:
        root = _root(node)
        if root and root not in self._harmless:
            self.names.add(root)


def _root(node: ast.expr) -> str:
    """Return the name that `a.b[c](d).e` begins with, "" if it begins with something else."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
