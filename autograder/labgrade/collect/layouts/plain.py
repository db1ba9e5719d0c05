"""No LMS: ``ada/cells.ipynb``, ``ada.ipynb``, ``ada.zip``, or ``s1815_s1882_tensors.ipynb``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from labgrade.collect.layouts.base import Context, Layout
from labgrade.collect.model import Claim, Person
from labgrade.collect.sources import is_archive_name

__all__ = ["PLAIN"]

_ALONE = (".ipynb", ".py", ".md")
_PACKED = re.compile(r"\.(?:tar\.)?[A-Za-z0-9]+$")


def _read(names: Sequence[str], context: Context) -> list[Claim | None]:
    return [_claim(name, context) for name in names]


def _claim(path: str, context: Context) -> Claim | None:
    first, _, inner = path.partition("/")
    if inner:
        return Claim(first, inner, Person(login=first))
    if first == "timestamp.txt" or first.startswith("."):
        return None
    if is_archive_name(first):
        stem = _PACKED.sub("", first)
        login = (
            stem.removesuffix(f"{context.lab}-submission").removesuffix("-submission").strip("-_ ") or stem
        )
        return Claim(stem, first, Person(login=login))
    if not first.endswith(_ALONE):
        return None
    stem, _, suffix = first.rpartition(".")
    for notebook in sorted(context.notebooks, key=len, reverse=True):
        if stem.casefold().endswith("_" + notebook.casefold()):
            return Claim(stem, f"{notebook}.{suffix}", Person(login=stem[: -len(notebook) - 1]))
    return Claim(stem, first, Person(login=stem))


PLAIN = Layout("plain", "a folder of submissions", "STUDENT/ or STUDENT.ipynb", _read, keeps_timestamp=True)
