"""Folders of engines in the system's folder for temporary files, and how those of killed ones are removed.

Each has a file that its engine keeps locked for as long as it lives; the system gives the lock back however
the engine ends. A folder gets its final name only after the file is there and locked, so whoever finds a
folder whose lock can be had has found one that nobody uses any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import tempfile
import time
from dataclasses import dataclass

from labgrade.confine.folders import remove_tree

__all__ = ["Home", "make_home", "sweep_homes"]

_PREFIX = "labgrade-"
_NEW_PREFIX = ".labgrade-new-"
_LOCK = ".lock"
_UNFINISHED_S = 3600.0
"""After this time a folder without its file is one that an engine was making or removing when it ended."""


@dataclass(slots=True)
class Home:
    """An engine's folder.

    Args:
        path: of the folder. Others may enter it, and see nothing: children with a user id of their own must
            reach theirs below it.
        lock: descriptor of the locked file.

    """

    path: str
    lock: int

    def remove(self) -> None:
        """Remove the folder and all in it; what the system does not let go of stays for a later sweep."""
        with contextlib.suppress(OSError):
            remove_tree(self.path)
        os.close(self.lock)


def make_home(parent: str = "") -> Home:
    """Make a folder, and remove those of engines that have ended.

    Args:
        parent: where; "" is the system's folder for temporary files.

    """
    parent = parent or tempfile.gettempdir()
    sweep_homes(parent)
    while True:
        unnamed = tempfile.mkdtemp(prefix=_NEW_PREFIX, dir=parent)
        lock = os.open(
            os.path.join(unnamed, _LOCK), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.chmod(unnamed, 0o711)  # noqa: S103 - names below it are random
        path = os.path.join(parent, _PREFIX + os.path.basename(unnamed).removeprefix(_NEW_PREFIX))
        try:
            os.rename(unnamed, path)
        except OSError:  # the name is taken
            remove_tree(unnamed)
            os.close(lock)
            continue
        return Home(path, lock)


def sweep_homes(parent: str) -> list[str]:
    """Remove this user's folders whose engines have ended.

    Returns:
        Their paths.

    """
    removed = []
    try:
        names = os.listdir(parent)
    except OSError:
        return []
    for name in names:
        if not name.startswith((_PREFIX, _NEW_PREFIX)):
            continue
        path = os.path.join(parent, name)
        with contextlib.suppress(OSError):  # another one removes it, or it is not ours to remove
            if _remove_if_dead(path):
                removed.append(path)
    return removed


def _remove_if_dead(path: str) -> bool:
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return False
    try:
        lock = os.open(os.path.join(path, _LOCK), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        is_old = time.time() - found.st_mtime > _UNFINISHED_S
        if is_old:
            remove_tree(path)
        return is_old
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False  # its engine lives
    else:
        # A folder that has no name yet is locked a moment after its file is made.
        if os.path.basename(path).startswith(_NEW_PREFIX) and time.time() - found.st_mtime <= _UNFINISHED_S:
            return False
        remove_tree(path)
        return True
    finally:
        os.close(lock)
