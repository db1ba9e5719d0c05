"""Read a folder as if it were an archive, never through a link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from labgrade.collect.limits import MAX_FILE_BYTES
from labgrade.collect.model import Member, MemberError
from labgrade.collect.names import clean_path, is_junk

__all__ = ["FolderSource"]

_GIT_MARK = ".git/HEAD"
"""Of a clone only this file is listed: it tells that the folder is one."""


class FolderSource:
    """The files below a folder, in the order of their names.

    Args:
        root: the folder.
        max_members: further files are not listed; ``clipped`` counts them.

    """

    kind = "folder"

    def __init__(self, root: Path, max_members: int) -> None:
        self._root = root
        self.clipped = 0
        self.members = tuple(self._list(max_members))

    def _list(self, max_members: int) -> list[Member]:
        found: list[Member] = []
        for parent, folders, files in os.walk(self._root):
            inner = os.path.relpath(parent, self._root)
            inner = "" if inner == "." else inner + "/"
            if ".git" in folders:
                folders.remove(".git")
                if Path(parent, _GIT_MARK).is_file():
                    found.append(Member(inner + _GIT_MARK, inner + _GIT_MARK))
            links = [name for name in folders if Path(parent, name).is_symlink()]
            folders[:] = sorted(
                name for name in folders if name not in links and not (is_junk(name) or name == ".collect")
            )
            for name in sorted([*files, *links]):
                if is_junk(name):
                    continue
                if len(found) >= max_members:
                    self.clipped += 1
                    continue
                found.append(_describe(Path(parent, name), inner + name))
        return found

    def read(self, member: Member, limit: int) -> bytes:
        """Return a file's bytes.

        Raises:
            MemberError: it cannot be read, is no longer a regular file, or has more than ``limit`` bytes.

        """
        path = self._root / str(member.key)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise MemberError("member-device", "it is no regular file")
                data = file.read(limit + 1)
        except OSError as error:
            raise MemberError("member-damaged", f"it cannot be read: {error.strerror}") from error
        if len(data) > limit:
            raise MemberError("member-too-large", f"it has more than {limit / 1e6:.0f} MB")
        return data

    def close(self) -> None:
        """Nothing is held open."""


def _describe(path: Path, relative: str) -> Member:
    clean, code, message = clean_path(relative)
    try:
        status = os.lstat(path)
    except OSError as error:
        return Member(clean, relative, 0, "member-damaged", f"it cannot be read: {error.strerror}")
    if code:
        pass
    elif stat.S_ISLNK(status.st_mode):
        code, message = "member-link", "it is a link to another file"
    elif not stat.S_ISREG(status.st_mode):
        code, message = "member-device", "it is a device or a pipe, not a file"
    elif status.st_size > MAX_FILE_BYTES:
        code, message = "member-too-large", f"it has {status.st_size / 1e6:,.0f} MB"
    return Member(clean, relative, status.st_size, code, message)
