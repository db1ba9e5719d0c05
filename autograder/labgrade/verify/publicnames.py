"""Functions and classes of public libraries cross by name: each process has its own."""

from __future__ import annotations

import sys
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

__all__ = ["public_name"]

_PUBLIC_PACKAGES = frozenset({"numpy", "torch", "math", "cmath", "operator", "builtins", "scipy"})


def public_name(value: Any) -> tuple[str, str] | None:
    """Return module and name of a function or class of a public library, None for anything else."""
    if isinstance(value, ModuleType):
        return None
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if isinstance(value, BuiltinFunctionType) and getattr(value, "__self__", None) is not None:
        owner = value.__self__
        # Functions of C modules name no module of theirs: torch.tanh, math.sqrt.
        module = owner.__name__ if isinstance(owner, ModuleType) else _module_of_builtin(value)
    elif not isinstance(value, (type, FunctionType, BuiltinFunctionType)) and type(value).__name__ != "ufunc":
        return None
    name = name or getattr(value, "__name__", None)
    if not isinstance(module, str) and isinstance(name, str):
        module = "numpy" if type(value).__name__ == "ufunc" else _module_of_builtin(value)
    if (
        not isinstance(module, str)
        or not isinstance(name, str)
        or module.split(".")[0] not in _PUBLIC_PACKAGES
    ):
        return None
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return (module, name) if found is value else None


def _module_of_builtin(value: Any) -> str | None:
    torch = sys.modules.get("torch")
    if torch is not None and getattr(torch, getattr(value, "__name__", ""), None) is value:
        return "torch"
    return None
