"""``labs report`` as a person or a script meets it."""

from __future__ import annotations

import json
import shutil
import webbrowser
from pathlib import Path
from typing import Any

import made_class
import pytest
from click.testing import CliRunner, Result
from labgrade.collect.mapping import Record, format_record
from labgrade.collect.model import Entry
from labgrade.ipynb import format_notebook
from labgrade.report import write_json
from labs.cli import main


def _report(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", *arguments])


@pytest.fixture
def graded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a graded folder of 40 students, below ``graded/``."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "graded" / "lab"
    made_class.write_class(folder, 40)
    return folder


def test_report_writes_the_page_and_tells_the_most_important(graded: Path) -> None:
    """Where the page is, who needs a person and why, the most frequent mistakes; exit code 1."""
    done = _report(str(graded))
    assert done.exit_code == 1
    assert "40 handed in, mean" in done.stdout
    assert "submissions need a person" in done.stdout
    assert "most frequent mistakes:" in done.stdout
    assert str(graded / "report.html") in done.stdout
    page = (graded / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "There is no gradebook here" in page
    assert "Similar answers" not in page
    short = _report().stdout.replace("graded/lab/report.html", str(graded / "report.html"))
    assert short == done.stdout, "the one folder in graded/ needs no name"


def test_report_of_a_class_without_findings_exits_0(tmp_path: Path) -> None:
    """Nothing to look at: 0."""
    clean = [one for one in made_class.make_submissions(40) if not one.findings]
    write_json(tmp_path / "results.json", made_class.SPEC, clean, about={})
    done = _report(str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "Nothing: no submission asks for a look" in (tmp_path / "report.html").read_text()


def test_report_as_json_is_one_document_with_the_same_facts(graded: Path) -> None:
    """Counts, questions, findings and failures with their students."""
    told = json.loads(_report(str(graded), "--json").stdout)
    assert (told["lab"], told["handed_in"], told["max_score"]) == ("02-recurrent-attention", 40, 20.0)
    assert [one["id"] for one in told["questions"]] == [
        "rnn",
        "gru",
        "gru-as-rnn",
        "gru-memory",
        "mha",
        "why",
    ]
    assert len(told["open"]) > 30, "nobody has graded the free text yet"
    assert all(one["students"] for one in told["failures"])
    asking = {student for one in told["findings"] if one["advice"] for student in one["students"]}
    assert asking == set(told["need_person"])
    assert "similar" not in told


def test_report_links_feedback_pages_that_are_there(graded: Path, tmp_path: Path) -> None:
    """A page elsewhere links to them by a relative address; who has none is no link."""
    (graded / "feedback").mkdir()
    (graded / "feedback" / "s26000.html").write_text("x")
    out = tmp_path / "else where" / "page.html"
    out.parent.mkdir()
    _report(str(graded), "--out", str(out))
    page = out.read_text(encoding="utf-8")
    assert 'href="../graded/lab/feedback/s26000.html"' in page
    assert "s26001.html" not in page
    assert "No feedback pages were there" not in page


def test_report_opens_the_page_when_asked(graded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser gets the page's address; without one the path is told."""
    opened: list[str] = []

    def open_(url: str) -> bool:
        opened.append(url)
        return len(opened) == 1

    monkeypatch.setattr(webbrowser, "open", open_)
    assert "no browser" not in _report(str(graded), "--open").stderr
    assert opened == [(graded / "report.html").as_uri()]
    assert "no browser was found" in _report(str(graded), "--open").stderr


def test_report_of_a_course_reads_its_own_folders(graded: Path, tmp_path: Path) -> None:
    """Results of an assignment lie in the course's .labs folder."""
    (tmp_path / "course" / ".labs").mkdir(parents=True)
    shutil.move(graded, tmp_path / "course" / ".labs" / "ps1")
    done = _report("--course", str(tmp_path / "course"), "ps1")
    assert done.exit_code == 1
    assert (tmp_path / "course" / ".labs" / "ps1" / "report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nowhere"], "no-results"),
        (["--course", "nowhere", "ps1"], "no-course"),
        (["--course", "."], "no-assignment"),
        (["--course", ".", "ps1"], "no-results"),
        ([], "no-results"),
    ],
)
def test_report_of_nothing_exits_2_with_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: str
) -> None:
    """What was named is not there: told in a line, with a hint, and as JSON."""
    monkeypatch.chdir(tmp_path)
    done = _report(*arguments)
    assert done.exit_code == 2
    assert code in done.stderr
    assert "Traceback" not in done.output
    assert json.loads(_report(*arguments, "--json").stdout)["failed"]["code"] == code


