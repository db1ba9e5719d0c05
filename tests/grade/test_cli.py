"""``labs grade`` as a person or a script meets it: exit codes, messages, files, events."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from labgrade.cli.grade import grade
from labgrade.lab import Lab

SOURCE = Path(__file__).parents[1] / "courses" / "plain" / "source" / "ps1"
FAKE = Path(__file__).parent / "fake_engine"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def _workplace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Work in an empty folder, with the fake engine."""
    monkeypatch.setenv("PYTHONPATH", str(FAKE))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(answered: dict[str, Any], write_submission: Callable[..., Path], tmp_path: Path) -> Path:
    """Return a folder with one right submission."""
    write_submission(tmp_path / "in" / "ada", dict(answered))
    return tmp_path / "in"


def _invoke(*arguments: str) -> Result:
    return CliRunner().invoke(grade, [*arguments])


def _grade(*arguments: str) -> Result:
    return _invoke(*arguments, "--lab", str(SOURCE), "--out", "out", "--jobs", "1")


def test_grade_clean_batch_exits_0_and_writes_all_files(folder: Path, tmp_path: Path) -> None:
    """Table on stdout, and gradebook, notebooks, results, grades, logs in the folder."""
    done = _grade(str(folder))
    assert done.exit_code == 0, done.output
    assert "ada" in done.stdout
    assert "1 graded" in done.stdout
    out = tmp_path / "out"
    for name in (
        "gradebook.db",
        "results.json",
        "grades.csv",
        "logs/ada.log",
        "autograded/ada/ps1/numbers.ipynb",
    ):
        assert (out / name).is_file(), name
    results = json.loads((out / "results.json").read_text())
    assert results["lab"] == "ps1"
    assert results["sandbox"] == "fake"
    assert [one["student"] for one in results["submissions"]] == ["ada"]
    assert results["submissions"][0]["points"]["total"] == 2.0
    assert results["submissions"][0]["points"]["essay"] is None


def test_grade_finding_for_a_person_exits_1(folder: Path) -> None:
    """The table shows the finding, the last lines count them."""
    (folder / "eve").mkdir()
    (folder / "eve" / "numbers.ipynb").write_text("{oops")
    done = _grade(str(folder))
    assert done.exit_code == 1
    assert "notebook-not-json" in done.stdout
    assert "1 of 2 submissions need a person" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in"], "--lab"),
        (["in", "--lab", "a", "--course", "b"], "--lab"),
        (["in", "--lab", "no-such-lab"], "no-lab"),
        (["nowhere", "--lab", str(SOURCE)], "no-submissions"),
        (["ps1", "--course", "nowhere"], "no-course"),
        (["ps9", "--course", str(SOURCE.parents[1])], "no-assignment"),
        (["in", "--lab", str(SOURCE), "--student", "nobody"], "no-student"),
        (["in", "--lab", str(SOURCE), "--sandbox", "none"], "sandbox"),
        (["in", "--lab", str(SOURCE), "--config", "no.toml"], "config"),
        (["in", "--lab", str(SOURCE), "--memory", "1"], "memory"),
        ([], "TARGET"),
    ],
)
def test_grade_wrong_usage_exits_2_with_a_message(folder: Path, arguments: list[str], said: str) -> None:
    """A mistake is told in a line, with a hint, without a traceback and without any output made."""
    done = _invoke(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Traceback" not in done.output
    assert isinstance(done.exception, SystemExit)
    assert not Path("out").exists()
    assert not Path("graded").exists()


def test_grade_machine_fault_exits_3(folder: Path, tmp_path: Path) -> None:
    """A gradebook that is none is the machine's fault, told with its code."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "gradebook.db").write_bytes(b"not a database, but long enough to be read as one" * 50)
    done = _grade(str(folder))
    assert done.exit_code == 3
    assert "gradebook-damaged" in done.stderr
    assert "Traceback" not in done.output


def test_grade_json_writes_one_event_a_line(folder: Path) -> None:
    """Started, graded, finished; and for a fault, failed."""
    done = _grade(str(folder), "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["started", "graded", "finished"]
    assert events[1]["student"] == "ada"
    assert events[2]["look"] == 0
    assert Path(events[2]["paths"]["results"]).is_file()
    again = [json.loads(line)["event"] for line in _grade(str(folder), "--json").stdout.splitlines()]
    assert again == ["started", "kept", "finished"]
    failed = json.loads(_invoke("in", "--lab", "none", "--json").stdout)
    assert (failed["event"], failed["code"]) == ("failed", "no-lab")


def test_grade_all_kept_starts_no_worker(folder: Path, tmp_path: Path) -> None:
    """A second run on graded submissions needs no engine, and gives the same table."""
    first = _grade(str(folder))
    log = tmp_path / "out" / "logs" / "workers" / "0.log"
    log.unlink()
    second = _grade(str(folder))
    assert not log.exists()
    assert second.stdout.split("\n\n")[0] == first.stdout.split("\n\n")[0]


def test_grade_csv_quotes_what_needs_it(
    answered: dict[str, Any], write_submission: Any, tmp_path: Path
) -> None:
    """A comma, a quote and a newline's cousin in a name do not break the file."""
    name = 'Lovelace, "Ada" é'
    write_submission(tmp_path / "in" / name, dict(answered))
    assert _grade("in").exit_code == 0
    rows = _rows(tmp_path / "out" / "grades.csv")
    assert [row["student"] for row in rows] == [name]
    assert (rows[0]["total"], rows[0]["root"], rows[0]["essay"]) == ("6", "4", "")
    assert rows[0]["open_questions"] == "3"


def test_grade_options_from_a_file_and_from_the_command_line(folder: Path, tmp_path: Path) -> None:
    """``labs-grade.toml`` has the same names; the command line wins; a wrong name is told."""
    config = tmp_path / "labs-grade.toml"
    config.write_text('jobs = 1\nout = "from-file"\ntimeout = 5\n')
    assert _invoke(str(folder), "--lab", str(SOURCE)).exit_code == 0
    assert (tmp_path / "from-file" / "results.json").is_file()
    assert _grade(str(folder)).exit_code == 0
    assert (tmp_path / "out" / "results.json").is_file()
    config.write_text("job = 1\n")
    wrong = _grade(str(folder))
    assert wrong.exit_code == 2
    assert "submission-timeout" in wrong.stderr


def test_grade_lab_by_name_is_looked_up_in_build(folder: Path, tmp_path: Path) -> None:
    """``--lab ps1`` means build/nbgrader/source/ps1, with the configuration that stands in build/nbgrader."""
    built = tmp_path / "build" / "nbgrader"
    shutil.copytree(SOURCE, built / "source" / "ps1")
    shutil.copy(SOURCE.parents[1] / "nbgrader_config.py", built)
    done = _invoke(str(folder), "--lab", "ps1", "--jobs", "1")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "graded" / "ps1" / "gradebook.db").is_file()
    missing = _invoke(str(folder), "--lab", "ps2")
    assert "there is ps1" in missing.stderr


