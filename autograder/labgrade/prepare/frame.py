"""What the autograded notebook keeps of a student's file besides the text: ids, metadata, attachments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

__all__ = ["CellFrame", "NotebookFrame", "clean_metadata", "unique_ids"]

MAX_METADATA_BYTES = 200_000
_CELL_ID = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
_KINDS: Mapping[str, type] = {
    "name": str,
    "collapsed": bool,
    "format": str,
    "jupyter": dict,
    "deletable": bool,
    "editable": bool,
    "execution": dict,
}


@dataclass(frozen=True, slots=True)
class CellFrame:
    """Parallel to a ``PreparedCell``.

    Args:
        cell_id: nbformat id, "" where the notebook's format has none.
        metadata: the student's, checked, without nbgrader's part.
        attachments: images in a text cell.
        added: the cell was put back from the lab.

    """

    cell_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    attachments: Mapping[str, Any] = field(default_factory=dict)
    added: bool = False


@dataclass(frozen=True, slots=True)
class NotebookFrame:
    """Parallel to a ``PreparedNotebook``."""

    metadata: Mapping[str, Any]
    minor: int
    cells: tuple[CellFrame, ...]


def clean_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a student's cell metadata that any reader of notebooks accepts, without nbgrader's part.

    Nothing in it decides what runs; it is kept because people look at the notebook afterwards.
    """
    kept = {
        key: value
        for key, value in metadata.items()
        if key not in ("nbgrader", "trusted", "tags")
        and (key not in _KINDS or isinstance(value, _KINDS[key]))
    }
    tags = metadata.get("tags")
    if isinstance(tags, list):
        kept["tags"] = list(
            dict.fromkeys(tag for tag in tags if isinstance(tag, str) and tag and "," not in tag)
        )
    try:
        size = len(msgspec.json.encode(kept))
    except (OverflowError, ValueError, RecursionError):
        return {}
    return kept if size <= MAX_METADATA_BYTES else {}


def unique_ids(ids: list[str]) -> list[str]:
    """Return valid ids, each once; what is missing, malformed or repeated gets one from its position."""
    seen: set[str] = set()
    result: list[str] = []
    for position, cell_id in enumerate(ids):
        new = cell_id if _CELL_ID.match(cell_id) and cell_id not in seen else f"labs-{position}"
        while new in seen:
            new += "x"
        seen.add(new)
        result.append(new)
    return result
