"""Exports: sheets come back whole, points by hand come first, and what is not known is never 0."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from labgrade.cli.export import export as export_command
from labgrade.collect.mapping import Record, format_record
from labgrade.collect.model import Entry, Person
from labgrade.errors import UsageError
from labgrade.export.grades import read_grades
from labgrade.export.job import OpenGradesError, export_class
from labgrade.export.options import ExportOptions
from labgrade.lab import Lab
from labgrade.report.place import ClassPlace
from labgrade.spreadsheet import safe_cell

MakeClass = Callable[..., ClassPlace]
FULL: dict[str, float | None] = {}


def _rows(path: Path, delimiter: str = ",") -> list[list[str]]:
    return list(
        csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), delimiter=delimiter)
    )


def _record(*entries: Entry) -> bytes:
    return format_record(Record("moodle", "ps1", entries))


def _maximum(lab: Lab) -> float:
    return sum(cell.points for notebook in lab.spec.notebooks for cell in notebook.cells)


CANVAS = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,ps1 (4711),Essay (4712),Current Score\r\n"
    ",,,,,Manual Posting,,\r\n"
    "    Points Possible,,,,,{points},10.00,(read only)\r\n"
    '"Lovelace, Ada",11,ada,ada@x.edu,"A, morning",,7.00,70\r\n'
    '"Müller, Jörg ""JM""",12,jm,jm@x.edu,B,1.00,,\r\n'
    "=cmd(),13,eve,eve@x.edu,B,EX,,\r\n"
    '"Student, Test",14,t,,B,,,\r\n'
)


def test_export_canvas_sheet_comes_back_with_one_column_filled(
    make_class: MakeClass, lab: Lab, tmp_path: Path
) -> None:
    """All other cells, the Points Possible row, byte order mark and line ends are as they were."""
    place = make_class({"ada": FULL, "jm": {"test-total": 0.5}, "eve": FULL})
    sheet = tmp_path / "Grades.csv"
    text = CANVAS.format(points=f"{_maximum(lab):.2f}")
    sheet.write_bytes(text.encode())
    done = export_class(place, "canvas", tmp_path / "x", ExportOptions(sheet=sheet))
    data = done.paths[0].read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == text.count("\r\n")
    before, after = _rows(sheet), _rows(done.paths[0])
    column = before[0].index("ps1 (4711)")
    changed = {
        (line, index): after[line][index]
        for line in range(len(before))
        for index in range(len(before[0]))
        if before[line][index] != after[line][index]
    }
    assert changed == {(3, column): f"{_maximum(lab):g}", (4, column): f"{_maximum(lab) - 1.5:g}"}
    assert {finding.code for finding in done.findings} == {"sheet-excused", "sheet-changed"}
    again = export_class(place, "canvas", tmp_path / "y", ExportOptions(sheet=done.paths[0]))
    assert again.paths[0].read_bytes() == data


def test_export_canvas_problems_are_told(make_class: MakeClass, tmp_path: Path) -> None:
    """Other points, who is not on the sheet, a column that is not clear, no sheet at all."""
    place = make_class({"ada": FULL, "zoe": FULL})
    sheet = tmp_path / "Grades.csv"
    sheet.write_text(CANVAS.format(points="99"), "utf-8")
    done = export_class(place, "canvas", tmp_path / "x", ExportOptions(sheet=sheet))
    assert {finding.code for finding in done.findings} == {"points-differ", "not-on-sheet"}
    for options, code in (
        (ExportOptions(), "sheet-missing"),
        (ExportOptions(sheet=tmp_path / "none.csv"), "sheet-missing"),
        (ExportOptions(sheet=sheet, column="Homework"), "sheet-column"),
    ):
        with pytest.raises(UsageError) as caught:
            export_class(place, "canvas", tmp_path / "y", options)
        assert caught.value.code == code
    chosen = export_class(place, "canvas", tmp_path / "y", ExportOptions(sheet=sheet, column="4712"))
    assert _rows(chosen.paths[0])[3][6] != "7.00"
    assert not (tmp_path / "y" / "none").exists()


def test_export_canvas_two_students_of_one_row_are_not_written(make_class: MakeClass, tmp_path: Path) -> None:
    """An id and a name that fit the same line: nobody gets the other's grade."""
    place = make_class({"ada": FULL, "ada@x.edu": FULL})
    sheet = tmp_path / "Grades.csv"
    sheet.write_text(CANVAS.format(points=""), "utf-8")
    done = export_class(place, "canvas", tmp_path / "x", ExportOptions(sheet=sheet))
    assert "sheet-ambiguous" in {finding.code for finding in done.findings}
    assert _rows(done.paths[0])[3][5] == ""


