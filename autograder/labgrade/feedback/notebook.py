"""Read an autograded notebook: what ran, and what it showed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

__all__ = ["NotebookCell", "NotebookDamagedError", "read_autograded"]

MAX_BYTES = 100_000_000


class NotebookDamagedError(Exception):
    """The file is not there or is no notebook; the message says why."""


@dataclass(frozen=True, slots=True)
class NotebookCell:
    """A cell as the autograder left it.

    Args:
        cell_type: ``code``, ``markdown`` or ``raw``.
        source: text.
        grade_id: nbgrader's, "" for a cell that it does not know.
        grade, solution, task: nbgrader's flags.
        outputs: of a code cell.
        attachments: of a text cell.

    """

    cell_type: str
    source: str
    grade_id: str = ""
    grade: bool = False
    solution: bool = False
    task: bool = False
    outputs: tuple[Mapping[str, Any], ...] = ()
    attachments: Mapping[str, Any] = field(default_factory=dict)


def read_autograded(path: Path) -> list[NotebookCell]:
    """Return the cells of an autograded notebook.

    Raises:
        NotebookDamagedError: it is gone, cut off, or changed into something else.

    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise NotebookDamagedError(f"it has more than {MAX_BYTES // 1_000_000} MB")
        document = _parse(path.read_bytes())
    except OSError as error:
        raise NotebookDamagedError(f"it cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise NotebookDamagedError(f"it is not JSON: {error}") from error
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise NotebookDamagedError("it has no list of cells")
    return [_read_cell(cell) for cell in cells]


def _parse(data: bytes) -> Any:
    """Decode strictly, and in Python's lenient way only where that fails (NaN in metadata)."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return json.loads(data)


def _read_cell(cell: Mapping[str, Any]) -> NotebookCell:
    metadata = cell.get("metadata")
    meta = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    known: Mapping[str, Any] = meta if isinstance(meta, dict) else {}
    outputs, attachments = cell.get("outputs"), cell.get("attachments")
    return NotebookCell(
        cell_type=str(cell.get("cell_type", "raw")),
        source=_text(cell.get("source")),
        grade_id=str(known.get("grade_id", "")),
        grade=known.get("grade") is True,
        solution=known.get("solution") is True,
        task=known.get("task") is True,
        outputs=tuple(output for output in outputs if isinstance(output, dict))
        if isinstance(outputs, list)
        else (),
        attachments=attachments if isinstance(attachments, dict) else {},
    )


def _text(source: object) -> str:
    return "".join(map(str, source)) if isinstance(source, list) else str(source or "")