def test_report_with_several_graded_labs_asks_which(graded: Path) -> None:
    """The names are told."""
    shutil.copytree(graded, graded.parent / "other")
    done = _report()
    assert done.exit_code == 2
    assert "graded/lab" in done.stderr
    assert "graded/other" in done.stderr


def test_report_into_a_folder_that_is_not_there_exits_3(graded: Path) -> None:
    """The disk's refusal is told, and no page is left half written."""
    done = _report(str(graded), "--out", "no/such/folder/page.html")
    assert done.exit_code == 3
    assert "results" in done.stderr


def _notebook(source: str, own: str) -> bytes:
    def code(text: str, metadata: dict[str, Any]) -> dict[str, Any]:
        return {
            "cell_type": "code",
            "metadata": metadata,
            "source": text,
            "outputs": [],
            "execution_count": None,
        }

    answer = {
        "nbgrader": {
            "grade": False,
            "solution": True,
            "grade_id": "rnn",
            "schema_version": 3,
            "locked": False,
        }
    }
    cells = [code(source, answer), code(own, {})]
    return format_notebook({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def test_report_similar_reads_answers_and_shows_both_texts(graded: Path) -> None:
    """Copies are named on the page and in JSON, once it is asked for; a lost notebook is counted."""
    students = [student for student, _, _ in made_class.student_ids(40)]
    copied = "\n".join(f"value{n} = (data[{n}] ** {n} + shift) * scale{n}.T - {n} / norm" for n in range(12))
    for number, student in enumerate(students[:39]):
        folder = graded / "autograded" / student / "02-recurrent-attention"
        folder.mkdir(parents=True)
        text = copied if number in (3, 17) else f"def rnn(x):\n    return x @ w{number} + {number}\n"
        text = text.replace("value", "other") if number == 17 else text
        (folder / "cells.ipynb").write_bytes(_notebook(text, "print('given to all')"))
    done = _report(str(graded), "--similar")
    assert "1 pair of students has answers that are alike: a hint" in done.stdout
    assert f"{students[3]} and {students[17]}: 100% in cells/rnn" in done.stdout
    page = (graded / "report.html").read_text(encoding="utf-8")
    assert "A hint, and no verdict" in page
    assert "<mark>value0 = " in page
    assert "<mark>other0 = " in page
    assert "1 student's notebook could not be read" in page.replace("&#39;", "'")
    told = json.loads(_report(str(graded), "--similar", "--json").stdout)
    assert [one["students"] for one in told["similar"]] == [[students[3], students[17]]]
    wrong = _report(str(graded), "--similar", "--lab", "no-such-lab")
    assert wrong.exit_code == 2
    assert "no-lab" in wrong.stderr


def test_report_with_a_roster_names_who_has_handed_in_nothing(graded: Path, tmp_path: Path) -> None:
    """Names come from the roster and from what was collected; a member of a group is not absent."""
    ids = [student for student, _, _ in made_class.student_ids(40)]
    roster = tmp_path / "roster.csv"
    lines = ["id,first name,last name", f"{ids[0]},Rosa,Ter", "zz1,Nobody,Seen", "zz2,Group,Member"]
    roster.write_text("\n".join(lines), encoding="utf-8")
    entry = Entry(ids[1], (ids[1], "zz2"), ids[1], "matched", names={ids[1]: "Uno", "zz2": "Due"}, late=True)
    (graded / "collected.json").write_bytes(format_record(Record("moodle", "lab", (entry,))))
    told = json.loads(_report(str(graded), "--roster", str(roster), "--json").stdout)
    assert told["absent"] == ["zz1"]
    assert told["late"] == [ids[1]]
    page = (graded / "report.html").read_text(encoding="utf-8")
    assert "Rosa Ter" in page
    assert "Uno · Due" in page
    assert "marked by the LMS" in page
    assert _report(str(graded), "--roster", "nowhere.csv").exit_code == 2
