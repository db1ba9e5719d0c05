"""Who worked together: from the notebook's ``members`` cell, from the file's name, or from the roster."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labgrade.collect.model import Person
from labgrade.collect.roster import Roster, RosterRow
from labgrade.ipynb import NotebookError, RawCell, read_notebook
from labgrade.model import Finding, NotebookSpec, Severity

__all__ = ["GROUP_CELL", "lab_has_groups", "members_in_name", "members_in_notebooks"]

GROUP_CELL = "members"
"""Grade id of the cell, and name of the list that it binds."""
MAX_SOURCE_CHARS = 20_000
MAX_MEMBERS = 12
_BINDS = re.compile(rf"^{GROUP_CELL}\s*(?::[^=\n]+)?=(?!=)", re.MULTILINE)
_BLANK = re.compile(r"[\s.…_?-]*|your (?:name|id)|first member|second member|name|id", re.IGNORECASE)


def lab_has_groups(notebooks: Iterable[NotebookSpec]) -> bool:
    """Return whether a lab asks who worked together."""
    return any(
        cell.cell_type == "code" and (cell.grade_id == GROUP_CELL or bool(_BINDS.search(cell.released)))
        for notebook in notebooks
        for cell in notebook.cells
    )


def members_in_notebooks(files: Mapping[str, bytes]) -> tuple[tuple[Person, ...], tuple[Finding, ...]]:
    """Read the ``members`` cells of a submission's notebooks; the text is parsed, never run.

    Returns:
        The persons, each once; and a finding if a cell is there and cannot be read.

    """
    people: dict[Person, None] = {}
    findings: list[Finding] = []
    for path, data in sorted(files.items()):
        if not path.endswith(".ipynb") or b"members" not in data:
            continue
        try:
            cells = read_notebook(data).cells
        except NotebookError:
            continue  # grading says what is wrong with it
        source = _members_source(cells)
        if source is None:
            continue
        try:
            found = _parse(source)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            message = f"the list of members in '{path[:80]}' cannot be read; only who handed it in was taken"
            findings.append(Finding("members-unreadable", message, Severity.LOOK))
            continue
        people.update(dict.fromkeys(found))
    return tuple(people), tuple(findings)


def _members_source(cells: Sequence[RawCell]) -> str | None:
    code = [cell for cell in cells if cell.cell_type == "code" and len(cell.source) <= MAX_SOURCE_CHARS]
    tagged = [cell.source for cell in code if cell.grade_id == GROUP_CELL and _BINDS.search(cell.source)]
    binding = tagged or [cell.source for cell in code if _BINDS.search(cell.source)]
    return binding[-1] if binding else None


def _parse(source: str) -> list[Person]:
    people: list[Person] = []
    for node in ast.parse(source).body:
        targets = (
            node.targets
            if isinstance(node, ast.Assign)
            else [node.target]
            if isinstance(node, ast.AnnAssign)
            else []
        )
        if not any(isinstance(target, ast.Name) and target.id == GROUP_CELL for target in targets):
            continue
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        listed = ast.literal_eval(value) if value is not None else []
        listed = [listed] if isinstance(listed, dict | str) else listed
        if not isinstance(listed, list | tuple | set):
            raise TypeError("no list")
        people = [_person(item) for item in listed][:MAX_MEMBERS]
    return [person for person in people if person.is_known]


def _person(item: Any) -> Person:
    if isinstance(item, Mapping):
        fields = {str(key).casefold().strip(): _text(value) for key, value in item.items()}
        first = " ".join(fields.get(key, "") for key in ("first_name", "last_name")).strip()
        return Person(
            name=fields.get("name", "") or first,
            login=fields.get("id", "") or fields.get("login", "") or fields.get("username", ""),
            email=fields.get("email", ""),
        )
    if isinstance(item, list | tuple):
        texts = [_text(part) for part in item]
        return Person(name=texts[0] if texts else "", login=texts[1] if len(texts) > 1 else "")
    return Person(login=_text(item))


def _text(value: Any) -> str:
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    text = str(value).strip()[:200]
    return "" if _BLANK.fullmatch(text) else text


def members_in_name(stems: Iterable[str], notebooks: Iterable[str], roster: Roster) -> tuple[RosterRow, ...]:
    """Return the students whose ids a notebook's file name is made of: ``s1815_s1882_tensors``.

    Only ids of the roster count: ``ada_lovelace_tensors`` is one person, not two.
    """
    for stem in stems:
        for notebook in notebooks:
            if not stem.casefold().endswith("_" + notebook.casefold()):
                continue
            parts = stem[: -len(notebook) - 1].split("_")
            rows = [roster.find_id(part) for part in parts if part]
            if len(rows) > 1 and all(row is not None for row in rows):
                return tuple(dict.fromkeys(row for row in rows if row is not None))
    return ()
