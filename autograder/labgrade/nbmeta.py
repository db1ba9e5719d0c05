"""nbgrader's cell metadata (schema 3): what kind a cell is, and its checksum."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from labgrade.model import CellSpec

__all__ = ["SCHEMA_VERSION", "checksum", "is_locked", "nbgrader_metadata"]

SCHEMA_VERSION = 3


def is_locked(*, grade: bool, solution: bool, locked: bool) -> bool:
    """Return whether nbgrader puts the cell's text back: an answer never, a test always, else the flag."""
    return not solution and (grade or locked)


def checksum(cell: CellSpec, source: str) -> str:
    """Return nbgrader's checksum of a cell of the lab with the given text.

    Source: ``nbgrader.utils.compute_checksum``; a test compares both.
    """
    parts = [source, cell.cell_type, str(cell.grade), str(cell.solution), str(cell.locked), cell.grade_id]
    if cell.grade:
        parts.append(str(float(cell.points)))
    return hashlib.md5("".join(parts).encode(), usedforsecurity=False).hexdigest()


def nbgrader_metadata(cell: CellSpec, sum_: str) -> Mapping[str, Any]:
    """Return ``metadata.nbgrader`` of a cell as nbgrader writes it after autograding."""
    found: dict[str, Any] = {
        "cell_type": cell.cell_type,
        "checksum": sum_,
        "grade": cell.grade,
        "grade_id": cell.grade_id,
        "locked": cell.locked,
        "schema_version": SCHEMA_VERSION,
        "solution": cell.solution,
        "task": cell.task,
    }
    if cell.grade or cell.task:
        found["points"] = cell.points
    return found
