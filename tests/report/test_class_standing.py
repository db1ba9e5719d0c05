"""Rows of the class: automatic points, points by hand, extra credit, penalties, and who is not there."""

from __future__ import annotations

from labgrade.model import Finding, Severity
from labgrade.report.book import BookGrade, BookStudent, BookSubmission, Gradebook
from labgrade.report.questions import Question
from labgrade.report.standing import Standing, absent_students, stand
from labgrade.result import CellScore, GradedNotebook, GradedSubmission, NotebookStatus

QUESTIONS = [
    Question("sum", 4.0, (("one", "test-sum"), ("one", "test-sum-2"))),
    Question("why", 2.0, (("one", "why"),)),
]


def _result(*findings: Finding, status: NotebookStatus = NotebookStatus.GRADED) -> GradedSubmission:
    cells = (
        CellScore("test-sum", "sum", 1.0, 2.0, "test"),
        CellScore("test-sum-2", "sum", 2.0, 2.0, "test"),
        CellScore("why", "why", None, 2.0, "manual"),
    )
    return GradedSubmission("ada", "d", "k", (GradedNotebook("one", status, cells),), findings, "2026-11-20")


def _book(**grades: BookGrade) -> Gradebook:
    places = {("one", name.replace("_", "-")): grade for name, grade in grades.items()}
    return Gradebook(
        {"ada": BookStudent("ada", "Ada", "Lovelace"), "zoe": BookStudent("zoe")},
        {"ada": BookSubmission(5400.0, 1.5, places)},
    )


def test_stand_without_gradebook_has_open_points() -> None:
    """What a person must give is open and counts 0; nothing is known of names and lateness."""
    one = stand(_result(), QUESTIONS, Gradebook())
    assert (one.points, one.total, one.open_cells, one.by_hand) == ((3.0, None), 3.0, 1, 0)
    assert (one.name, one.late_s, one.penalty, one.needs_person) == ("", 0.0, 0.0, False)


def test_stand_takes_points_by_hand_before_automatic_ones() -> None:
    """By hand counts even where the autograder gave points, also 0; extra credit and penalty are apart."""
    book = _book(
        test_sum=BookGrade(1.0, 0.0, 0.5, is_open=False), why=BookGrade(None, 1.5, 0.0, is_open=False)
    )
    one = stand(_result(), QUESTIONS, book)
    assert one.points == (2.0, 1.5)
    assert (one.extra, one.penalty, one.total) == (0.5, 1.5, 2.5)
    assert (one.open_cells, one.by_hand, one.name, one.late_s) == (0, 2, "Lovelace, Ada", 5400.0)


def test_stand_counts_what_needs_a_person() -> None:
    """Notes do not count; a missing notebook is named."""
    look = Finding("a", "", Severity.LOOK)
    one = stand(
        _result(Finding("n", ""), look, Finding("f", "", Severity.FAILURE), status=NotebookStatus.MISSING),
        QUESTIONS,
        Gradebook(),
    )
    assert (one.looks, one.failures, one.needs_person, one.missing) == (1, 1, True, ("one",))


def test_total_never_falls_below_zero() -> None:
    """A penalty takes what is there, as in nbgrader."""
    assert Standing("a", "", (1.0,), penalty=3.0).total == 0.0


def test_absent_students_are_those_whom_the_gradebook_knows_without_a_submission() -> None:
    """Who has a row, or a submission of which there are no results yet, is not absent."""
    book = _book()
    there = [stand(_result(), QUESTIONS, book)]
    assert [(one.student, one.absent, one.total) for one in absent_students(there, QUESTIONS, book)] == [
        ("zoe", True, 0.0)
    ]
    assert [one.student for one in absent_students([], QUESTIONS, book)] == ["zoe"]
