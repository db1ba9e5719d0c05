"""The cells that a student's process has run, to be run again in the next one."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from labgrade.verify.faults import StudentGoneError, StudentTimeoutError

__all__ = ["Transcript", "without_timer"]

# A cell that took too long will do so again: a second run gets this part of the limit, for how it begins.
_SECOND_TRY = 0.05

Cell = tuple[str, int]
"""Its text and its execution count."""


@dataclass(slots=True)
class Transcript:
    """What was run, in order.

    Args:
        cells: all that a new process must have run.
        overdue: those of them that were interrupted.

    """

    cells: list[Cell] = field(default_factory=list)
    overdue: set[Cell] = field(default_factory=set)

    def add(self, cell: Cell, *, is_overdue: bool = False) -> None:
        """Add a cell that was run, perhaps until it was interrupted."""
        self.cells.append(cell)
        if is_overdue:
            self.overdue.add(cell)

    def run(self, run: Callable[[Cell, float], None], is_alive: Callable[[], bool]) -> None:
        """Run all of it again.

        Args:
            run: takes a cell and the part of the time limit that it gets.
            is_alive: whether the process still is, after a cell that did not end well.

        Raises:
            StudentGoneError: a cell ends the process now, or takes too long; it is forgotten.

        """
        for cell in list(self.cells):
            try:
                run(cell, _SECOND_TRY if cell in self.overdue else 1.0)
            except (StudentGoneError, StudentTimeoutError):
                if cell in self.overdue and is_alive():
                    continue  # interrupted as before; what it did until then is there
                self.cells.remove(cell)
                raise StudentGoneError("the cells could not be run a second time") from None


@contextlib.contextmanager
def without_timer() -> Iterator[None]:
    """Stop the clock of a test while it waits for something that is none of its work."""
    left, again = signal.setitimer(signal.ITIMER_REAL, 0)
    try:
        yield
    finally:
        if left:
            signal.setitimer(signal.ITIMER_REAL, left, again)
