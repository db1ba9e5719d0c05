"""Which forbidden names does the source of a function or class use? Read, never run."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any

from labkit.checks.frames import is_loose
from labkit.probe.names import Forbidden
from labkit.probe.scan import scan
from labkit.probe.source import Source

__all__ = ["find_uses", "find_uses_of", "own_source"]


def find_uses(
    texts: str | Sequence[str],
    entry: str,
    names: Iterable[str],
    modules: Mapping[str, str] | None = None,
    *,
    is_installed: Callable[[str], bool] = lambda name: True,
) -> tuple[str, ...]:
    """Return the forbidden names that a function or class in a text uses, directly or through its helpers.

    Args:
        texts: a file's text, or the cells of a notebook in order.
        entry: name of the function or class.
        names: as for ``probe.uses``.
        modules: dotted name -> text of the student's own modules that the texts may import.
        is_installed: tells whether a package is no student's; code of one that is neither hides what it uses.

    Returns:
        Those of ``names`` that are used, then code that hides what it uses; also when the text does not
        define the entry, since then nothing can be said about it.

    """
    forbidden = Forbidden(names)
    source = Source.parse([texts] if isinstance(texts, str) else texts)
    own = modules or {}

    def module_of(name: str) -> Source | None:
        return Source.parse([own[name]]) if name in own else None

    if not scan(source, entry, forbidden, module_of=module_of, is_installed=is_installed):
        forbidden.meet_obscure(f"{entry} (its source cannot be read)")
    return forbidden.found()


def find_uses_of(thing: Any, names: Iterable[str]) -> tuple[str, ...]:
    """Return the forbidden names that an object of this process uses; see ``probe.uses``."""
    reader = _Reader(Forbidden(names))
    reader.read(thing)
    return reader.forbidden.found()


def own_source(thing: Any) -> str:
    """Return the text of a function, class or module, without common indentation.

    Raises:
        OSError: the text is not known.
        TypeError: it is built in.

    """
    if callable(thing):
        thing = inspect.unwrap(thing)
    text = _text_of(thing) if isinstance(thing, type) else None
    if text is not None:
        # `inspect` finds classes by their module's file, and a notebook has none.
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and node.name == thing.__name__:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                lines = text.splitlines(keepends=True)[first - 1 : node.end_lineno]
                return textwrap.dedent("".join(lines))
    return textwrap.dedent(inspect.getsource(thing))


class _Reader:
    """Reads objects of this process; names that their text does not bind are looked up in their globals."""

    def __init__(self, forbidden: Forbidden) -> None:
        self.forbidden = forbidden
        self._seen: set[int] = set()

    def read(self, thing: Any) -> None:
        if isinstance(thing, ModuleType):
            for value in list(vars(thing).values()):
                if getattr(value, "__module__", None) == thing.__name__:
                    self.read(value)
            return
        if isinstance(thing, functools.partial):
            self.read(thing.func)
            return
        if isinstance(thing, MethodType):
            self.read(thing.__self__ if not isinstance(thing.__self__, type) else thing.__func__)
            return
        if not isinstance(thing, (type, FunctionType)) and not inspect.isroutine(thing):
            self._read_instance(thing)
            return
        thing = inspect.unwrap(thing) if callable(thing) else thing
        if id(thing) in self._seen:
            return
        self._seen.add(id(thing))
        path = _library_path(thing)
        if path is not None:
            self._meet_library(thing, path)
            return
        self._read_source(thing)

    def _read_instance(self, thing: Any) -> None:
        self.read(type(thing))
        # A module's parts show what it is made of, however its class came by them.
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(thing, torch.nn.Module):
            for part in torch.nn.Module.modules(thing):
                path = _library_path(type(part))
                if path is not None:
                    self.forbidden.meet_path(path)

    def _meet_library(self, thing: Any, path: str) -> None:
        self.forbidden.meet_path(path)
        if not path.split(".")[0]:  # a built-in function that does not tell its module
            self.forbidden.meet_any(path.rsplit(".", 1)[-1])

    def _read_source(self, thing: Any) -> None:
        name = thing.__qualname__
        namespace = _namespace_of(thing)
        text = _text_of(thing)
        # A lambda or a function made inside another one: read its own text and what it closes over.
        entry = name.split(".")[0]
        if text is None or not scan(
            Source.parse([text]), entry, self.forbidden, self._resolver(namespace), _own_module
        ):
            own = _own_text(thing)
            if own is None:
                self.forbidden.meet_obscure(f"{name} (its source cannot be read)")
                return
            scan(Source.parse([own]), "_entry_", self.forbidden, self._resolver(namespace), _own_module)
        for cell in getattr(thing, "__closure__", None) or ():
            if callable(cell.cell_contents):
                self.read(cell.cell_contents)

    def _resolver(self, namespace: Mapping[str, Any]) -> Any:
        def resolve(name: str) -> str | None:
            if name not in namespace:
                return None
            value = namespace[name]
            if isinstance(value, ModuleType):
                if not is_loose(getattr(value, "__file__", None) or "<built in>"):
                    return value.__name__
                self.read(value)
                return None
            path = _library_path(value)
            if path is not None:
                return path
            if callable(value) or _library_path(type(value)) is None:
                self.read(value)
            elif type(value).__module__ != "builtins":
                self._read_instance(value)
            return None

        return resolve


def _own_module(name: str) -> Source | None:
    """Return the text of a module of this process that is no library's, None for every other name."""
    origin = getattr(sys.modules.get(name), "__file__", None)
    if origin is None or not is_loose(origin):
        return None
    return Source.parse(["".join(linecache.getlines(origin))])


