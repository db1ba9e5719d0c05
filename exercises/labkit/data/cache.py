"""The folder that all labs share, written so that it never holds half a file."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labkit.data.errors import DataError

__all__ = ["CONTENTS", "cache_folder", "read_contents", "sha256_of", "store_folder", "verify_folder"]

CONTENTS = "contents.json"
"""Written last into each folder: where the files come from, their sizes and SHA-256."""


def cache_folder() -> Path:
    """Return the cache folder: ``$LABS_DATA``, else ``~/.cache/seqlabs``. It is not made."""
    chosen = os.environ.get("LABS_DATA")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "seqlabs"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def store_folder(target: Path, fill: Callable[[Path], None], origin: str) -> Path:
    """Let ``fill`` write files into a new folder, and put it in its place when it is complete.

    Another process may do the same at the same time: the first one wins, and both get a complete folder.

    Args:
        target: the folder to make; an earlier one is replaced.
        fill: writes the files into the folder that it is given.
        origin: where the files come from, kept in ``contents.json``.

    Returns:
        ``target``.

    Raises:
        DataError: the cache folder cannot be written.

    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        raise DataError(
            f"cannot write into the cache folder {target.parent}: {error.strerror}",
            "set LABS_DATA to a folder that you may write",
        ) from error
    try:
        fill(work)
        files = {
            path.relative_to(work).as_posix(): {"sha256": sha256_of(path), "bytes": path.stat().st_size}
            for path in sorted(work.rglob("*"))
            if path.is_file()
        }
        contents = {"origin": origin, "files": files}
        (work / CONTENTS).write_text(json.dumps(contents, indent=1) + "\n", encoding="utf-8")
        _put_in_place(work, target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _put_in_place(work: Path, target: Path) -> None:
    """Rename ``work`` to ``target``; an old target is moved aside first: folders cannot be overwritten."""
    if target.exists():
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
        os.replace(target, aside / "old")
        shutil.rmtree(aside, ignore_errors=True)
    try:
        os.replace(work, target)
    except OSError:
        if not (target / CONTENTS).is_file():  # not another process that was faster
            raise


def read_contents(folder: Path) -> dict[str, Any] | None:
    """Return what ``contents.json`` says, or None if the folder is not a complete one."""
    try:
        contents = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    complete = isinstance(contents, dict) and all(
        (folder / name).is_file() and (folder / name).stat().st_size == facts["bytes"]
        for name, facts in contents.get("files", {}).items()
    )
    return contents if complete else None


def verify_folder(folder: Path) -> list[str]:
    """Compare every file of a folder with the SHA-256 noted when it was stored.

    Returns:
        One sentence for each file that is missing, damaged or not listed; empty if all is well.

    """
    try:
        contents = json.loads((folder / CONTENTS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{folder / CONTENTS}: cannot be read ({error})"]
    found = []
    for name, facts in contents["files"].items():
        path = folder / name
        if not path.is_file():
            found.append(f"{path}: missing")
        elif sha256_of(path) != facts["sha256"]:
            found.append(f"{path}: its SHA-256 is not the one noted when it was stored")
    return found
