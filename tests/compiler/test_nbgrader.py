"""Our nbgrader source, put through the real ``nbgrader generate_assignment``."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
from labbuild.build import BuildOptions, build
from labbuild.compile import compile_lab
from labbuild.ipynb import notebook_bytes

CORPUS = Path(__file__).parent.parent / "corpus"
BUILDABLE = sorted(path.parent.name for path in CORPUS.glob("*/student.txt"))
# Notebooks of one assignment share their question ids and modules.
APART = {"nbgrader-metadata", "hwbegin-for-hwend"}


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an output folder in which nbgrader released everything of the corpus that builds.

    The notebooks of the corpus make one assignment: one start of nbgrader for all of them.
    """
    root = tmp_path_factory.mktemp("course")
    everything = root / "everything"
    everything.mkdir()
    for name in BUILDABLE:
        if name not in APART:
            for source in (CORPUS / name / "lab").glob("lab.*"):
                shutil.copy(source, everything / f"{name}{source.suffix}")
    shutil.copy(CORPUS / "module" / "lab" / "answers.py", everything)
    out = root / "build"
    result = build([everything], out, BuildOptions())
    assert not result.has_errors, [d for lab in result.labs for d in lab.diagnostics if d.is_error]
    bin_folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_assignment", "everything"],
        cwd=out / "nbgrader",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


def release_and_ours(course: Path) -> list[tuple[str, dict[str, object], dict[str, object]]]:
    """Return (name, what nbgrader released, our student version) for every notebook."""
    found = []
    for path in sorted((course / "nbgrader" / "release").rglob("*.ipynb")):
        ours = course / "student" / path.relative_to(course / "nbgrader" / "release")
        found.append((path.stem, json.loads(path.read_bytes()), json.loads(ours.read_bytes())))
    return found


def test_generate_assignment_on_corpus_releases_our_student_cells(course: Path) -> None:
    """nbgrader's release equals our student version: cells, ids, metadata, checksums, placeholders."""
    compared = release_and_ours(course)
    assert len(compared) > 25
    for name, release, ours in compared:
        assert release["cells"] == ours["cells"], name
        assert release == ours, name


def test_generate_assignment_on_lab_with_module_releases_student_module(course: Path) -> None:
    """The companion module that nbgrader hands out is the student version, byte for byte."""
    released = (course / "nbgrader" / "release" / "everything" / "answers.py").read_bytes()
    assert released == (course / "student" / "everything" / "answers.py").read_bytes()
    assert b"math.sqrt" not in released


def test_gradebook_after_generate_assignment_has_our_ids_and_points(course: Path) -> None:
    """The gradebook's graded cells are exactly the questions' cells, with their points."""
    ours = {
        ("everything", cell): points
        for question in compile_lab(course.parent / "everything").questions
        for cell, points in question.points_by_cell.items()
    }
    query = """
        SELECT assignment.name, base_cell.name, max_score FROM grade_cells
        JOIN base_cell ON base_cell.id = grade_cells.id
        JOIN notebook ON notebook.id = base_cell.notebook_id
        JOIN assignment ON assignment.id = notebook.assignment_id
        UNION SELECT assignment.name, base_cell.name, max_score FROM task_cells
        JOIN base_cell ON base_cell.id = task_cells.id
        JOIN notebook ON notebook.id = base_cell.notebook_id
        JOIN assignment ON assignment.id = notebook.assignment_id
    """
    with closing(sqlite3.connect(course / "nbgrader" / "gradebook.db")) as database:
        theirs = {(lab, cell): points for lab, cell, points in database.execute(query)}
    # An ungraded region in a text cell is an answer worth nothing: nbgrader has no other text answers.
    assert ours == {key: points for key, points in theirs.items() if not key[1].startswith("region-")}
    assert all(points == 0 for key, points in theirs.items() if key[1].startswith("region-"))
    assert theirs["everything", "test-scale"] == 2


def test_nbgrader_config_names_modules_that_students_write(course: Path) -> None:
    """A student's module is kept by autograde, given files are replaced by the master copy."""
    config = (course / "nbgrader" / "nbgrader_config.py").read_text(encoding="utf-8")
    assert "'everything': ['answers.py']" in config


@pytest.mark.parametrize("name", BUILDABLE)
def test_built_notebooks_are_valid_and_written_as_nbformat_writes_them(name: str) -> None:
    """Every version passes nbformat's schema, and its bytes are those that nbformat would write."""
    for notebook in compile_lab(CORPUS / name / "lab").notebooks:
        for version in ("student", "solution", "nbgrader"):
            data = notebook_bytes(getattr(notebook, version)).decode()
            read = nbformat.reads(data, as_version=4)
            nbformat.validate(read)
            assert nbformat.writes(read, version=nbformat.NO_CONVERT) + "\n" == data