WORKSHEET = (
    "Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
    "Last modified (submission),Last modified (grade),Feedback comments\n"
    'Participant 501,"Ada Lovelace",ada,ada@x.edu,Submitted,,{points},Yes,-,-,\n'
    'Participant 502,"Müller_Jörg",jm,jm@x.edu,Submitted,,{points},Yes,-,-,"=old, comment"\n'
)


def test_export_moodle_worksheet_and_feedback_zip(make_class: MakeClass, lab: Lab, tmp_path: Path) -> None:
    """CSV and XLSX hold the worksheet with its grades; the zip has Moodle's names."""
    from openpyxl import load_workbook

    place = make_class({"ada": FULL, "jm": {"test-total": 0.5}})
    sheet = tmp_path / "worksheet.csv"
    sheet.write_text(WORKSHEET.format(points=f"{_maximum(lab):.2f}"), "utf-8")
    pages = tmp_path / "graded" / "feedback"
    pages.mkdir()
    (pages / "ada.html").write_text("<p>Ada</p>")
    (pages / "jm.html").write_text("<p>Jörg</p>")
    done = export_class(place, "moodle", tmp_path / "x", ExportOptions(sheet=sheet, feedback=pages))
    assert done.findings == ()
    rows = _rows(tmp_path / "x" / "ps1-moodle.csv")
    assert [row[5] for row in rows[1:]] == [f"{_maximum(lab):g}", f"{_maximum(lab) - 1.5:g}"]
    assert rows[2][10] == "=old, comment"
    book = load_workbook(tmp_path / "x" / "ps1-moodle.xlsx").active
    assert book.cell(2, 6).value == pytest.approx(_maximum(lab))
    assert (book.cell(3, 11).value, book.cell(3, 11).data_type) == ("=old, comment", "s")
    with zipfile.ZipFile(tmp_path / "x" / "ps1-moodle-feedback.zip") as bundle:
        assert bundle.namelist() == [
            "Ada Lovelace_501_assignsubmission_file_/feedback.html",
            "Müller Jörg_502_assignsubmission_file_/feedback.html",
        ]
        assert bundle.read(bundle.namelist()[1]).decode() == "<p>Jörg</p>"


def test_export_moodle_german_worksheet(make_class: MakeClass, tmp_path: Path) -> None:
    """Other headers, semicolons, a decimal comma."""
    place = make_class({"ada": {"test-total": 1.0}})
    sheet = tmp_path / "w.csv"
    sheet.write_bytes(
        "ID;Vollständiger Name;E-Mail-Adresse;Bewertung;Bestwertung\r\n"
        "Teilnehmer/in501;Ada Lovelace;ada;;100,00\r\n".encode("cp1252")
    )
    done = export_class(place, "moodle", tmp_path / "x", ExportOptions(sheet=sheet, comma=True))
    rows = list(csv.reader(io.StringIO(done.paths[0].read_bytes().decode("cp1252")), delimiter=";"))
    assert rows[1][3].endswith(",5")
    assert {finding.code for finding in done.findings} == {"points-differ"}


def test_export_moodle_without_sheet_uses_the_downloads_numbers(
    make_class: MakeClass, tmp_path: Path
) -> None:
    """What `labs collect` learned is enough; without it a sheet is asked for."""
    place = make_class({"ada": FULL, "eve": FULL})
    with pytest.raises(UsageError) as caught:
        export_class(place, "moodle", tmp_path / "x", ExportOptions())
    assert caught.value.code == "sheet-missing"
    (place.folder / "collected.json").write_bytes(
        _record(
            Entry("Ada L_7", ("ada",), "ada", "matched", person=Person("Ada L", "7")),
            Entry("Eve_8", ("eve",), "eve", "matched", person=Person("=Eve()", "8")),
        )
    )
    done = export_class(place, "moodle", tmp_path / "x", ExportOptions())
    rows = _rows(done.paths[0])
    assert [row[:2] for row in rows[1:]] == [["Participant 7", "Ada L"], ["Participant 8", "'=Eve()"]]


