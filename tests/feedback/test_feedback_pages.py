"""``labs feedback`` on a graded class: what stands on a page, and what happens when something is wrong."""

from __future__ import annotations

import html
import json
import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from handmade_class import HIDDEN, PUBLIC, GradedClass, Student, display, outcome, stream
from labgrade.cli.feedback import feedback
from labgrade.model import Finding, Outcome, Severity

Make = Callable[[Mapping[str, Student]], GradedClass]

WRONG = Student(
    answers={"double": "def double(x):\n    return x + 1", "why": "Because **two** is $1 + 1$."},
    tests=(
        outcome(
            "test_double_of_two",
            "`double` of 2 is 4.",
            Outcome.FAILED,
            message="called: double(2)\nexpected: 4\ncame back: [3,\n           4]\nread: section 1",
            cause="one was added",
        ),
        outcome(
            "test_large", "`double` works for large numbers.", Outcome.CRASHED, hidden=True, message="secret"
        ),
    ),
    outputs={"double": [stream("I ran\n")], "#1": [stream("given\n")], "#8": [stream("the end\n")]},
    half=[{"output_type": "error", "ename": "AssertionError", "evalue": "half of 4 is 2", "traceback": []}],
)


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(feedback, [*arguments])


def _text(page: str) -> str:
    """Return what a reader sees, in one line."""
    body = page[page.index("<body>") :]
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", body)))


def _update(made: GradedClass, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(made.folder / "gradebook.db")) as book, book:
        assert book.execute(statement, values).rowcount > 0


@pytest.fixture
def made(graded: Make) -> GradedClass:
    """Return a class of two: one right, one wrong."""
    return graded({"ada": Student(), "wim": WRONG})


def test_feedback_page_has_points_checks_causes_code_and_outputs(made: GradedClass) -> None:
    """Everything that the page promises is on it, in the order of the lab."""
    done = _run(str(made.folder))
    assert done.exit_code == 0, done.output
    assert done.stdout == f"2 pages in {made.folder / 'feedback'}\n"
    text = _text(made.page("wim"))
    for part in (
        "0 of 11 points so far; up to 3 more are given by a person",
        "double 0 / 4 ✗ failed 0 of 2 checks passed",
        "✗ failed double of 2 is 4.",
        "called double(2)",
        "expected 4",
        "came back [3, 4]",
        "likely cause one was added read section 1",
        "⚡ crashed double works for large numbers. hidden",
        "A check marked hidden was not in your notebook",
        "triple in mine.py def triple (x)",
        "Your answer double def double (x): return x + 1",
        "I ran",
        "AssertionError: half of 4 is 2",
        "A person will grade this answer.",
        "Because two is",
        "The answer is as it was handed out.",
        "the end",
        "Your file mine.py , whole",
    ):
        assert part in text, part
    assert "secret" not in text
    assert text.index("I ran") < text.index("half of 4 is 2") < text.index("Because") < text.index("the end")
    assert "6 of 11 points" in _text(made.page("ada"))


def test_feedback_page_stands_alone(made: GradedClass) -> None:
    """One file: no address of a file, style or script outside, and a policy that allows none."""
    assert _run(str(made.folder)).exit_code == 0
    page = made.page("wim")
    assert page.startswith("<!DOCTYPE html>")
    assert 'http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;' in page
    assert not re.findall(r"(?:src|href)=\"(?!#)", page)
    assert "<script" not in page


