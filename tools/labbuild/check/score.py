"""The points of a test cell, by nbgrader's rule made fail-closed."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Score", "is_full", "score_cell"]

_ROUNDING = 1e-4


@dataclass(frozen=True, slots=True)
class Score:
    """Points of one test cell.

    Args:
        points: 0 <= points <= maximum.
        reason: why a result was not taken as it stood, "" if it was.

    """

    points: float
    reason: str = ""


def score_cell(*, crashed: bool, result: str | None, maximum: float) -> Score:
    """Score one executed test cell.

    Args:
        crashed: the cell ended in an error or ran out of time.
        result: ``text/plain`` of the cell's last value; None if the cell shows no value.
        maximum: the cell's points.

    Returns:
        0 after an error; the maximum without a value; else the value as partial credit.

    Source:
        nbgrader 0.9.6, ``utils.determine_grade``. It differs where nbgrader gives full points (or stops the
        batch) for a value that is not a number from 0 to the maximum: such a value gives 0 here.

    """
    if crashed:
        return Score(0.0)
    if result is None:
        return Score(maximum)
    try:
        value = float(result)
    except ValueError:
        return Score(0.0, f"the cell's value is not a number: {result[:80]}")
    if math.isnan(value):
        return Score(0.0, "the cell's value is NaN")
    if value < 0:
        return Score(0.0, f"the cell's value is negative: {value:g}")
    if value > maximum:
        return Score(0.0, f"the cell's value {value:g} is above the maximum of {maximum:g}")
    return Score(value)


def is_full(points: float, maximum: float) -> bool:
    """Whether these are all the points; shares such as thirds are rounded on their way through text."""
    return abs(points - maximum) < _ROUNDING
