"""The grading of one cell: what its tags, or ordinary nbgrader metadata, say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import Any, Literal

from labbuild.diagnostics import Diagnostics
from labbuild.markers import Kind, Marker

__all__ = ["Grading", "checksum", "read_grading", "to_metadata"]

GradingKind = Literal["answer", "manual", "test", "task", "locked"]

_KEYS = {
    "schema_version",
    "grade",
    "solution",
    "locked",
    "task",
    "grade_id",
    "points",
    "checksum",
    "cell_type",
}
_TAG_KINDS: dict[Kind, GradingKind] = {
    Kind.ANSWER: "answer",
    Kind.TEST: "test",
    Kind.TASK: "task",
    Kind.LOCKED: "locked",
}
_GRADE_ID = re.compile(r"[A-Za-z0-9_-]+\Z")


@dataclass(frozen=True, slots=True)
class Grading:
    """What nbgrader shall know about a cell.

    Args:
        kind: its role.
        question: id of the question; "" for a locked cell.
        points: for ``manual``, ``test`` and ``task``.
        line: of the tag in the source, for diagnostics.
        grade_id: given by ordinary metadata; "" when the builder chooses it.

    """

    kind: GradingKind
    question: str
    points: float
    line: int
    grade_id: str = ""


def read_grading(
    tags: Sequence[Marker], metadata: Mapping[str, Any], cell_type: str, line: int, report: Diagnostics
) -> Grading | None:
    """Say how a cell is graded.

    Args:
        tags: markers of the cell.
        metadata: of the cell; ``nbgrader`` there says the same as a tag in nbgrader's own words.
        cell_type: ``code``, ``markdown`` or ``raw``.
        line: where the cell begins.
        report: gets contradictions.

    Returns:
        None when the cell is an ordinary one.

    """
    said = [marker for marker in tags if marker.kind in _TAG_KINDS]
    own = metadata.get("nbgrader")
    if own is not None and not said:
        return _from_metadata(own, cell_type, line, report)
    if not said:
        return None
    first = said[0]
    for other in said[1:]:
        report.add(
            "LB405",
            f"{other.kind} contradicts the {first.kind} of line {first.line}: a cell has one role",
            line=other.line,
            related=(first.line,),
            hint="delete one of the two, or split the cell",
        )
    if own is not None:
        report.add(
            "LB405",
            f"the cell has nbgrader metadata and the tag {first.kind}",
            line=first.line,
            hint="keep one of the two",
        )
    _check_cell_type(first, cell_type, report)
    kind = _TAG_KINDS[first.kind]
    if kind == "answer" and first.points is not None:
        kind = "manual"
    return Grading(kind, first.id, first.points or 0.0, first.line)


def _check_cell_type(tag: Marker, cell_type: str, report: Diagnostics) -> None:
    wanted = {Kind.TEST: ("code",), Kind.TASK: ("markdown",)}.get(tag.kind, ("code", "markdown"))
    if cell_type not in wanted:
        report.add(
            "LB404",
            f"{tag.kind} stands in a {cell_type} cell",
            line=tag.line,
            hint=f"it belongs in a {' or '.join(wanted)} cell",
        )
    elif tag.kind is Kind.ANSWER and cell_type == "markdown" and tag.points is None:
        report.add(
            "LB206",
            f"the Markdown answer '{tag.id}' does not say what it is worth; only a person can grade it",
            line=tag.line,
            hint=f"write '#!TAG ANSWER {tag.id} points=3'",
        )


def _from_metadata(own: Any, cell_type: str, line: int, report: Diagnostics) -> Grading | None:
    problem = _problem(own, cell_type)
    if problem:
        report.add(
            "LB407", problem, line=line, hint="see nbgrader's metadata schema 3, or use the tags instead"
        )
        return None
    grade, solution, task = (bool(own.get(key)) for key in ("grade", "solution", "task"))
    identifier = str(own.get("grade_id", ""))
    points = float(own.get("points", 0))
    if not (grade or solution or task or own.get("locked")):
        return None
    if task:
        kind: GradingKind = "task"
    elif grade and solution:
        kind = "manual"
    elif solution:
        kind = "answer"
    elif grade:
        kind = "test"
    else:
        kind = "locked"
    return Grading(kind, identifier, points, line, grade_id=identifier)


def _problem(own: Any, cell_type: str) -> str:
    """Say why nbgrader would refuse this metadata; "" if it would not."""
    if not isinstance(own, Mapping):
        return "the nbgrader metadata is not a table"
    unknown = sorted(set(own) - _KEYS)
    if unknown:
        return f"nbgrader metadata has no key '{unknown[0]}'"
    if own.get("schema_version", 3) != 3:
        return f"nbgrader metadata has schema {own['schema_version']}, not 3"
    grade, solution, task, locked = (bool(own.get(key)) for key in ("grade", "solution", "task", "locked"))
    if (grade or solution or task or locked) and not _GRADE_ID.match(str(own.get("grade_id", ""))):
        return f"the grade_id {own.get('grade_id', '')!r} is not one: letters, digits, '-' and '_'"
    points = own.get("points")
    if (grade or task) and (isinstance(points, bool) or not isinstance(points, int | float) or points < 0):
        return "a graded cell needs points, a number of 0 or more"
    if task and cell_type != "markdown":
        return "a task cell must be Markdown"
    if cell_type == "markdown" and grade != solution:
        return "a Markdown cell that is graded must be an answer, and the other way round"
    return ""


def to_metadata(grading: Grading, grade_id: str) -> dict[str, Any]:
    """Return the cell metadata ``nbgrader`` (schema 3)."""
    kind = grading.kind
    metadata: dict[str, Any] = {
        "grade": kind in ("manual", "test"),
        "grade_id": grade_id,
        "locked": kind in ("test", "task", "locked"),
        "schema_version": 3,
        "solution": kind in ("manual", "answer"),
        "task": kind == "task",
    }
    if kind in ("manual", "test", "task"):
        metadata["points"] = _number(grading.points)
    return metadata


def _number(points: float) -> int | float:
    return int(points) if points == int(points) else points


def checksum(source: str, cell_type: str, metadata: Mapping[str, Any]) -> str:
    """Return nbgrader's checksum of a released cell: how it sees that a student changed nothing.

    Source: ``nbgrader.utils.compute_checksum`` of nbgrader 0.9; a test compares the two.
    """
    solution, grade = metadata["solution"], metadata["grade"]
    locked = not solution and (grade or metadata["locked"])
    said = [source, cell_type, str(grade), str(solution), str(locked), metadata["grade_id"]]
    if grade:
        said.append(str(float(metadata["points"])))
    return md5("".join(said).encode("utf-8"), usedforsecurity=False).hexdigest()
