"""The one writer of nbgrader's gradebook: what ``nbgrader autograde`` would record, in transactions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, bindparam, create_engine, event, insert, select, update
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from labgrade.course import CourseSettings
from labgrade.errors import MachineError
from labgrade.lab import Lab
from labgrade.record import schema
from labgrade.record.faults import name_fault
from labgrade.record.penalty import (
    PenaltyRule,
    clip_penalty,
    notebook_score,
    parse_timestamp,
    penalty_rule,
    seconds_late,
)
from labgrade.record.structure import LabRows, NotebookRows, read_lab_rows, write_lab_rows
from labgrade.result import GradedNotebook, GradedSubmission, NotebookStatus

__all__ = ["Gradebook", "RecordedCell"]

LOCK_WAIT_S = 30.0
"""How long a write waits while another program, e.g. the formgrader, holds the gradebook."""


@dataclass(frozen=True, slots=True)
class RecordedCell:
    """A grade as it stands in the gradebook."""

    student: str
    notebook: str
    grade_id: str
    auto_score: float | None
    manual_score: float | None
    extra_credit: float | None
    needs_manual_grade: bool


@dataclass(slots=True)
class _KnownSubmission:
    """Ids of a submission's rows: notebook name -> id of the submitted notebook."""

    id: str
    timestamp: datetime | None
    extension: timedelta | None
    notebooks: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Rows:
    """What one transaction inserts and updates, collected so that each table is touched once."""

    students: list[dict[str, Any]] = field(default_factory=list)
    submissions: list[dict[str, Any]] = field(default_factory=list)
    stamps: list[dict[str, Any]] = field(default_factory=list)
    notebooks: list[dict[str, Any]] = field(default_factory=list)
    grades: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    grade_changes: list[dict[str, Any]] = field(default_factory=list)
    comment_changes: list[dict[str, Any]] = field(default_factory=list)


