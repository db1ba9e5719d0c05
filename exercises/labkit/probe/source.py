"""What the top-level names of a text stand for, and the local ones of a function."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

__all__ = ["FUNCTIONS", "Source", "imports_of", "local_names"]

_LONG_TEXT = 100_000  # characters; the syntax tree of a text takes far more than the text
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(slots=True)
class _Binding:
    """One place where a top-level name gets its value: a library path, or syntax to read."""

    path: str | None
    node: ast.AST | None
    conditional: bool

    def builds_on(self, name: str) -> bool:
        """Tell whether the value may be made from an earlier one of that name.

        So it is in ``f = twice(f)``, and in ``from answers import f`` where the text of ``answers`` is here
        too.
        """
        if self.path is not None:
            return name in self.path.split(".")[1:]
        if self.node is None or isinstance(self.node, (*FUNCTIONS, ast.ClassDef)):
            return False
        return any(
            (isinstance(node, ast.Name) and node.id == name)
            or (isinstance(node, ast.Attribute) and node.attr == name)
            for node in ast.walk(self.node)
        )


@dataclass(slots=True)
class Source:
    """The text of a file or of a notebook's cells, with what its top-level names stand for."""

    bindings: dict[str, list[_Binding]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Source:
        """Read texts in order; IPython magics count as empty, a text that does not parse as absent."""
        source = cls()
        for text in texts:
            read = _read if len(text) <= _LONG_TEXT else _read.__wrapped__
            part = read(text)
            source.stars += part.stars
            for name, bindings in part.bindings.items():
                source.bindings.setdefault(name, []).extend(bindings)
        return source

    def nodes_of(self, name: str) -> list[_Binding]:
        """Return what a name may stand for: its last certain binding, what it builds on, and all later."""
        bindings = self.bindings.get(name, [])
        first = 0
        for index, binding in enumerate(bindings):
            if not binding.conditional and not binding.builds_on(name):
                first = index
        return bindings[first:]

    def _bind(self, statement: ast.stmt, conditional: bool) -> None:
        if isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            self._add(statement.name, None, statement, conditional)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            for name, path in imports_of(statement):
                if name == "*":
                    self.stars.append(path)
                else:
                    self._add(name, path, None, conditional)
        elif isinstance(statement, (ast.Assign, ast.AugAssign, ast.AnnAssign)):
            if statement.value is not None:
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                for target in targets:
                    self._bind_target(target, statement.value, conditional)
        else:
            for node in ast.walk(statement):
                if isinstance(node, ast.NamedExpr):
                    self._bind_target(node.target, node.value, True)
            for inner in _inner_statements(statement):
                self._bind(inner, conditional=True)

    def _bind_target(self, target: ast.expr, value: ast.expr, conditional: bool) -> None:
        if isinstance(target, (ast.Tuple, ast.List)):
            for part in target.elts:
                self._bind_target(part, value, conditional)
            return
        # `helper.layer = nn.GRU` and `table["x"] = nn.GRU` change what their root stands for; they add to it.
        root = target
        while isinstance(root, (ast.Attribute, ast.Subscript, ast.Starred)):
            root = root.value
        if isinstance(root, ast.Name):
            self._add(root.id, None, value, conditional or root is not target)

    def _bind_globals(self, tree: ast.Module, names: Iterable[str]) -> None:
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id in names:
                        self._add(target.id, None, node.value, True)

    def _add(self, name: str, path: str | None, node: ast.AST | None, conditional: bool) -> None:
        self.bindings.setdefault(name, []).append(_Binding(path, node, conditional))


@functools.lru_cache(maxsize=64)
def _read(text: str) -> Source:
    """Read one text. Tests of one submission ask for the same ones, those of a class for the given ones."""
    source = Source()
    try:
        tree = ast.parse(re.sub(r"(?m)^(\s*)[%!?].*$", r"\1pass", text))
    except SyntaxError:  # such a cell cannot run either, so it binds nothing
        return source
    for statement in tree.body:
        source._bind(statement, conditional=False)
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            source._bind_globals(tree, node.names)
    return source


def imports_of(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    for alias in statement.names:
        if isinstance(statement, ast.ImportFrom):
            module = "." * statement.level + (statement.module or "")
            yield (alias.asname or alias.name), module if alias.name == "*" else f"{module}.{alias.name}"
        elif alias.asname:
            yield alias.asname, alias.name
        else:
            yield alias.name.split(".")[0], alias.name.split(".")[0]


def local_names(body: Sequence[ast.stmt], path_of: Callable[[ast.AST], str | None]) -> dict[str, str | None]:
    """Return the names that a body binds: aliases of library paths with their path, all others with None."""
    names: dict[str, str | None] = {}
    for node in _walk_body(body):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update((name, path) for name, path in imports_of(node) if name != "*")
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            names[node.name] = None
        elif (
            isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
        ):
            name = node.targets[0].id
            names[name] = _local_path(node.value, names, path_of) or names.get(name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.setdefault(node.id, None)
    return names


def _local_path(
    value: ast.expr, names: dict[str, str | None], path_of: Callable[[ast.AST], str | None]
) -> str | None:
    root: ast.expr = value
    words: list[str] = []
    while isinstance(root, ast.Attribute):
        words.append(root.attr)
        root = root.value
    if isinstance(root, ast.Name) and names.get(root.id):
        return ".".join([str(names[root.id]), *reversed(words)])
    return path_of(value)


def _walk_body(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    """Walk statements in order, without going into functions and classes defined there."""
    waiting: list[ast.AST] = list(reversed(body))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef, ast.Lambda)):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _inner_statements(statement: ast.stmt) -> Iterator[ast.stmt]:
    for node in ast.iter_child_nodes(statement):
        if isinstance(node, ast.stmt):
            yield node
        elif isinstance(node, (ast.ExceptHandler, ast.match_case)):
            yield from node.body
