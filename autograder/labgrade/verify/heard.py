"""Warnings that the student's code gives while a test listens: asked for, and given again here.

A test listens when it has changed the filters (``expect.no_warning``, ``pytest.warns``,
``warnings.catch_warnings``). Its filters go over and decide there, where an action ``error`` also stops the
student's code as it would in a notebook; what they let through comes back and is given again.
"""

from __future__ import annotations

import warnings
from typing import Any

from labgrade.child.warned import MOST, TEXT_LIMIT, category_named, name_of_category

__all__ = ["filters_of_test", "give_again"]

_FILE = "<the student's code>"
_Filter = tuple[Any, ...]


def _current() -> list[_Filter]:
    # From Python 3.14 on the filters may belong to a context.
    get: Any = getattr(warnings, "_get_filters", None)
    found: Any = get() if get is not None else warnings.filters
    return found  # type: ignore[no-any-return]  # a list, whatever the stubs call it


_usual = _current()
_usual_content = tuple(_usual)


def filters_of_test() -> list[list[Any]] | None:
    """Return what a test has put before the usual filters; None if it has not touched them."""
    now = _current()
    if now is _usual and tuple(now) == _usual_content:
        return None
    kept = 0
    while kept < min(len(now), len(_usual_content)) and now[-1 - kept] == _usual_content[-1 - kept]:
        kept += 1
    return [
        [action, _pattern(message), name_of_category(category), _pattern(module), int(line)]
        for action, message, category, module, line in now[: len(now) - kept]
    ]


def _pattern(part: Any) -> str:
    return str(getattr(part, "pattern", part) or "")


def give_again(told: Any) -> None:
    """Give warnings of the student's code again, for whoever listens.

    Args:
        told: category's name, text and line of each, as the student's process says.

    Raises:
        TypeError: it is something else.

    """
    if type(told) is not list:
        raise TypeError("warnings come in a list")
    for entry in told[:MOST]:
        if type(entry) is not list or [type(part) for part in entry] != [str, str, int]:
            raise TypeError("a warning is a category, a text and a line")
        category, text, line = entry
        with warnings.catch_warnings():
            warnings.simplefilter("always")  # the test's filters have decided over there
            warnings.warn_explicit(text[:TEXT_LIMIT], category_named(category), _FILE, line)