class Gradebook:
    """A gradebook that is open for one lab.

    Args:
        url: SQLAlchemy URL.
        course: for the course's id and its rule for late work.

    Raises:
        MachineError: it cannot be opened or written; nothing has been changed.

    """

    def __init__(self, url: str, course: CourseSettings) -> None:
        self.url = url
        self._course = course
        self._rule: PenaltyRule = penalty_rule(course)
        arguments = {"timeout": LOCK_WAIT_S} if url.startswith("sqlite") else {}
        try:
            self._engine = create_engine(url, connect_args=arguments)
        except (SQLAlchemyError, ImportError) as error:
            raise MachineError(
                "gradebook-url", f"the gradebook's URL cannot be used: {error}", where=url
            ) from error
        if url.startswith("sqlite"):
            # sqlite3 begins a transaction at the first write only; the lock has to be held from the first
            # read on
            event.listen(
                self._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE")
            )
            event.listen(self._engine, "connect", _leave_transactions_to_us)
        self._rows: LabRows | None = None
        self._students: set[str] = set()
        self._known: dict[str, _KnownSubmission] = {}

    def __enter__(self) -> Gradebook:
        """Return itself; the connections close at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        self._engine.dispose()

    def open_lab(self, lab: Lab, *, keep_structure: bool) -> None:
        """Make the gradebook ready for a lab's results.

        Args:
            lab: whose rows are written if they are missing.
            keep_structure: leave an assignment that is there as `nbgrader generate_assignment` made it.

        """
        with self._writing() as connection:
            schema.make_tables(connection)
            schema.make_indexes(connection)
            rows = read_lab_rows(connection, lab.spec.name) if keep_structure else None
            self._rows = rows or write_lab_rows(connection, lab, self._course.course_id)
            self._students = set(connection.execute(select(schema.student.c.id)).scalars())
            self._load_known(connection)

    def knows(self, student: str) -> bool:
        """Return whether the student has a submission of the lab in the gradebook."""
        return student in self._known

    def has_assignment(self, name: str) -> bool:
        """Return whether the gradebook exists and has the assignment, without changing anything."""
        with self._writing() as connection:
            schema.make_tables(connection)
            return read_lab_rows(connection, name) is not None

    def source_cells(self, name: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Return the gradebook's cells of a lab: (notebook, grade id) -> columns, with ``max_score``."""
        cells: dict[tuple[str, str], dict[str, Any]] = {}
        with self._writing() as connection:
            joined = schema.source_cell.join(
                schema.notebook, schema.source_cell.c.notebook_id == schema.notebook.c.id
            )
            joined = joined.join(schema.assignment, schema.notebook.c.assignment_id == schema.assignment.c.id)
            for row in connection.execute(
                select(schema.source_cell, schema.notebook.c.name.label("notebook"))
                .select_from(joined)
                .where(schema.assignment.c.name == name)
            ).mappings():
                cells[row["notebook"], row["name"]] = dict(row)
            for table in (schema.grade_cells, schema.task_cells):
                joined = table.join(schema.base_cell, table.c.id == schema.base_cell.c.id)
                joined = joined.join(schema.notebook, schema.base_cell.c.notebook_id == schema.notebook.c.id)
                joined = joined.join(
                    schema.assignment, schema.notebook.c.assignment_id == schema.assignment.c.id
                )
                for row in connection.execute(
                    select(
                        table.c.max_score, schema.base_cell.c.name, schema.notebook.c.name.label("notebook")
                    )
                    .select_from(joined)
                    .where(schema.assignment.c.name == name)
                ).mappings():
                    cells.get((row["notebook"], row["name"]), {})["max_score"] = row["max_score"]
        return cells

    def record(self, batch: Sequence[GradedSubmission]) -> None:
        """Record results in one transaction; a score given by hand is never changed.

        Raises:
            MachineError: the gradebook is locked, read-only, full or damaged; the whole batch is left out.

        """
        before = {result.student: self._known.get(result.student) for result in batch}
        students = set(self._students)
        try:
            with self._writing() as connection:
                rows = _Rows()
                for result in batch:
                    self._collect(connection, result, rows)
                _write(connection, rows)
                for result in batch:
                    self._set_penalties(connection, result, new=before[result.student] is None)
        except BaseException:
            self._students = students
            for student, known in before.items():
                if known is None:
                    self._known.pop(student, None)
            raise

    def recorded(self) -> list[RecordedCell]:
        """Return all grades of the lab, by one join."""
        grade, cell, page = schema.grade, schema.base_cell, schema.notebook
        submitted, owner = schema.submitted_notebook, schema.submitted_assignment
        joined = (
            grade.join(submitted, grade.c.notebook_id == submitted.c.id)
            .join(owner, submitted.c.assignment_id == owner.c.id)
            .join(cell, grade.c.cell_id == cell.c.id)
            .join(page, submitted.c.notebook_id == page.c.id)
        )
        query = (
            select(
                owner.c.student_id,
                page.c.name,
                cell.c.name,
                grade.c.auto_score,
                grade.c.manual_score,
                grade.c.extra_credit,
                grade.c.needs_manual_grade,
            )
            .select_from(joined)
            .where(owner.c.assignment_id == self._lab_rows.id)
        )
        with self._writing() as connection:
            return [RecordedCell(*row) for row in connection.execute(query)]

    @property
    def _lab_rows(self) -> LabRows:
        if self._rows is None:
            raise RuntimeError("open_lab comes before this")
        return self._rows

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DatabaseError as error:
            raise name_fault(error, self.url) from error

    def _load_known(self, connection: Connection) -> None:
        owner, submitted, page = schema.submitted_assignment, schema.submitted_notebook, schema.notebook
        for row in connection.execute(select(owner).where(owner.c.assignment_id == self._lab_rows.id)):
            self._known[row.student_id] = _KnownSubmission(row.id, row.timestamp, row.extension)
        joined = submitted.join(owner, submitted.c.assignment_id == owner.c.id)
        joined = joined.join(page, submitted.c.notebook_id == page.c.id)
        for row in connection.execute(
            select(owner.c.student_id, page.c.name, submitted.c.id)
            .select_from(joined)
            .where(owner.c.assignment_id == self._lab_rows.id)
        ):
            self._known[row.student_id].notebooks[row.name] = row.id

    def _collect(self, connection: Connection, result: GradedSubmission, rows: _Rows) -> None:
        timestamp = parse_timestamp(result.timestamp) if result.timestamp else None
        if result.student not in self._students:
            rows.students.append({"id": result.student})
            self._students.add(result.student)
        known = self._known.get(result.student)
        if known is None:
            known = _KnownSubmission(uuid4().hex, timestamp, None)
            self._known[result.student] = known
            rows.submissions.append(
                {
                    "id": known.id,
                    "assignment_id": self._lab_rows.id,
                    "student_id": result.student,
                    "timestamp": timestamp,
                    "extension": None,
                }
            )
        elif timestamp is not None:
            known.timestamp = timestamp
            rows.stamps.append({"submission": known.id, "stamp": timestamp})
        for notebook in result.notebooks:
            if notebook.name not in self._lab_rows.notebooks:
                continue
            page = self._lab_rows.notebooks[notebook.name]
            if notebook.name in known.notebooks:
                _collect_changes(connection, known.notebooks[notebook.name], notebook, page, rows)
            else:
                known.notebooks[notebook.name] = uuid4().hex
                rows.notebooks.append(
                    {
                        "id": known.notebooks[notebook.name],
                        "assignment_id": known.id,
                        "notebook_id": page.id,
                        "flagged": False,
                        "late_submission_penalty": None,
                    }
                )
                _collect_new(known.notebooks[notebook.name], notebook, page, rows)

    def _set_penalties(self, connection: Connection, result: GradedSubmission, *, new: bool) -> None:
        """Set the late penalty of each notebook that was graded, as nbgrader does once it has the grades."""
        known = self._known[result.student]
        late_s = seconds_late(known.timestamp, self._lab_rows.duedate, known.extension)
        if new and late_s == 0:
            return
        submitted = schema.submitted_notebook
        for notebook in result.notebooks:
            if notebook.status is not NotebookStatus.GRADED or notebook.name not in known.notebooks:
                continue
            notebook_id = known.notebooks[notebook.name]
            value = None
            if late_s > 0:
                score = notebook_score(connection, notebook_id)
                penalty = self._rule(result.student, score, late_s)
                value = None if penalty is None else clip_penalty(penalty, score)
            connection.execute(
                update(submitted).where(submitted.c.id == notebook_id).values(late_submission_penalty=value)
            )


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None


