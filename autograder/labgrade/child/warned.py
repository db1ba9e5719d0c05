"""Warnings of the student's code, as data: which a test wants to hear of, and which were given.

A warning travels as the name of a class from a fixed list and its text; a class of the student's own counts
as the nearest one of the list that it derives from.
"""

from __future__ import annotations

import builtins
import contextlib
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["MOST", "TEXT_LIMIT", "category_named", "hearing", "name_of_category"]

MOST = 100
"""Warnings told of one call."""
TEXT_LIMIT = 2000

_NAMES = frozenset(
    {
        *(
            f"builtins:{name}"
            for name, value in vars(builtins).items()
            if isinstance(value, type) and issubclass(value, Warning)
        ),
        *(
            f"numpy.exceptions:{name}"
            for name in ("ComplexWarning", "RankWarning", "VisibleDeprecationWarning")
        ),
        "torch.jit:TracerWarning",
        "scipy.linalg:LinAlgWarning",
        "scipy.optimize:OptimizeWarning",
    }
)


def category_named(name: object) -> type[Warning]:
    """Return the class of the list that has this name; ``Warning`` for every other name."""
    if type(name) is str and name in _NAMES:
        module, _, word = name.partition(":")
        found = getattr(sys.modules.get(module), word, None)
        if isinstance(found, type) and issubclass(found, Warning):
            return found
    return Warning


def name_of_category(category: type[Warning]) -> str:
    """Return the name of the nearest class of the list."""
    for kind in category.__mro__:
        for name in (f"{kind.__module__}:{kind.__name__}", f"{_home(kind)}:{kind.__name__}"):
            if name in _NAMES and category_named(name) is kind:
                return name
    return "builtins:Warning"


def _home(kind: type) -> str:
    """Return the public module of a class that is kept in a private one."""
    for name in _NAMES:
        module, _, word = name.partition(":")
        if word == kind.__name__ and getattr(sys.modules.get(module), word, None) is kind:
            return module
    return ""


@contextlib.contextmanager
def hearing(filters: Sequence[Sequence[Any]] | None) -> Iterator[list[list[Any]]]:
    """Collect the warnings that a block gives, if a test listens.

    Args:
        filters: what the test has put before the filters of before: action, pattern of the text, category's
            name, pattern of the module, line; the first of them counts first. None: nobody listens, and
            nothing is done.

    Yields:
        A list that fills: category's name, text, line.

    """
    heard: list[list[Any]] = []
    if filters is None:
        yield heard
        return

    def note(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
        if len(heard) < MOST:
            heard.append([name_of_category(category), str(message)[:TEXT_LIMIT], int(lineno)])

    with warnings.catch_warnings():
        for action, message, category, module, lineno in reversed(filters):
            warnings.filterwarnings(action, message, category_named(category), module, lineno)
        warnings.showwarning = note  # type: ignore[assignment]  # called with all that its like is called with
        yield heard
