"""Blackboard: ``Lab 2_ada_attempt_2026-11-20-14-05-00_cells.ipynb``, and a ``.txt`` about each attempt."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labgrade.collect.layouts.base import Context, Layout
from labgrade.collect.model import Claim, Person

__all__ = ["BLACKBOARD"]

_FILE = re.compile(
    r"(?P<lab>.+)_(?P<login>[^_/]+)_attempt_(?P<day>\d{4}-\d\d-\d\d)-(?P<h>\d\d)-(?P<m>\d\d)-(?P<s>\d\d)"
    r"(?:_(?P<file>[^/]+)|(?P<note>\.txt))"
)


def _read(names: Sequence[str], _context: Context) -> list[Claim | None]:
    return [_claim(name) for name in names]


def _claim(path: str) -> Claim | None:
    match = _FILE.fullmatch(path)
    if match is None:
        return None
    moment = f"{match['day']} {match['h']}:{match['m']}:{match['s']}"
    unit = f"{match['login']}_attempt_{match['day']}-{match['h']}-{match['m']}-{match['s']}"
    person = Person(login=match["login"])
    if match["note"]:
        return Claim(unit, "", person, moment, dropped="it is Blackboard's note about the attempt")
    return Claim(unit, match["file"], person, moment)


BLACKBOARD = Layout("blackboard", "Blackboard", "LAB_LOGIN_attempt_DATE_file", _read)