def test_export_olat_lines_and_return_files(make_class: MakeClass, lab: Lab, tmp_path: Path) -> None:
    """User, points, passed, comment, without a header; a folder for each user."""
    place = make_class({"ada": FULL, "jm": {"test-total": 0.0}})
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "ada.html").write_text("a")
    options = ExportOptions(feedback=tmp_path / "f", passed=_maximum(lab) - 1)
    done = export_class(place, "olat", tmp_path / "x", options)
    assert _rows(done.paths[0]) == [
        ["ada", f"{_maximum(lab):g}", "y", ""],
        ["jm", f"{_maximum(lab) - 2:g}", "n", ""],
    ]
    with zipfile.ZipFile(done.paths[1]) as bundle:
        assert bundle.namelist() == ["ada/feedback.html"]
    assert [finding.code for finding in done.findings] == ["feedback-missing"]


def test_export_gradescope_shows_hidden_tests_by_their_sentence_only(
    make_class: MakeClass, tmp_path: Path
) -> None:
    """Points for each question; no line of a hidden test."""
    place = make_class({"ada": {"test-root": 2.0}})
    done = export_class(place, "gradescope", tmp_path / "x", ExportOptions())
    (path,) = done.paths
    assert path.parts[-2:] == ("ada", "results.json")
    document = json.loads(path.read_text())
    assert document["score"] == pytest.approx(sum(test["score"] for test in document["tests"]))
    root = next(test for test in document["tests"] if test["name"] == "root")
    assert "`root` of others." in root["output"]
    assert "root(9) gave 2\n  expected 3" in root["output"]
    assert "secret" not in path.read_text()


def test_export_points_by_hand_extra_credit_and_penalty(
    make_class: MakeClass,
    lab: Lab,
    tmp_path: Path,
    grade_by_hand: Callable[..., None],
    run_sql: Callable[..., None],
) -> None:
    """What the formgrader gave is in every format, extra credit and late penalty in columns of their own."""
    place = make_class({"ada": {"essay": None}, "jm": {"test-total": 0.5}})
    grade_by_hand(place, "ada", "essay", 1.25, extra=0.5)
    run_sql(place, "UPDATE submitted_notebook SET late_submission_penalty = 2 WHERE id IN (SELECT n.id FROM "
            "submitted_notebook n JOIN submitted_assignment s ON n.assignment_id = s.id JOIN notebook b "
            "ON n.notebook_id = b.id WHERE s.student_id = 'jm' AND b.name = 'words')")  # fmt: skip
    essay = next(
        cell.points for spec in lab.spec.notebooks for cell in spec.cells if cell.grade_id == "essay"
    )
    expected = {"ada": _maximum(lab) - essay + 1.25 + 0.5, "jm": _maximum(lab) - 1.5 - 2}
    done = export_class(place, "csv", tmp_path / "x", ExportOptions())
    header, *rows = _rows(done.paths[0])
    by_student = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert by_student["ada"]["essay"] == "1.25"
    assert by_student["ada"]["extra_credit"] == "0.5"
    assert by_student["jm"]["late_penalty"] == "2"
    assert {name: float(row["total"]) for name, row in by_student.items()} == pytest.approx(expected)
    document = json.loads(export_class(place, "json", tmp_path / "x", ExportOptions()).paths[0].read_text())
    assert {one["student"]: one["total"] for one in document["students"]} == pytest.approx(expected)
    scope = export_class(place, "gradescope", tmp_path / "x", ExportOptions()).paths
    scores = {path.parts[-2]: json.loads(path.read_text()) for path in scope}
    assert {name: one["score"] for name, one in scores.items()} == pytest.approx(expected)
    assert [test["score"] for test in scores["jm"]["tests"] if test["name"] == "Late penalty"] == [-2]


@pytest.mark.parametrize("to", ["canvas", "moodle", "olat", "gradescope"])
def test_export_ungraded_answers_are_refused_never_0(make_class: MakeClass, tmp_path: Path, to: str) -> None:
    """A format that cannot say "open" is not written; on request the others are, and nobody gets 0."""
    place = make_class({"ada": FULL, "jm": {"essay": None}})
    sheet = tmp_path / "s.csv"
    sheet.write_text(
        CANVAS.format(points="") if to == "canvas" else WORKSHEET.format(points=""), encoding="utf-8"
    )
    options = ExportOptions(sheet=sheet if to in ("canvas", "moodle") else None)
    with pytest.raises(OpenGradesError) as caught:
        export_class(place, to, tmp_path / "x", options)
    assert caught.value.exit_code == 1
    assert "jm" in caught.value.message
    assert not (tmp_path / "x").exists()
    done = export_class(place, to, tmp_path / "x", options, leaves_open=True)
    assert done.left_out == ("jm",)
    assert (done.written, "grades-open" in {finding.code for finding in done.findings}) == (1, True)
    if to == "canvas":
        assert _rows(done.paths[0])[4][5] == "1.00"
    if to == "moodle":
        assert _rows(done.paths[0])[2][5] == ""


