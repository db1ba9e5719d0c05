"""Finding and reading submissions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from labgrade import intake
from labgrade.errors import UsageError
from labgrade.intake import RawSubmission, SubmissionPlace, find_submissions, read_submission
from labgrade.ipynb import format_notebook
from labgrade.lab import Lab
from labgrade.model import Severity
from labgrade.prepare import prepare_submission


def test_find_submissions_folders_files_and_nested_labs(tmp_path: Path) -> None:
    """A student is a folder, a folder with the lab in it, or a notebook; rubbish is passed over."""
    (tmp_path / "ada").mkdir()
    (tmp_path / "alan" / "ps1").mkdir(parents=True)
    (tmp_path / "grace.ipynb").write_text("{}")
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / ".git").mkdir()
    found = find_submissions(tmp_path, "ps1")
    assert found == [
        SubmissionPlace("ada", tmp_path / "ada"),
        SubmissionPlace("alan", tmp_path / "alan" / "ps1"),
        SubmissionPlace("grace", tmp_path / "grace.ipynb"),
    ]


@pytest.mark.parametrize("kind", ["missing", "empty", "bad-id", "long-id"])
def test_find_submissions_nothing_to_grade_is_a_usage_error(tmp_path: Path, kind: str) -> None:
    """Each mistake has a message that says what to do."""
    folder = tmp_path / "in"
    if kind != "missing":
        folder.mkdir()
    if kind == "bad-id":
        (folder / "a\nb").mkdir()
    if kind == "long-id":
        (folder / ("x" * 129)).mkdir()
    with pytest.raises(UsageError) as caught:
        find_submissions(folder, "ps1")
    assert caught.value.code == ("student-id" if "id" in kind else "no-submissions")


def test_read_submission_refuses_what_is_no_file(tmp_path: Path) -> None:
    """Links to files and folders, pipes and sockets are named and never opened."""
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    folder = tmp_path / "ada"
    folder.mkdir()
    (folder / "link.txt").symlink_to(secret)
    (folder / "folder").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe.ipynb")
    (folder / "good.txt").write_text("good")
    found = read_submission(SubmissionPlace("ada", folder))
    assert dict(found.files) == {"good.txt": b"good"}
    assert found.notebooks == {}
    assert sorted((one.code, one.severity) for one in found.findings) == [("file-refused", Severity.LOOK)] * 3


def test_read_submission_notebook_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """Also where the submission is a single file."""
    (tmp_path / "real.ipynb").write_text("{}")
    (tmp_path / "ada.ipynb").symlink_to(tmp_path / "real.ipynb")
    found = read_submission(SubmissionPlace("ada", tmp_path / "ada.ipynb"))
    assert found.notebooks == {}
    assert found.findings


def test_read_submission_limits_are_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many, too large, too much, too deep: what fits is read, the rest is named."""
    monkeypatch.setattr(intake, "MAX_FILES", 3)
    monkeypatch.setattr(intake, "MAX_FILE_BYTES", 100)
    monkeypatch.setattr(intake, "MAX_DEPTH", 2)
    (tmp_path / "a").write_bytes(b"x" * 101)
    deep = tmp_path / "1" / "2" / "3" / "4"
    deep.mkdir(parents=True)
    (deep / "lost").write_text("")
    for name in "bcde":
        (tmp_path / name).write_text(name)
    found = read_submission(SubmissionPlace("ada", tmp_path))
    assert set(found.files) == {"b", "c", "d"}
    assert {one.code for one in found.findings} == {"file-too-large", "too-many-files"}
    monkeypatch.setattr(intake, "MAX_FILES", 100)
    monkeypatch.setattr(intake, "MAX_TOTAL_BYTES", 2)
    codes = {one.code for one in read_submission(SubmissionPlace("ada", tmp_path)).findings}
    assert "submission-too-large" in codes
    monkeypatch.setattr(intake, "MAX_TOTAL_BYTES", 10_000)
    assert "folder-too-deep" in {
        one.code for one in read_submission(SubmissionPlace("ada", tmp_path)).findings
    }


