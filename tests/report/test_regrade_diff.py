"""What grading again changes, as values and as text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from labgrade.model import CellSpec, LabSpec, NotebookSpec, Outcome, TestOutcome
from labgrade.regrade import GradeDiff, compare_results, format_diff
from labgrade.regrade.diff import to_builtins
from labgrade.regrade.page import render_diff_page
from labgrade.regrade.text import headline
from labgrade.report import read_results, write_json
from labgrade.report.book import BookGrade, BookSubmission, Gradebook
from labgrade.result import CellScore, GradedNotebook, GradedSubmission, NotebookStatus

SPEC = LabSpec(
    "ps1",
    (
        NotebookSpec(
            "one",
            (
                CellSpec(0, "code", "", "", "test-sum", grade=True, points=2),
                CellSpec(1, "code", "", "", "test-old", grade=True, points=1),
            ),
        ),
    ),
    digest="before",
)


def _student(
    name: str, first: float, second: float, old: float | None = 1.0, digest: str = "d"
) -> GradedSubmission:
    tests = tuple(
        TestOutcome(f"t{n}", title, Outcome.PASSED if points else Outcome.FAILED, points, 1.0)
        for n, (title, points) in enumerate([("adds two", first), ("adds none", second)])
    )
    cells = (
        CellScore("test-sum", "sum", first + second, 2.0, "test", tests, "apart"),
        CellScore("test-old", "old", old, 1.0, "test", (), "in-kernel"),
    )
    return GradedSubmission(name, digest, "k", (GradedNotebook("one", NotebookStatus.GRADED, cells),))


BEFORE = [
    _student("ada", 1, 0), _student("bob", 1, 1), _student("cyd", 0, 0),
    _student("dan", 1, 0), _student("eve", 1, 1), _student("<b>", 0, 0),
]  # fmt: skip
AFTER = [
    _student("ada", 1, 1), _student("bob", 1, 0), _student("cyd", 0, 0),
    _student("dan", 0, 1), _student("fay", 1, 1), _student("<b>", 0, 0, old=0.0, digest="other"),
]  # fmt: skip


@pytest.fixture
def diff(tmp_path: Path) -> GradeDiff:
    """Return the comparison of the two results above; dan has points by hand in the cell that changes."""
    write_json(tmp_path / "results.json", SPEC, BEFORE, about={})
    book = Gradebook(
        submissions={"dan": BookSubmission(grades={("one", "test-sum"): BookGrade(1.0, 1.5, 0.0, False)})}
    )
    return compare_results(read_results(tmp_path), AFTER, book, new_digest="after")


def test_diff_counts_students_by_direction(diff: GradeDiff) -> None:
    """Up, down, unchanged, new and gone are told apart; a change that evens out is a change."""
    assert headline(diff) == "4 scores change: 1 goes up, 2 go down, 1 with the same total; 1 stay"
    assert (diff.up, diff.down, diff.same, diff.new, diff.gone) == (1, 2, 1, ("fay",), ("eve",))
    assert (diff.old_digest, diff.new_digest) == ("before", "after")


def test_diff_names_student_and_check(diff: GradeDiff) -> None:
    """Each change says which check ended how before and after."""
    changes = {one.student: one for one in diff.changes}
    (check,) = changes["ada"].checks
    assert (check.question, check.check, check.before, check.after) == ("sum", "adds none", 0.0, 1.0)
    assert (check.was, check.now) == ("failed", "passed")
    assert (changes["ada"].before, changes["ada"].after, changes["ada"].change) == (2.0, 3.0, 1.0)
    (plain,) = changes["<b>"].checks
    assert (plain.check, plain.before, plain.after, plain.was) == ("test-old", 1.0, 0.0, "")
    assert changes["<b>"].resubmitted
    assert not changes["ada"].resubmitted
    assert [(one.check, one.up, one.down) for one in diff.by_check()] == [
        ("adds none", 2, 1), ("test-old", 0, 1), ("adds two", 0, 1),
    ]  # fmt: skip


def test_diff_with_points_by_hand_keeps_the_total(diff: GradeDiff) -> None:
    """The automatic score changes, the one that counts does not, and the page and the text say so."""
    (dan,) = [one for one in diff.changes if one.student == "dan"]
    assert (dan.before, dan.after, dan.by_hand) == (2.5, 2.5, ("test-sum",))
    assert (dan.auto_before, dan.auto_after) == (2.0, 2.0)
    assert "by hand, stays: test-sum" in "\n".join(format_diff(diff))
    assert "By hand, stays: test-sum" in render_diff_page(diff)


def test_diff_text_puts_those_that_go_down_first(diff: GradeDiff) -> None:
    """What a person must look at first stands first."""
    lines = list(format_diff(diff))
    students = [line.split()[0] for line in lines if "→" in line and line.startswith("  ") and line[2] != " "]
    assert students == ["<b>", "bob", "dan", "ada"]
    assert "  ada  2 → 3  (+1)" in lines
    assert "    sum: 0 → 1, failed → passed: adds none" in lines


def test_diff_page_escapes_and_loads_nothing(diff: GradeDiff) -> None:
    """A student's id is text, and the page has the strict policy of all pages."""
    page = render_diff_page(diff)
    assert "<b>4 scores change" in page
    assert "&lt;b&gt;" in page
    assert '<th scope="row"><b>' not in page
    assert "script-src 'none'" in page.replace("&#39;", "'")


def test_diff_as_json_has_counts_and_students(diff: GradeDiff) -> None:
    """A script finds the same facts."""
    told = json.loads(json.dumps(to_builtins(diff)))
    assert (told["changed"], told["up"], told["down"], told["same"]) == (4, 1, 2, 1)
    assert {one["student"] for one in told["students"]} == {"ada", "bob", "dan", "<b>"}


def test_diff_of_equal_results_says_that_nothing_changes(tmp_path: Path) -> None:
    """Rounding in the last place is no change."""
    write_json(tmp_path / "results.json", SPEC, BEFORE, about={})
    cell = BEFORE[0].notebooks[0].cells[1]
    notebook = BEFORE[0].notebooks[0]
    close = replace(notebook, cells=(notebook.cells[0], replace(cell, score=1.0 + 1e-12)))
    diff = compare_results(
        read_results(tmp_path), [replace(BEFORE[0], notebooks=(close,))], None, is_partial=True
    )
    assert list(format_diff(diff)) == ["no score changes; 1 stay"]
    assert diff.gone == ()
