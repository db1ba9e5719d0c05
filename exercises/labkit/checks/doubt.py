"""Decides whether anything of the student's may have played a part in an exception of the test's own text."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Mapping
from types import FunctionType, ModuleType, TracebackType
from typing import Any

from labkit.checks import frames
from labkit.checks.collect import lines_of
from labkit.checks.frames import Home

__all__ = ["may_involve_student"]


def may_involve_student(traceback: TracebackType | None, home: Home, namespace: Mapping[str, Any]) -> bool:
    """Tell whether the test may have read anything of the student's before the exception."""
    own = _bound_by_cell(home.file)
    if own is None or home.script_test:  # in a script, the answers stand beside the test
        return True
    waiting: set[str] = set()
    for step in frames.walk_traceback(traceback):
        if home.owns(step.tb_frame.f_code):
            waiting |= frames.names_read_before(step.tb_frame, step.tb_lasti)
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        if name not in namespace:  # a builtin, or the name of an attribute in a helper
            continue
        value = namespace[name]
        if isinstance(value, FunctionType) and home.owns(value.__code__):
            if value.__defaults__ or value.__kwdefaults__:
                return True
            waiting |= set(value.__code__.co_names) - seen
        elif name not in own and not _is_from_library(value):
            return True
    return False


def _is_from_library(value: Any) -> bool:
    """Tell whether a global is a module or labkit's own; a library's function may be somebody's answer."""
    if isinstance(value, ModuleType):
        origin = getattr(value, "__file__", None)
        return origin is None or not frames.is_loose(origin)
    return isinstance(value, (type, FunctionType)) and value.__module__.split(".")[0] == "labkit"


def _is_library(module: str | None) -> bool:
    """Tell whether a module is imported here and no loose file; None stands for a relative one."""
    found = sys.modules.get(module.split(".")[0]) if module else None
    return found is not None and _is_from_library(found)


def _bound_by_cell(file: str) -> frozenset[str] | None:
    """Return the names that the test cell binds at its top level; None if its text is not known."""
    source = "".join(lines_of(file))
    if not source:
        return None
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    return frozenset(_bound(tree.body))


def _bound(statements: Iterable[ast.stmt]) -> Iterable[str]:
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            for alias in statement.names:
                module = statement.module if isinstance(statement, ast.ImportFrom) else alias.name
                if _is_library(module):  # a companion module is written by the student
                    yield (alias.asname or alias.name).split(".")[0]
        elif isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            # A constant of the cell is the test's own only if it was not computed from the student's names.
            value = statement.value
            if value is not None and not any(
                isinstance(node, (ast.Name, ast.Call)) for node in ast.walk(value)
            ):
                targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                for target in targets:
                    yield from (node.id for node in ast.walk(target) if isinstance(node, ast.Name))
