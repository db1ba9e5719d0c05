"""torch's compiler, which loads when it is used and not before.

The first step of any optimiser imports ``torch._dynamo``, to tell a compiler that is not there to look away:
800 modules, 70 MiB and more than a second, for every process that grades. Here what it asks of the compiler
is answered without it, as long as nobody else has asked for the compiler either.
"""

from __future__ import annotations

import gc
import importlib
import sys
import types
from typing import Any

__all__ = ["postpone_compiler"]

_NAME = "torch._dynamo"
_MARK = "__dynamo_disable"


class _Compiler(types.ModuleType):
    """Stands for the compiler; becomes it when anything but a break in its graph is asked for."""

    def graph_break(self, msg: str = "") -> None:
        """Do nothing, as outside of compiled code."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__") and name != "__path__":
            # `inspect` asks each module for its file, in the middle of imports that the compiler needs too;
            # the path is asked for where a part of the compiler is imported.
            raise AttributeError(name)
        return getattr(_load(), name)


def postpone_compiler() -> None:
    """Put the stand-in where torch looks for its compiler; nothing happens if that is loaded already."""
    torch = sys.modules.get("torch")
    part: Any = sys.modules.get("torch._compile")
    if torch is None or part is None or _NAME in sys.modules:
        return
    stand_in: Any = _Compiler(_NAME)
    sys.modules[_NAME] = torch._dynamo = stand_in  # type: ignore[attr-defined]  # a submodule
    # Functions that the compiler must not look into: each has a wrapper that asks for it at the first call.
    for wrapper in gc.get_objects():
        if type(wrapper) is types.FunctionType and wrapper.__code__.co_filename == part.__file__:
            hidden: Any = getattr(wrapper, "__wrapped__", None)
            if hidden is not None and not hasattr(hidden, _MARK):
                setattr(hidden, _MARK, hidden)
                _hidden.append(hidden)


_hidden: list[Any] = []


def _load() -> Any:
    """Load the compiler, as the first call of a wrapper would."""
    if isinstance(sys.modules.get(_NAME), _Compiler):
        del sys.modules[_NAME]
        for function in _hidden:
            delattr(function, _MARK)
        _hidden.clear()
    return importlib.import_module(_NAME)