def test_feedback_by_hand_points_comments_extra_and_lateness_are_told(made: GradedClass) -> None:
    """A person's points come before the autograder's; comments are text; lateness and its price are named."""
    cell = "(SELECT id FROM base_cell WHERE name = ? AND type = ?)"
    of_wim = (
        "notebook_id = (SELECT one.id FROM submitted_notebook one JOIN submitted_assignment owner "
        "ON one.assignment_id = owner.id WHERE owner.student_id = 'wim')"
    )
    _update(
        made,
        f"UPDATE grade SET manual_score = 2.5, extra_credit = 0.5, needs_manual_grade = 0 "
        f"WHERE cell_id = {cell} AND {of_wim}",
        *("why", "GradeCell"),
    )
    _update(
        made,
        f"UPDATE comment SET manual_comment = ? WHERE cell_id = {cell} AND {of_wim}",
        *("Nice.\n\n<script>x</script> See **page 3**.", "why", "SolutionCell"),
    )
    _update(
        made,
        f"UPDATE comment SET manual_comment = ? WHERE cell_id = {cell} AND {of_wim}",
        *("Try x * 2.", "double", "SolutionCell"),
    )
    _update(made, "UPDATE student SET first_name = 'Wim', last_name = 'de Vries' WHERE id = 'wim'")
    _update(made, "UPDATE assignment SET duedate = '2026-11-17 10:00:00.000000'")
    _update(
        made,
        "UPDATE submitted_assignment SET timestamp = '2026-11-18 12:30:00.000000' WHERE student_id = 'wim'",
    )
    _update(
        made,
        f"UPDATE submitted_notebook SET late_submission_penalty = 1 WHERE {of_wim[len('notebook_') :]}",
    )
    assert _run(str(made.folder)).exit_code == 0
    text = _text(made.page("wim"))
    for part in (
        "de Vries, Wim wim",
        "2 of 11 points",
        "with 0.5 extra",
        "after 1 off for being late",
        "1 day 2 hours late",
        "why 2.5 / 3 ✎ graded A person gave these points.",
        "Comment Nice. <script>x</script> See page 3 .",
        "Comment Try x * 2.",
    ):
        assert part in text, part
    assert text.index("Comment Try") < text.index("Your answer double")
    assert "Comment" not in _text(made.page("ada"))


def test_feedback_findings_are_told_in_words_of_their_own(graded: Make) -> None:
    """A finding's own message, which may quote what is not for students, is never shown."""
    findings = (
        Finding("cell-duplicated", "INTERNAL", Severity.LOOK, "work", "double"),
        Finding("cell-duplicated", "INTERNAL", Severity.LOOK, "work", "half"),
        Finding("notebook-format-3", "INTERNAL"),
    )
    made = graded({"ada": Student(findings=findings, stamp="2026-11-18 10:00:00 UTC")})
    assert _run(str(made.folder)).exit_code == 0
    text = _text(made.page("ada"))
    assert "A cell was there more than once; the last copy with an answer counts. ( double , half )" in text
    assert "INTERNAL" not in text
    assert "Handed in 2026-11-18 10:00:00 UTC" in text


def test_feedback_missing_and_unreadable_notebooks_have_a_page_that_says_so(graded: Make) -> None:
    """Whoever handed in nothing to be read gets a page without code, not a failure of the job."""
    made = graded({"ada": Student()})
    results = json.loads((made.folder / "results.json").read_text())
    notebook = results["submissions"][0]["notebooks"][0]
    notebook["status"] = "missing"
    for cell in notebook["cells"]:
        cell["score"], cell["tests"] = 0.0, []
    (made.folder / "results.json").write_text(json.dumps(results))
    made.notebook("ada").unlink()
    assert _run(str(made.folder)).exit_code == 0
    assert "The notebook was not handed in." in _text(made.page("ada"))
    assert "– missing" in _text(made.page("ada"))


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"cells": 3}', b"\xff\xfe", b'{"cells": [3]}', b"[" * 100_000, None]
)
def test_feedback_damaged_notebook_is_named_and_the_others_go_on(
    made: GradedClass, damage: bytes | None
) -> None:
    """The student without a page is named with the file and what to do; an old page does not stay."""
    assert _run(str(made.folder)).exit_code == 0
    path = made.notebook("ada")
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    done = _run(str(made.folder))
    assert done.exit_code == 1
    assert f"{path}: feedback-notebook the autograded notebook is damaged:" in done.stderr
    assert "hint: run the same `labs grade` again" in done.stderr
    assert "Traceback" not in done.output
    assert "removed ada.html" in done.stdout
    assert sorted(page.name for page in (made.folder / "feedback").iterdir()) == ["wim.html"]


