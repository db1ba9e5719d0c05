"""Put submissions where ``labs grade`` looks for them; whenever it is stopped, no half submission is left."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from labgrade.errors import MachineError
from labgrade.model import Finding, Severity

__all__ = [
    "WORK_NAME",
    "digest_files",
    "digest_folder",
    "disk_errors",
    "place_submissions",
    "stage",
    "staging",
    "write_whole",
]

WORK_NAME = ".collect"
"""In the output folder: what is being written, and archives and older versions as they were handed in."""


def digest_files(files: Mapping[str, bytes]) -> str:
    """Return SHA-256 over paths and bytes, in hex."""
    total = hashlib.sha256()
    for path, data in sorted(files.items()):
        total.update(f"{path}\x00{len(data)}\x00".encode("utf-8", "replace") + hashlib.sha256(data).digest())
    return total.hexdigest()


@contextmanager
def staging(out: Path, place: Callable[[str], Path]) -> Iterator[Path]:
    """Give a folder on the output's disk; afterwards it is gone, and so is what an earlier stop left."""
    with disk_errors(out):
        work = out / WORK_NAME
        work.mkdir(parents=True, exist_ok=True)
        for left in work.glob("new-*"):
            shutil.rmtree(left)
        for left in work.glob("old-*"):
            _bring_back(left, place(left.name.split("-", 2)[2]))
        folder = Path(tempfile.mkdtemp(prefix="new-", dir=work))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bring_back(left: Path, target: Path) -> None:
    """Put a submission back that was moved away when its new version was not yet there."""
    if target.exists():
        shutil.rmtree(left)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(left, target)


def stage(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a submission's files into a folder of their own.

    Raises:
        MachineError: the disk refuses.

    """
    with disk_errors(folder):
        folder.mkdir(parents=True)
        for relative, data in files.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "xb") as file:
                file.write(data)


def place_submissions(
    out: Path,
    staged: Mapping[str, Path],
    moved: Mapping[str, str],
    expected: Mapping[str, str],
    place: Callable[[str], Path],
) -> tuple[list[str], list[Finding]]:
    """Move staged submissions to their places, and take away what no longer belongs where it is.

    Args:
        out: the output folder.
        staged: student's folder name -> where it was staged.
        moved: folder name -> digest of what an earlier run wrote there and now belongs elsewhere.
        expected: folder name -> digest of the submission that belongs there.
        place: folder name -> where it belongs.

    Returns:
        Names of the folders that are new or changed; and what was left as it is because a person changed it.

    """
    changed: list[str] = []
    findings: list[Finding] = []
    with disk_errors(out):
        for name, digest in moved.items():
            if name in expected or not place(name).is_dir():
                continue
            if digest_folder(place(name)) == digest:
                gone = out / WORK_NAME / f"new-gone-{os.getpid()}-{len(changed)}"
                os.replace(place(name), gone)
                shutil.rmtree(gone)
                changed.append(name)
            else:
                message = (
                    f"'{name}' is no longer a submission of this download, but its files were changed: left"
                )
                findings.append(Finding("folder-changed", message, Severity.LOOK))
        for name, source in staged.items():
            target = place(name)
            if target.is_dir() and not target.is_symlink() and digest_folder(target) == expected[name]:
                continue
            _remove(out, name, target)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(source, target)
            _forget_old(out, name)
            changed.append(name)
    return changed, findings


def digest_folder(folder: Path) -> str:
    """Return the digest of a folder's files, "" if it holds something that was never collected."""
    files: dict[str, bytes] = {}
    for parent, folders, names in os.walk(folder):
        if any(Path(parent, name).is_symlink() for name in [*folders, *names]):
            return ""
        for name in names:
            path = Path(parent, name)
            if not path.is_file():
                return ""
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return digest_files(files)


def _remove(out: Path, name: str, target: Path) -> None:
    """Move what is in the way aside; it comes back if the run ends before the new one is in place."""
    if target.is_symlink() or target.is_file():
        target.unlink()
    elif target.is_dir():
        old = out / WORK_NAME / f"old-{os.getpid()}-{name}"
        os.replace(target, old)


def _forget_old(out: Path, name: str) -> None:
    for left in (out / WORK_NAME).glob("old-*"):
        if left.name.split("-", 2)[2] == name:
            shutil.rmtree(left)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all.

    Raises:
        MachineError: the disk refuses.

    """
    new = path.with_name(f".{path.name}.new")
    with disk_errors(path):
        new.write_bytes(data)
        os.replace(new, path)


@contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """Name what the disk refuses, and where."""
    try:
        yield
    except OSError as error:
        code = "disk-full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "disk-error"
        raise MachineError(
            code,
            f"it cannot be written: {error.strerror}",
            "make room or rights and run again: what is finished stays",
            str(where),
        ) from error
