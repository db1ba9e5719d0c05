"""Reads source code and reports every library name that a function or class reaches, without running it."""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable, Iterator, Sequence

from labkit.probe.names import Forbidden
from labkit.probe.source import FUNCTIONS, Source, imports_of, local_names

__all__ = ["scan"]

_Resolver = Callable[[str], "str | None"]
_Modules = Callable[[str], "Source | None"]
_RUNS_TEXT = frozenset({"eval", "exec", "compile"})
_RUNS_FILE = frozenset({"run_path", "run_module", "exec_module", "load_module", "spec_from_file_location"})
_BY_NAME = frozenset(
    {"getattr", "attrgetter", "methodcaller", "import_module", "__import__", "__getattribute__"}
)


def scan(
    source: Source,
    entry: str,
    forbidden: Forbidden,
    resolve: _Resolver | None = None,
    module_of: _Modules = lambda name: None,
    is_installed: Callable[[str], bool] = lambda name: True,
) -> bool:
    """Follow a top-level name through the source and report every name it reaches to ``forbidden``.

    Args:
        source: the text.
        entry: name of the function or class, dotted for a method (its whole class is read).
        forbidden: is told what is met.
        resolve: asked for names that the text does not bind; gives a library path, or None.
        module_of: gives the text of a module of the student's by its dotted name, None for every other one.
        is_installed: tells whether a package that is none of the student's is there at all.

    Returns:
        Whether the text defines the entry.

    """
    root = entry.split(".")[0]
    walk = _Walk(source, forbidden, resolve, _Others(forbidden, module_of, is_installed))
    if root in source.bindings:
        walk.follow(root)
        return True
    for star in source.stars:  # from answers import *
        other = walk.others.find(star)
        if other is not None and root in other.source.bindings:
            other.follow(root)
            return True
    return False


class _Others:
    """The walks through the student's modules, begun when they are first met."""

    def __init__(
        self, forbidden: Forbidden, module_of: _Modules, is_installed: Callable[[str], bool]
    ) -> None:
        self._forbidden = forbidden
        self._module_of = module_of
        self.is_installed = is_installed
        self._walks: dict[str, _Walk | None] = {}

    def find(self, name: str) -> _Walk | None:
        if name not in self._walks:
            source = self._module_of(name)
            self._walks[name] = None if source is None else _Walk(source, self._forbidden, None, self)
        return self._walks[name]


