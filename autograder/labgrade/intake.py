"""Find the submissions in a folder and read one, without following anything out of it."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labgrade.errors import UsageError
from labgrade.lab import is_ignored
from labgrade.model import Finding, Severity

__all__ = [
    "RawSubmission",
    "SubmissionPlace",
    "find_course_submissions",
    "find_submissions",
    "read_submission",
]

MAX_FILES = 2_000
MAX_FILE_BYTES = 100_000_000
MAX_TOTAL_BYTES = 200_000_000
MAX_DEPTH = 16
MAX_ID_CHARS = 128
"""nbgrader's column for a student's id."""

_JUNK = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini", "System Volume Information"})


@dataclass(frozen=True, slots=True)
class SubmissionPlace:
    """Where a student's submission lies: a folder, or a single notebook; and what collecting found in it."""

    student: str
    path: Path
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class RawSubmission:
    """What a student handed in, byte for byte.

    Args:
        student: id in the gradebook.
        notebooks: relative path -> bytes of each ``.ipynb``.
        files: relative path -> bytes of the others.
        timestamp: text of ``timestamp.txt``, "" if there is none.
        digest: SHA-256 over paths and bytes, in hex.
        findings: what could not be read.

    """

    student: str
    notebooks: Mapping[str, bytes] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    timestamp: str = ""
    digest: str = ""
    findings: tuple[Finding, ...] = ()


def find_submissions(
    folder: Path, lab_name: str, collected: Mapping[str, tuple[Finding, ...]] | None = None
) -> list[SubmissionPlace]:
    """List the submissions of ``FOLDER/STUDENT/…`` or ``FOLDER/STUDENT.ipynb``, by student.

    Where ``FOLDER/STUDENT/LAB`` exists (nbgrader's ``submitted``), that is the submission.

    Args:
        folder: of the submissions.
        lab_name: the assignment id.
        collected: student -> what `labs collect` found, to be told with the grade.

    Raises:
        UsageError: the folder does not exist or holds no submission.

    """
    known = collected or {}
    if not folder.is_dir():
        raise UsageError("no-submissions", "there is no such folder", where=str(folder))
    places: dict[str, SubmissionPlace] = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.name.startswith(".") or entry.name in _JUNK:
            continue
        if entry.is_dir(follow_symlinks=False):
            nested = Path(entry.path, lab_name)
            path = nested if nested.is_dir() and not nested.is_symlink() else Path(entry.path)
            places[entry.name] = SubmissionPlace(entry.name, path, known.get(entry.name, ()))
        elif entry.name.endswith(".ipynb") and entry.is_file(follow_symlinks=False):
            student = entry.name.removesuffix(".ipynb")
            places.setdefault(student, SubmissionPlace(student, Path(entry.path)))
    _check_ids(places, folder)
    if not places:
        raise UsageError(
            "no-submissions",
            "there is no submission in the folder",
            "a submission is FOLDER/STUDENT/… or FOLDER/STUDENT.ipynb",
            str(folder),
        )
    return list(places.values())


def find_course_submissions(folders: Mapping[str, Path]) -> list[SubmissionPlace]:
    """List the submissions of an nbgrader course, given each student's folder."""
    return [SubmissionPlace(student, path) for student, path in sorted(folders.items())]


def _check_ids(places: Mapping[str, SubmissionPlace], folder: Path) -> None:
    for student in places:
        if len(student) > MAX_ID_CHARS or not student.isprintable():
            raise UsageError(
                "student-id",
                f"{student[:40]!r} cannot be a student's id",
                f"an id has at most {MAX_ID_CHARS} printable characters; rename the folder",
                str(folder),
            )


