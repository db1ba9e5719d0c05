"""Work folders on the machine's own file system, for levels without a private one."""

from __future__ import annotations

import os
import stat
import tempfile

from labgrade.confine import credentials
from labgrade.confine.probe import available

__all__ = ["make_work_dir", "remove_tree"]


def make_work_dir(parent: str, slot: int) -> str:
    """Make an empty folder that only the slot's user (or, for an ordinary user, the grader) can enter.

    Args:
        parent: where; the slot's user must be able to get there.
        slot: of the child that will work in it.

    Returns:
        The folder's path. Remove it with :func:`remove_tree`.

    """
    path = tempfile.mkdtemp(prefix="work-", dir=parent)
    if available().slot_uids:
        uid = credentials.slot_uid(slot)
        os.chown(path, uid, uid)
    return path


def _empty_into(top: int, name: str, serial: int) -> int:
    """Unlink the files of a folder and move its folders up to ``top``, so that depth never matters."""
    os.chmod(name, 0o700, dir_fd=top)
    fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
    try:
        for entry in os.listdir(fd):
            if stat.S_ISDIR(os.stat(entry, dir_fd=fd, follow_symlinks=False).st_mode):
                os.chmod(entry, 0o700, dir_fd=fd)  # a folder that moves is written to: its ".." changes
                serial += 1
                os.rename(entry, f".moved-{serial}", src_dir_fd=fd, dst_dir_fd=top)
            else:
                os.unlink(entry, dir_fd=fd)
    finally:
        os.close(fd)
    return serial


def remove_tree(path: str) -> None:
    """Remove a folder that a student's code has filled, whatever it made of it.

    Symbolic links are never followed; folders without permissions and nested thousands deep are no obstacle.
    The process that filled it must have ended.

    Args:
        path: the folder; nothing happens if it is gone.

    Raises:
        OSError: the system refused to remove something.

    """
    try:
        os.chmod(path, 0o700)
        top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    serial = 0
    try:
        while names := os.listdir(top):
            for name in names:
                if stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
                    serial = _empty_into(top, name, serial)
                    os.rmdir(name, dir_fd=top)
                else:
                    os.unlink(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(path)