class _Walk:
    """Goes through one text."""

    def __init__(
        self, source: Source, forbidden: Forbidden, resolve: _Resolver | None, others: _Others
    ) -> None:
        self.source = source
        self.others = others
        self._forbidden = forbidden
        self._resolve = resolve
        self._seen: set[str] = set()
        self._scopes: list[dict[str, str | None]] = []  # local name -> library path, None for anything else

    def follow(self, name: str) -> str | None:
        """Read all that a top-level name stands for; return its path if it is a library's."""
        bindings = self.source.nodes_of(name)
        path = None
        if name not in self._seen:
            self._seen.add(name)
            outer, self._scopes = self._scopes, []
            for binding in bindings:
                if binding.node is not None:
                    self._read(binding.node)
            self._scopes = outer
            for binding in bindings:
                if binding.path is not None:
                    self._meet(binding.path)
        for binding in bindings:
            found = binding.path
            if found is None and isinstance(binding.node, ast.expr):
                outer, self._scopes = self._scopes, []
                found = self._path_of(binding.node, frozenset({name}))
                self._scopes = outer
            path = found or path
        return path

    def _meet(self, path: str) -> None:
        """Report a path; one into a module of the student's is followed there."""
        self._forbidden.meet_path(path)
        words = path.lstrip(".").split(".")
        for length in range(len(words), 0, -1):
            module = self.others.find(".".join(words[:length]))
            if module is not None:
                # The module as such can be handed on and asked for anything, so all of it is read then.
                for name in words[length : length + 1] or list(module.source.bindings):
                    module.follow(name)
                return
        if words[0] in sys.stdlib_module_names or self._forbidden.is_watched(path):
            return
        if not self.others.is_installed(words[0]):
            self._forbidden.meet_obscure(f"import {words[0]} (its source cannot be read)")
        # Texts that were given together may be such a module and the cell that imports it.
        for word in words[1:]:
            if word in self.source.bindings:
                self.follow(word)

    def _read(self, node: ast.AST) -> None:
        if isinstance(node, (*FUNCTIONS, ast.Lambda)):
            self._read_function(node)
        elif isinstance(node, ast.ClassDef):
            for part in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
                self._read(part)
            self._scopes.append(local_names(node.body, self._path_of))
            for statement in node.body:
                self._read(statement)
            self._scopes.pop()
        elif isinstance(node, ast.AnnAssign):
            self._read(node.target)
            if node.value is not None:
                self._read(node.value)
        elif isinstance(node, (ast.Name, ast.Attribute)):
            self._read_name(node)
        elif isinstance(node, ast.Call):
            self._read_call(node)
        elif isinstance(node, ast.Subscript):
            path = self._path_of(node)
            if path is not None:
                self._meet(path)
            self._read_children(node)
        elif isinstance(node, ast.ImportFrom):
            for name, path in imports_of(node):
                self._meet(path if name != "*" else f"{path}.*")
        elif not isinstance(node, ast.Import):
            self._read_children(node)

    def _read_children(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self._read(child)

    def _read_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        arguments = node.args
        for default in (*arguments.defaults, *arguments.kw_defaults):
            if default is not None:
                self._read(default)
        scope: dict[str, str | None] = dict.fromkeys(_argument_names(arguments))
        body: Sequence[ast.AST]
        if isinstance(node, ast.Lambda):
            body = [node.body]
        else:
            for decorator in node.decorator_list:
                self._read(decorator)
            body = node.body
            self._scopes.append(scope)  # aliases may build on earlier ones
            scope.update(local_names(node.body, self._path_of))
            self._scopes.pop()
        self._scopes.append(scope)
        for part in body:
            self._read(part)
        self._scopes.pop()

    def _read_name(self, node: ast.Name | ast.Attribute) -> None:
        path = self._path_of(node)
        if path is not None:
            self._meet(path)
            return
        if isinstance(node, ast.Name):
            if not self._is_local(node.id) and node.id in self.source.bindings:
                self.follow(node.id)
            return
        owner = node.value
        if not (isinstance(owner, ast.Name) and owner.id in ("self", "cls")):
            self._forbidden.meet_bare(node.attr)
        self._read(owner)

    def _read_call(self, node: ast.Call) -> None:
        path = self._path_of(node)
        if path is not None:
            self._meet(path)
        name = _last_word(node.func)
        runs_text = isinstance(node.func, ast.Name) and name in _RUNS_TEXT
        if (runs_text or name in _RUNS_FILE) and not self._is_bound(name):
            self._forbidden.meet_obscure(f"{name}(…)")
        elif name in _BY_NAME and path is None:
            texts = [text for argument in node.args if (text := _constant_text(argument)) is not None]
            for text in texts:
                for word in text.split("."):
                    self._forbidden.meet_bare(word)
            owner = self._path_of(node.args[0]) if node.args else None
            if not texts and (name != "getattr" or (owner is not None and self._forbidden.is_watched(owner))):
                self._forbidden.meet_obscure(f"{ast.unparse(node.func)}(… a computed name …)")
        self._read_children(node)

    def _path_of(self, node: ast.AST, without: frozenset[str] = frozenset()) -> str | None:
        """Return the library path that an expression stands for, None if it is none or cannot be told."""
        if isinstance(node, ast.Name):
            return None if node.id in without else self._path_of_name(node.id)
        if isinstance(node, ast.Attribute):
            owner = self._path_of(node.value, without)
            return None if owner is None else _join(owner, node.attr)
        if isinstance(node, ast.Subscript):
            word = _constant_text(node.slice)
            if word is None:
                return None
            if isinstance(node.value, ast.Call) and _last_word(node.value.func) in ("globals", "locals"):
                return self._path_of_name(word)
            owner = self._path_of(node.value, without)
            if owner == "sys.modules":
                return word
            return _join(owner, word) if owner is not None and owner.endswith(".__dict__") else None
        if isinstance(node, ast.Call):
            return self._path_of_call(node, without)
        return None

    def _path_of_call(self, node: ast.Call, without: frozenset[str]) -> str | None:
        name = _last_word(node.func)
        if name in ("__import__", "import_module") and node.args:
            word = _constant_text(node.args[0])
            return word.split(".")[0] if word and name == "__import__" and len(node.args) == 1 else word
        if name in ("getattr", "__getattribute__") and node.args:
            owner_node = node.args[0]
            owner = self._path_of(owner_node, without)
            word = _constant_text(node.args[1]) if len(node.args) > 1 else None
            return _join(owner, word) if owner is not None and word is not None else None
        if name == "vars" and node.args:
            owner = self._path_of(node.args[0], without)
            return None if owner is None else f"{owner}.__dict__"
        return None

    def _path_of_name(self, name: str) -> str | None:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        if name in self.source.bindings:
            return self.follow(name)
        if hasattr(builtins, name):
            return None
        resolved = self._resolve(name) if self._resolve is not None else None
        if resolved is not None:
            return resolved
        for star in self.source.stars[:-1]:
            self._meet(f"{star}.{name}")
        return f"{self.source.stars[-1]}.{name}" if self.source.stars else None

    def _is_local(self, name: str) -> bool:
        return any(name in scope for scope in self._scopes)

    def _is_bound(self, name: str) -> bool:
        return self._is_local(name) or name in self.source.bindings


def _argument_names(arguments: ast.arguments) -> Iterator[str]:
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        yield argument.arg
    for extra in (arguments.vararg, arguments.kwarg):
        if extra is not None:
            yield extra.arg


def _constant_text(node: ast.AST) -> str | None:
    """Return the text of a constant, or of constants added together."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _constant_text(node.left), _constant_text(node.right)
        return left + right if left is not None and right is not None else None
    if isinstance(node, ast.JoinedStr):
        parts = [_constant_text(part) for part in node.values]
        return "".join(part or "" for part in parts) if all(part is not None for part in parts) else None
    return None


def _last_word(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _join(owner: str, word: str) -> str:
    return f"{owner.removesuffix('.__dict__')}.{word}"
