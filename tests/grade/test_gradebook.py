"""The gradebook's rows are those that nbgrader's own API writes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from labgrade.course import CourseSettings
from labgrade.errors import MachineError, UsageError
from labgrade.lab import Lab, digest_lab
from labgrade.record import schema
from labgrade.record.gradebook import Gradebook
from labgrade.record.penalty import clip_penalty, parse_timestamp, seconds_late
from labgrade.result import CellScore, GradedNotebook, GradedSubmission, NotebookStatus
from labgrade.score import question_of
from sqlalchemy import create_engine, inspect, text

COMMENTS: dict[str, str | None] = {"total": None, "root": "No response.", "by-hand": None, "draw": None}


def make_result(
    lab: Lab,
    student: str,
    scores: dict[str, float | None],
    *,
    status: NotebookStatus = NotebookStatus.GRADED,
    **more: Any,
) -> GradedSubmission:
    """Return a result with the given scores; None for every cell that is not named."""
    notebooks = []
    for spec in lab.spec.notebooks:
        cells = tuple(
            CellScore(
                cell.grade_id,
                question_of(cell, spec),
                scores.get(cell.grade_id),
                cell.points,
                "task" if cell.task else "manual" if cell.is_manual else "test",
            )
            for cell in spec.cells
            if cell.grade or cell.task
        )
        graded = status is NotebookStatus.GRADED
        comments = COMMENTS if spec.name == "numbers" else {"essay": None, "read": None}
        notebooks.append(GradedNotebook(spec.name, status, cells, comments if graded else {}))
    return GradedSubmission(student, "digest", "key", tuple(notebooks), **more)


SCORES: dict[str, float | None] = {"test-total": 2.0, "test-root": 2.5, "test-read": 0.0, "test-longest": 2.0}


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Return the URL of a gradebook that does not exist yet."""
    return f"sqlite:///{tmp_path / 'gradebook.db'}"


@pytest.fixture
def gradebook(url: str, lab: Lab, course: CourseSettings) -> Iterator[Gradebook]:
    """Return a new gradebook that is open for ``ps1``."""
    with Gradebook(url, course) as found:
        found.open_lab(lab, keep_structure=False)
        yield found


def _rows(url: str, query: str) -> list[tuple[Any, ...]]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]
    finally:
        engine.dispose()


GRADES = """
SELECT s.student_id, n.name, b.name, b.type, g.auto_score, g.manual_score, g.needs_manual_grade
FROM grade g JOIN submitted_notebook sn ON g.notebook_id = sn.id
JOIN submitted_assignment s ON sn.assignment_id = s.id
JOIN base_cell b ON g.cell_id = b.id JOIN notebook n ON sn.notebook_id = n.id ORDER BY 1, 2, 3
"""
COMMENT_ROWS = """
SELECT s.student_id, n.name, b.name, b.type, c.auto_comment, c.manual_comment
FROM comment c JOIN submitted_notebook sn ON c.notebook_id = sn.id
JOIN submitted_assignment s ON sn.assignment_id = s.id
JOIN base_cell b ON c.cell_id = b.id JOIN notebook n ON sn.notebook_id = n.id ORDER BY 1, 2, 3
"""
CELLS = """
SELECT n.name, n.kernelspec, b.name, b.type, gc.max_score, gc.cell_type, tc.max_score, tc.cell_type
FROM base_cell b JOIN notebook n ON b.notebook_id = n.id LEFT JOIN grade_cells gc ON gc.id = b.id
LEFT JOIN task_cells tc ON tc.id = b.id ORDER BY 1, 3, 4
"""
SOURCES = """
SELECT n.name, c.name, c.cell_type, c.locked, c.source, c.checksum FROM source_cell c
JOIN notebook n ON c.notebook_id = n.id ORDER BY 1, 2
"""
SUBMISSIONS = """
SELECT s.student_id, s.timestamp, n.name, sn.flagged, sn.late_submission_penalty FROM submitted_notebook sn
JOIN submitted_assignment s ON sn.assignment_id = s.id JOIN notebook n ON sn.notebook_id = n.id ORDER BY 1, 3
"""
ALL_QUERIES = (GRADES, COMMENT_ROWS, CELLS, SOURCES, SUBMISSIONS)


