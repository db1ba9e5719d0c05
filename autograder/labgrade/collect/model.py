"""What collecting passes from step to step: members of an archive, whom they belong to, and what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labgrade.model import Finding

__all__ = ["STATUSES", "Bundle", "Claim", "Entry", "Member", "MemberError", "Person", "Reading"]

STATUSES = ("matched", "unmatched", "ambiguous", "as named", "corrected", "older", "skipped")
"""On the roster; not on it; several could be meant; no roster; by hand; a newer one came; left out."""


class MemberError(Exception):
    """A file of an archive cannot be had.

    Args:
        code: stable name of the cause, documented in ``docs/collecting.md``.
        message: what is wrong, for the person who grades.

    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive or folder, by what its header says; nothing of it has been read yet.

    Args:
        path: clean, relative, with ``/``, in Unicode form C.
        key: how the source finds it again.
        size: bytes it claims to have.
        problem: code of the reason why it is not taken, "" if it may be read.
        message: of that reason.

    """

    path: str
    key: int | str
    size: int = 0
    problem: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """Who handed something in, as far as the LMS tells.

    Args:
        name: as written there, in any order.
        number: the LMS's own number of the person.
        login: user name, or another id that people know.
        email: address.

    """

    name: str = ""
    number: str = ""
    login: str = ""
    email: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there is anything to know the person by."""
        return bool(self.name or self.number or self.login or self.email)


@dataclass(frozen=True, slots=True)
class Claim:
    """What the name of a member says.

    Args:
        unit: names the submission in the archive: what the corrections file calls ``source``.
        file: path in the submission; "" if the member is no part of it.
        person: who handed it in.
        submitted: moment, ISO 8601, "" if the name does not tell.
        late: the LMS says so.
        version: a higher one replaces a lower one of the same file.
        team: name of the team, "" if the LMS does not tell of one.
        dropped: why the member is no part of the submission, "" if it is.

    """

    unit: str
    file: str
    person: Person
    submitted: str = ""
    late: bool = False
    version: int = 0
    team: str = ""
    dropped: str = ""


@dataclass(slots=True)
class Bundle:
    """A submission's files in memory.

    Args:
        files: relative path -> bytes, as they will lie in the student's folder.
        kept: name -> bytes of archives that were unpacked, and of older versions.
        findings: what was wrong.
        renamed: what a file was called -> what it is called now.

    """

    files: dict[str, bytes] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of a submission before anybody is asked who it is of.

    Args:
        unit: its name in the archive.
        person: who handed it in.
        members: persons that its ``members`` cell lists.
        files: paths, sorted.
        digest: SHA-256 over paths and bytes, in hex.
        submitted: ISO 8601, "".
        late: the LMS says so.
        version: of the attempt.
        team: name of the team.
        findings: of unpacking.
        renamed: what a file was called -> what it is called now.
        stems: names of its notebooks, without suffix, as handed in.

    """

    unit: str
    person: Person
    members: tuple[Person, ...]
    files: tuple[str, ...]
    digest: str
    submitted: str = ""
    late: bool = False
    version: int = 0
    team: str = ""
    findings: tuple[Finding, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    stems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the mapping: what became of a submission.

    Args:
        source: the submission's name in the archive.
        students: ids of all who get the grade.
        folder: name of the folder, and id in the gradebook; "" if the submission was not taken.
        status: one of :data:`STATUSES`.
        how: why these students.
        suggestion: ids that a person may want to look at, "" if there are none.
        findings: all of this submission.

    """

    source: str
    students: tuple[str, ...]
    folder: str
    status: str
    how: str = ""
    person: Person = field(default_factory=Person)
    names: Mapping[str, str] = field(default_factory=dict)
    team: str = ""
    submitted: str = ""
    late: bool = False
    version: int = 0
    files: tuple[str, ...] = ()
    digest: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    suggestion: str = ""
    findings: tuple[Finding, ...] = ()
