"""Reading nbgrader's gradebook: what people and the course wrote there, without changing a byte."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from labgrade.errors import MachineError
from labgrade.record import schema
from labgrade.report.book import read_gradebook
from labgrade.report.parts import changes_part
from labgrade.report.place import find_class
from labgrade.report.reading import read_results
from sqlalchemy import Table, create_engine, insert

DUE = datetime(2026, 11, 15, 22, 0)  # in UTC, without a zone, as nbgrader keeps it
ROWS: list[tuple[Table, list[dict[str, Any]]]] = [
    (schema.course, [{"id": "c"}]),
    (schema.assignment, [{"id": "a1", "name": "ps1", "duedate": DUE, "course_id": "c"},
                         {"id": "a2", "name": "ps2", "duedate": None, "course_id": "c"}]),
    (schema.notebook, [{"id": "n1", "name": "one", "assignment_id": "a1"}]),
    (schema.base_cell, [{"id": "g1", "name": "test-sum", "notebook_id": "n1", "type": "GradeCell"},
                        {"id": "g2", "name": "why", "notebook_id": "n1", "type": "GradeCell"}]),
    (schema.source_cell, [
        {"id": "s1", "name": "why", "cell_type": "markdown", "locked": False, "source": "write here",
         "notebook_id": "n1"},
        {"id": "s2", "name": "test-sum", "cell_type": "code", "locked": True, "source": "assert 1",
         "notebook_id": "n1"},
    ]),
    (schema.student, [{"id": "ada", "first_name": "Ada", "last_name": "Lovelace"},
                      {"id": "bob", "first_name": None, "last_name": None},
                      {"id": "eve", "first_name": None, "last_name": None}]),
    (schema.submitted_assignment, [
        {"id": "x1", "assignment_id": "a1", "student_id": "ada", "timestamp": DUE + timedelta(hours=3),
         "extension": timedelta(hours=1)},
        {"id": "x2", "assignment_id": "a1", "student_id": "bob", "timestamp": DUE - timedelta(hours=1),
         "extension": None},
    ]),
    (schema.submitted_notebook, [
        {"id": "m1", "assignment_id": "x1", "notebook_id": "n1", "late_submission_penalty": 0.5},
        {"id": "m2", "assignment_id": "x2", "notebook_id": "n1", "late_submission_penalty": None},
    ]),
    (schema.grade, [
        {"id": "r1", "notebook_id": "m1", "cell_id": "g1", "auto_score": 2.0, "manual_score": None,
         "extra_credit": None, "needs_manual_grade": False},
        {"id": "r2", "notebook_id": "m1", "cell_id": "g2", "auto_score": None, "manual_score": 1.5,
         "extra_credit": 0.25, "needs_manual_grade": False},
        {"id": "r3", "notebook_id": "m2", "cell_id": "g2", "auto_score": None, "manual_score": None,
         "extra_credit": None, "needs_manual_grade": True},
    ]),
]  # fmt: skip
"""Rows in nbgrader's own tables; tests/grade compares the tables with nbgrader's models."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a gradebook with points by hand, a due date and late work, in a folder with a space."""
    path = tmp_path / "the book" / "gradebook.db"
    path.parent.mkdir()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        schema.make_tables(connection)
        for table, rows in ROWS:
            connection.execute(insert(table), rows)
    engine.dispose()
    return path


def test_read_gradebook_gives_what_people_wrote(path: Path) -> None:
    """Names, points by hand, extra credit, lateness after the extension, penalty, texts handed out."""
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    book = read_gradebook(f"sqlite:///{path}", "ps1")
    assert book is not None
    assert book.students["ada"].name == "Lovelace, Ada"
    assert book.students["bob"].name == ""
    assert set(book.students) == {"ada", "bob", "eve"}
    assert set(book.submissions) == {"ada", "bob"}
    ada = book.submissions["ada"]
    assert (ada.late_s, ada.penalty) == (7200.0, 0.5)
    assert book.submissions["bob"].late_s == 0.0
    why = ada.grades["one", "why"]
    assert (why.auto, why.manual, why.extra, why.is_open) == (None, 1.5, 0.25, False)
    assert ada.grades["one", "test-sum"].auto == 2.0
    assert book.submissions["bob"].grades["one", "why"].is_open
    assert book.released == {("one", "why"): "write here"}, "locked cells are no answers"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert sorted(one.name for one in path.parent.iterdir()) == [path.name], (
        "no journal of the database is left"
    )


def test_read_gradebook_that_lacks_the_lab_is_none(path: Path, tmp_path: Path) -> None:
    """No file yet, or another assignment: there is nothing to say, and nothing is made."""
    assert read_gradebook(f"sqlite:///{path}", "ps9") is None
    assert read_gradebook(f"sqlite:///{tmp_path}/none.db", "ps1") is None
    assert [one.name for one in tmp_path.iterdir()] == ["the book"]


def test_read_gradebook_that_is_none_names_the_fault(tmp_path: Path) -> None:
    """A file that is no database, and a database that is no gradebook."""
    (tmp_path / "text.db").write_bytes(b"this is not a database, but is long enough to be read as one" * 50)
    with pytest.raises(MachineError) as caught:
        read_gradebook(f"sqlite:///{tmp_path}/text.db", "ps1")
    assert caught.value.code == "gradebook-damaged"
    (tmp_path / "empty.db").write_bytes(b"")
    with pytest.raises(MachineError) as caught:
        read_gradebook(f"sqlite:///{tmp_path}/empty.db", "ps1")
    assert caught.value.code == "gradebook-version"
    with pytest.raises(MachineError) as caught:
        read_gradebook("nosuch://x", "ps1")
    assert caught.value.code == "gradebook-url"


def test_changes_part_without_earlier_results_is_left_out(class_of_300: Path) -> None:
    """No earlier results, equal ones, or unreadable ones: the page is about the present."""
    place = find_class(str(class_of_300), None)
    results = read_results(place.results)
    previous = class_of_300 / "results.previous.json"
    assert changes_part(place, results, None) is None
    try:
        previous.write_text("{}")
        assert changes_part(place, results, None) is None
        previous.write_bytes(place.results.read_bytes())
        assert changes_part(place, results, None) is None
    finally:
        previous.unlink()
