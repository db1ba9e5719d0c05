"""ILIAS exercise: ``Lovelace_Ada_alovelace_1815/cells.ipynb``, below ``Team 4/`` where teams hand in."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labgrade.collect.layouts.base import Context, Layout
from labgrade.collect.model import Claim, Person

__all__ = ["ILIAS"]

_FOLDER = re.compile(r"(?P<names>[^_/]+(?:_[^_/]+)+)_(?P<login>[^_/]+)_(?P<number>\d+)")
_TEAM = re.compile(r"(?:Team|Gruppe|Group|Équipe|Equipo)[ _]\d+", re.IGNORECASE)
_LATE = re.compile(r"(?:Late[ _]Submission|Versp(?:ä|ae|a)tete[ _]Abgabe)[ _]-[ _]", re.IGNORECASE)


def _read(names: Sequence[str], _context: Context) -> list[Claim | None]:
    return [_claim(name) for name in names]


def _claim(path: str) -> Claim | None:
    parts = path.split("/")
    team = ""
    for at, part in enumerate(parts[:-1]):
        if _TEAM.fullmatch(part):
            team = part.replace("_", " ")
        match = _FOLDER.fullmatch(part)
        if match is not None:
            person = Person(match["names"].replace("_", " "), match["number"], match["login"])
            return _with_file(team or part, parts[at + 1 :], person, team)
    if team:
        at = next(at for at, part in enumerate(parts) if _TEAM.fullmatch(part))
        return _with_file(team, parts[at + 1 :], Person(), team)
    return None


def _with_file(unit: str, inner: list[str], person: Person, team: str) -> Claim:
    late = bool(_LATE.match(inner[-1]))
    inner = [*inner[:-1], _LATE.sub("", inner[-1], count=1)]
    return Claim(unit, "/".join(inner), person, late=late, team=team)


ILIAS = Layout("ilias", "ILIAS", "Last_First_LOGIN_NUMBER/, in Team N/ for teams", _read)
