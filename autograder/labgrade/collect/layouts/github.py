"""GitHub Classroom clones: ``02-recurrent-attention-adalove/`` with ``.git`` inside, one for each account."""

from __future__ import annotations

import os.path
from collections.abc import Sequence

from labgrade.collect.layouts.base import Context, Layout
from labgrade.collect.model import Claim, Person

__all__ = ["GITHUB"]

_MARK = ".git/HEAD"


def _read(names: Sequence[str], context: Context) -> list[Claim | None]:
    clones = sorted({name[: -len(_MARK) - 1] for name in names if name.endswith("/" + _MARK)})
    prefix = _common_prefix([clone.rpartition("/")[2] for clone in clones], context.lab)
    known = frozenset(clones)
    return [_claim(name, known, prefix) for name in names]


def _common_prefix(folders: Sequence[str], lab: str) -> str:
    """Return what all repositories begin with: the assignment and a hyphen."""
    if all(folder.startswith(lab + "-") for folder in folders):
        return lab + "-"
    if len(folders) < 2:
        return ""
    common = os.path.commonprefix(list(folders))  # noqa: RUF071 (names, not paths)
    return common[: common.rfind("-") + 1]


def _claim(path: str, clones: frozenset[str], prefix: str) -> Claim | None:
    parts = path.split("/")
    parents = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
    clone = next((parent for parent in parents if parent in clones), "")
    if not clone:
        return None
    person = Person(login=clone.rpartition("/")[2].removeprefix(prefix))
    file = path[len(clone) + 1 :]
    if file == _MARK:
        return Claim(clone, "", person, dropped="it is git's")
    return Claim(clone, file, person)


GITHUB = Layout("github", "GitHub Classroom clones", "LAB-ACCOUNT/ with .git inside", _read)