def test_export_csv_and_json_mark_what_is_open(make_class: MakeClass, tmp_path: Path) -> None:
    """No total, the state says why."""
    place = make_class({"jm": {"essay": None}})
    row = dict(zip(*_rows(export_class(place, "csv", tmp_path / "x", ExportOptions()).paths[0]), strict=True))
    assert (row["total"], row["points"], row["essay"], row["state"]) == ("", "", "", "open")
    (one,) = json.loads(export_class(place, "json", tmp_path, ExportOptions()).paths[0].read_text())[
        "students"
    ]
    assert (one["total"], one["questions"]["essay"], one["state"]) == (None, None, "open")


def test_export_grade_marked_for_another_look_is_told(
    make_class: MakeClass, tmp_path: Path, grade_by_hand: Callable[..., None], run_sql: Callable[..., None]
) -> None:
    """Points by hand stand; that the automatic ones changed is for a person."""
    place = make_class({"ada": FULL})
    grade_by_hand(place, "ada", "test-root", 1.0)
    run_sql(place, "UPDATE grade SET needs_manual_grade = 1 WHERE manual_score IS NOT NULL")
    grades = read_grades(place)
    assert [finding.code for finding in grades.findings] == ["grade-to-review"]
    assert grades.rows[0].total is not None


def test_export_students_without_submission_are_absent_not_0(
    make_class: MakeClass, tmp_path: Path, run_sql: Callable[..., None]
) -> None:
    """Whoever is in the gradebook and handed in nothing has an empty total."""
    place = make_class({"ada": FULL})
    run_sql(place, "INSERT INTO student (id, first_name, last_name) VALUES ('zoe', 'Zoe', '@Zed')")
    header, *rows = _rows(export_class(place, "csv", tmp_path / "x", ExportOptions()).paths[0])
    zoe = dict(zip(header, rows[1], strict=True))
    assert (zoe["student"], zoe["name"], zoe["total"], zoe["state"]) == ("zoe", "'@Zed, Zoe", "", "absent")


def test_export_names_with_commas_quotes_and_umlauts_survive(make_class: MakeClass, tmp_path: Path) -> None:
    """One record has them all; the file has a byte order mark."""
    place = make_class({"ada": FULL})
    name = 'O\'Neil-Müller, "Ada"\n; Łucja'
    (place.folder / "collected.json").write_bytes(
        _record(Entry("x", ("ada",), "ada", "matched", person=Person(name, "1", email="+a@x")))
    )
    path = export_class(place, "csv", tmp_path / "x", ExportOptions()).paths[0]
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    header, row = _rows(path)
    assert dict(zip(header, row, strict=True))["name"] == name
    assert dict(zip(header, row, strict=True))["email"] == "'+a@x"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+49 170", "'+49 170"),
        ("-x", "'-x"),
        (" =1", "' =1"),
        ("\t=1", "'\t=1"),
        ("＝1", "'＝1"),
        ("-1.5", "-1.5"),
        ("Ada", "Ada"),
        ("", ""),
    ],
)
def test_safe_cell_formulas_become_text(text: str, safe: str) -> None:
    """Numbers stay numbers."""
    assert safe_cell(text) == safe


def test_export_group_grade_goes_to_each_member(make_class: MakeClass, tmp_path: Path) -> None:
    """Two rows on the sheet, one submission, one feedback page for both."""
    place = make_class({"ada_jm": {"test-total": 0.5}})
    (place.folder / "collected.json").write_bytes(
        _record(Entry("x", ("ada", "jm"), "ada_jm", "matched", person=Person("Ada", "9")))
    )
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "ada_jm.html").write_text("both")
    sheet = tmp_path / "w.csv"
    sheet.write_text(WORKSHEET.format(points=""), "utf-8")
    done = export_class(place, "moodle", tmp_path / "x", ExportOptions(sheet=sheet, feedback=tmp_path / "f"))
    grades = [row[5] for row in _rows(done.paths[0])[1:]]
    assert grades[0] == grades[1] != ""
    with zipfile.ZipFile(done.paths[2]) as bundle:
        assert [bundle.read(name) for name in bundle.namelist()] == [b"both", b"both"]