def _library_path(value: Any) -> str | None:
    """Return the dotted path of a library's function or class, None for every other value."""
    if not isinstance(value, type) and not inspect.isroutine(value):
        return None
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    module = getattr(value, "__module__", None)
    if module is None:
        return f".{name}"
    if module in ("builtins", "__main__"):
        return f"builtins.{name}" if module == "builtins" else None
    origin = getattr(sys.modules.get(module), "__file__", None)
    if isinstance(value, FunctionType) and not value.__code__.co_filename.startswith("<"):
        origin = value.__code__.co_filename
    if origin is None:  # built into Python, or made by exec in a namespace that is no module
        return f"{module}.{name}" if module in sys.modules else None
    return None if is_loose(origin) else f"{module}.{name}"


def _namespace_of(thing: Any) -> Mapping[str, Any]:
    if isinstance(thing, FunctionType):
        return thing.__globals__
    for value in vars(thing).values():
        if isinstance(value, FunctionType) and value.__module__ == thing.__module__:
            return value.__globals__
    return vars(sys.modules[thing.__module__]) if thing.__module__ in sys.modules else {}


def _text_of(thing: Any) -> str | None:
    """Return the text of the file or cell that defines a function or class."""
    filename = ""
    if isinstance(thing, type):
        # A notebook's class is in no file that `inspect` knows, but its methods tell their cell.
        methods = [value for value in vars(thing).values() if isinstance(value, FunctionType)]
        own = [method for method in methods if method.__qualname__.startswith(f"{thing.__qualname__}.")]
        filename = own[0].__code__.co_filename if own else ""
    if not filename or filename.startswith("<string"):
        try:
            filename = inspect.getsourcefile(thing) or inspect.getfile(thing)
        except (OSError, TypeError):
            return None
    lines = linecache.getlines(filename)
    if not lines and filename and Path(filename).is_file():
        lines = Path(filename).read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(lines) or None


def _own_text(thing: Any) -> str | None:
    """Return the text of a nested function or lambda as the value of a top-level name."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == thing.__name__:
            node.name = "_entry_"
            return ast.unparse(node)
    lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    return (
        "\n".join(f"_entry_ = ({ast.unparse(node)}, _entry_)" for node in lambdas).replace(", _entry_", "", 1)
        or None
    )
