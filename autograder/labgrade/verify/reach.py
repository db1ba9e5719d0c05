"""Which names of given cells the tests can come to: those alone must be as new for each submission."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

from labgrade.verify.given import Given
from labgrade.verify.names import NotebookPlan, names_of_code

__all__ = ["global_names", "reached_names"]


def reached_names(plan: NotebookPlan, given: Given) -> frozenset[str]:
    """Return the names that test cells read, and those that given functions read which tests can call.

    Args:
        plan: of a notebook's cells.
        given: what its given cells made.

    """
    waiting = {name for cell in plan.cells.values() if cell.is_test for name in cell.reads}
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        for bound in given.bound.values():
            if name in bound:
                for code in _codes_in(bound[name], set()):
                    waiting |= global_names(code) - found
    return frozenset(found)


def global_names(code: types.CodeType) -> set[str]:
    """Return the global names that a function's code reads, or binds anew."""
    reads, binds = names_of_code(code)
    return reads | binds


def _codes_in(value: Any, seen: set[int]) -> Iterator[types.CodeType]:
    """Yield the code of functions in a value: in containers, classes, closures, behind decorators."""
    if id(value) in seen:
        return
    seen.add(id(value))
    parts: list[Any] = []
    if isinstance(value, types.FunctionType):
        yield value.__code__
        parts += [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
        parts += [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), *vars(value).values()]
    elif isinstance(value, type):
        parts += [*vars(value).values(), *value.__bases__] if value.__module__ == "__main__" else []
    elif isinstance(value, (staticmethod, classmethod, types.MethodType)):
        parts.append(value.__func__)
    elif isinstance(value, property):
        parts += [value.fget, value.fset, value.fdel]
    elif isinstance(value, dict):
        parts += [*value.keys(), *value.values()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        parts += value
    for part in parts:
        yield from _codes_in(part, seen)


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - asking is what raises
    except ValueError:
        return False
    return True