def test_export_student_in_two_groups_gets_no_grade(make_class: MakeClass, tmp_path: Path) -> None:
    """Two grades for one person are none until somebody decides."""
    place = make_class({"ada_jm": FULL, "ada_eve": {"test-total": 0.0}})
    (place.folder / "collected.json").write_bytes(
        _record(
            Entry("x", ("ada", "jm"), "ada_jm", "matched"), Entry("y", ("ada", "eve"), "ada_eve", "matched")
        )
    )
    grades = read_grades(place)
    assert {row.student: row.state for row in grades.rows} == {
        "ada": "conflict",
        "eve": "graded",
        "jm": "graded",
    }
    assert "grade-conflict" in {finding.code for finding in grades.findings}
    with pytest.raises(OpenGradesError):
        export_class(place, "olat", tmp_path / "x", ExportOptions())


def test_export_anonymous_ids_are_keyed_stable_and_tell_nobody(make_class: MakeClass, tmp_path: Path) -> None:
    """No name, id or address in the export; who is who lies beside the results, readable for its owner."""
    place = make_class({"ada": FULL, "jm": FULL})
    (place.folder / "collected.json").write_bytes(
        _record(Entry("Ada Lovelace_1", ("ada",), "ada", "matched", person=Person("Ada Lovelace", "1")))
    )
    out = tmp_path / "x"
    first = {
        to: [path.read_text("utf-8-sig") for path in export_class(
            place, to, out / to, ExportOptions(), anonymous=True
        ).paths]
        for to in ("csv", "json", "gradescope")
    }  # fmt: skip
    text = "".join(each for texts in first.values() for each in texts) + "".join(
        str(path) for path in out.rglob("*")
    )
    assert "ada" not in text.casefold().replace("graded", "")
    assert "jm" not in text.replace(str(tmp_path), "")
    again = export_class(place, "csv", out / "again", ExportOptions(), anonymous=True).paths[0]
    assert again.read_text("utf-8-sig") == first["csv"][0]
    ids = place.folder / "anonymous-ids.csv"
    assert ids.stat().st_mode & 0o077 == 0
    assert (place.folder / ".anonymous-key").stat().st_mode & 0o077 == 0
    known = {student: code for code, student in _rows(ids)[1:]}
    assert set(known) == {"ada", "jm"}
    other = tmp_path / "other-key"
    changed = export_class(place, "csv", out / "o", ExportOptions(), anonymous=True, key=other).paths[0]
    assert not set(known.values()) & {row[0] for row in _rows(changed)}


def test_export_anonymous_for_an_lms_or_with_feedback_is_refused(
    make_class: MakeClass, tmp_path: Path
) -> None:
    """An LMS has to know who it is; a page carries the name; a key has to be one."""
    place = make_class({"ada": FULL})
    (tmp_path / "k").write_text("too short")
    cases = (
        ("olat", ExportOptions(), None, "anonymous-format"),
        ("csv", ExportOptions(feedback=tmp_path), None, "anonymous-format"),
        ("csv", ExportOptions(), tmp_path / "k", "anonymous-key"),
    )
    for to, options, key, code in cases:
        with pytest.raises(UsageError) as caught:
            export_class(place, to, tmp_path / "x", options, anonymous=True, key=key)
        assert caught.value.code == code


def test_export_command_says_what_it_wrote(make_class: MakeClass, tmp_path: Path) -> None:
    """Exit 0 clean, 1 for a person, 2 for a mistake; one document with --json."""
    place = make_class({"ada": FULL, "jm": {"essay": None}})
    runner = CliRunner()
    target = str(place.folder)
    refused = runner.invoke(export_command, [target, "--to", "olat"])
    assert (refused.exit_code, "grades-open" in refused.output) == (1, True)
    done = runner.invoke(export_command, [target, "--to", "olat", "--open", "blank", "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["left_out"] == ["jm"]
    assert (place.folder / "export" / "ps1-olat.csv").is_file()
    wrong = runner.invoke(export_command, [str(tmp_path / "none"), "--to", "csv"])
    assert (wrong.exit_code, "no-results" in wrong.output) == (2, True)


def test_export_without_gradebook_says_so(make_class: MakeClass, tmp_path: Path) -> None:
    """Points by hand would be missing: a person is told."""
    place = make_class({"ada": FULL})
    (place.folder / "gradebook.db").unlink()
    done = export_class(place, "csv", tmp_path / "x", ExportOptions())
    assert [finding.code for finding in done.findings] == ["gradebook-missing"]
    assert done.written == 1
