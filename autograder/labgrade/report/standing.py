"""Where each student stands: a row of the class, from the results and the gradebook."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from labgrade.model import Severity
from labgrade.report.book import BookGrade, Gradebook
from labgrade.report.questions import Question
from labgrade.result import CellScore, GradedSubmission, NotebookStatus

__all__ = ["Standing", "absent_students", "stand"]


@dataclass(frozen=True, slots=True)
class Standing:
    """A student's row.

    Args:
        student: id.
        name: ``Last, First``, "" if nobody knows it.
        points: for each question; None where a person still has to give some.
        extra: extra credit, on top of the points.
        penalty: taken off for being late.
        open_cells: cells that wait for a person's points.
        by_hand: cells whose points a person gave.
        looks: findings that ask for a look.
        failures: findings that say a part could not be graded.
        late_s: seconds after the due date and the student's extension.
        handed_in: moment as it was handed in, "" if unknown.
        missing: notebooks of the lab that were not handed in.
        absent: nothing was handed in.
        marked_late: the LMS marks it as late.

    """

    student: str
    name: str
    points: tuple[float | None, ...]
    extra: float = 0.0
    penalty: float = 0.0
    open_cells: int = 0
    by_hand: int = 0
    looks: int = 0
    failures: int = 0
    late_s: float = 0.0
    handed_in: str = ""
    missing: tuple[str, ...] = ()
    absent: bool = False
    marked_late: bool = False

    @property
    def is_late(self) -> bool:
        """Whether it was late by the gradebook's due date, or is so marked by the LMS."""
        return self.late_s > 0 or self.marked_late

    @property
    def total(self) -> float:
        """Points so far, with extra credit, less the penalty for being late; never below 0."""
        return max(0.0, sum(point or 0.0 for point in self.points) + self.extra - self.penalty)

    @property
    def needs_person(self) -> bool:
        """Whether someone must look before the grade is published."""
        return bool(self.looks or self.failures)


def stand(result: GradedSubmission, questions: Sequence[Question], book: Gradebook) -> Standing:
    """Return a student's row.

    Args:
        result: of the autograder.
        questions: the columns.
        book: points that a person gave come first, as in nbgrader.

    """
    submission = book.submissions.get(result.student)
    grades = submission.grades if submission else {}
    cells = {(notebook.name, cell.grade_id): cell for notebook in result.notebooks for cell in notebook.cells}
    known = book.students.get(result.student)
    points = [
        [_points(cells.get(place), grades.get(place)) for place in question.cells] for question in questions
    ]
    return Standing(
        student=result.student,
        name=known.name if known else "",
        points=tuple(
            None if None in own else sum(point for point in own if point is not None) for own in points
        ),
        extra=sum(grade.extra for grade in grades.values()),
        penalty=submission.penalty if submission else 0.0,
        open_cells=sum(point is None for own in points for point in own),
        by_hand=sum(grade.manual is not None for grade in grades.values()),
        looks=sum(finding.severity is Severity.LOOK for finding in result.findings),
        failures=sum(finding.severity is Severity.FAILURE for finding in result.findings),
        late_s=submission.late_s if submission else 0.0,
        handed_in=result.timestamp,
        missing=tuple(
            notebook.name for notebook in result.notebooks if notebook.status is NotebookStatus.MISSING
        ),
    )


def absent_students(
    standings: Iterable[Standing], questions: Sequence[Question], book: Gradebook
) -> Iterator[Standing]:
    """Yield a row for everyone in the course who has handed in nothing."""
    present = {standing.student for standing in standings} | set(book.submissions)
    for student in book.students.values():
        if student.id not in present:
            yield Standing(student.id, student.name, (0.0,) * len(questions), absent=True)


def _points(cell: CellScore | None, grade: BookGrade | None) -> float | None:
    if grade is not None and grade.manual is not None:
        return grade.manual
    return cell.score if cell is not None else None
