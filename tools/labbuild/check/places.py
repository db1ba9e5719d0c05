"""Every place in which students can read something: cells, outputs, metadata, attachments, files."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labbuild.cell_content import cell_text
from labbuild.check.findings import Finding

__all__ = ["Place", "places_of_file", "places_of_notebook", "stray_files", "unused_attachments"]

_STRAY_SUFFIXES = (".pyc", ".pyo", ".swp", ".swo", ".orig", ".rej", "~")
_STRAY_NAMES = (
    "__pycache__",
    ".ipynb_checkpoints",
    ".DS_Store",
    ".git",
    ".pytest_cache",
    "variants.toml",
    "lab.toml",
)


@dataclass(frozen=True, slots=True)
class Place:
    """A text that students get.

    Args:
        code: the finding that a leak there is.
        name: how the place is named in a message, e.g. ``cell 7 of cells.ipynb``.
        text: what stands there.

    """

    code: str
    name: str
    text: str


def places_of_notebook(name: str, notebook: Mapping[str, Any]) -> Iterator[Place]:
    """Yield every text in a student notebook: sources, outputs, metadata, attachments."""
    for index, cell in enumerate(notebook["cells"]):
        where = f"cell {index + 1} of {name}.ipynb"
        yield Place("LC301", where, cell_text(cell))
        for text in _texts(cell.get("outputs", [])):
            yield Place("LC302", where, text)
        for text in _texts(cell["metadata"]):
            yield Place("LC303", where, text)
        for text in _texts(cell.get("attachments", {})):
            yield Place("LC304", where, text)
    for text in _texts(notebook["metadata"]):
        yield Place("LC303", f"{name}.ipynb", text)


def _texts(value: object) -> Iterator[str]:
    """Yield every text in a nest of lists and dicts, and what base64 texts hold."""
    if isinstance(value, str):
        yield value
        if len(value) > 40 and " " not in value[:80]:
            try:
                yield base64.b64decode(value.replace("\n", ""), validate=True).decode("latin-1")
            except (binascii.Error, ValueError):
                return
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list):
        if value and all(isinstance(item, str) for item in value):
            yield "".join(value)
        else:
            for item in value:
                yield from _texts(item)


def places_of_file(name: str, data: bytes) -> Iterator[Place]:
    """Yield what a file that students get says; a notebook's parts, any other file as a whole."""
    if name.endswith(".ipynb"):
        yield from places_of_notebook(name.removesuffix(".ipynb"), json.loads(data))
    else:
        yield Place("LC305", name, data.decode("utf-8", errors="replace"))


def unused_attachments(name: str, notebook: Mapping[str, Any], path: Path) -> list[Finding]:
    """Find attachments that the student text does not show: they belonged to what was taken out."""
    findings = []
    for index, cell in enumerate(notebook["cells"]):
        for file in cell.get("attachments", {}):
            if f"attachment:{file}" not in cell_text(cell):
                message = (
                    f"attachment {file!r} of cell {index + 1} of {name}.ipynb is shown only by the answer"
                )
                findings.append(Finding("LC304", path, 0, message, "put the picture into a cell of its own"))
    return findings


def stray_files(names: Iterable[str], folder: Path) -> list[Finding]:
    """Find files that only a tool or the author needs among those that students get."""
    findings = []
    for name in names:
        parts = name.split("/")
        if any(part in _STRAY_NAMES for part in parts) or parts[-1].endswith(_STRAY_SUFFIXES):
            message = f"{name} would be handed out; it may hold answers in a form that nobody reads"
            findings.append(
                Finding("LC306", folder / name, 0, message, "delete it, or list files more narrowly")
            )
    return findings
