"""Moodle, "Download all submissions": ``First Last_1234_assignsubmission_file_/cells.ipynb``.

Since Moodle 4.1 the folder has no underscore at its end. Without "Download submissions in folders" the name
of the file follows the prefix directly. A group's name may stand in front: ``Team 3-First Last_1234_…``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from labgrade.collect.layouts.base import Context, Layout
from labgrade.collect.model import Claim, Person

__all__ = ["MOODLE"]

_FIRST = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_(?P<plugin>[a-z]+)(?:_(?P<rest>.*))?")
_ANONYMOUS = re.compile(r"\D+\s*\d+")
"""With blind marking: "Participant 1234"."""


def _read(names: Sequence[str], _context: Context) -> list[Claim | None]:
    return [_claim(name) for name in names]


def _claim(path: str) -> Claim | None:
    first, _, inner = path.partition("/")
    match = _FIRST.fullmatch(first)
    if match is None:
        return None
    name = match["name"]
    person = Person(name="" if _ANONYMOUS.fullmatch(name) else name, number=match["number"])
    unit = f"{name}_{match['number']}"
    if match["plugin"] != "file":
        return Claim(
            unit, "", person, dropped=f"it is Moodle's {match['plugin']} page, no file of the student's"
        )
    file = "/".join(part for part in (match["rest"] or "", inner) if part)
    return Claim(unit, file, person) if file else None


MOODLE = Layout("moodle", "Moodle", "NAME_NUMBER_assignsubmission_file_", _read)
