"""Files that students write beside a notebook: the part that answers a question, and the whole."""

from __future__ import annotations

import ast
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

__all__ = ["StudentModule", "imported_names", "read_module"]

MAX_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class StudentModule:
    """A file that the student wrote.

    Args:
        name: relative path.
        source: text; cut where it is larger than a page can bear.
        note: what is to be said about it, "" for nothing.
        parts: name of each function or class -> its first and last line, from 1.

    """

    name: str
    source: str
    note: str = ""
    parts: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def module(self) -> str:
        """The name by which it is imported, "" for a file that is no module."""
        return self.name.removesuffix(".py").replace("/", ".") if self.name.endswith(".py") else ""


def read_module(folder: Path, name: str) -> StudentModule | None:
    """Read a file of a submission; None if it is not there.

    Args:
        folder: of the autograded submission.
        name: relative path.

    """
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MAX_BYTES + 1)
    text = data[:MAX_BYTES].decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    if b"\0" in data:
        return StudentModule(name, "", "The file is not text and is not shown.")
    if len(data) > MAX_BYTES:
        return StudentModule(name, text, f"Only the first {MAX_BYTES:,} bytes of the file are shown.")
    return StudentModule(name, text, parts=_parts(text))


def imported_names(sources: Iterable[str]) -> dict[str, list[str]]:
    """Return what notebook cells import by name: module -> names, in order."""
    found: dict[str, list[str]] = {}
    for source in sources:
        for module, name in _imports(source):
            names = found.setdefault(module, [])
            if name not in names:
                names.append(name)
    return found


@lru_cache(maxsize=1024)
def _imports(source: str) -> tuple[tuple[str, str], ...]:
    """Return (module, name) of each import; most cells that import are the lab's, the same for everyone."""
    tree = _parse(_without_magics(source))
    return tuple(
        (statement.module, alias.name)
        for statement in (tree.body if tree is not None else ())
        if isinstance(statement, ast.ImportFrom) and statement.module and not statement.level
        for alias in statement.names
    )


def _without_magics(source: str) -> str:
    return "\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.split("\n"))


def _parts(source: str) -> dict[str, tuple[int, int]]:
    tree = _parse(source)
    parts: dict[str, tuple[int, int]] = {}
    for statement in tree.body if tree is not None else ():
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([statement.lineno, *(one.lineno for one in statement.decorator_list)])
            parts[statement.name] = (first, statement.end_lineno or first)
    return parts


def _parse(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # what a file of a student's may give
        return None
