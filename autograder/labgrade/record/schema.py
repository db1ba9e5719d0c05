"""nbgrader's gradebook as SQLAlchemy Core tables, and how one is made or opened.

Importing ``nbgrader.api`` takes 2 to 4 seconds and making a gradebook through it starts another program; a
job of 20 submissions has no time for that. The tables are nbgrader's to the letter: a test compares them
with its models.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Enum,
    Float,
    ForeignKey,
    Interval,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    text,
)

from labgrade.errors import MachineError

__all__ = [
    "assignment",
    "base_cell",
    "comment",
    "course",
    "grade",
    "grade_cells",
    "make_indexes",
    "make_tables",
    "metadata",
    "notebook",
    "solution_cells",
    "source_cell",
    "student",
    "submitted_assignment",
    "submitted_notebook",
    "task_cells",
]

metadata = MetaData()


def _id() -> Column[str]:
    return Column("id", String(32), primary_key=True)


course = Table("course", metadata, Column("id", String(128), primary_key=True, unique=True, nullable=False))
student = Table(
    "student",
    metadata,
    Column("id", String(128), primary_key=True, nullable=False),
    Column("first_name", String(128)),
    Column("last_name", String(128)),
    Column("email", String(128)),
    Column("lms_user_id", String(128), nullable=True),
)
assignment = Table(
    "assignment",
    metadata,
    _id(),
    Column("name", String(128), unique=True, nullable=False),
    Column("duedate", DateTime()),
    Column("course_id", String(128), ForeignKey("course.id"), nullable=False),
)
notebook = Table(
    "notebook",
    metadata,
    _id(),
    Column("name", String(128), nullable=False),
    Column("assignment_id", String(32), ForeignKey("assignment.id")),
    Column("kernelspec", String(1024), nullable=True),
    UniqueConstraint("name", "assignment_id"),
)
base_cell = Table(
    "base_cell",
    metadata,
    _id(),
    Column("name", String(128), nullable=False),
    Column("notebook_id", String(32), ForeignKey("notebook.id"), nullable=False),
    Column("type", String(50)),
    UniqueConstraint("name", "notebook_id", "type"),
)
_grade_cell_type = Enum("code", "markdown", name="grade_cell_type", validate_strings=True)
grade_cells = Table(
    "grade_cells",
    metadata,
    Column("id", String(32), ForeignKey("base_cell.id"), primary_key=True),
    Column("max_score", Float(), nullable=False),
    Column("cell_type", _grade_cell_type, nullable=False),
)
solution_cells = Table(
    "solution_cells", metadata, Column("id", String(32), ForeignKey("base_cell.id"), primary_key=True)
)
task_cells = Table(
    "task_cells",
    metadata,
    Column("id", String(32), ForeignKey("base_cell.id"), primary_key=True),
    Column("max_score", Float(), nullable=False),
    Column("cell_type", _grade_cell_type, nullable=False),
)
source_cell = Table(
    "source_cell",
    metadata,
    _id(),
    Column("name", String(128), nullable=False),
    Column(
        "cell_type", Enum("code", "markdown", name="source_cell_type", validate_strings=True), nullable=False
    ),
    Column("locked", Boolean, default=False, nullable=False),
    Column("source", Text()),
    Column("checksum", String(128)),
    Column("notebook_id", String(32), ForeignKey("notebook.id")),
    UniqueConstraint("name", "notebook_id"),
)
submitted_assignment = Table(
    "submitted_assignment",
    metadata,
    _id(),
    Column("assignment_id", String(32), ForeignKey("assignment.id")),
    Column("student_id", String(128), ForeignKey("student.id")),
    Column("timestamp", DateTime()),
    Column("extension", Interval()),
    UniqueConstraint("assignment_id", "student_id"),
)
submitted_notebook = Table(
    "submitted_notebook",
    metadata,
    _id(),
    Column("assignment_id", String(32), ForeignKey("submitted_assignment.id")),
    Column("notebook_id", String(32), ForeignKey("notebook.id")),
    Column("flagged", Boolean, default=False),
    Column("late_submission_penalty", Float(0)),
    UniqueConstraint("notebook_id", "assignment_id"),
)
grade = Table(
    "grade",
    metadata,
    _id(),
    Column("notebook_id", String(32), ForeignKey("submitted_notebook.id")),
    Column("cell_id", String(32), ForeignKey("base_cell.id")),
    Column("auto_score", Float()),
    Column("manual_score", Float()),
    Column("extra_credit", Float()),
    Column("needs_manual_grade", Boolean, default=True, nullable=False),
    UniqueConstraint("cell_id", "notebook_id"),
)
comment = Table(
    "comment",
    metadata,
    _id(),
    Column("notebook_id", String(32), ForeignKey("submitted_notebook.id")),
    Column("cell_id", String(32), ForeignKey("base_cell.id")),
    Column("auto_comment", Text()),
    Column("manual_comment", Text()),
    UniqueConstraint("cell_id", "notebook_id"),
)

_INDEXED = (
    ("submitted_assignment", "student_id"),
    ("submitted_notebook", "assignment_id"),
    ("grade", "notebook_id"),
    ("comment", "notebook_id"),
    ("base_cell", "notebook_id"),
    ("source_cell", "notebook_id"),
    ("notebook", "assignment_id"),
)
"""Foreign keys that nbgrader leaves without an index; with them its own queries on 5,000 submissions are
100 times faster. They change no data."""


def make_tables(connection: Connection) -> None:
    """Make nbgrader's tables in an empty database; leave one that has them as it is.

    Raises:
        MachineError: the database is of another version of nbgrader, or holds something else.

    """
    existing = set(inspect(connection).get_table_names())
    if not existing:
        metadata.create_all(connection)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(
            text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": _schema_head()}
        )
        return
    missing = sorted(set(metadata.tables) - existing)
    if not missing:
        for name, table in metadata.tables.items():
            columns = {column["name"] for column in inspect(connection).get_columns(name)}
            missing.extend(f"{name}.{column.name}" for column in table.columns if column.name not in columns)
    if missing:
        raise MachineError(
            "gradebook-version",
            f"the gradebook is not of this version of nbgrader: it has no {missing[0]}",
            "back it up and run `nbgrader db upgrade` in the course's folder",
        )


def make_indexes(connection: Connection) -> None:
    """Add the indexes that nbgrader's gradebook lacks, where they are not there yet."""
    for table, column in _INDEXED:
        connection.execute(text(f"CREATE INDEX IF NOT EXISTS ix_labs_{table}_{column} ON {table} ({column})"))


def _schema_head() -> str:
    """Return the newest revision among nbgrader's migrations: the one that no other builds on."""
    spec = importlib.util.find_spec("nbgrader")
    if spec is None or not spec.submodule_search_locations:
        raise MachineError("nbgrader-missing", "nbgrader is not installed", "pip install 'seqlabs[grade]'")
    folder = Path(spec.submodule_search_locations[0], "alembic", "versions")
    revisions: set[str] = set()
    built_on: set[str] = set()
    for path in folder.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        revisions.update(re.findall(r"^revision\s*=\s*['\"](\w+)['\"]", source, re.MULTILINE))
        built_on.update(re.findall(r"^down_revision\s*=\s*['\"](\w+)['\"]", source, re.MULTILINE))
    heads = revisions - built_on
    if len(heads) != 1:
        raise MachineError(
            "nbgrader-version", f"nbgrader's migrations in {folder} have {len(heads)} ends, not one"
        )
    return heads.pop()
