"""Read a tar file, plain or compressed; what is no regular file is refused by its header."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zlib
from typing import IO, BinaryIO, cast

from labgrade.collect.limits import MAX_FILE_BYTES
from labgrade.collect.model import Member, MemberError
from labgrade.collect.names import clean_path

__all__ = ["TarSource", "unpacked"]

TAR_ERRORS = (
    tarfile.TarError,
    EOFError,
    OSError,
    ValueError,
    OverflowError,
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    MemoryError,
    RecursionError,
    zlib.error,
    lzma.LZMAError,
)
"""What tarfile and the decompressors raise for damaged or made-up content."""
_MEMORY_BYTES = 32_000_000
_CHUNK = 1 << 20


class TarSource:
    """The members of a tar file.

    Args:
        file: open for reading, with random access, not compressed; closed by the caller.
        max_members: reading stops beyond them.

    Raises:
        MemberError: it is no tar file, or damaged from the start.

    """

    kind = "tar"

    def __init__(self, file: IO[bytes], max_members: int) -> None:
        self._infos: list[tarfile.TarInfo] = []
        self.clipped = 0
        try:
            self._tar = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115 (closed by `close`)
            for info in self._tar:
                if info.isdir():
                    continue
                if len(self._infos) >= max_members:
                    raise MemberError(
                        "archive-too-many", f"the archive holds more than {max_members:,} files"
                    )
                self._infos.append(info)
        except TAR_ERRORS as error:
            raise MemberError("archive-damaged", f"the tar file cannot be read: {_say(error)}") from error
        self.members = tuple(_describe(info, index) for index, info in enumerate(self._infos))

    def read(self, member: Member, limit: int) -> bytes:
        """Return a member's bytes.

        Raises:
            MemberError: it is damaged, or has more than ``limit`` bytes.

        """
        assert isinstance(member.key, int)
        info = self._infos[member.key]
        if info.size > limit:
            raise MemberError("member-too-large", f"it has {info.size / 1e6:.0f} MB")
        try:
            file = self._tar.extractfile(info)
            data = file.read(limit + 1) if file is not None else b""
        except TAR_ERRORS as error:
            raise MemberError("member-damaged", f"it cannot be unpacked: {_say(error)}") from error
        if len(data) != info.size:
            raise MemberError("member-damaged", f"{info.size:,} bytes were promised, {len(data):,} are there")
        return data

    def close(self) -> None:
        """Release the directory; the file stays the caller's."""
        self._tar.close()


def unpacked(file: BinaryIO, magic: bytes, limit: int) -> IO[bytes]:
    """Return the content of a gzip, bzip2 or xz file, in memory or, if it is large, in a temporary file.

    Raises:
        MemberError: it is damaged, or gives more than ``limit`` bytes.

    """
    out = cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES))  # noqa: SIM115 (the result)
    try:
        with _decompressor(file, magic) as opened:
            whole = _copy(opened, out, limit)
    except TAR_ERRORS as error:
        out.close()
        raise MemberError("archive-damaged", f"the archive cannot be unpacked: {_say(error)}") from error
    if not whole:
        out.close()
        raise MemberError("archive-bomb", f"it unpacks to more than {limit / 1e6:,.0f} MB")
    out.seek(0, io.SEEK_SET)
    return out


def _decompressor(file: BinaryIO, magic: bytes) -> IO[bytes]:
    if magic.startswith(b"\x1f\x8b"):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    if magic.startswith(b"BZh"):
        return cast("IO[bytes]", bz2.BZ2File(file))
    return cast("IO[bytes]", lzma.LZMAFile(file))


def _copy(source: IO[bytes], target: IO[bytes], limit: int) -> bool:
    """Copy up to ``limit`` bytes; return whether that was all."""
    total = 0
    while chunk := source.read(_CHUNK):
        total += len(chunk)
        if total > limit:
            return False
        target.write(chunk)
    return True


def _describe(info: tarfile.TarInfo, index: int) -> Member:
    path, code, message = clean_path(_decoded(info.name))
    if code:
        pass
    elif info.issym() or info.islnk():
        code, message = "member-link", "it is a link to another file"
    elif not info.isreg():
        code, message = "member-device", "it is a device or a pipe, not a file"
    elif info.size > MAX_FILE_BYTES:
        code, message = "member-too-large", f"it has {info.size / 1e6:,.0f} MB"
    return Member(path, index, max(0, info.size), code, message)


def _decoded(name: str) -> str:
    """Return the name in Unicode; what is not UTF-8 is read as Windows would."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogateescape").decode("cp1252", "replace")
    return name


def _say(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0][:120] if text else "") or type(error).__name__
