"""What students were given: from the lab's source where it is there, and from the gradebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labgrade.errors import UsageError
from labgrade.lab import Lab, read_lab
from labgrade.planning import find_lab
from labgrade.report.book import Gradebook
from labgrade.report.place import ClassPlace

__all__ = ["HandedOut", "find_handed_out"]


@dataclass(frozen=True, slots=True)
class HandedOut:
    """Texts that nobody wrote.

    Args:
        units: name of an answer (``NOTEBOOK/ANSWER`` or a path) -> its text as it was handed out.
        cells: texts of all other cells.
        has_lab: the lab's source was found; without it, only the gradebook's answers are known.

    """

    units: Mapping[str, str] = field(default_factory=dict)
    cells: frozenset[str] = frozenset()
    has_lab: bool = False


def find_handed_out(place: ClassPlace, name: str, book: Gradebook | None, lab: str = "") -> HandedOut:
    """Look up what students were given.

    Args:
        place: of the class.
        name: the assignment id.
        book: has the answers' first texts; None without a gradebook.
        lab: folder or name of the lab, as for ``labs grade``; "" to look where it usually is.

    Raises:
        UsageError: the lab that was named is not there or cannot be read.

    """
    released = book.released if book is not None else {}
    units = {f"{notebook}/{answer}": text for (notebook, answer), text in released.items()}
    read = find_lab(lab) if lab else _usual_lab(place, name)
    if read is None:
        return HandedOut(units)
    cells = set()
    for notebook in read.spec.notebooks:
        for cell in notebook.cells:
            cells.add(cell.released.strip())
            if cell.solution:
                units[f"{notebook.name}/{cell.grade_id}"] = cell.released
    for path, data in read.spec.student_files.items():
        units[path] = data.decode("utf-8", "replace")
    return HandedOut(units, frozenset(cells), has_lab=True)


def _usual_lab(place: ClassPlace, name: str) -> Lab | None:
    """Return the lab from the course's source, or from what `labs build` made; None if it is not there."""
    source = place.course.folder(place.course.source, ".", name)
    try:
        return read_lab(source, place.course, name) if source.is_dir() else find_lab(name)
    except UsageError:  # not there, or unreadable since: the page says that the lab is not known
        return None
