"""What student notebooks import: checks, data, plots, submitting.

Importing labkit also makes torchvision importable beside a CPU-only torch, and lets keras compute with torch
(:mod:`labkit.libraries`).

Everything here is found on first use, so that ``import labkit`` costs nothing: neither torch nor matplotlib
is imported before something needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from labkit.libraries import install_hooks

if TYPE_CHECKING:
    from labkit import data, expect, plots, probe, submit
    from labkit.checks import CheckResult, TestResult, check, needs, points, timeout
    from labkit.friendliness import friendly
    from labkit.libraries import torchvision_compat
    from labkit.machine import device, seed
    from labkit.profiles import profile
    from labkit.progressbar import progress

__all__ = [
    "CheckResult",
    "TestResult",
    "check",
    "data",
    "device",
    "expect",
    "friendly",
    "needs",
    "plots",
    "points",
    "probe",
    "profile",
    "progress",
    "seed",
    "submit",
    "timeout",
    "torchvision_compat",
]

# name -> the module that has it. A name that is its own module stands in _MODULES.
_ATTRIBUTES = {
    "CheckResult": "labkit.checks",
    "TestResult": "labkit.checks",
    "check": "labkit.checks",
    "device": "labkit.machine",
    "friendly": "labkit.friendliness",
    "needs": "labkit.checks",
    "points": "labkit.checks",
    "profile": "labkit.profiles",
    "progress": "labkit.progressbar",
    "seed": "labkit.machine",
    "timeout": "labkit.checks",
    "torchvision_compat": "labkit.libraries",
}
_MODULES = frozenset({"data", "expect", "plots", "probe", "submit"})


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"labkit.{name}")
    if name in _ATTRIBUTES:
        value = getattr(importlib.import_module(_ATTRIBUTES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'labkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


install_hooks()
