"""Whether one submission's tests could leave anything behind for the next one's.

A judge of its own, forked for each submission, forgets everything; it also costs a quarter of the time.
Where it is plain that nothing can stay (given cells made only functions, constants and small data, tests
change no settings), the verifier judges by itself and puts back what it can see.
"""

from __future__ import annotations

import copy
import os
import re
import sys
import sysconfig
import types
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import labkit

from labgrade.model import LabSpec
from labgrade.verify.given import Given
from labgrade.verify.reach import global_names

__all__ = ["Settings", "fresh_copy", "may_share", "names_to_copy", "reason_to_fork"]

_CONSTANTS = (type(None), bool, int, float, complex, str, bytes, range, type(...), type(len))
_SMALL_BYTES = 1 << 16
_SMALL_ITEMS = 1_000
_MAX_DEPTH = 8
_MARKS = re.compile(
    r"\b(setattr|delattr|patch|monkeypatch|mock|set_\w+|seterr|rcParams|environ|putenv|chdir|settrace|setprofile"
    r"|setrecursionlimit|filterwarnings|simplefilter|register\w*|globals|exec|eval|__\w+__|lru_cache|cache|global"
    r"|sys\.modules|vars|locals|Thread|Process|open|atexit|signal)\b|\.\w+\s*=[^=]"
)
_LIBRARIES = tuple(
    str(Path(path).resolve()) + os.sep
    for path in {*sysconfig.get_paths().values(), os.path.dirname(os.__file__)}
    if path
)


def reason_to_fork(lab: LabSpec, given: Iterable[Given], reached: Iterable[frozenset[str]]) -> str:
    """Say why each submission needs a judge of its own; "" if it does not.

    Args:
        lab: the lab; the text of its test cells is looked at.
        given: what its given cells made, one for each notebook.
        reached: the names of these that tests come to; see :func:`labgrade.verify.reach.reached_names`.

    """
    for notebook in lab.notebooks:
        for cell in notebook.cells:
            found = _MARKS.search(cell.source) if cell.is_test else None
            if found:
                return f"test cell {cell.grade_id} may change settings: {found[0].strip()}"
    for part, names in zip(given, reached, strict=True):
        for bound in part.bound.values():
            for name, value in bound.items():
                if name in names and not may_share(value) and not _may_copy(value, 0):
                    return f"{name} is an object that a test could change"
    return ""


def names_to_copy(given: Given, reached: frozenset[str]) -> dict[int, frozenset[str]]:
    """Return, for each cell, the names of data that a test could change."""
    found = {
        index: frozenset(
            name
            for name, value in bound.items()
            if name in reached and not may_share(value) and _may_copy(value, 0)
        )
        for index, bound in given.bound.items()
    }
    return {index: names for index, names in found.items() if names}


def fresh_copy(bound: Mapping[str, Any], names: frozenset[str] | None) -> dict[str, Any]:
    """Return what a given cell bound, with the data of these names copied."""
    if not names:
        return dict(bound)
    memo: dict[int, Any] = {}
    return {name: copy.deepcopy(value, memo) if name in names else value for name, value in bound.items()}


def may_share(value: Any) -> bool:
    """Tell whether nothing about a value can be changed by using it."""
    return _may_share(value, 0, set())


