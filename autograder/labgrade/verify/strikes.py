"""How often each thing of the student's has hung or ended its process, and what patience is left for it.

A call that does not end costs the time of a test, and one that ends its process costs a fresh process. What
has hung twice gets a tenth of the time from then on, which is plenty for honest work; what has hung five
times, or ended its process three times, is not called again: each call fails at once, with the cause of the
last.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from labgrade.verify.faults import StudentGoneError, StudentTimeoutError

__all__ = ["LESS_TIME", "MOST_ENDS", "MOST_HANGS", "Strikes"]

HANGS_WITH_FULL_TIME = 2
MOST_HANGS = 5
MOST_ENDS = 3
LESS_TIME = 0.1


@dataclass(slots=True)
class Strikes:
    """What is known of one submission.

    Args:
        hangs: name -> how often a call of it did not end.
        ends: name -> how often a call of it ended the process.
        causes: name -> what came of the last one, in words.

    """

    hangs: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    causes: dict[str, str] = field(default_factory=dict)

    def time_for(self, name: str, limit_s: float) -> float:
        """Return the seconds that a call gets.

        Args:
            name: of what is called.
            limit_s: what everything else gets.

        Raises:
            StudentTimeoutError: it has hung too often.
            StudentGoneError: it has ended its process too often.

        """
        if self.ends[name] >= MOST_ENDS:
            times = f"{self.ends[name]} times"
            raise StudentGoneError(f"{self.causes[name]}, {times}; it is not called again")
        if self.hangs[name] >= MOST_HANGS:
            raise StudentTimeoutError(limit_s, f", {self.hangs[name]} times; it is not called again")
        return limit_s * (LESS_TIME if self.hangs[name] >= HANGS_WITH_FULL_TIME else 1.0)

    def count_hang(self, name: str) -> None:
        """Count a call that did not end."""
        self.hangs[name] += 1

    def count_end(self, name: str, cause: str) -> None:
        """Count a call that ended its process."""
        self.ends[name] += 1
        self.causes[name] = cause
