"""Draws the figures of a lab's given cells once, before a class hands them in a thousand times.

The released notebook, as every student has it, runs in a confined process of its own; what its figures look
like, by their fingerprints, is given to each student's process. Nothing in it is secret, and nothing of a
student's comes to it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from labgrade.model import LabSpec, Limits, NotebookSpec
from labgrade.verify.faults import StudentGoneError
from labgrade.verify.hubline import HubLine
from labgrade.verify.judge import seed_of
from labgrade.verify.student import Student
from labgrade.wire import CodecError

__all__ = ["rehearse"]

_DRAWS = re.compile(r"\b(?:plt|plots?|fig(?:ure)?|axe?s|draw|show|imshow)\b")
_BUDGET_S = 20.0


def rehearse(lab: LabSpec, line: HubLine, launch: Mapping[str, Any], limits: Limits) -> dict[str, bytes]:
    """Return the pictures that a lab's given cells draw, by their fingerprints.

    What takes too long or fails is left out: its figures are drawn in each submission.

    Args:
        lab: the lab.
        line: to the warm process.
        launch: the request that makes a child.
        limits: of a submission.

    """
    pictures: dict[str, bytes] = {}
    until = time.monotonic() + _BUDGET_S
    for notebook in lab.notebooks:
        sources = list(_cells_to_draw(notebook))
        if notebook.language != "python" or not sources:
            continue
        environment = {"NBGRADER_EXECUTION": "autograde"}
        files = {**lab.student_files, **lab.given_files}
        student = Student(line, launch, files, environment, limits, seed_of(lab), pictures=None)
        try:
            student.start()
            for count, source in sources:
                if time.monotonic() > until or not student.is_alive:
                    break
                student.run_cell(source, count, remember=False)
            if student.is_alive:
                pictures.update(student.take_pictures())
        except (StudentGoneError, CodecError):
            continue
        finally:
            student.stop(wait=False)
    return pictures


def _cells_to_draw(notebook: NotebookSpec) -> Iterator[tuple[int, str]]:
    """Yield count and released text of each cell down to the last one that draws, without tests."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    drawing = [
        place
        for place, cell in enumerate(code)
        if not cell.solution and not cell.is_test and _DRAWS.search(cell.released)
    ]
    for place, cell in enumerate(code[: drawing[-1] + 1] if drawing else ()):
        if not cell.is_test:
            yield place + 1, cell.released
