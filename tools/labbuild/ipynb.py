"""Notebooks as bytes: the same JSON as nbformat writes, without importing it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["notebook_bytes", "notebook_problems"]

_ID = re.compile(r"[a-zA-Z0-9-_]{1,64}\Z")


def notebook_bytes(notebook: Mapping[str, Any]) -> bytes:
    """Return a notebook as the bytes of an ``.ipynb`` file.

    Args:
        notebook: nbformat 4.5.

    Returns:
        UTF-8 JSON with sorted keys, one-blank indentation and texts as lists of lines, as nbformat writes it.

    """
    cells = [_split_cell(cell) for cell in notebook["cells"]]
    text = json.dumps({**notebook, "cells": cells}, ensure_ascii=False, indent=1, sort_keys=True)
    return (text + "\n").encode("utf-8", "backslashreplace")


def _split_cell(cell: Mapping[str, Any]) -> dict[str, Any]:
    made = {**cell, "source": _split(cell["source"])}
    if "outputs" in cell:
        made["outputs"] = [_split_output(output) for output in cell["outputs"]]
    return made


def _split_output(output: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(output)
    if isinstance(made.get("text"), str):
        made["text"] = _split(made["text"])
    if isinstance(made.get("data"), Mapping):
        made["data"] = {
            key: value if key == "application/json" or key.endswith("+json") else _split(value)
            for key, value in made["data"].items()
        }
    return made


def _split(text: Any) -> Any:
    return text.splitlines(keepends=True) if isinstance(text, str) else text


def notebook_problems(notebook: Mapping[str, Any]) -> list[str]:
    """Say why a notebook is not one; the last check before it is written.

    Args:
        notebook: nbformat 4.5.

    Returns:
        One sentence for each problem. (The full JSON schema is for tests: loading it takes longer than a
        build.)

    """
    problems: list[str] = []
    seen: set[str] = set()
    grade_ids: set[str] = set()
    if (notebook.get("nbformat"), notebook.get("nbformat_minor")) != (4, 5):
        problems.append("it is not nbformat 4.5")
    for index, cell in enumerate(notebook["cells"], 1):
        identifier = cell.get("id")
        if not isinstance(identifier, str) or not _ID.match(identifier):
            problems.append(f"cell {index} has no valid id: {identifier!r}")
        elif identifier in seen:
            problems.append(f"cell {index} has the id '{identifier}' of another cell")
        else:
            seen.add(identifier)
        if cell.get("cell_type") not in ("code", "markdown", "raw"):
            problems.append(f"cell {index} has the type {cell.get('cell_type')!r}")
        if not isinstance(cell.get("source"), str):
            problems.append(f"cell {index} has no text")
        if cell.get("cell_type") == "code" and not {"outputs", "execution_count"} <= set(cell):
            problems.append(f"cell {index} has no outputs")
        graded = cell.get("metadata", {}).get("nbgrader")
        if graded is not None:
            if graded["grade_id"] in grade_ids:
                problems.append(f"cell {index} has the grade_id '{graded['grade_id']}' of another cell")
            grade_ids.add(graded["grade_id"])
    return problems