def test_schema_tables_equal_nbgraders_models(nbgrader_api: Any) -> None:
    """Table by table and column by column: names, types, keys, nullability, uniqueness."""
    theirs = nbgrader_api.Base.metadata.tables
    assert set(schema.metadata.tables) == set(theirs)
    for name, table in schema.metadata.tables.items():
        assert [_column(column) for column in table.columns] == [
            _column(column) for column in theirs[name].columns
        ]
        assert _unique(table) == _unique(theirs[name])


def _column(column: Any) -> tuple[Any, ...]:
    keys = sorted(key.target_fullname for key in column.foreign_keys)
    return column.name, repr(column.type), column.primary_key, column.nullable, column.unique, keys


def _unique(table: Any) -> set[tuple[str, ...]]:
    return {
        tuple(column.name for column in constraint.columns)
        for constraint in table.constraints
        if type(constraint).__name__ == "UniqueConstraint"
    }


def test_gradebook_made_here_equals_one_made_by_nbgrader(
    nbgraders_gradebook: Path, url: str, gradebook: Gradebook
) -> None:
    """The same tables with the same columns, and the same version of the schema."""
    other = f"sqlite:///{nbgraders_gradebook}"
    assert _tables(url) == _tables(other)
    assert _rows(url, "SELECT * FROM alembic_version") == _rows(other, "SELECT * FROM alembic_version")
    assert _rows(url, "SELECT id FROM course") == _rows(other, "SELECT id FROM course")


def _tables(url: str) -> dict[str, list[Any]]:
    engine = create_engine(url)
    try:
        found = inspect(engine)
        return {
            name: sorted((one["name"], str(one["type"]), one["nullable"]) for one in found.get_columns(name))
            for name in found.get_table_names()
        }
    finally:
        engine.dispose()


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own way of adding a submission
def test_record_equals_what_nbgraders_api_writes(
    nbgrader_api: Any, nbgraders_gradebook: Path, lab: Lab, course: CourseSettings, tmp_path: Path
) -> None:
    """New results, a missing notebook, a second grading after points by hand: row by row the same."""
    shutil.copy(nbgraders_gradebook, tmp_path / "theirs.db")
    ours, theirs = f"sqlite:///{tmp_path / 'ours.db'}", f"sqlite:///{tmp_path / 'theirs.db'}"
    missing = dict.fromkeys((*SCORES, "by-hand", "draw", "essay"), 0.0)
    rounds = [
        [
            make_result(lab, "ada", SCORES, timestamp="2026-02-02 14:58:23.948203 America/Los_Angeles"),
            make_result(lab, "alan", missing, status=NotebookStatus.MISSING),
        ],
        [
            make_result(
                lab, "ada", SCORES | {"test-total": 1.0, "by-hand": 0.0}, timestamp="2026-02-03 10:00:00 UTC"
            )
        ],
    ]
    with Gradebook(ours, course) as book, nbgrader_api.Gradebook(theirs, course.course_id) as api:
        book.open_lab(lab, keep_structure=False)
        _make_assignment(api, lab)
        for results in rounds:
            book.record(results)
            for result in results:
                _record_by_api(api, lab, result)
            for target in (ours, theirs):
                _grade_by_hand(target)
        for query in ALL_QUERIES:
            assert _rows(ours, query) == _rows(theirs, query)
        assert {row[0] for row in _rows(ours, GRADES)} == {"ada", "alan"}


def _make_assignment(api: Any, lab: Lab) -> None:
    """Do what ``nbgrader generate_assignment`` does in the gradebook."""
    import json

    api.update_or_create_assignment(lab.spec.name, course_id="plain")
    for spec, page in zip(lab.spec.notebooks, lab.pages, strict=True):
        api.add_notebook(spec.name, lab.spec.name, kernelspec=json.dumps(page.metadata["kernelspec"]))
        for cell in spec.cells:
            place = (cell.grade_id, spec.name, lab.spec.name)
            points = {"max_score": cell.points, "cell_type": cell.cell_type}
            if cell.grade:
                api.update_or_create_grade_cell(*place, **points)
            if cell.solution:
                api.update_or_create_solution_cell(*place)
            if cell.task:
                api.update_or_create_task_cell(*place, **points)
            if cell.grade_id:
                api.update_or_create_source_cell(
                    *place,
                    cell_type=cell.cell_type,
                    locked=cell.locked,
                    source=page.saved[cell.index],
                    checksum=page.checksums[cell.index],
                )