def test_feedback_pages_of_students_who_are_gone_are_removed_and_nothing_else(
    made: GradedClass, tmp_path: Path
) -> None:
    """Only pages of ours go, and only when the whole class is written."""
    out = tmp_path / "pages"
    assert _run(str(made.folder), "--out", str(out)).exit_code == 0
    (out / "gone.html").write_text((out / "ada.html").read_text())
    (out / "index.html").write_text("<html>of somebody else</html>")
    (out / "notes.txt").write_text("notes")
    assert _run(str(made.folder), "--out", str(out), "--student", "ada").exit_code == 0
    assert (out / "gone.html").exists()
    done = _run(str(made.folder), "--out", str(out))
    assert "removed gone.html" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == ["ada.html", "index.html", "notes.txt", "wim.html"]


def test_feedback_one_student_writes_one_page(made: GradedClass) -> None:
    """`--student` writes that page and leaves the others as they are."""
    done = _run(str(made.folder), "--student", "wim")
    assert done.exit_code == 0
    assert [path.name for path in (made.folder / "feedback").iterdir()] == ["wim.html"]


def test_feedback_json_gives_an_event_for_each_page(made: GradedClass) -> None:
    """A script reads what was written, where, and who has no page and why."""
    made.notebook("ada").unlink()
    done = _run(str(made.folder), "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["written", "trouble", "finished"]
    assert events[0] == {
        "event": "written",
        "student": "wim",
        "path": str(made.folder / "feedback" / "wim.html"),
    }
    assert events[1]["student"] == "ada"
    assert events[1]["code"] == "feedback-notebook"
    assert (events[2]["written"], events[2]["troubles"], events[2]["lab"]) == (1, 1, "doubling")


@pytest.mark.parametrize(
    ("change", "arguments", "code", "exit_code"),
    [
        (lambda folder: (folder / "results.json").unlink(), [], "no-results", 2),
        (lambda folder: (folder / "results.json").write_text("{"), [], "results-damaged", 2),
        (lambda folder: (folder / "gradebook.db").unlink(), [], "no-gradebook", 3),
        (
            lambda folder: (folder / "gradebook.db").write_text("no database" * 100),
            [],
            "gradebook-damaged",
            3,
        ),
        (lambda folder: None, ["--student", "nobody"], "no-student", 2),
        (lambda folder: (folder / "feedback").write_text("a file"), [], "feedback-folder", 3),
    ],
)
def test_feedback_what_is_wrong_is_a_diagnosis_with_its_exit_code(
    made: GradedClass, change: Callable[[Path], object], arguments: list[str], code: str, exit_code: int
) -> None:
    """A mistake or a broken file is told with a code and a place, never as a traceback."""
    change(made.folder)
    done = _run(str(made.folder), *arguments)
    assert done.exit_code == exit_code, done.output
    assert f" {code} " in done.stderr
    assert "Traceback" not in done.output
    assert not (made.folder / "feedback").is_dir() or not list((made.folder / "feedback").iterdir())
    as_json = _run(str(made.folder), *arguments, "--json")
    assert json.loads(as_json.stdout)["code"] == code


def test_feedback_student_who_is_not_in_the_gradebook_is_named(made: GradedClass) -> None:
    """Results and gradebook that do not belong together are told for the student, not guessed."""
    with closing(sqlite3.connect(made.folder / "gradebook.db")) as book, book:
        book.execute("DELETE FROM submitted_assignment WHERE student_id = 'ada'")
    done = _run(str(made.folder))
    assert done.exit_code == 1
    assert "feedback-not-in-gradebook the gradebook has no submission of 'ada'" in done.stderr
    assert [path.name for path in (made.folder / "feedback").iterdir()] == ["wim.html"]


def test_feedback_id_that_leads_out_of_the_folder_is_refused(made: GradedClass) -> None:
    """Results that were tampered with cannot make the command write elsewhere."""
    path = made.folder / "results.json"
    path.write_text(path.read_text().replace('"ada"', '"../ada"'))
    done = _run(str(made.folder))
    assert done.exit_code == 1
    assert "student-id the id cannot be the name of a file" in done.stderr
    assert not (made.folder / "ada.html").exists()


def test_feedback_disk_that_takes_no_page_leaves_the_old_one_whole(
    made: GradedClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page is moved into its place when it is whole; until then the old one is there."""
    assert _run(str(made.folder)).exit_code == 0
    before = made.page("ada")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("labgrade.report.files.os.replace", refuse)
    done = _run(str(made.folder))
    assert done.exit_code == 3
    assert "No space left on device" in done.stderr
    assert made.page("ada") == before


def test_feedback_old_page_that_cannot_be_removed_is_told(
    made: GradedClass, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is no longer current and cannot be removed ends the command with a diagnosis."""
    assert _run(str(made.folder)).exit_code == 0
    (made.folder / "feedback" / "gone.html").write_text(made.page("ada"))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "unlink", refuse)
    done = _run(str(made.folder))
    assert done.exit_code == 3
    assert "gone.html: feedback-folder an old page cannot be removed: Permission denied" in done.stderr


def test_feedback_in_a_course_uses_its_folders(made: GradedClass, tmp_path: Path) -> None:
    """`--course` reads `.labs/ASSIGNMENT/results.json`, the course's gradebook and autograded folder."""
    course = tmp_path / "course"
    (course / ".labs" / "doubling").mkdir(parents=True)
    (made.folder / "results.json").rename(course / ".labs" / "doubling" / "results.json")
    for name in ("gradebook.db", "autograded"):
        (made.folder / name).rename(course / name)
    done = _run("--course", str(course), "doubling")
    assert done.exit_code == 0, done.output
    assert (course / ".labs" / "doubling" / "feedback" / "wim.html").is_file()


def test_feedback_pictures_beside_the_notebook_are_part_of_the_page(graded: Make) -> None:
    """A picture that the student refers to is in the page; one outside the folder is not."""
    dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTmAFgAAAABJRU5ErkJggg=="
    import base64

    why = "![mine](plot.png) ![other](../../wim/doubling/plot.png) ![root](/etc/hostname.png)"
    made = graded({"ada": Student(answers={"why": why}, outputs={"plot": [display({"image/png": dot})]})})
    folder = made.notebook("ada").parent
    (folder / "plot.png").write_bytes(base64.b64decode(dot))
    assert _run(str(made.folder)).exit_code == 0
    page = made.page("ada")
    assert page.count(f'src="data:image/png;base64,{dot}"') == 2
    assert '<img alt="other">' in page
    assert '<img alt="root">' in page


def test_feedback_odd_ids_are_file_names_and_texts(graded: Make) -> None:
    """Blanks, quotes, umlauts and markup in an id neither break the file's name nor the page."""
    ids = ["Zoë O'Brien", "a&b <i>", "100%", "漢字"]
    made = graded({student: Student() for student in ids})
    assert _run(str(made.folder)).exit_code == 0
    assert sorted(path.stem for path in (made.folder / "feedback").iterdir()) == sorted(ids)
    assert "<h1>a&amp;b &lt;i&gt;</h1>" in made.page("a&b <i>")


def test_feedback_tests_alone_tell_whether_all_is_public(graded: Make) -> None:
    """Without a hidden check the page has no word about hidden ones."""
    made = graded({"ada": Student(tests=(PUBLIC,)), "wim": Student(tests=(PUBLIC, HIDDEN))})
    assert _run(str(made.folder)).exit_code == 0
    assert "marked hidden" not in _text(made.page("ada"))
    assert "marked hidden" in _text(made.page("wim"))
