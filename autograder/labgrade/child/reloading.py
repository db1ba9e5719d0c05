"""``%load_ext autoreload`` without a look at every file of every library.

The extension looks up when each imported file was changed, reads those of the standard library, and goes
through the names of all modules after each cell: a tenth of a second in each child, for files that no child
can change. So it sees the modules that came after the warm process was ready, and may ask for any other.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, MutableMapping
from types import ModuleType
from typing import Any

__all__ = ["prepare_autoreload"]

_PARTS = ("IPython.extensions.autoreload", "IPython.extensions.deduperreload.deduperreload")


class _LaterModules(MutableMapping[str, ModuleType]):
    """``sys.modules``, of which a loop sees only what was imported after this was made."""

    def __init__(self) -> None:
        # Modules stand in the order of their import. If a notebook takes this one away, the loop sees all.
        self._last = next(reversed(sys.modules))

    def __iter__(self) -> Iterator[str]:
        names = []
        for name in reversed(sys.modules):
            if name == self._last:
                break
            names.append(name)
        return reversed(names)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, name: str) -> ModuleType:
        return sys.modules[name]

    def __setitem__(self, name: str, module: ModuleType) -> None:
        sys.modules[name] = module

    def __delitem__(self, name: str) -> None:
        del sys.modules[name]

    def __contains__(self, name: object) -> bool:
        return name in sys.modules


class _Sys:
    """The module ``sys`` with these modules."""

    def __init__(self) -> None:
        self.modules = _LaterModules()

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)


def prepare_autoreload() -> None:
    """Let the extension see later modules only; to be called last, before the first fork."""
    for name in _PARTS:
        try:
            part: Any = importlib.import_module(name)
        except ImportError:  # another version of IPython: it works as it does
            continue
        if getattr(part, "sys", None) is sys:
            part.sys = _Sys()
