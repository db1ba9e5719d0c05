"""Marks on test functions: points, dependencies, time limits, and thresholds with several tiers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from labkit.checks.model import CheckError

__all__ = ["Marks", "Tiers", "marks_of", "needs", "points", "timeout"]

_Test = TypeVar("_Test", bound=Callable[..., Any])
_ATTRIBUTE = "__labkit_marks__"


@dataclass(frozen=True, slots=True)
class Marks:
    """What the marks on one test function say.

    Args:
        points: its share of the cell's points; None: an equal part of what the marked tests leave.
        needs: names of tests that must have passed first.
        timeout_s: limit of wall-clock seconds; None: no limit of its own.

    """

    points: float | None = None
    needs: tuple[str, ...] = ()
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Tiers:
    """The value a test measured, and what it is worth. A test returns it; ``expect.tiers`` makes it.

    Args:
        value: what was measured.
        tiers: (threshold, points) from the easiest to the hardest.
        reached: how many of them the value meets.
        lower_is_better: True when a threshold is met by a value below it.
        what: the name of the value in messages.

    """

    value: float
    tiers: tuple[tuple[float, float], ...]
    reached: int
    lower_is_better: bool = True
    what: str = "the value"

    @property
    def share(self) -> float:
        """The part of the full points that was earned, from 0 to 1."""
        return self.tiers[self.reached - 1][1] / self.tiers[-1][1] if self.reached else 0.0


def points(number: float) -> Callable[[_Test], _Test]:
    """Give a test its own share of the cell's points; the tests without a mark share the rest equally.

    Args:
        number: points, 0 or more, counted in the cell's points.

    Raises:
        CheckError: the number is negative or not finite.

    """
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise CheckError(f"@points takes a number, not {number!r}; write for example @points(1)")
    if not math.isfinite(number) or number < 0:
        raise CheckError(f"@points({number}) must be a number from 0 up")
    return _marking("points", float(number))


def needs(*names: str) -> Callable[[_Test], _Test]:
    """Skip a test when another one did not pass, so that one mistake gives one message.

    Args:
        names: names of tests above this one in the same cell.

    Raises:
        CheckError: no name was given, or something that is not text.

    """
    if not names or not all(isinstance(name, str) for name in names):
        raise CheckError('@needs takes names of tests in quotes, for example @needs("test_shape")')
    return _marking("needs", names)


def timeout(seconds: float) -> Callable[[_Test], _Test]:
    """Stop a test after so many seconds; its outcome is then "timed out".

    Args:
        seconds: wall-clock limit, more than 0.

    Raises:
        CheckError: the limit is not a positive number.

    """
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        raise CheckError(f"@timeout takes seconds, more than 0, not {seconds!r}")
    return _marking("timeout_s", float(seconds))


def marks_of(test: Callable[..., Any]) -> Marks:
    """Return the marks of a test function; empty marks if it has none."""
    return Marks(**getattr(test, _ATTRIBUTE, {}))


def _marking(key: str, value: object) -> Callable[[_Test], _Test]:
    def mark(test: _Test) -> _Test:
        if not callable(test):
            raise CheckError(f"a mark goes on a test function, not on {type(test).__name__}")
        marks = getattr(test, _ATTRIBUTE, {})
        # Two @needs on one test add up; of two @points the outer one counts.
        both = (*value, *marks.get(key, ())) if isinstance(value, tuple) else value
        setattr(test, _ATTRIBUTE, {**marks, key: both})
        return test

    return mark