def _may_share(value: Any, depth: int, seen: set[int]) -> bool:
    if depth > _MAX_DEPTH:
        return False
    kind = type(value)
    if kind in _CONSTANTS or (kind.__module__, kind.__name__) in _LIBRARY_CONSTANTS:
        return True
    if kind in (tuple, frozenset):
        return len(value) <= _SMALL_ITEMS and all(_may_share(part, depth + 1, seen) for part in value)
    if isinstance(value, types.ModuleType):
        return _is_library(getattr(value, "__file__", None)) or all(
            name.startswith("__") or _may_share(part, depth + 1, seen) for name, part in vars(value).items()
        )
    if isinstance(value, types.FunctionType):
        return _is_library(value.__code__.co_filename) or _is_plain_function(value, depth, seen)
    if isinstance(value, type):
        module = sys.modules.get(value.__module__)
        if (
            module is not None
            and value.__module__ != "__main__"
            and _is_library(getattr(module, "__file__", None))
        ):
            return True
        return all(
            name.startswith("__") or _may_share(part, depth + 1, seen) for name, part in vars(value).items()
        )
    # Functions of C libraries, in their many types.
    return (
        callable(value)
        and _is_library(getattr(sys.modules.get(kind.__module__), "__file__", None))
        and (not hasattr(value, "__dict__"))
    )


def _is_plain_function(function: types.FunctionType, depth: int, seen: set[int]) -> bool:
    """Tell whether a function keeps nothing: in its defaults, its closure, or its module."""
    if id(function) in seen:
        return True
    seen.add(id(function))
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    if function.__closure__ or vars(function):
        return False
    return all(_may_share(value, depth + 1, seen) for value in (*defaults, *_module_values(function)))


def _module_values(function: types.FunctionType) -> Iterator[Any]:
    """Yield what a function of a module uses of it; those of the notebook itself are looked at by name."""
    space = function.__globals__
    if "__file__" in space:
        yield from (space[name] for name in global_names(function.__code__) if name in space)


_LIBRARY_CONSTANTS = {
    ("torch", "dtype"),
    ("torch", "device"),
    ("torch", "Size"),
    ("numpy", "ufunc"),
    ("numpy", "float64"),
    ("numpy", "int64"),
}


def _may_copy(value: Any, depth: int) -> bool:
    """Tell whether a value is small plain data."""
    if depth > 4:
        return False
    kind = type(value)
    if kind in (list, tuple, set, dict):
        parts = (*value.keys(), *value.values()) if kind is dict else tuple(value)
        return len(parts) <= _SMALL_ITEMS and all(
            may_share(part) or _may_copy(part, depth + 1) for part in parts
        )
    if (kind.__module__, kind.__name__) == ("numpy", "ndarray"):
        return bool(value.nbytes <= _SMALL_BYTES and value.dtype.kind in "biufcSU")
    if (kind.__module__, kind.__name__) == ("torch", "Tensor"):
        return bool(value.nbytes <= _SMALL_BYTES and value.grad_fn is None and value.device.type == "cpu")
    return False


def _is_library(origin: str | None) -> bool:
    if origin is None:
        return True  # built into the interpreter
    return origin.startswith("<frozen") or str(Path(origin).resolve()).startswith((*_LIBRARIES, _labkit()))


def _labkit() -> str:
    return str(Path(labkit.__file__ or "").resolve().parent) + os.sep


class Settings:
    """The settings of this process that a test may change, taken now and put back later."""

    def __init__(self) -> None:
        self._folder = os.getcwd()
        self._environment = dict(os.environ)
        self._path = list(sys.path)
        self._filters = list(warnings.filters)
        self._limit = sys.getrecursionlimit()
        numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
        self._errors = numpy.geterr() if numpy is not None else {}
        self._dtype = torch.get_default_dtype() if torch is not None else None

    def restore(self) -> None:
        """Put them back."""
        os.chdir(self._folder)
        if dict(os.environ) != self._environment:
            os.environ.clear()
            os.environ.update(self._environment)
        sys.path[:] = self._path
        if warnings.filters != self._filters:
            warnings.filters[:] = self._filters  # type: ignore[index]  # a list, whatever the stubs call it
        sys.setrecursionlimit(self._limit)
        numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
        if numpy is not None and self._errors:
            numpy.seterr(**self._errors)
        if torch is not None and self._dtype is not None:
            torch.set_default_dtype(self._dtype)
            torch.set_grad_enabled(True)
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None and pyplot.get_fignums():
            pyplot.close("all")