def _collect_new(notebook_id: str, notebook: GradedNotebook, page: NotebookRows, rows: _Rows) -> None:
    scores = {cell.grade_id: cell for cell in notebook.cells}
    for name, cell_id in page.grades.items():
        cell = scores.get(name)
        score = cell.score if cell is not None else None
        rows.grades.append(
            {
                "id": uuid4().hex,
                "notebook_id": notebook_id,
                "cell_id": cell_id,
                "auto_score": score,
                "manual_score": None,
                "extra_credit": None,
                "needs_manual_grade": score is None,
            }
        )
    for name, cell_id in page.comments.items():
        rows.comments.append(
            {
                "id": uuid4().hex,
                "notebook_id": notebook_id,
                "cell_id": cell_id,
                "auto_comment": notebook.comments.get(name),
                "manual_comment": None,
            }
        )


def _collect_changes(
    connection: Connection, notebook_id: str, notebook: GradedNotebook, page: NotebookRows, rows: _Rows
) -> None:
    scores = {cell.grade_id: cell for cell in notebook.cells}
    names = {cell_id: name for name, cell_id in page.grades.items()}
    grade = schema.grade
    for row in connection.execute(
        select(grade.c.id, grade.c.cell_id, grade.c.manual_score).where(grade.c.notebook_id == notebook_id)
    ):
        cell = scores.get(names.get(row.cell_id, ""))
        if cell is None or (cell.kind == "task" and notebook.status is NotebookStatus.GRADED):
            continue  # a task's points come from a person only; nbgrader does not touch them either
        missing = notebook.status is NotebookStatus.MISSING
        needs = not missing and (row.manual_score is not None or cell.score is None)
        rows.grade_changes.append({"grade": row.id, "score": cell.score, "needs": needs})
    if notebook.status is NotebookStatus.GRADED:
        for name, text_ in notebook.comments.items():
            rows.comment_changes.append(
                {"notebook": notebook_id, "cell": page.comments.get(name), "text": text_}
            )


def _write(connection: Connection, rows: _Rows) -> None:
    for table, new in (
        (schema.student, rows.students),
        (schema.submitted_assignment, rows.submissions),
        (schema.submitted_notebook, rows.notebooks),
        (schema.grade, rows.grades),
        (schema.comment, rows.comments),
    ):
        if new:
            connection.execute(insert(table), new)
    owner, grade, comment = schema.submitted_assignment, schema.grade, schema.comment
    if rows.stamps:
        statement = (
            update(owner).where(owner.c.id == bindparam("submission")).values(timestamp=bindparam("stamp"))
        )
        connection.execute(statement, rows.stamps)
    if rows.grade_changes:
        change = update(grade).where(grade.c.id == bindparam("grade"))
        connection.execute(
            change.values(auto_score=bindparam("score"), needs_manual_grade=bindparam("needs")),
            rows.grade_changes,
        )
    if rows.comment_changes:
        where = update(comment).where(
            comment.c.notebook_id == bindparam("notebook"), comment.c.cell_id == bindparam("cell")
        )
        connection.execute(where.values(auto_comment=bindparam("text")), rows.comment_changes)
