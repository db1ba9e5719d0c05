"""nbgrader's exchange: ``ada+ps1+2026-11-20 14:05:00 UTC+random/ps1.ipynb``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labgrade.collect.layouts.base import Context, Layout
from labgrade.collect.model import Claim, Person

__all__ = ["INBOUND"]

_FOLDER = re.compile(r"(?P<student>[^+/]+)\+(?P<lab>[^+/]+)\+(?P<moment>\d{4}-\d\d-\d\d[^+/]*)(?:\+[^/]*)?")


def _read(names: Sequence[str], context: Context) -> list[Claim | None]:
    return [_claim(name, context.lab) for name in names]


def _claim(path: str, lab: str) -> Claim | None:
    first, _, inner = path.partition("/")
    match = _FOLDER.fullmatch(first)
    if match is None or not inner:
        return None
    person = Person(login=match["student"])
    if match["lab"] != lab:
        return Claim(first, "", person, match["moment"], dropped=f"it was handed in for '{match['lab']}'")
    return Claim(first, inner, person, match["moment"])


INBOUND = Layout(
    "nbgrader-inbound", "nbgrader's inbound", "STUDENT+LAB+TIME+RANDOM/", _read, keeps_timestamp=True
)
