"""What a student wrote, by question: answer cells, own cells, and the modules that students write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labgrade.ipynb import NotebookError, read_notebook

__all__ = ["AnswerShelf", "Unit"]

MAX_BYTES = 1_000_000
"""A module beyond this is not read: it is data."""
OWN_CELLS = "own cells"


@dataclass(frozen=True, slots=True)
class Unit:
    """A text of a student that is compared with the same text of others.

    Args:
        name: ``NOTEBOOK/ANSWER``, ``NOTEBOOK/own cells`` or the path of a module.
        text: as the student wrote it.

    """

    name: str
    text: str


@dataclass(slots=True)
class AnswerShelf:
    """Reads what students wrote from their autograded notebooks.

    Args:
        folder: student -> folder of the autograded notebooks.
        notebooks: of the lab, without suffix.
        modules: paths of the files that students write.
        given: texts that students were given; a cell that holds nothing else is none of theirs.

    Attributes:
        unreadable: students whose notebooks were not there or could not be read.

    """

    folder: Callable[[str], Path]
    notebooks: Sequence[str]
    modules: Sequence[str] = ()
    given: frozenset[str] = frozenset()
    unreadable: list[str] = field(default_factory=list)

    def read(self, student: str) -> list[Unit]:
        """Return a student's texts; [] if nothing is left of them, which is noted."""
        folder = self.folder(student)
        units: list[Unit] = []
        found = False
        for name in self.notebooks:
            try:
                data = (folder / f"{name}.ipynb").read_bytes()
                cells = read_notebook(data).cells
            except (OSError, NotebookError):
                continue
            found = True
            own = []
            for cell in cells:
                if cell.cell_type != "code" or cell.source.strip() in self.given:
                    continue
                if cell.nbgrader.get("solution") is True:
                    units.append(Unit(f"{name}/{cell.grade_id}", cell.source))
                elif not cell.grade_id:
                    own.append(cell.source)
            if own:
                units.append(Unit(f"{name}/{OWN_CELLS}", "\n\n".join(own)))
        for path in self.modules:
            text = _read_module(folder / path)
            if text is not None:
                units.append(Unit(path, text))
        if not found:
            self.unreadable.append(student)
        return units


def _read_module(path: Path) -> str | None:
    try:
        if path.suffix != ".py" or path.stat().st_size > MAX_BYTES:
            return None
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:  # the student did not hand it in
        return None