def _record_by_api(api: Any, lab: Lab, result: GradedSubmission) -> None:
    """Do what nbgrader's Autograde, SaveAutoGrades and AssignLatePenalties do in the gradebook."""
    name = lab.spec.name
    api.update_or_create_student(result.student)
    stamp = {"timestamp": result.timestamp} if result.timestamp else {}
    api.update_or_create_submission(name, result.student, **stamp)
    for notebook in result.notebooks:
        if notebook.status is NotebookStatus.MISSING:
            for grade in api.find_submission_notebook(notebook.name, name, result.student).grades:
                grade.auto_score, grade.needs_manual_grade = 0, False
            continue
        for cell in notebook.cells:
            if cell.kind != "task":
                grade = api.find_grade(cell.grade_id, notebook.name, name, result.student)
                grade.auto_score = cell.score
                grade.needs_manual_grade = grade.manual_score is not None or cell.score is None
        for grade_id, comment in notebook.comments.items():
            api.find_comment(grade_id, notebook.name, name, result.student).auto_comment = comment
    api.db.commit()


def _grade_by_hand(url: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(
                text(
                    "UPDATE grade SET manual_score = 1.5, needs_manual_grade = 0 WHERE cell_id IN "
                    "(SELECT id FROM base_cell WHERE name IN ('essay', 'draw', 'test-total'))"
                )
            )
            connection.execute(text("UPDATE comment SET manual_comment = 'well done'"))
    finally:
        engine.dispose()


def test_record_score_by_hand_is_never_overwritten(lab: Lab, gradebook: Gradebook, url: str) -> None:
    """A second grading changes the automatic score only, and marks the cell for another look."""
    gradebook.record([make_result(lab, "ada", SCORES)])
    _grade_by_hand(url)
    gradebook.record([make_result(lab, "ada", dict.fromkeys(SCORES, 0.0))])
    found = {cell.grade_id: cell for cell in gradebook.recorded()}
    assert (found["test-total"].auto_score, found["test-total"].manual_score) == (0.0, 1.5)
    assert found["test-total"].needs_manual_grade
    assert found["draw"].manual_score == 1.5
    assert {row[5] for row in _rows(url, COMMENT_ROWS)} == {"well done"}


def test_record_batch_that_fails_leaves_nothing(lab: Lab, gradebook: Gradebook, url: str) -> None:
    """One transaction: if the last of a batch cannot be written, none is; the batch can be tried again."""
    when = "BEFORE INSERT ON grade WHEN NEW.auto_score = 1.25"
    trigger = f"CREATE TRIGGER refuse {when} BEGIN SELECT RAISE(ABORT, 'no'); END"
    _change(url, trigger)
    batch = [make_result(lab, "ada", SCORES), make_result(lab, "alan", SCORES | {"test-total": 1.25})]
    with pytest.raises(MachineError):
        gradebook.record(batch)
    assert _rows(url, "SELECT * FROM student") == []
    _change(url, "DROP TRIGGER refuse")
    gradebook.record(batch)
    assert len(gradebook.recorded()) == 14


def _change(url: str, statement: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.mark.parametrize("kind", ["locked", "read-only", "damaged", "old", "no-folder"])
def test_gradebook_that_cannot_be_written_is_named(
    lab: Lab, course: CourseSettings, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each cause has its own code, and no exception of the database comes through."""
    monkeypatch.setattr("labgrade.record.gradebook.LOCK_WAIT_S", 0.05)
    path = tmp_path / "gradebook.db"
    url = f"sqlite:///{path}"
    holder = None
    if kind == "locked":
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
    elif kind == "read-only":
        with Gradebook(url, course) as book:
            book.open_lab(lab, keep_structure=False)
        url = f"sqlite:///file:{path}?mode=ro&uri=true"
    elif kind == "damaged":
        path.write_bytes(b"this is no database, but it is long enough to be one" * 100)
    elif kind == "old":
        connection = sqlite3.connect(path)
        connection.execute("CREATE TABLE grade (id VARCHAR)")
        connection.close()
    else:
        url = f"sqlite:///{tmp_path}/no/such/folder/gradebook.db"
    wanted = {
        "locked": "gradebook-locked",
        "read-only": "gradebook-read-only",
        "damaged": "gradebook-damaged",
        "old": "gradebook-version",
        "no-folder": "gradebook-not-opened",
    }
    with pytest.raises(MachineError) as caught, Gradebook(url, course) as book:
        book.open_lab(lab, keep_structure=False)
    assert caught.value.code == wanted[kind]
    if holder is not None:
        holder.close()


def test_open_lab_twice_changes_nothing(
    lab: Lab, course: CourseSettings, gradebook: Gradebook, url: str
) -> None:
    """The rows of a lab that is there stay the same rows."""
    gradebook.record([make_result(lab, "ada", SCORES)])
    before = [_rows(url, query) for query in ALL_QUERIES], _rows(url, "SELECT id FROM base_cell ORDER BY 1")
    with Gradebook(url, course) as again:
        again.open_lab(lab, keep_structure=False)
    after = [_rows(url, query) for query in ALL_QUERIES], _rows(url, "SELECT id FROM base_cell ORDER BY 1")
    assert before == after


def test_open_lab_with_an_added_cell_gives_it_to_all_submissions(
    lab: Lab, course: CourseSettings, gradebook: Gradebook, url: str
) -> None:
    """nbgrader refuses to change an assignment with submissions; here the new cell waits for its grade."""
    gradebook.record([make_result(lab, "ada", SCORES)])
    spec = lab.spec.notebooks[0]
    test = next(cell for cell in spec.cells if cell.is_test)
    new = replace(test, index=len(spec.cells), grade_id="test-more", points=7.0)
    page = lab.pages[0]
    changed = digest_lab(
        replace(
            lab,
            spec=replace(
                lab.spec, notebooks=(replace(spec, cells=(*spec.cells, new)), lab.spec.notebooks[1])
            ),
            pages=(
                replace(page, saved=(*page.saved, "assert more"), checksums=(*page.checksums, "c")),
                lab.pages[1],
            ),
        )
    )
    assert changed.spec.digest != lab.spec.digest
    with Gradebook(url, course) as book:
        book.open_lab(changed, keep_structure=False)
        found = {cell.grade_id: cell for cell in book.recorded()}
        assert found["test-more"].needs_manual_grade
        assert found["test-total"].auto_score == 2.0
        book.open_lab(lab, keep_structure=False)
        assert "test-more" not in {cell.grade_id for cell in book.recorded()}


def test_open_lab_some_notebooks_keeps_the_grades_of_the_others(
    lab: Lab, course: CourseSettings, gradebook: Gradebook, url: str
) -> None:
    """``--notebook`` leaves the rest of the gradebook alone."""
    from labgrade.selection import select_notebooks

    gradebook.record([make_result(lab, "ada", SCORES)])
    some = select_notebooks(lab, ["words"])
    with Gradebook(url, course) as book:
        book.open_lab(some, keep_structure=False)
        book.record([make_result(some, "ada", SCORES | {"test-read": 1.0})])
        found = {cell.grade_id: cell.auto_score for cell in book.recorded()}
    assert (found["test-total"], found["test-read"]) == (2.0, 1.0)


def test_open_lab_removed_cell_with_points_by_hand_is_refused(
    lab: Lab, course: CourseSettings, gradebook: Gradebook, url: str
) -> None:
    """What a person gave is not thrown away."""
    gradebook.record([make_result(lab, "ada", SCORES)])
    _grade_by_hand(url)
    spec = lab.spec.notebooks[1]
    fewer = tuple(
        replace(cell, grade_id="", grade=False, solution=False) if cell.grade_id == "essay" else cell
        for cell in spec.cells
    )
    changed = replace(
        lab, spec=replace(lab.spec, notebooks=(lab.spec.notebooks[0], replace(spec, cells=fewer)))
    )
    with Gradebook(url, course) as book, pytest.raises(UsageError, match="essay"):
        book.open_lab(changed, keep_structure=False)


def _set_due(url: str, due: str, extension: str | None = None) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE assignment SET duedate = :due"), {"due": due})
        if extension:
            connection.execute(text("UPDATE submitted_assignment SET extension = :more"), {"more": extension})
    engine.dispose()


@pytest.mark.parametrize(
    ("extension", "penalties"),
    [(None, [4.5, 2.0]), ("1970-01-02 00:00:00.000000", [None, None])],
)
def test_record_late_submission_gets_the_courses_penalty(
    lab: Lab, course: CourseSettings, url: str, extension: str | None, penalties: list[float | None]
) -> None:
    """The rule ``zero`` takes all points of each notebook, unless an extension covers the delay."""
    strict = replace(course, late_method="zero")
    with Gradebook(url, strict) as book:
        book.open_lab(lab, keep_structure=False)
        book.record([make_result(lab, "ada", SCORES, timestamp="2026-02-02 12:00:00 UTC")])
    assert {row[4] for row in _rows(url, SUBMISSIONS)} == {None}
    _set_due(url, "2026-02-02 11:00:00.000000", extension)
    with Gradebook(url, strict) as book:
        book.open_lab(lab, keep_structure=False)
        book.record([make_result(lab, "ada", SCORES, timestamp="2026-02-02 12:00:00 UTC")])
    assert [row[4] for row in _rows(url, SUBMISSIONS)] == penalties


class Half:
    """A late plugin as a course may have one."""

    def __init__(self, config: Any = None) -> None:
        """Take what nbgrader gives a plugin."""

    def late_submission_penalty(self, _student: str, score: float, seconds: float) -> float:
        """Take half of the points for each hour."""
        return score * 0.5 * seconds / 3600


def test_record_late_plugin_of_the_course_is_used_and_clipped(
    lab: Lab, course: CourseSettings, url: str
) -> None:
    """More than the score cannot be taken."""
    with Gradebook(url, replace(course, late_plugin=Half)) as book:
        book.open_lab(lab, keep_structure=False)
        _set_due(url, "2026-02-02 10:00:00.000000")
        book.open_lab(lab, keep_structure=False)
        book.record([make_result(lab, "ada", SCORES, timestamp="2026-02-02 11:00:00 UTC")])
        book.record([make_result(lab, "alan", SCORES, timestamp="2026-02-02 20:00:00 UTC")])
    assert [row[4] for row in _rows(url, SUBMISSIONS)] == [2.25, 1.0, 4.5, 2.0]


def test_gradebook_unknown_late_plugin_is_named(course: CourseSettings, url: str) -> None:
    """A plugin that cannot be imported is the course's mistake, told as such."""
    with pytest.raises(UsageError, match="late penalty plugin"):
        Gradebook(url, replace(course, late_plugin="no.such.Plugin"))


@pytest.mark.parametrize(
    "stamp",
    [
        "2015-02-02 14:58:23.948203 America/Los_Angeles",
        "2015-02-02 14:58:23.948203 UTC",
        "2015-02-02 14:58:23",
        "2015-02-02T14:58:23+02:00",
        "2015-02-02",
    ],
)
def test_parse_timestamp_equals_nbgrader(nbgrader_api: Any, stamp: str) -> None:
    """Each form that nbgrader reads means the same moment here."""
    assert parse_timestamp(stamp) == nbgrader_api.utils.parse_utc(stamp)


def test_parse_timestamp_no_date_is_none() -> None:
    """A text that is no date is no reason to stop."""
    assert parse_timestamp("tomorrow, perhaps") is None


def test_seconds_late_and_clip() -> None:
    """Early is 0; a penalty stays between 0 and the score."""
    due = datetime(2026, 1, 1)
    assert seconds_late(due, due, None) == 0
    assert seconds_late(due + timedelta(seconds=5), due, None) == 5
    assert seconds_late(due + timedelta(hours=1), due, timedelta(hours=1)) == 0
    assert seconds_late(None, due, None) == 0
    assert (clip_penalty(-1, 5), clip_penalty(3, 5), clip_penalty(9, 5)) == (0, 3, 5)


def test_record_reads_well_in_nbgraders_own_api(
    nbgrader_api: Any, lab: Lab, course: CourseSettings, gradebook: Gradebook, url: str
) -> None:
    """nbgrader's queries see the same totals."""
    gradebook.record([make_result(lab, f"s{number}", SCORES) for number in range(5)])
    with nbgrader_api.Gradebook(url, course.course_id) as api:
        found = api.submission_dicts("ps1")
        assert [one["score"] for one in found] == [6.5] * 5
        assert {one["max_score"] for one in found} == {18.5}
        assert all(one["needs_manual_grade"] for one in found)
