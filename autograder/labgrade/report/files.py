"""``results.json`` and ``grades.csv``, written a submission at a time and put in place whole."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import msgspec

from labgrade.errors import MachineError
from labgrade.model import Finding, LabSpec
from labgrade.report.questions import points_by_question, questions_of
from labgrade.report.reading import FORMAT
from labgrade.report.table import format_points
from labgrade.result import GradedSubmission
from labgrade.spreadsheet import safe_cell

__all__ = ["write_csv", "write_json", "write_page"]


def write_json(
    path: Path,
    spec: LabSpec,
    results: Iterable[GradedSubmission],
    *,
    about: Mapping[str, Any],
    findings: Iterable[Finding] = (),
) -> None:
    """Write all that is known of each submission, tests and findings included.

    Args:
        path: of the file.
        spec: the lab, for its questions.
        results: consumed one at a time.
        about: facts about the job, e.g. ``sandbox``.
        findings: about the lab, not a submission.

    """
    questions = questions_of(spec)
    head = {
        "format": FORMAT,
        "lab": spec.name,
        "lab_digest": spec.digest,
        "student_files": sorted(spec.student_files),
        **about,
        "findings": list(findings),
        "questions": questions,
    }
    with _replaced(path) as file:
        file.write(msgspec.json.encode(head)[:-1] + b',\n"submissions": [')
        for number, result in enumerate(results):
            entry = msgspec.to_builtins(result)
            points = points_by_question(result, questions)
            entry["points"] = {question.id: score for question, score in zip(questions, points, strict=True)}
            entry["score"], entry["max_score"] = result.score, result.max_score
            file.write((b",\n" if number else b"\n") + msgspec.json.encode(entry))
        file.write(b"\n]}\n")


def write_csv(path: Path, spec: LabSpec, results: Iterable[GradedSubmission]) -> None:
    """Write one row for each student: points by question, total, maximum, codes of the findings."""
    questions = questions_of(spec)
    with _replaced(path) as raw:
        import io

        file = io.TextIOWrapper(raw, encoding="utf-8", newline="", write_through=True)
        writer = csv.writer(file)
        writer.writerow(
            [
                "student",
                *(question.id for question in questions),
                "total",
                "maximum",
                "open_questions",
                "findings",
            ]
        )
        for result in results:
            points = points_by_question(result, questions)
            writer.writerow(
                [
                    safe_cell(result.student),
                    *("" if score is None else format_points(score) for score in points),
                    format_points(result.score),
                    format_points(result.max_score),
                    sum(score is None for score in points),
                    " ".join(dict.fromkeys(finding.code for finding in result.findings)),
                ]
            )
        file.detach()


def write_page(path: Path, text: str) -> None:
    """Write a page in one piece: a reader sees the old one or the new one.

    Raises:
        MachineError: the disk does not take it.

    """
    with _replaced(path) as file:
        file.write(text.encode("utf-8", "replace"))


@contextmanager
def _replaced(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside the path, and move it there when it is whole."""
    new = path.with_name(f".{path.name}.new")
    try:
        with open(new, "wb") as file:
            yield file
        os.replace(new, path)
    except OSError as error:
        raise MachineError(
            "results", f"the results cannot be written: {error.strerror}", where=str(path)
        ) from error
