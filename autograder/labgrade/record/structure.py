"""The lab's own rows in the gradebook: what ``nbgrader generate_assignment`` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, delete, insert, select, update

from labgrade.errors import UsageError
from labgrade.lab import Lab, Page
from labgrade.model import CellSpec, NotebookSpec
from labgrade.record import schema

__all__ = ["LabRows", "NotebookRows", "read_lab_rows", "write_lab_rows"]


@dataclass(slots=True)
class NotebookRows:
    """Ids of a notebook's rows.

    Args:
        id: of the notebook.
        grades: name of each cell that has a grade -> id of its base cell.
        comments: name of each cell that has a comment -> id of its base cell.
        tasks: names of task cells.

    """

    id: str
    grades: dict[str, str] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    tasks: set[str] = field(default_factory=set)


@dataclass(slots=True)
class LabRows:
    """Ids of an assignment's rows."""

    id: str
    duedate: datetime | None = None
    notebooks: dict[str, NotebookRows] = field(default_factory=dict)


def read_lab_rows(connection: Connection, name: str) -> LabRows | None:
    """Return the ids of an assignment, None if the gradebook does not have it."""
    row = connection.execute(
        select(schema.assignment.c.id, schema.assignment.c.duedate).where(schema.assignment.c.name == name)
    ).one_or_none()
    if row is None:
        return None
    rows = LabRows(row.id, row.duedate)
    for found in connection.execute(
        select(schema.notebook.c.name, schema.notebook.c.id).where(schema.notebook.c.assignment_id == rows.id)
    ):
        rows.notebooks[found.name] = NotebookRows(found.id)
    by_id = {notebook.id: notebook for notebook in rows.notebooks.values()}
    for cell in connection.execute(
        select(schema.base_cell).where(schema.base_cell.c.notebook_id.in_(list(by_id)))
    ):
        notebook = by_id[cell.notebook_id]
        if cell.type in ("GradeCell", "TaskCell"):
            notebook.grades[cell.name] = cell.id
        if cell.type in ("SolutionCell", "TaskCell"):
            notebook.comments[cell.name] = cell.id
        if cell.type == "TaskCell":
            notebook.tasks.add(cell.name)
    return rows


def write_lab_rows(connection: Connection, lab: Lab, course_id: str) -> LabRows:
    """Write the lab's rows, or bring those that are there up to date with it.

    Cells that were added get grades and comments in the submissions that exist; cells that were removed
    go, unless a person has graded them.

    Raises:
        UsageError: a removed cell has points given by hand.

    """
    if (
        connection.execute(select(schema.course.c.id).where(schema.course.c.id == course_id)).one_or_none()
        is None
    ):
        connection.execute(insert(schema.course), {"id": course_id})
    rows = read_lab_rows(connection, lab.spec.name)
    if rows is None:
        rows = LabRows(_new_id())
        connection.execute(
            insert(schema.assignment),
            {"id": rows.id, "name": lab.spec.name, "course_id": course_id, "duedate": None},
        )
    gone_names = set(rows.notebooks) - {spec.name for spec in lab.spec.notebooks}
    for gone in sorted(gone_names) if not lab.partial else ():
        for cell_id in {*rows.notebooks[gone].grades.values(), *rows.notebooks[gone].comments.values()}:
            _remove_cell(connection, cell_id, gone)
        connection.execute(
            delete(schema.submitted_notebook).where(
                schema.submitted_notebook.c.notebook_id == rows.notebooks[gone].id
            )
        )
        connection.execute(
            delete(schema.source_cell).where(schema.source_cell.c.notebook_id == rows.notebooks[gone].id)
        )
        connection.execute(delete(schema.notebook).where(schema.notebook.c.id == rows.notebooks[gone].id))
        del rows.notebooks[gone]
    for spec, page in zip(lab.spec.notebooks, lab.pages, strict=True):
        _write_notebook(connection, rows, spec, page)
    return rows


def _write_notebook(connection: Connection, rows: LabRows, spec: NotebookSpec, page: Page) -> None:
    kernelspec = json.dumps(page.metadata.get("kernelspec", {}))[:1024]
    found = rows.notebooks.get(spec.name)
    if found is None:
        found = rows.notebooks[spec.name] = NotebookRows(_new_id())
        connection.execute(
            insert(schema.notebook),
            {"id": found.id, "name": spec.name, "assignment_id": rows.id, "kernelspec": kernelspec},
        )
        submissions = connection.execute(
            select(schema.submitted_assignment.c.id).where(
                schema.submitted_assignment.c.assignment_id == rows.id
            )
        ).scalars()
        new = [
            {"id": _new_id(), "assignment_id": submission, "notebook_id": found.id, "flagged": False}
            for submission in submissions
        ]
        if new:
            connection.execute(insert(schema.submitted_notebook), new)
    else:
        connection.execute(
            update(schema.notebook).where(schema.notebook.c.id == found.id).values(kernelspec=kernelspec)
        )
    wanted = {cell.grade_id: cell for cell in spec.cells if cell.grade_id}
    _remove_other_cells(connection, found, wanted, spec.name)
    for cell in wanted.values():
        _write_graded_cell(connection, found, cell)
    _write_source_cells(connection, found, spec, page)


