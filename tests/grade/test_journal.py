"""The journal: what is in it holds, whatever stops the program."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from labgrade.errors import MachineError
from labgrade.journal import Entry, Journal, journal_key
from labgrade.model import Finding, Severity
from labgrade.result import CellScore, GradedNotebook, GradedSubmission, NotebookStatus


def _entry(student: str, score: float | None = 1.5, **more: object) -> Entry:
    cells = (
        CellScore("test-a", "a", score, 2.0, "test", mode="apart"),
        CellScore("b", "b", None, 1.0, "manual"),
    )
    notebook = GradedNotebook("n", NotebookStatus.GRADED, cells, {"b": "No response.", "a": None}, 0.25)
    finding = Finding("code", "été", Severity.LOOK, "n", "a")
    result = GradedSubmission(student, "digest", "key", (notebook,), (finding,), "", "full", 0.5)
    return Entry(result, {"n.ipynb": 100})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a journal may be."""
    return tmp_path / "folder" / "journal.jsonl"


def _reopen(path: Path) -> Journal:
    return Journal(path)


def test_journal_entries_come_back_equal(path: Path) -> None:
    """What is read is what was written, field by field."""
    journal = Journal(path)
    journal.append([_entry("ada"), _entry("alan", None)])
    journal.close()
    again = _reopen(path)
    assert again.read("ada") == _entry("ada")
    assert again.read("alan") == _entry("alan", None)
    assert set(again.marks) == {"ada", "alan"}
    again.close()


def test_journal_last_entry_of_a_student_counts(path: Path) -> None:
    """A second grading replaces the first, before and after the file is opened again."""
    journal = Journal(path)
    journal.append([_entry("ada", 1.0)])
    journal.append([_entry("alan"), _entry("ada", 2.0)])
    assert journal.read("ada") == _entry("ada", 2.0)
    journal.close()
    again = _reopen(path)
    assert again.read("ada") == _entry("ada", 2.0)
    again.close()


@pytest.mark.parametrize("cut", [1, 2, 10, 200])
def test_journal_torn_last_line_is_cut_off(path: Path, cut: int) -> None:
    """A crash in the middle of a write costs that entry only, and the next one is whole again."""
    journal = Journal(path)
    journal.append([_entry("ada")])
    journal.append([_entry("alan")])
    journal.close()
    os.truncate(path, path.stat().st_size - cut)
    torn = Journal(path)
    assert set(torn.marks) == {"ada"}
    torn.append([_entry("grace")])
    torn.close()
    again = _reopen(path)
    assert again.read("grace") == _entry("grace")
    assert again.read("ada") == _entry("ada")
    again.close()


def test_journal_line_of_another_version_is_passed_over(path: Path) -> None:
    """What cannot be understood is graded again, not an error."""
    path.parent.mkdir()
    path.write_bytes(b'{"result": {"student": "ada", "key": 5}}\n\xff\xfe\n[]\n')
    journal = Journal(path)
    assert journal.marks == {}
    journal.append([_entry("alan")])
    assert journal.read("alan") == _entry("alan")
    journal.close()


def test_journal_full_disk_is_named_and_leaves_whole_lines(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk refuses, what is half written goes away again."""
    journal = Journal(path)
    journal.append([_entry("ada")])

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        with pytest.raises(MachineError, match="No space left") as caught:
            journal.append([_entry("alan")])
    assert caught.value.code == "journal"
    journal.close()
    again = _reopen(path)
    assert set(again.marks) == {"ada"}
    again.close()


def test_journal_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file where the folder should be is a fault with a place."""
    (tmp_path / "folder").write_text("")
    with pytest.raises(MachineError, match="journal"):
        Journal(tmp_path / "folder" / "journal.jsonl")


def test_journal_key_changes_with_each_part() -> None:
    """Submission, lab, grader and options each make another key."""
    base = ("s", "l", "g", "o")
    keys = {journal_key(*base)}
    for at in range(4):
        keys.add(journal_key(*(part + "x" if at == number else part for number, part in enumerate(base))))
    assert len(keys) == 5
    assert journal_key("a", "bc", "", "") != journal_key("ab", "c", "", "")
