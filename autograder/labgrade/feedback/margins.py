"""What assistants wrote in the margins, and the full text of the tests, from the gradebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, select

from labgrade.record import schema
from labgrade.report.book import open_for_reading

__all__ = ["Margins", "Remark", "read_margins"]

Place = tuple[str, str]
"""(notebook, grade id)"""


@dataclass(frozen=True, slots=True)
class Remark:
    """A comment on a cell.

    Args:
        text: of it.
        by_hand: whether a person wrote it; else it is nbgrader's own, such as "No response.".

    """

    text: str
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Margins:
    """What a gradebook holds of a lab besides points.

    Args:
        remarks: student -> cell -> comment.
        sources: locked cell -> the instructor's text, hidden tests included.

    """

    remarks: Mapping[str, Mapping[Place, Remark]] = field(default_factory=dict)
    sources: Mapping[Place, str] = field(default_factory=dict)


def read_margins(url: str, lab: str) -> Margins:
    """Read comments and test sources.

    Args:
        url: SQLAlchemy URL of a gradebook that has the lab.
        lab: the assignment id.

    Raises:
        MachineError: the gradebook cannot be read.

    """
    with open_for_reading(url) as connection:
        return Margins(_remarks(connection, lab), _sources(connection, lab))


def _remarks(connection: Connection, lab: str) -> dict[str, dict[Place, Remark]]:
    comment, cell, page = schema.comment, schema.base_cell, schema.notebook
    submitted, owner, assignment = schema.submitted_notebook, schema.submitted_assignment, schema.assignment
    joined = (
        comment.join(submitted, comment.c.notebook_id == submitted.c.id)
        .join(owner, submitted.c.assignment_id == owner.c.id)
        .join(assignment, owner.c.assignment_id == assignment.c.id)
        .join(cell, comment.c.cell_id == cell.c.id)
        .join(page, submitted.c.notebook_id == page.c.id)
    )
    query = select(
        owner.c.student_id, page.c.name, cell.c.name, comment.c.auto_comment, comment.c.manual_comment
    )
    found: dict[str, dict[Place, Remark]] = {}
    for student, notebook, name, auto, manual in connection.execute(
        query.select_from(joined).where(assignment.c.name == lab)
    ):
        text = manual or auto  # a comment that was emptied again is none
        if text and text.strip():
            found.setdefault(student, {})[notebook, name] = Remark(text, by_hand=bool(manual))
    return found


def _sources(connection: Connection, lab: str) -> dict[Place, str]:
    cell, page, assignment = schema.source_cell, schema.notebook, schema.assignment
    joined = cell.join(page, cell.c.notebook_id == page.c.id).join(
        assignment, page.c.assignment_id == assignment.c.id
    )
    rows = connection.execute(
        select(page.c.name.label("page"), cell.c.name, cell.c.source)
        .select_from(joined)
        .where(assignment.c.name == lab, cell.c.locked.is_(True))
    )
    return {(row.page, row.name): row.source or "" for row in rows}
