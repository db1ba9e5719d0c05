"""Where the time went: the slowest cells of the class, and the slowest tests."""

from __future__ import annotations

import heapq
import statistics
from dataclasses import dataclass

from labgrade.result import GradedSubmission

__all__ = ["SlowCell", "SlowTest", "Slowness"]

SHOWN = 12


@dataclass(frozen=True, slots=True, order=True)
class SlowCell:
    """The slowest cell of a student's notebook."""

    seconds: float
    position: int
    notebook: str
    cell: str


@dataclass(frozen=True, slots=True)
class SlowTest:
    """How long a test takes over the class."""

    question: str
    title: str
    median_s: float
    longest_s: float
    position: int


class Slowness:
    """Collects seconds, one submission at a time; keeps the slowest few cells only."""

    def __init__(self) -> None:
        self._cells: list[SlowCell] = []
        self._tests: dict[tuple[str, str], list[tuple[float, int]]] = {}

    def add(self, position: int, result: GradedSubmission) -> None:
        """Add a submission; ``position`` is the student's in the class."""
        for notebook in result.notebooks:
            if notebook.slowest_s > 0:
                heapq.heappush(
                    self._cells,
                    SlowCell(notebook.slowest_s, position, notebook.name, notebook.slowest_cell),
                )
                if len(self._cells) > SHOWN:
                    heapq.heappop(self._cells)
            for cell in notebook.cells:
                for test in cell.tests:
                    key = (cell.question, test.title or test.name)
                    self._tests.setdefault(key, []).append((test.seconds, position))

    def cells(self) -> list[SlowCell]:
        """Return the slowest cells, the slowest first."""
        return sorted(self._cells, key=lambda cell: (-cell.seconds, cell.position))

    def tests(self) -> list[SlowTest]:
        """Return the tests with the longest median, the longest first."""
        made = []
        for (question, title), times in self._tests.items():
            longest_s, position = max(times)
            median_s = statistics.median(seconds for seconds, _ in times)
            made.append(SlowTest(question, title, median_s, longest_s, position))
        return heapq.nlargest(SHOWN, made, key=lambda test: (test.median_s, test.longest_s))
