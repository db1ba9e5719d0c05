"""Cells that were matched with doubt: the student's text beside the one that the lab gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from labgrade.ipynb import NotebookError, RawNotebook, read_notebook
from labgrade.model import Finding, Severity

__all__ = ["DOUBTED", "Doubt", "NotebookShelf", "find_doubt"]

DOUBTED = frozenset({"answer-below", "answer-missing", "cell-duplicated", "cell-matched"})
"""Codes about one answer whose place a person can settle by reading."""
MAX_CHARS = 6_000
"""Text of one cell that a page shows; an answer is rarely a tenth of it."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """An answer that may not be the one that was meant.

    Args:
        student: id.
        finding: what is in doubt.
        taken: text that was graded, None if the notebook is not there any more.
        given: text that the lab handed out, None if the gradebook does not know it.
        below: text of the next cell, where an answer may stand that was not taken; "" if there is none.

    """

    student: str
    finding: Finding
    taken: str | None
    given: str | None
    below: str = ""


class NotebookShelf:
    """Reads autograded notebooks, and keeps the last one: doubts come student by student.

    Args:
        folder: a function from student to the folder of the autograded notebooks.

    """

    def __init__(self, folder: Callable[[str], Path]) -> None:
        self._folder = folder
        self._last: tuple[Path | None, RawNotebook | None] = (None, None)

    def find(self, student: str, notebook: str) -> RawNotebook | None:
        """Return a student's notebook as it was graded; None if it is gone or unreadable."""
        if not notebook:
            return None
        path = self._folder(student) / f"{notebook}.ipynb"
        if self._last[0] != path:
            try:
                self._last = (path, read_notebook(path.read_bytes()))
            except (OSError, NotebookError):  # the page says that the text is not there
                self._last = (path, None)
        return self._last[1]


def find_doubt(
    student: str, finding: Finding, shelf: NotebookShelf, released: Mapping[tuple[str, str], str]
) -> Doubt | None:
    """Return both texts of a finding about an answer; None for another finding."""
    if finding.code not in DOUBTED or finding.severity is Severity.NOTE:
        return None
    place = (finding.notebook, finding.cell)
    page = shelf.find(student, finding.notebook)
    taken: str | None = None
    below = ""
    if page is not None:
        for position, cell in enumerate(page.cells):
            if cell.grade_id == finding.cell:
                taken = _cut(cell.source)
                after = page.cells[position + 1] if position + 1 < len(page.cells) else None
                if after is not None and not after.grade_id:
                    below = _cut(after.source)
                break
    given = released.get(place)
    return Doubt(student, finding, taken, None if given is None else _cut(given), below)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARS else f"{text[:MAX_CHARS]}\n…"
