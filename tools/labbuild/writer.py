"""Writing outputs: all of a build or nothing, and never over somebody's own work.

Files are first written to a staging folder beside the outputs. Renaming that folder to ``.labs-commit`` is
the moment at which the build counts; only then is each file moved into place. If the process dies before,
nothing has changed; if it dies after, the next ``labs build`` finishes the move before it does anything else.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from labbuild.manifest import MANIFEST_FILE, digest

__all__ = ["edited_outputs", "finish_commit", "locked", "staging", "write_outputs"]

_COMMIT = ".labs-commit"
_STAGE = ".labs-stage-"
_PLAN = "plan.json"
_FILES = "files"
_LOCK = ".labs-lock"


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the output folder for this process; finish what a killed one left.

    Args:
        out: the output folder; made if it is not there.

    """
    out.mkdir(parents=True, exist_ok=True)
    with (out / _LOCK).open("w") as handle:
        _lock(handle.fileno())
        for stale in out.glob(f"{_STAGE}*"):
            shutil.rmtree(stale)
        finish_commit(out)
        yield


def _lock(descriptor: int) -> None:
    try:
        import fcntl
    except ImportError:  # not a Unix: two builds at once are then the user's to avoid
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX)


@contextmanager
def staging(out: Path) -> Iterator[Path]:
    """Give a folder for the files of a build; whatever is left of it afterwards is deleted."""
    folder = Path(tempfile.mkdtemp(prefix=_STAGE, dir=out))
    files = folder / _FILES
    files.mkdir()
    try:
        yield files
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def edited_outputs(out: Path, new: Mapping[str, str], old: Mapping[str, str]) -> list[str]:
    """Return the outputs that somebody changed or made by hand, and that would be overwritten or removed.

    Args:
        out: the output folder.
        new: path -> SHA-256 of what is to be written.
        old: path -> SHA-256 of what was last written.

    """
    edited: list[str] = []
    for name in sorted({*new, *old}):
        path = out / name
        if not path.is_file():
            continue
        now = digest(path.read_bytes())
        if now not in (new.get(name), old.get(name)):
            edited.append(name)
    return edited


def write_outputs(out: Path, files: Path, remove: list[str], manifest: bytes) -> None:
    """Put the staged files into place.

    Args:
        out: the output folder, held by :func:`locked`.
        files: from :func:`staging`; paths below it are those below ``out``.
        remove: outputs of an earlier build that no longer exist.
        manifest: to be written with them.

    """
    (files / MANIFEST_FILE).write_bytes(manifest)
    moved = sorted(path.relative_to(files).as_posix() for path in files.rglob("*") if path.is_file())
    # The manifest comes last: as long as it is the old one, the old build is what counts.
    moved.sort(key=lambda name: name == MANIFEST_FILE)
    plan = files.parent / _PLAN
    with plan.open("w", encoding="utf-8") as handle:
        json.dump({"move": moved, "remove": sorted(remove)}, handle)
        handle.flush()
        os.fsync(handle.fileno())
    os.rename(files.parent, out / _COMMIT)
    finish_commit(out)


def finish_commit(out: Path) -> None:
    """Move the files of a commit into place; safe to do again after a crash at any point."""
    commit = out / _COMMIT
    if not commit.is_dir():
        return
    plan = commit / _PLAN
    if plan.is_file():
        content = json.loads(plan.read_text(encoding="utf-8"))
        for name in content["move"]:
            staged, target = commit / _FILES / name, out / name
            if staged.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(staged, target)
        for name in content["remove"]:
            (out / name).unlink(missing_ok=True)
            _remove_empty_parents((out / name).parent, out)
    shutil.rmtree(commit)


def _remove_empty_parents(folder: Path, out: Path) -> None:
    while folder != out and folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
