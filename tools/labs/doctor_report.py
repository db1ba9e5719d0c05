"""One thing that was looked at, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Checkup", "State"]


class State(StrEnum):
    """How grave it is."""

    GOOD = "good"
    NOTE = "note"
    """Something is weaker or left out; work goes on without it."""
    FAULT = "fault"
    """Something that labs are built, run or graded with does not work."""


@dataclass(frozen=True, slots=True)
class Checkup:
    """One thing that was looked at.

    Args:
        name: what.
        state: how it is.
        found: what was found, in words.
        mend: what to do about it; "" if nothing is needed.

    """

    name: str
    state: State
    found: str
    mend: str = ""
