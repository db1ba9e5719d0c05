"""``labs grade`` after a mended test: a trial first, then the grades, with points by hand left alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from labgrade.cli.grade import grade

TESTS = Path(__file__).parents[1]
SOURCE = TESTS / "courses" / "plain" / "source" / "ps1"
FAKE = TESTS / "grade" / "fake_engine"

RIGHT = {
    "total": "def total(values):\n    return sum(values)",
    "root": "def root(value):\n    return int(value ** 0.5)",
}
NO_ROOT = RIGHT | {"root": "def root(value):\n    return 0"}
WRONG_TEST = {
    "test-total": "assert total([1, 2]) == 4",  # nobody can pass: too hard by mistake
    "test-root": "4.0",  # everybody passes: too easy by mistake
}
MENDED_TEST = {"test-total": "assert total([1, 2]) == 3", "test-root": "assert root(25) == 5"}


def _change_cells(path: Path, texts: dict[str, str]) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    for cell in document["cells"]:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = texts.get(grade_id, cell["source"])
    path.write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the lab, whose tests are wrong, and three submissions."""
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    monkeypatch.chdir(tmp_path)
    shutil.copytree(SOURCE, tmp_path / "lab")
    _change_cells(tmp_path / "lab" / "numbers.ipynb", WRONG_TEST)
    for student, answers in {"ada": RIGHT, "bob": NO_ROOT, "cyd": NO_ROOT}.items():
        folder = tmp_path / "in" / student
        folder.mkdir(parents=True)
        shutil.copy(SOURCE / "numbers.ipynb", folder)
        _change_cells(folder / "numbers.ipynb", answers)
    return tmp_path


def _grade(*options: str) -> Result:
    arguments = ["in", "--lab", "lab", "--notebook", "numbers", "--out", "out", "--jobs", "1", *options]
    return CliRunner().invoke(grade, arguments)


def _results(course: Path, name: str = "results.json") -> dict[str, dict[str, Any]]:
    document = json.loads((course / "out" / name).read_text())
    return {one["student"]: one["points"] for one in document["submissions"]}


def _prints(course: Path) -> dict[str, str]:
    return {
        str(path.relative_to(course)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((course / "out").rglob("*"))
        if path.is_file() and "trial-" not in path.name
    }


def _by_hand(course: Path, student: str, cell: str, points: float) -> None:
    """Give points the way formgrader does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{course}/out/gradebook.db") as gradebook:
            found = gradebook.find_grade(cell, "numbers", "lab", student)
            found.manual_score, found.needs_manual_grade = points, False
            gradebook.db.commit()


def _grades(course: Path) -> dict[tuple[str, str], tuple[float | None, float | None, bool]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{course}/out/gradebook.db") as gradebook:
            return {
                (submission.student.id, one.name): (one.auto_score, one.manual_score, one.needs_manual_grade)
                for submission in gradebook.find_assignment("lab").submissions
                for notebook in submission.notebooks
                for one in notebook.grades
            }


def test_regrade_after_a_mended_test_tells_tries_and_keeps_points_by_hand(course: Path) -> None:
    """Trial, regrade, and a run without changes: what is told, what is written, what is left alone."""
    first = _grade()
    assert "scores change" not in first.stdout
    assert _results(course)["bob"]["root"] == 4.0
    _by_hand(course, "cyd", "test-root", 3.0)
    _change_cells(course / "lab" / "numbers.ipynb", MENDED_TEST)

    before = _prints(course)
    tried = _grade("--dry-run")
    assert tried.exit_code == 1, tried.output
    assert "3 scores would change: 2 go up, 1 goes down; 0 stay" in tried.stdout, tried.stdout
    assert "cyd" in tried.stdout
    assert "by hand, stays: test-root" in tried.stdout
    assert _prints(course) == before, "a trial leaves everything as it was"
    told = json.loads((course / "out" / "trial-regrade.json").read_text())
    assert (told["trial"], told["up"], told["down"]) == (True, 2, 1)
    assert list((course / "out").glob(".trial-*")) == []

    again = _grade("--regrade")
    assert "3 scores change: 2 go up, 1 goes down; 0 stay" in again.stdout, again.output
    assert "  total: 3 up, 0 down: test-total" in again.stdout
    assert _results(course)["bob"]["root"] == 0.0
    assert _results(course, "results.previous.json")["bob"]["root"] == 4.0
    grades = _grades(course)
    assert grades["cyd", "test-root"] == (0.0, 3.0, True), "by hand it stays, and asks for another look"
    assert grades["bob", "test-root"] == (0.0, None, False)
    assert grades["ada", "test-total"] == (2.0, None, False)
    assert "By hand, stays: test-root" in (course / "out" / "regrade.html").read_text()

    kept = _grade()
    assert "0 graded, 3 kept" in kept.stdout
    assert "scores change" not in kept.stdout
    assert _results(course, "results.previous.json")["bob"]["root"] == 4.0, "the last results that differ"


def test_regrade_of_one_student_keeps_the_others_in_the_results(course: Path) -> None:
    """The class stays whole when only one is graded again, and the count says so."""
    _grade()
    done = _grade("--regrade", "--student", "bob", "--json")
    event = json.loads(done.stdout.splitlines()[-1])
    assert event["changes"] == {"changed": 0, "up": 0, "down": 0, "same": 3}
    assert sorted(_results(course)) == ["ada", "bob", "cyd"]
    assert json.loads((course / "out" / "results.json").read_text())["carried"] == 2
    shutil.rmtree(course / "in" / "ada")
    _grade()
    assert sorted(_results(course)) == ["bob", "cyd"], "who is no longer there is no longer in a whole run"


def test_trial_in_a_course_says_that_the_gradebooks_tests_count(course: Path) -> None:
    """A test that was mended in the source only changes nothing yet, as in nbgrader: the trial says why."""
    shutil.copytree(SOURCE.parents[1], course / "c")
    submitted = course / "c" / "submitted" / "ada" / "ps1"
    submitted.parent.mkdir(parents=True)
    shutil.copytree(SOURCE, submitted)
    assert CliRunner().invoke(grade, ["ps1", "--course", "c", "--jobs", "1"]).exit_code in (0, 1)
    _change_cells(course / "c" / "source" / "ps1" / "numbers.ipynb", {"test-total": "assert total([1]) == 2"})
    tried = CliRunner().invoke(grade, ["ps1", "--course", "c", "--jobs", "1", "--dry-run"])
    assert tried.exit_code == 1, tried.output
    assert "source-changed numbers/test-total" in tried.stdout


def test_trial_without_earlier_results_is_refused(course: Path) -> None:
    """There is nothing to compare with: told at once, before anything runs."""
    done = _grade("--dry-run")
    assert done.exit_code == 2
    assert "no-results" in done.stderr
    assert not (course / "out" / "gradebook.db").exists()


def test_regrade_with_damaged_earlier_results_says_that_it_cannot_compare(course: Path) -> None:
    """The job itself is not stopped by it."""
    _grade()
    (course / "out" / "results.json").write_text('{"format": 1')
    done = _grade("--regrade")
    assert "results-damaged" in done.stderr
    assert "not compared" in done.stderr
    assert sorted(_results(course)) == ["ada", "bob", "cyd"]
