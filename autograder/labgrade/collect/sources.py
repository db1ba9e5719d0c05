"""Open an archive or folder by what it is, not by what it is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from labgrade.collect.foldersource import FolderSource
from labgrade.collect.limits import MAX_MEMBERS, MAX_TAR_BYTES
from labgrade.collect.model import Member, MemberError
from labgrade.collect.tarsource import TarSource, unpacked
from labgrade.collect.zipsource import ZipSource
from labgrade.errors import MachineError, UsageError

__all__ = ["Source", "is_archive_name", "open_archive", "open_source"]

_SUFFIXES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".7z", ".rar")
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")
_REFUSED = {b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a\x07": "RAR"}
_UNPACK_HINT = "unpack it and name the folder, or pack it again as zip"


class Source(Protocol):
    """Where members come from; ``clipped`` counts those that were not even listed."""

    kind: str
    members: tuple[Member, ...]
    clipped: int

    def read(self, member: Member, limit: int) -> bytes:
        """Return a member's bytes; MemberError if it cannot be had."""

    def close(self) -> None:
        """Release what is held."""


def is_archive_name(path: str) -> bool:
    """Return whether to unpack a file: by its suffix, since weights and office files are zip too."""
    return path.casefold().endswith(_SUFFIXES)


@contextmanager
def open_archive(file: BinaryIO, max_members: int, max_bytes: int) -> Iterator[Source]:
    """Open a zip or tar file.

    Args:
        file: with random access.
        max_members: files it may list.
        max_bytes: unpacked size of a compressed tar file.

    Raises:
        MemberError: it is damaged, too large, or of a kind that is not read.

    """
    file.seek(0)
    head = file.read(512)
    file.seek(0)
    for magic, name in _REFUSED.items():
        if head.startswith(magic):
            raise MemberError("archive-unsupported", f"it is a {name} archive, which is not read")
    with ExitStack() as stack:
        source: Source
        if head.startswith(_PACKED):
            inner = stack.enter_context(unpacked(file, head, max_bytes))
            source = TarSource(inner, max_members)
        elif head[257:262] == b"ustar":
            source = TarSource(file, max_members)
        elif not head:
            raise MemberError("archive-damaged", "the archive is empty (0 bytes)")
        else:
            source = ZipSource(file, max_members)
        stack.callback(source.close)
        yield source


@contextmanager
def open_source(path: Path) -> Iterator[Source]:
    """Open what a person named: an archive or a folder.

    Raises:
        UsageError: it is not there, or no archive that is read.
        MachineError: the disk refuses.

    """
    if path.is_dir():
        yield FolderSource(path, MAX_MEMBERS)
        return
    if path.suffix == ".ipynb" and path.is_file():
        raise UsageError(
            "no-archive",
            "this is a notebook, not a download",
            "put it into a folder as STUDENT.ipynb, and name the folder",
            str(path),
        )
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed below)
    except FileNotFoundError as error:
        raise UsageError("no-archive", "there is no such file or folder", where=str(path)) from error
    except OSError as error:
        raise MachineError("disk-error", f"it cannot be read: {error.strerror}", where=str(path)) from error
    with file:
        try:
            with open_archive(file, MAX_MEMBERS, MAX_TAR_BYTES) as source:
                if source.members and all(one.problem == "archive-encrypted" for one in source.members):
                    raise UsageError(
                        "archive-encrypted",
                        "the archive is locked with a password",
                        "unpack it with the password and name the folder",
                        str(path),
                    )
                yield source
        except MemberError as error:
            raise UsageError(error.code, error.message, _UNPACK_HINT, str(path)) from error
