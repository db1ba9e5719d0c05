"""When a clone's last commit was made, without trusting anything that the repository says about itself.

A repository's configuration can name programs that git starts. So git reads the objects through a new, empty
repository; the clone's own configuration, hooks and attributes are never looked at.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["commit_time"]

TIMEOUT_S = 20.0
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMMITTER = re.compile(rb"^committer .* (\d{1,12}) [+-]\d{4}$", re.MULTILINE)


def commit_time(clone: Path) -> str:
    """Return the moment of the commit that is checked out, ISO 8601 in UTC; "" if it cannot be told."""
    git = clone / ".git"
    head = _head(git)
    objects = git / "objects"
    if not head or objects.is_symlink() or not objects.is_dir():
        return ""
    try:
        text = _read_commit(objects, head)
    except (OSError, subprocess.SubprocessError):
        return ""  # no git on this machine, or objects that it cannot read
    match = _COMMITTER.search(text.split(b"\n\n", 1)[0])
    if match is None:
        return ""
    try:
        return datetime.fromtimestamp(int(match[1]), UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


def _head(git: Path) -> str:
    """Return the hash that ``HEAD`` stands for, "" if it stands for none."""
    text = _first_line(git / "HEAD")
    if text.startswith("ref: refs/") and ".." not in text:
        name = text.removeprefix("ref: ")
        text = _first_line(git / name) or _packed(git / "packed-refs", name)
    return text if _HASH.fullmatch(text) else ""


def _first_line(path: Path) -> str:
    try:
        if path.is_symlink() or not path.is_file():
            return ""
        with open(path, "rb") as file:
            return file.read(1000).split(b"\n")[0].decode("ascii", "replace").strip()
    except OSError:
        return ""


def _packed(path: Path, name: str) -> str:
    try:
        if path.is_symlink() or not path.is_file():
            return ""
        with open(path, "rb") as file:
            lines = file.read(10_000_000).decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((line.split(" ")[0] for line in lines if line.endswith(" " + name)), "")


def _read_commit(objects: Path, head: str) -> bytes:
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    quiet = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    with tempfile.TemporaryDirectory() as folder:
        environment = kept | quiet | {"HOME": folder}
        format_ = ["--object-format=sha256"] if len(head) == 64 else []
        subprocess.run(
            ["git", "init", "--quiet", "--bare", *format_, folder],
            env=environment,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=True,
        )
        environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = str(objects.resolve())
        done = subprocess.run(
            ["git", f"--git-dir={folder}", "cat-file", "commit", head],
            env=environment,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=True,
        )
    return done.stdout[:100_000]
