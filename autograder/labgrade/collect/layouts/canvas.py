"""Canvas, "Download Submissions": ``lovelaceada_LATE_1815_99001_cells-1.ipynb``.

The name is the sortable name in lower case without blanks; ``LATE`` is Canvas's own mark; the numbers are
those of the user and of the file. ``-1`` comes from handing in a second time.
Anonymous: ``anon_4fGh2_99001_…``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from labgrade.collect.layouts.base import Context, Layout
from labgrade.collect.model import Claim, Person

__all__ = ["CANVAS"]

_FILE = re.compile(r"(?P<name>[^/]+?)(?P<late>_LATE)?_(?P<user>\d+)_(?P<number>\d+)_(?P<file>[^/]+)")
_ANONYMOUS = re.compile(r"(?P<late>LATE_)?anon_(?P<user>[0-9A-Za-z]{5})_(?P<number>\d+)_(?P<file>[^/]+)")
_TEXT = re.compile(r"(?P<name>[^/]+?)(?P<late>_LATE)?_(?P<user>\d+)_(?:text|link)\.html")
_AGAIN = re.compile(r"(?P<stem>.+)-(?P<version>\d{1,3})(?P<suffix>\.\w+)")


def _read(names: Sequence[str], context: Context) -> list[Claim | None]:
    return [_claim(name, context) for name in names]


def _claim(path: str, context: Context) -> Claim | None:
    match = _ANONYMOUS.fullmatch(path) or _FILE.fullmatch(path)
    if match is None:
        text = _TEXT.fullmatch(path)
        if text is None:
            return None
        person = Person(name=text["name"], number=text["user"])
        return Claim(
            f"{text['name']}_{text['user']}",
            "",
            person,
            late=bool(text["late"]),
            dropped="it is Canvas's text page",
        )
    name = match.groupdict().get("name", "")
    file, version = _without_version(match["file"], context)
    return Claim(
        f"{name or 'anon'}_{match['user']}",
        file,
        Person(name=name, number=match["user"]),
        late=bool(match["late"]),
        version=version,
    )


def _without_version(file: str, context: Context) -> tuple[str, int]:
    """Take Canvas's ``-1`` off, but only where that makes it a file of the lab."""
    match = _AGAIN.fullmatch(file)
    if match is None or file in context.files:
        return file, 0
    plain = match["stem"] + match["suffix"]
    return (plain, int(match["version"])) if plain in context.files else (file, 0)


CANVAS = Layout("canvas", "Canvas", "name_USER_FILE_original, with _LATE_ where late", _read)