def test_grade_only_named_students(folder: Path, answered: dict[str, Any], write_submission: Any) -> None:
    """``--student`` may be repeated."""
    for name in ("alan", "grace"):
        write_submission(folder / name, dict(answered))
    done = _grade(str(folder), "--student", "ada", "--student", "grace", "--json")
    students = [json.loads(line).get("student") for line in done.stdout.splitlines()]
    assert students[1:-1] == ["ada", "grace"]


def test_grade_course_uses_the_courses_folders(
    lab: Lab, answered: dict[str, Any], write_submission: Any, tmp_path: Path
) -> None:
    """Another structure, an excluded student, a submitted folder: as the configuration says."""
    course = tmp_path / "course"
    shutil.copytree(SOURCE, course / "master" / "ps1")
    (course / "nbgrader_config.py").write_text(
        "c = get_config()\n"
        'c.CourseDirectory.source_directory = "master"\n'
        'c.CourseDirectory.submitted_directory = "handed-in"\n'
        'c.CourseDirectory.student_id_exclude = "bob"\n'
        'c.Autograde.exclude_overwriting = {"ps1": ["mine.py"]}\n'
    )
    for name in ("ada", "bob"):
        write_submission(course / "handed-in" / name / "ps1", dict(answered))
    done = _invoke("ps1", "--course", str(course), "--jobs", "1")
    assert done.exit_code == 0, done.output
    assert (course / "autograded" / "ada" / "ps1" / "words.ipynb").is_file()
    assert not (course / "autograded" / "bob").exists()
    assert (course / "gradebook.db").is_file()


def test_grade_course_whose_source_changed_since_generate_says_so(
    folder: Path, tmp_path: Path, answered: dict[str, Any], write_submission: Any
) -> None:
    """The gradebook's tests are run, as nbgrader does, and the difference is named."""
    course = tmp_path / "course"
    shutil.copytree(SOURCE.parents[1], course)
    write_submission(course / "submitted" / "ada" / "ps1", dict(answered))
    assert _invoke("ps1", "--course", str(course), "--jobs", "1").exit_code == 0
    path = course / "source" / "ps1" / "numbers.ipynb"
    path.write_text(path.read_text().replace("total([1, 2, 3]) == 6", "total([1, 2, 3]) == 7"))
    done = _invoke("ps1", "--course", str(course), "--jobs", "1", "--regrade")
    assert done.exit_code == 1
    assert "source-changed numbers/test-total" in done.stdout
    assert _rows(course / ".labs" / "ps1" / "grades.csv")[0]["total"] == "6"
    text = path.read_text().replace('"test-root"', '"test-other"')
    path.write_text(text)
    broken = _invoke("ps1", "--course", str(course), "--jobs", "1")
    assert broken.exit_code == 2
    assert "generate_assignment" in broken.stderr


def test_grade_help_has_examples_and_exit_codes() -> None:
    """Help is where people look first."""
    text = _invoke("--help").output
    assert "labs grade --course" in text
    assert "Exit codes: 0 clean" in text


def test_table_control_characters_of_a_student_do_not_reach_the_terminal(lab: Lab) -> None:
    """A file name in a finding cannot clear the screen."""
    from labgrade.model import Finding
    from labgrade.report.table import format_table
    from labgrade.result import GradedSubmission

    finding = Finding("notebook-unknown", "'\x1b[2J.ipynb' is no notebook of this lab")
    lines = list(format_table(lab.spec, [GradedSubmission("ada", "", "", (), (finding,))]))
    assert "\x1b" not in "".join(lines)


def test_progress_line_tells_rate_and_what_to_look_at() -> None:
    """Done of total, rate, remaining time, findings, the slowest."""
    from labgrade.model import Finding, Severity
    from labgrade.progress import Tally
    from labgrade.result import GradedSubmission

    tally = Tally()
    tally.total = 10
    finding = Finding("x", "y", Severity.LOOK)
    for number in range(3):
        findings = (finding,) if number else ()
        tally.add(GradedSubmission(f"s{number}", "", "", (), findings, seconds=number), fresh=True)
    line = tally.line()
    assert line.startswith("3/10, ")
    assert "/s" in line
    assert "left" in line
    assert "2 to look at" in line
    assert "slowest s2 2.0 s" in line
