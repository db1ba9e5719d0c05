"""Read a zip file, with checks of our own before a byte of a member is unpacked."""

from __future__ import annotations

import lzma
import stat
import struct
import zipfile
import zlib
from typing import BinaryIO

from labgrade.collect.limits import BOMB_BYTES, BOMB_RATIO, MAX_FILE_BYTES
from labgrade.collect.model import Member, MemberError
from labgrade.collect.names import clean_path

__all__ = ["ZipSource"]

ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
    EOFError,
    OverflowError,
    IndexError,
    KeyError,
    MemoryError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)
"""What zipfile and the decompressors raise for damaged or made-up content."""
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY_BYTES = 46
_UTF8_FLAG = 0x800
_ENCRYPTED_FLAG = 0x1
_UNICODE_PATH = 0x7075


class ZipSource:
    """The members of a zip file.

    Args:
        file: open for reading, with random access; closed by the caller.
        max_members: an archive with more is refused before its directory is read.

    Raises:
        MemberError: it is no zip file, damaged, or has too many members.

    """

    kind = "zip"

    def __init__(self, file: BinaryIO, max_members: int) -> None:
        self.clipped = 0
        try:
            size = _directory_bytes(file)
            if size > max_members * _ENTRY_BYTES * 8 or size // _ENTRY_BYTES > max_members * 8:
                raise MemberError("archive-too-many", f"the archive lists more than {max_members:,} files")
            self._zip = zipfile.ZipFile(file)
            infos = [info for info in self._zip.infolist() if not info.is_dir()]
        except ARCHIVE_ERRORS as error:
            raise MemberError("archive-damaged", f"the zip file cannot be read: {_say(error)}") from error
        if len(infos) > max_members:
            raise MemberError("archive-too-many", f"the archive holds {len(infos):,} files")
        self._infos = infos
        self.members = tuple(_describe(info, index) for index, info in enumerate(infos))

    def read(self, member: Member, limit: int) -> bytes:
        """Return a member's bytes.

        Raises:
            MemberError: it is damaged, encrypted, or has more than ``limit`` bytes.

        """
        assert isinstance(member.key, int)
        info = self._infos[member.key]
        if info.file_size > limit:
            raise MemberError("member-too-large", f"it has {info.file_size / 1e6:.0f} MB")
        try:
            with self._zip.open(info) as file:
                data = file.read(limit + 1)
        except ARCHIVE_ERRORS as error:
            raise MemberError("member-damaged", f"it cannot be unpacked: {_say(error)}") from error
        if len(data) > limit:
            raise MemberError("member-too-large", f"it has more than {limit / 1e6:.0f} MB")
        return data

    def close(self) -> None:
        """Release the directory; the file stays the caller's."""
        self._zip.close()


def _directory_bytes(file: BinaryIO) -> int:
    """Return the size of the list of members, 0 if the end of the archive is not found."""
    end = file.seek(0, 2)
    start = max(0, end - 65_557)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return 0
    size: int = _END.unpack_from(tail, at)[5]
    locator = at - 20
    if size == 0xFFFFFFFF and locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        (place,) = struct.unpack_from("<Q", tail, locator + 8)
        file.seek(min(place, end))
        record = file.read(_END_64.size)
        if len(record) == _END_64.size and record.startswith(b"PK\x06\x06"):
            size = _END_64.unpack(record)[8]
    return size


def _describe(info: zipfile.ZipInfo, index: int) -> Member:
    path, code, message = clean_path(_decoded_name(info))
    mode = info.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if code:
        pass
    elif kind == stat.S_IFLNK:
        code, message = "member-link", "it is a link to another file"
    elif kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        code, message = "member-device", "it is a device or a pipe, not a file"
    elif info.flag_bits & _ENCRYPTED_FLAG:
        code, message = "archive-encrypted", "it is locked with a password"
    elif info.file_size > MAX_FILE_BYTES:
        code, message = "member-too-large", f"it has {info.file_size / 1e6:,.0f} MB"
    elif info.file_size > BOMB_BYTES and info.file_size > BOMB_RATIO * max(1, info.compress_size):
        code = "archive-bomb"
        message = f"{info.compress_size:,} bytes would become {info.file_size:,}"
    return Member(path, index, info.file_size, code, message)


def _decoded_name(info: zipfile.ZipInfo) -> str:
    """Return the name in Unicode: zipfile takes every name without the flag for code page 437."""
    name = info.orig_filename.split("\x00")[0] or info.filename
    if info.flag_bits & _UTF8_FLAG or name.isascii():
        return name
    try:
        raw = name.encode("cp437")
    except UnicodeEncodeError:
        return name
    told = _unicode_extra(info.extra, raw)
    if told:
        return told
    try:
        return raw.decode("utf-8")  # macOS writes UTF-8 and does not say so
    except UnicodeDecodeError:
        return name


def _unicode_extra(extra: bytes, raw: bytes) -> str:
    """Return the name of Info-ZIP's Unicode path field, if it belongs to this name."""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        body = extra[at + 4 : at + 4 + size]
        if (
            kind == _UNICODE_PATH
            and len(body) > 5
            and struct.unpack_from("<L", body, 1)[0] == zlib.crc32(raw)
        ):
            return body[5:].decode("utf-8", "replace")
        at += 4 + size
    return ""


def _say(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0][:120] if text else "") or type(error).__name__
