"""What people and the course have written into the gradebook, read without changing it.

Points and extra credit that were given by hand, due dates, extensions, late penalties, the students' names,
and what students were given to start from. ``results.json`` knows nothing of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Row, create_engine, inspect, select
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from labgrade.errors import MachineError
from labgrade.record import schema
from labgrade.record.faults import name_fault
from labgrade.record.penalty import seconds_late

__all__ = ["BookGrade", "BookStudent", "BookSubmission", "Gradebook", "open_for_reading", "read_gradebook"]

Place = tuple[str, str]
"""(notebook, grade id)"""


@dataclass(frozen=True, slots=True)
class BookStudent:
    """A student of the course, with or without a submission."""

    id: str
    first_name: str = ""
    last_name: str = ""

    @property
    def name(self) -> str:
        """``Last, First``, "" where the gradebook has no name."""
        return ", ".join(part for part in (self.last_name, self.first_name) if part)


@dataclass(frozen=True, slots=True)
class BookGrade:
    """The grade of a cell as it stands.

    Args:
        auto: points of the autograder, None if it gave none.
        manual: points that a person gave, None if nobody did; they count before the automatic ones.
        extra: extra credit.
        is_open: a person has to look at the cell.

    """

    auto: float | None
    manual: float | None
    extra: float
    is_open: bool


@dataclass(slots=True)
class BookSubmission:
    """A student's submission of the lab."""

    late_s: float = 0.0
    penalty: float = 0.0
    grades: dict[Place, BookGrade] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Gradebook:
    """All that the gradebook knows of a lab.

    Args:
        students: by id, everyone in the course.
        submissions: by student's id.
        duedate: in UTC, without a zone, as nbgrader keeps it; None if there is none.
        released: cell -> the text that students started from.

    """

    students: Mapping[str, BookStudent] = field(default_factory=dict)
    submissions: Mapping[str, BookSubmission] = field(default_factory=dict)
    duedate: datetime | None = None
    released: Mapping[Place, str] = field(default_factory=dict)


def read_gradebook(url: str, lab: str) -> Gradebook | None:
    """Read a lab's part of a gradebook.

    Args:
        url: SQLAlchemy URL.
        lab: the assignment id.

    Returns:
        None if there is no such gradebook file yet, or it does not have the lab.

    Raises:
        MachineError: it cannot be read, or is not of this version of nbgrader.

    """
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        return None
    with open_for_reading(url) as connection:
        _check_tables(connection)
        assignment = connection.execute(
            select(schema.assignment).where(schema.assignment.c.name == lab)
        ).one_or_none()
        if assignment is None:
            return None
        return Gradebook(
            {
                row.id: BookStudent(row.id, row.first_name or "", row.last_name or "")
                for row in connection.execute(select(schema.student).order_by(schema.student.c.id))
            },
            _submissions(connection, assignment),
            assignment.duedate,
            _released(connection, assignment.id),
        )


@contextmanager
def open_for_reading(url: str) -> Iterator[Connection]:
    """Connect to a gradebook in a way that cannot change it.

    Raises:
        MachineError: it cannot be opened or read.

    """
    path = url.removeprefix("sqlite:///")
    read_only = f"sqlite:///file:{quote(path)}?mode=ro&uri=true"
    try:
        engine = create_engine(url if path == url else read_only)
    except (SQLAlchemyError, ImportError) as error:
        raise MachineError(
            "gradebook-url", f"the gradebook's URL cannot be used: {error}", where=url
        ) from error
    try:
        with engine.connect() as connection:
            yield connection
    except DatabaseError as error:
        raise name_fault(error, url) from error
    finally:
        engine.dispose()


def _check_tables(connection: Connection) -> None:
    missing = set(schema.metadata.tables) - set(inspect(connection).get_table_names())
    if missing:
        raise MachineError(
            "gradebook-version",
            f"the gradebook is not of this version of nbgrader: it has no {min(missing)}",
            "back it up and run `nbgrader db upgrade` in the course's folder",
        )


def _submissions(connection: Connection, assignment: Row[tuple[object, ...]]) -> dict[str, BookSubmission]:
    owner, submitted, page = schema.submitted_assignment, schema.submitted_notebook, schema.notebook
    found: dict[str, BookSubmission] = {}
    for row in connection.execute(select(owner).where(owner.c.assignment_id == assignment.id)):
        found[row.student_id] = BookSubmission(seconds_late(row.timestamp, assignment.duedate, row.extension))
    joined = submitted.join(owner, submitted.c.assignment_id == owner.c.id)
    for row in connection.execute(
        select(owner.c.student_id, submitted.c.late_submission_penalty)
        .select_from(joined)
        .where(owner.c.assignment_id == assignment.id)
    ):
        found[row.student_id].penalty += row.late_submission_penalty or 0.0
    grade, cell = schema.grade, schema.base_cell
    joined = (
        grade.join(submitted, grade.c.notebook_id == submitted.c.id)
        .join(owner, submitted.c.assignment_id == owner.c.id)
        .join(cell, grade.c.cell_id == cell.c.id)
        .join(page, submitted.c.notebook_id == page.c.id)
    )
    query = select(
        owner.c.student_id,
        page.c.name,
        cell.c.name,
        grade.c.auto_score,
        grade.c.manual_score,
        grade.c.extra_credit,
        grade.c.needs_manual_grade,
    )
    for student, notebook, name, auto, manual, extra, is_open in connection.execute(
        query.select_from(joined).where(owner.c.assignment_id == assignment.id)
    ):
        found[student].grades[notebook, name] = BookGrade(auto, manual, extra or 0.0, bool(is_open))
    return found


def _released(connection: Connection, assignment_id: str) -> dict[Place, str]:
    cell, page = schema.source_cell, schema.notebook
    rows = connection.execute(
        select(page.c.name.label("page"), cell.c.name, cell.c.source)
        .select_from(cell.join(page, cell.c.notebook_id == page.c.id))
        .where(page.c.assignment_id == assignment_id, cell.c.locked.is_(False))
    )
    return {(row.page, row.name): row.source or "" for row in rows}
