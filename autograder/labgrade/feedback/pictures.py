"""Pictures that lie beside a student's notebook."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

from labgrade.pages.images import MAX_BYTES, make_address

__all__ = ["find_picture"]

_KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}


def find_picture(folder: Path, name: str) -> str | None:
    """Return the address of a picture of the submission; None if it is none, or lies elsewhere."""
    path = Path(os.path.normpath(folder / name))
    kind = _KINDS.get(path.suffix.lower())
    if kind is None or not path.is_relative_to(folder) or "\0" in name:
        return None
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.stat().st_size > MAX_BYTES:
            return None
        data = path.read_bytes()
    except (OSError, ValueError):
        return None
    return make_address(kind, base64.b64encode(data).decode())