def _remove_other_cells(
    connection: Connection, rows: NotebookRows, wanted: Mapping[str, CellSpec], notebook: str
) -> None:
    for name, cell_id in list(rows.grades.items()):
        cell = wanted.get(name)
        if cell is None or not (cell.grade or cell.task) or cell.task != (name in rows.tasks):
            _remove_cell(connection, cell_id, f"{notebook}/{name}")
            del rows.grades[name]
            if name in rows.tasks:
                rows.tasks.discard(name)
                rows.comments.pop(name, None)
    for name, cell_id in list(rows.comments.items()):
        cell = wanted.get(name)
        if cell is None or not (cell.solution or cell.task):
            _remove_cell(connection, cell_id, f"{notebook}/{name}")
            del rows.comments[name]


def _remove_cell(connection: Connection, cell_id: str, label: str) -> None:
    by_hand = connection.execute(
        select(schema.grade.c.id).where(
            schema.grade.c.cell_id == cell_id, schema.grade.c.manual_score.is_not(None)
        )
    ).first()
    if by_hand is not None:
        raise UsageError(
            "lab-cell-removed",
            f"'{label}' is no longer in the lab, but has points in the gradebook that were given by hand",
            "put the cell back, or grade into a new folder with --out",
        )
    for table in (schema.grade, schema.comment):
        connection.execute(delete(table).where(table.c.cell_id == cell_id))
    for table in (schema.grade_cells, schema.solution_cells, schema.task_cells, schema.base_cell):
        connection.execute(delete(table).where(table.c.id == cell_id))


def _write_graded_cell(connection: Connection, rows: NotebookRows, cell: CellSpec) -> None:
    values: dict[str, Any] = {"max_score": cell.points, "cell_type": cell.cell_type}
    if cell.grade or cell.task:
        table = schema.task_cells if cell.task else schema.grade_cells
        if cell.grade_id in rows.grades:
            connection.execute(update(table).where(table.c.id == rows.grades[cell.grade_id]).values(**values))
        else:
            cell_id = _add_base_cell(connection, rows, cell, "TaskCell" if cell.task else "GradeCell")
            connection.execute(insert(table), {"id": cell_id, **values})
            rows.grades[cell.grade_id] = cell_id
            _add_to_submissions(connection, schema.grade, rows, cell_id, {"needs_manual_grade": True})
            if cell.task:
                rows.tasks.add(cell.grade_id)
                rows.comments[cell.grade_id] = cell_id
                _add_to_submissions(connection, schema.comment, rows, cell_id, {})
    if cell.solution and cell.grade_id not in rows.comments:
        cell_id = _add_base_cell(connection, rows, cell, "SolutionCell")
        connection.execute(insert(schema.solution_cells), {"id": cell_id})
        rows.comments[cell.grade_id] = cell_id
        _add_to_submissions(connection, schema.comment, rows, cell_id, {})


def _add_base_cell(connection: Connection, rows: NotebookRows, cell: CellSpec, kind: str) -> str:
    cell_id = _new_id()
    connection.execute(
        insert(schema.base_cell), {"id": cell_id, "name": cell.grade_id, "notebook_id": rows.id, "type": kind}
    )
    return cell_id


def _add_to_submissions(
    connection: Connection, table: Any, rows: NotebookRows, cell_id: str, values: Mapping[str, Any]
) -> None:
    existing = connection.execute(
        select(schema.submitted_notebook.c.id).where(schema.submitted_notebook.c.notebook_id == rows.id)
    ).scalars()
    new = [{"id": _new_id(), "notebook_id": found, "cell_id": cell_id, **values} for found in existing]
    if new:
        connection.execute(insert(table), new)


def _write_source_cells(connection: Connection, rows: NotebookRows, spec: NotebookSpec, page: Page) -> None:
    connection.execute(delete(schema.source_cell).where(schema.source_cell.c.notebook_id == rows.id))
    new = [
        {
            "id": _new_id(),
            "name": cell.grade_id,
            "cell_type": cell.cell_type,
            "locked": cell.locked,
            "source": page.saved[cell.index],
            "checksum": page.checksums[cell.index],
            "notebook_id": rows.id,
        }
        for cell in spec.cells
        if cell.grade_id
    ]
    if new:
        connection.execute(insert(schema.source_cell), new)


def _new_id() -> str:
    return uuid4().hex
