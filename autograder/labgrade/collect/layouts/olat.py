"""OLAT and OpenOlat, task element: ``Lovelace_Ada_alovelace/1_submissions/cells.ipynb``.

Beside the submissions lie the task, corrections, sample solutions, and revisions, which replace what was
handed in first. A group task has the group's name in place of the person's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from labgrade.collect.layouts.base import Context, Layout
from labgrade.collect.model import Claim, Person

__all__ = ["OLAT"]

_STEP = re.compile(
    r"\d+_(?P<step>tasks?|submissions?|corrections?|revisions?|solutions?|grading|peerreviews?|reviews?)"
    r"(?:_(?P<loop>\d+))?"
)


def _read(names: Sequence[str], _context: Context) -> list[Claim | None]:
    return [_claim(name) for name in names]


def _claim(path: str) -> Claim | None:
    parts = path.split("/")
    for at in range(1, len(parts) - 1):
        match = _STEP.fullmatch(parts[at])
        if match is None:
            continue
        folder, file = parts[at - 1], "/".join(parts[at + 1 :])
        names = folder.split("_")
        person = (
            Person(name=" ".join(names[:-1]), login=names[-1])
            if len(names) > 2
            else Person(name=" ".join(names))
        )
        step = match["step"].rstrip("s")
        if step == "submission":
            return Claim(folder, file, person)
        if step == "revision":
            return Claim(folder, file, person, version=int(match["loop"] or 1))
        return Claim(folder, "", person, dropped=f"it belongs to OLAT's folder '{parts[at]}'")
    return None


OLAT = Layout("olat", "OLAT, OpenOlat", "Last_First_LOGIN/N_submissions/", _read)
