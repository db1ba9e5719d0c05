"""Make the name of an archive's member harmless, or say why it cannot be."""

from __future__ import annotations

import re
import unicodedata

from labgrade.collect.limits import MAX_DEPTH

__all__ = ["clean_id", "clean_path", "fold_path", "is_junk"]

MAX_COMPONENT_BYTES = 200
"""Leaves room for a suffix; file systems take 255."""
_DRIVE = re.compile(r"^[A-Za-z]:")
_JUNK = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", ".ipynb_checkpoints", "__pycache__"})
_BAD_CHARS = re.compile("[\x00-\x1f\x7f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Control characters, halves of characters, and marks that turn the reading direction of what follows."""


def clean_path(raw: str) -> tuple[str, str, str]:
    """Return a relative path without tricks, and the code and message of what was wrong with the name.

    The path is for saying whose file it is, and for writing it only if the code is "".
    """
    text = raw.replace("\\", "/")
    code = message = ""
    if text.startswith("/") or _DRIVE.match(text):
        code, message = "member-outside", "its name is an absolute path"
        text = _DRIVE.sub("", text)
    parts = []
    for part in text.split("/"):
        if part == "..":
            code, message = "member-outside", "its name leads out of the folder (..)"
        elif part not in ("", "."):
            parts.append(part)
    if any(_BAD_CHARS.search(part) for part in parts):
        code, message = code or "member-name", message or "its name holds control characters"
        parts = [_BAD_CHARS.sub("_", part) for part in parts]
    parts = [unicodedata.normalize("NFC", part) for part in parts]
    if any(len(part.encode("utf-8", "replace")) > MAX_COMPONENT_BYTES for part in parts):
        code, message = (
            code or "member-name",
            message or f"its name is longer than {MAX_COMPONENT_BYTES} bytes",
        )
        parts = [part[:60] for part in parts]
    if len(parts) > MAX_DEPTH + 4:
        code, message = code or "member-name", message or f"it lies below {len(parts) - 1} folders"
        parts = [*parts[:MAX_DEPTH], parts[-1]]
    if not parts:
        return "_", code or "member-name", message or "it has no name"
    return "/".join(parts), code, message


def fold_path(path: str) -> str:
    """Return what a path is on a file system that tells neither case nor Unicode forms apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKD", path).casefold())


def is_junk(path: str) -> bool:
    """Return whether an operating system or an editor left the file there."""
    return any(part in _JUNK or part.startswith("._") for part in path.split("/"))


def clean_id(text: str) -> str:
    """Return an id that can name a folder and stand in the gradebook, "" if nothing is left."""
    text = unicodedata.normalize("NFC", _BAD_CHARS.sub("", text))
    text = re.sub(r"[\s]+", " ", re.sub(r"[/\\\x00]+", "-", text)).strip().lstrip(".")
    text = "".join(char for char in text if char.isprintable())[:128].strip()
    while len(text.encode()) > MAX_COMPONENT_BYTES:
        text = text[:-1]
    return "" if text in _JUNK else text