def test_read_submission_digest_follows_names_and_bytes(tmp_path: Path) -> None:
    """Another byte or another name is another submission; reading again is the same one."""
    (tmp_path / "a.ipynb").write_text("1")
    place = SubmissionPlace("ada", tmp_path)
    first = read_submission(place).digest
    assert read_submission(place).digest == first
    (tmp_path / "a.ipynb").write_text("2")
    second = read_submission(place).digest
    (tmp_path / "a.ipynb").rename(tmp_path / "b.ipynb")
    assert len({first, second, read_submission(place).digest}) == 3


def test_read_submission_nested_notebooks_are_found(tmp_path: Path) -> None:
    """A folder in the folder is a note; files above stay."""
    (tmp_path / "hw" / "final").mkdir(parents=True)
    (tmp_path / "hw" / "final" / "ps1.ipynb").write_text("{}")
    (tmp_path / "hw" / "final" / "data.txt").write_text("d")
    (tmp_path / "mine.py").write_text("m")
    found = read_submission(SubmissionPlace("ada", tmp_path))
    assert set(found.notebooks) == {"ps1.ipynb"}
    assert set(found.files) == {"data.txt", "mine.py"}
    assert [one.code for one in found.findings] == ["submission-nested"]


def _submission(answered: dict[str, Any], files: dict[str, bytes]) -> RawSubmission:
    return RawSubmission("ada", {name: format_notebook(one) for name, one in answered.items()}, files)


def test_prepare_missing_module_gets_the_released_one(lab: Lab, answered: dict[str, Any]) -> None:
    """A module that students write and this one did not hand in is there, empty, and a finding tells it."""
    prepared = prepare_submission(lab, _submission(answered, {}))
    assert b"NotImplementedError" in prepared.submission.files["mine.py"]
    assert [one.code for one in prepared.submission.findings] == ["file-missing"]


@pytest.mark.parametrize("name", ["mine (1).py", "Mine.py", "mine-Copy1.py", "mine_final.py"])
def test_prepare_renamed_module_is_recognised(lab: Lab, answered: dict[str, Any], name: str) -> None:
    """A module under a copy's name is taken for what it is."""
    prepared = prepare_submission(lab, _submission(answered, {name: b"# mine"}))
    assert prepared.submission.files["mine.py"] == b"# mine"
    assert [one.code for one in prepared.submission.findings] == ["file-renamed"]


def test_prepare_given_files_lie_over_the_students(lab: Lab, answered: dict[str, Any]) -> None:
    """What is given is the lab's, also where a student has a file in the way of a folder."""
    files = {"mine.py": b"", "helper.py": b"changed", "data": b"a file", "own.txt": b"own"}
    prepared = prepare_submission(lab, _submission(answered, files))
    assert prepared.submission.files["helper.py"] == lab.spec.given_files["helper.py"]
    assert prepared.submission.files["data/words.txt"] == lab.spec.given_files["data/words.txt"]
    assert prepared.submission.files["own.txt"] == b"own"
    assert "data" not in prepared.submission.files
    assert [one.code for one in prepared.submission.findings] == ["file-in-the-way"]


def test_prepare_two_versions_of_a_notebook_are_named(lab: Lab, answered: dict[str, Any]) -> None:
    """The exact name is graded; a person is told of the other."""
    answered["numbers (1).ipynb"] = answered["numbers.ipynb"]
    answered["diary.ipynb"] = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    prepared = prepare_submission(lab, _submission(answered, {"mine.py": b""}))
    found = {one.code: one.severity for one in prepared.submission.findings}
    assert found == {"notebook-version": Severity.LOOK, "notebook-unknown": Severity.NOTE}


def test_prepare_both_notebooks_renamed_are_told_apart(lab: Lab, answered: dict[str, Any]) -> None:
    """By what stands in them."""
    swapped = {"homework-a.ipynb": answered["words.ipynb"], "homework-b.ipynb": answered["numbers.ipynb"]}
    prepared = prepare_submission(lab, _submission(swapped, {"mine.py": b""}))
    assert [notebook.missing for notebook in prepared.submission.notebooks] == [False, False]
    ids = [{cell.spec.grade_id for cell in one.cells if cell.spec} for one in prepared.submission.notebooks]
    assert "total" in ids[0]
    assert "essay" in ids[1]
