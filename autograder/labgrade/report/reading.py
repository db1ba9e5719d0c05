"""Read ``results.json`` back: all that is known of a class, without the lab, the journal or the submissions.

The file is checked whole when it is opened; its submissions are decoded one at a time, so that a class of
20,000 needs the memory of the file and of one student.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from labgrade.errors import MachineError, UsageError
from labgrade.model import Finding
from labgrade.report.questions import Question
from labgrade.result import GradedSubmission

__all__ = ["FORMAT", "RESULTS_NAME", "ClassResults", "read_results"]

FORMAT = 1
"""Version of the file's shape; another one is refused rather than half understood."""
RESULTS_NAME = "results.json"
_AGAIN = "run the same `labs grade` again: it writes the file anew from its journal and grades nothing twice"


class _Head(msgspec.Struct):
    """The file as it lies on the disk; submissions stay bytes until they are asked for."""

    format: int
    lab: str
    questions: list[Question]
    submissions: list[msgspec.Raw]
    lab_digest: str = ""
    findings: list[Finding] = []


class _Name(msgspec.Struct):
    """The part of a submission that says whose it is."""

    student: str


_SUBMISSION = msgspec.json.Decoder(GradedSubmission)
_NAME = msgspec.json.Decoder(_Name)


@dataclass(frozen=True, slots=True)
class ClassResults:
    """What ``results.json`` says about a class.

    Args:
        path: of the file.
        lab: the assignment id.
        lab_digest: of the lab that was graded.
        questions: the lab's questions, in the order of every table.
        about: facts about the job, e.g. ``sandbox``, ``tests``, ``stopped``.
        findings: about the lab itself, not a submission.

    """

    path: Path
    lab: str
    lab_digest: str
    questions: tuple[Question, ...]
    about: Mapping[str, Any]
    findings: tuple[Finding, ...]
    raw: tuple[msgspec.Raw, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        """Return the number of submissions."""
        return len(self.raw)

    def __iter__(self) -> Iterator[GradedSubmission]:
        """Yield the submissions in the file's order; each call starts anew.

        Raises:
            UsageError: a submission is damaged.

        """
        for position in range(len(self.raw)):
            yield self.submission(position)

    def submission(self, position: int) -> GradedSubmission:
        """Return one submission by its place in the file, from 0.

        Raises:
            UsageError: it is damaged.

        """
        try:
            return _SUBMISSION.decode(self.raw[position])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _damaged(self.path, f"submission {position + 1}: {error}") from error

    def positions(self) -> dict[str, int]:
        """Return where each student's submission lies, without decoding the rest of it.

        Raises:
            UsageError: a submission has no student.

        """
        found: dict[str, int] = {}
        for position, text in enumerate(self.raw):
            try:
                found[_NAME.decode(text).student] = position
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise _damaged(self.path, f"submission {position + 1}: {error}") from error
        return found

    @property
    def max_score(self) -> float:
        """Points of the whole lab."""
        return sum(question.max_score for question in self.questions)


def read_results(path: Path) -> ClassResults:
    """Read the results of a class.

    Args:
        path: of ``results.json``, or of the folder that holds it.

    Raises:
        UsageError: it is not there, damaged, or of another version of the program.
        MachineError: it cannot be read.

    """
    path = path / RESULTS_NAME if path.is_dir() else path
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(
            "no-results",
            "there are no results here",
            "name the folder that `labs grade` wrote (--out), or --course DIR ASSIGNMENT",
            str(path),
        ) from error
    except OSError as error:
        raise MachineError(
            "results", f"the results cannot be read: {error.strerror}", where=str(path)
        ) from error
    return _decode(data, path)


def _decode(data: bytes, path: Path) -> ClassResults:
    try:
        about = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        version = msgspec.json.decode(about["format"]) if "format" in about else None
        if version == FORMAT:
            head = msgspec.json.decode(data, type=_Head)
            facts = {
                name: msgspec.json.decode(value)
                for name, value in about.items()
                if name not in _Head.__struct_fields__
            }
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(path, str(error)) from error
    if version != FORMAT:
        said = "no version" if version is None else f"version {version!r}"[:40]
        raise UsageError(
            "results-version",
            f"the results have {said} of the format; this program reads version {FORMAT}",
            _AGAIN,
            str(path),
        )
    return ClassResults(
        path,
        head.lab,
        head.lab_digest,
        tuple(head.questions),
        facts,
        tuple(head.findings),
        tuple(head.submissions),
    )


def _damaged(path: Path, why: str) -> UsageError:
    return UsageError("results-damaged", f"the results are damaged: {why}", _AGAIN, str(path))
