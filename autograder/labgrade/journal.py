"""The journal of a job: what is graded stays graded, whatever stops the program.

A file of JSON lines that only grows. A result is in the journal before it is in the gradebook, so that a
gradebook that is locked, full or lost costs nothing but a second run. The last line for a student counts.
Results stay on the disk; memory holds one mark for each student.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from labgrade.errors import MachineError
from labgrade.result import GradedSubmission

__all__ = ["Entry", "Journal", "Mark", "journal_key"]


@dataclass(frozen=True, slots=True)
class _ResultHead:
    """The part of a result that decides whether it still holds."""

    student: str
    key: str
    limits_hit: bool = False
    limits: str = ""


@dataclass(frozen=True, slots=True)
class _Head:
    result: _ResultHead
    files: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a student's last entry lies, and whether it still holds."""

    key: str
    limits_hit: bool
    limits: str
    files: Mapping[str, int]
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A finished submission.

    Args:
        result: what is recorded.
        files: relative path -> size of each autograded notebook, by which a torn write is found.

    """

    result: GradedSubmission
    files: Mapping[str, int] = field(default_factory=dict)


def journal_key(submission: str, lab: str, grader: str, options: str) -> str:
    """Return the key under which a result holds: equal inputs, equal key."""
    return hashlib.sha256("\x00".join((submission, lab, grader, options)).encode()).hexdigest()


class Journal:
    """An open journal.

    Args:
        path: of the file; it is made if it is not there.

    Raises:
        MachineError: it cannot be read or written.

    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115 - closed by close()
            self.marks = self._read_marks()
        except OSError as error:
            raise _fault(error, path) from error

    def append(self, entries: Sequence[Entry]) -> None:
        """Write entries and wait until they are on the disk.

        Raises:
            MachineError: the disk does not take them; what was written before is whole.

        """
        lines = [msgspec.json.encode(entry) + b"\n" for entry in entries]
        end = os.fstat(self._file.fileno()).st_size
        data = b"".join(lines)
        try:
            written = 0
            while written < len(data):
                written += self._file.write(data[written:])
            os.fsync(self._file.fileno())
        except BaseException as error:  # a second Ctrl-C too must not leave half a line
            self._file.truncate(end)
            if isinstance(error, OSError):
                raise _fault(error, self.path) from error
            raise
        for entry, line in zip(entries, lines, strict=True):
            self.marks[entry.result.student] = _mark(
                msgspec.convert(entry, _Head, from_attributes=True), end, len(line)
            )
            end += len(line)

    def read(self, student: str) -> Entry:
        """Return the last entry of a student; KeyError if there is none."""
        mark = self.marks[student]
        return msgspec.json.decode(os.pread(self._file.fileno(), mark.size, mark.offset), type=Entry)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _read_marks(self) -> dict[str, Mark]:
        """Read what is whole, and cut off a line that a crash left unfinished."""
        head = msgspec.json.Decoder(_Head)
        full = msgspec.json.Decoder(Entry)
        found: dict[str, Mark] = {}
        whole = 0
        with open(self.path, "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                try:
                    found_head = head.decode(line)
                    full.decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    pass  # of another version of the program: that submission is graded again
                else:
                    found[found_head.result.student] = _mark(found_head, whole, len(line))
                whole += len(line)
        if whole < os.fstat(self._file.fileno()).st_size:
            self._file.truncate(whole)
        return found


def _mark(head: _Head, offset: int, size: int) -> Mark:
    return Mark(head.result.key, head.result.limits_hit, head.result.limits, head.files, offset, size)


def _fault(error: OSError, path: Path) -> MachineError:
    return MachineError(
        "journal",
        f"the journal cannot be kept: {error.strerror}",
        "make room, or choose a folder that may be written with --out; then run again",
        str(path),
    )
