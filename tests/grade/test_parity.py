"""``labs grade`` records what ``nbgrader autograde`` records: two gradebooks, cell by cell."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner
from labgrade.cli.grade import grade
from labgrade.ipynb import format_notebook
from labgrade.lab import Lab

ROOT = Path(__file__).parents[2]
COURSES = ROOT / "tests" / "courses"


@pytest.fixture(scope="module")
def honest() -> Iterator[ModuleType]:
    """Return the module with the honest submissions."""
    spec = importlib.util.spec_from_file_location("honest_submissions", COURSES / "honest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def course_folder(
    honest: ModuleType, lab: Lab, release: Callable[[Lab], dict[str, Any]], tmp_path: Path
) -> Path:
    """Return a copy of the course with all honest submissions, and no gradebook yet."""
    folder, released = tmp_path / "course", tmp_path / "released"
    shutil.copytree(COURSES / "plain" / "source" / "ps1", released)
    for name, notebook in release(lab).items():
        (released / name).write_bytes(format_notebook(notebook))
    shutil.copytree(COURSES / "plain" / "source", folder / "source")
    shutil.copy(COURSES / "plain" / "nbgrader_config.py", folder)
    for name, submission in honest.HONEST.items():
        honest.write_submission(released, folder / "submitted" / name / "ps1", submission)
    return folder


def _grade(course: Path) -> None:
    done = CliRunner().invoke(grade, ["ps1", "--course", str(course), "--jobs", "1"])
    assert done.exit_code in (0, 1), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)


def _compare(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert set(ours) == set(theirs)
    different = {
        (student, part): (ours[student][part], theirs[student][part])
        for student in theirs
        for part in theirs[student]
        if ours[student][part] != theirs[student][part]
    }
    assert different == {}


def test_grade_course_of_honest_submissions_equals_nbgrader(honest: ModuleType, course_folder: Path) -> None:
    """Forty and more submissions against what nbgrader gave them (``honest.py`` writes its answer)."""
    _grade(course_folder)
    theirs = json.loads(honest.GOLDEN.read_text(encoding="utf-8"))
    assert len(theirs) >= 40
    _compare(honest.dump_gradebook(course_folder / "gradebook.db"), theirs)


def test_grade_course_live_equals_nbgrader(honest: ModuleType, tmp_path: Path) -> None:
    """nbgrader itself grades some of them now, in a copy of the same course with the same gradebook."""
    theirs = honest.make_course(tmp_path / "theirs", honest.SOME)
    ours = Path(shutil.copytree(theirs, tmp_path / "ours"))
    honest.nbgrader(theirs, "autograde", "ps1")
    _grade(ours)
    found = honest.dump_gradebook(theirs / "gradebook.db")
    assert set(found) == set(honest.SOME)
    _compare(honest.dump_gradebook(ours / "gradebook.db"), found)
    _compare_notebooks(ours, theirs)
    golden = json.loads(honest.GOLDEN.read_text(encoding="utf-8"))
    _compare(found, {student: golden[student] for student in honest.SOME})


def _compare_notebooks(ours: Path, theirs: Path) -> None:
    """Compare the autograded folders: the same files, the same cells but for hidden tests."""
    for folder in sorted((theirs / "autograded").glob("*/ps1")):
        mine = ours / folder.relative_to(theirs)
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        found = {path.relative_to(mine).as_posix() for path in mine.rglob("*") if path.is_file()}
        assert {name for name in names if "__pycache__" not in name} == found
        for path in sorted(folder.glob("*.ipynb")):
            theirs_nb, ours_nb = json.loads(path.read_text()), json.loads((mine / path.name).read_text())
            assert (mine / path.name).stat().st_mode == path.stat().st_mode
            assert ours_nb["metadata"]["kernelspec"] == theirs_nb["metadata"]["kernelspec"]
            assert len(ours_nb["cells"]) == len(theirs_nb["cells"])
            for one, other in zip(ours_nb["cells"], theirs_nb["cells"], strict=True):
                _compare_cells(one, other)


def _compare_cells(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert ours["cell_type"] == theirs["cell_type"]
    assert ours.get("id") == theirs.get("id")
    assert ours["metadata"].get("nbgrader") == theirs["metadata"].get("nbgrader")
    assert {key: ours["metadata"].get(key) for key in ("deletable", "editable")} == {
        key: theirs["metadata"].get(key) for key in ("deletable", "editable")
    }
    source = "".join(theirs["source"])
    if "BEGIN HIDDEN TESTS" in source:
        assert "Hidden tests ran here" in "".join(ours["source"])
        assert "HIDDEN TESTS" not in "".join(ours["source"])
    else:
        assert "".join(ours["source"]) == source
    for one, other in zip(ours.get("outputs", ()), theirs.get("outputs", ()), strict=True):
        assert one["output_type"] == other["output_type"]
        if one["output_type"] == "stream":
            assert (one["name"], "".join(one["text"])) == (other["name"], "".join(other["text"]))
        elif one["output_type"] == "execute_result":
            assert one["data"] == other["data"]
        elif one["output_type"] == "error":
            assert one["ename"] == other["ename"]


@pytest.mark.slow
def test_grade_our_own_lab_equals_nbgrader(tmp_path: Path) -> None:
    """The notebook ``cells`` as `labs build` makes it: right, wrong and missing functions."""
    spec = importlib.util.spec_from_file_location("bench_grade", ROOT / "tools" / "bench" / "bench_grade.py")
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = bench
    spec.loader.exec_module(bench)
    command = [sys.executable, "-m", "labs.cli", "build", str(ROOT / "exercises" / "02-recurrent-attention")]
    subprocess.run([*command, "--out", str(tmp_path / "build")], check=True, capture_output=True)
    course = bench.make_cells(tmp_path / "course", 5, tmp_path / "build")
    bench.grade_nbgrader(course, tmp_path / "theirs", 5)
    bench.grade_ours(course, tmp_path / "ours", 5, 1)
    assert bench.compare(tmp_path / "ours", tmp_path / "theirs") == 25
    assert len(set(bench.scores(tmp_path / "ours").values())) > 2


@pytest.mark.slow
def test_nbgrader_still_says_what_the_golden_file_says(honest: ModuleType, tmp_path: Path) -> None:
    """All submissions graded by nbgrader now; run ``honest.py`` after a change of the course."""
    folder = honest.make_course(tmp_path / "course")
    honest.nbgrader(folder, "autograde", "ps1")
    _compare(
        honest.dump_gradebook(folder / "gradebook.db"), json.loads(honest.GOLDEN.read_text(encoding="utf-8"))
    )