def read_submission(place: SubmissionPlace, ignore: tuple[str, ...] = ()) -> RawSubmission:
    """Read all regular files of a submission; links, devices and pipes are refused with a finding.

    Never raises for what a student handed in: what cannot be read is left out and named.
    """
    findings: list[Finding] = list(place.findings)
    found: dict[str, bytes] = {}
    if place.path.is_file() and not place.path.is_symlink():
        data = _read_regular(place.path, place.path.name, findings)
        if data is not None:
            found[place.path.name] = data
    else:
        total = 0
        for relative, path in _walk(place.path, findings):
            if is_ignored(relative, ignore):
                continue
            if len(found) >= MAX_FILES:
                findings.append(_look("too-many-files", f"only the first {MAX_FILES} files were read"))
                break
            data = _read_regular(path, relative, findings)
            if data is None:
                continue
            total += len(data)
            if total > MAX_TOTAL_BYTES:
                findings.append(
                    _look("submission-too-large", f"files after {MAX_TOTAL_BYTES / 1e6:.0f} MB were left")
                )
                break
            found[relative] = data
    found = _rebase(found, findings)
    digest = hashlib.sha256()
    for relative, data in sorted(found.items()):
        digest.update(f"{relative}\x00{len(data)}\x00".encode() + hashlib.sha256(data).digest())
    for finding in place.findings:  # another finding is another result, though the files are the same
        digest.update(f"{finding.code}\x00{finding.message}\x00".encode("utf-8", "replace"))
    stamp = found.get("timestamp.txt", b"")[:200].decode("utf-8", "replace").strip()
    return RawSubmission(
        student=place.student,
        notebooks={path: data for path, data in found.items() if path.endswith(".ipynb")},
        files={path: data for path, data in found.items() if not path.endswith(".ipynb")},
        timestamp=stamp,
        digest=digest.hexdigest(),
        findings=tuple(findings),
    )


def _walk(root: Path, findings: list[Finding]) -> Iterator[tuple[str, Path]]:
    """Yield what is no folder, sorted, as relative POSIX path and path; never through a link."""
    pending: list[tuple[str, int]] = [("", 0)]
    while pending:
        inner, depth = pending.pop(0)
        try:
            entries = sorted(os.scandir(root / inner), key=lambda entry: entry.name)
        except OSError as error:
            findings.append(
                _look("folder-unreadable", f"the folder '{inner or '.'}' cannot be read: {error.strerror}")
            )
            continue
        for entry in entries:
            relative = f"{inner}/{entry.name}" if inner else entry.name
            if entry.name in _JUNK or entry.name == ".git":
                continue
            try:
                entry.name.encode()
            except UnicodeEncodeError:
                findings.append(
                    _look("file-name", f"a file name is not UTF-8 and was left out: {relative!a:.60}")
                )
                continue
            if not entry.is_dir(follow_symlinks=False):
                yield relative, Path(entry.path)
            elif depth < MAX_DEPTH:
                pending.append((relative, depth + 1))
            else:
                findings.append(_look("folder-too-deep", f"folders below '{relative[:60]}' were left out"))


def _read_regular(path: Path, relative: str, findings: list[Finding]) -> bytes | None:
    """Read a file that is a regular file at the moment it is opened."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            kind = "a link" if path.is_symlink() else "no regular file"
            findings.append(_look("file-refused", f"'{relative}' is {kind} and was left out"))
            return None
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                findings.append(_look("file-refused", f"'{relative}' is no regular file and was left out"))
                return None
            if status.st_size > MAX_FILE_BYTES:
                findings.append(
                    _look("file-too-large", f"'{relative}' has {status.st_size / 1e6:.0f} MB: left out")
                )
                return None
            if status.st_nlink > 1:
                # Some collectors make such copies, so it is read; but it may be the file of another student.
                findings.append(
                    _look("file-linked", f"'{relative}' is known under {status.st_nlink} names (a hard link)")
                )
            return file.read(MAX_FILE_BYTES + 1)[:MAX_FILE_BYTES]
    except OSError as error:
        findings.append(_look("file-unreadable", f"'{relative}' cannot be read: {error.strerror}"))
        return None


def _rebase(found: dict[str, bytes], findings: list[Finding]) -> dict[str, bytes]:
    """Take the one folder that holds the notebooks as the submission, if none lies at the top."""
    folders = {path.rpartition("/")[0] for path in found if path.endswith(".ipynb")}
    if not folders or "" in folders:
        return found
    depth = min(folder.count("/") for folder in folders)
    base = sorted(folder for folder in folders if folder.count("/") == depth)[0]
    findings.append(
        Finding("submission-nested", f"the notebooks were found in the folder '{base}'", Severity.NOTE)
    )
    inside = {
        path.removeprefix(base + "/"): data for path, data in found.items() if path.startswith(base + "/")
    }
    outside = {path: data for path, data in found.items() if not path.startswith(base + "/")}
    return outside | inside


def _look(code: str, message: str) -> Finding:
    return Finding(code, message, Severity.LOOK)
