"""nbgrader's course folder: ``submitted/ada/ps1/ps1.ipynb``."""

from __future__ import annotations

from collections.abc import Sequence

from labgrade.collect.layouts.base import Context, Layout
from labgrade.collect.model import Claim, Person

__all__ = ["SUBMITTED"]


def _read(names: Sequence[str], context: Context) -> list[Claim | None]:
    return [_claim(name, context.lab) for name in names]


def _claim(path: str, lab: str) -> Claim | None:
    parts = path.split("/")
    if len(parts) < 3 or parts[1] != lab:
        return None
    return Claim(parts[0], "/".join(parts[2:]), Person(login=parts[0]))


SUBMITTED = Layout("nbgrader", "nbgrader's submitted", "STUDENT/LAB/", _read, keeps_timestamp=True)
