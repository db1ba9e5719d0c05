"""From results, gradebook and notebooks to a student's page: pure, one student at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from labgrade.feedback.content import Check, Page, QuestionPart, Work
from labgrade.feedback.facts import read_facts
from labgrade.feedback.margins import Place, Remark
from labgrade.feedback.modules import StudentModule
from labgrade.feedback.notebook import NotebookCell
from labgrade.feedback.notices import notices_of
from labgrade.feedback.secrets import Secrets
from labgrade.feedback.works import WorkShop, assign_cells
from labgrade.model import Outcome, TestOutcome
from labgrade.pages import render_markdown
from labgrade.pages.markdown import FindImage
from labgrade.report.book import BookGrade
from labgrade.report.questions import Question
from labgrade.report.standing import Standing
from labgrade.result import CellScore, GradedSubmission, NotebookStatus
from labgrade.score import NO_RESPONSE

__all__ = ["Material", "build_page"]

UNTOUCHED = "The answer is as it was handed out."
WAITING = "A person will grade this answer."
WAITING_FOR_STAFF = "The grader could not decide this; a person will look at it. It costs you nothing."
_STATES = {
    NotebookStatus.MISSING: ("missing", "The notebook was not handed in."),
    NotebookStatus.UNREADABLE: ("open", "The notebook could not be read; a person will look at it."),
}


@dataclass(frozen=True, slots=True)
class Material:
    """All that is known of one submission.

    Args:
        result: of the autograder.
        standing: total, penalty and lateness, as in the table of the class.
        grades: cell -> grade in the gradebook.
        remarks: cell -> comment.
        notebooks: name -> cells as they ran; one that was not handed in is left out.
        modules: files that the student wrote.
        find_image: pictures that lie beside the notebooks.

    """

    result: GradedSubmission
    standing: Standing
    grades: Mapping[Place, BookGrade] = field(default_factory=dict)
    remarks: Mapping[Place, Remark] = field(default_factory=dict)
    notebooks: Mapping[str, Sequence[NotebookCell]] = field(default_factory=dict)
    modules: Sequence[StudentModule] = ()
    find_image: FindImage = lambda _: None


def build_page(lab: str, questions: Sequence[Question], material: Material, secrets: Secrets) -> Page:
    """Return a student's page.

    Args:
        lab: the assignment.
        questions: in order.
        material: of the student.
        secrets: lines of hidden tests, which stand nowhere on the page.

    """
    shop = WorkShop(secrets, material.modules, material.find_image)
    owners: dict[str, dict[str, str]] = {}
    for question in questions:
        for notebook, grade_id in question.cells:
            owners.setdefault(notebook, {})[grade_id] = question.id
    cells: dict[str, list[NotebookCell]] = {}
    rest: list[NotebookCell] = []
    for name, own in material.notebooks.items():
        found, left = assign_cells(own, owners.get(name, {}))
        for question_id, part in found.items():
            cells.setdefault(question_id, []).extend(part)
        rest.extend(left)
    told: set[Place] = set()
    parts = [
        _build_question(number, question, material, cells.get(question.id, []), shop, secrets, told)
        for number, question in enumerate(questions, start=1)
    ]
    standing = material.standing
    return Page(
        lab=lab,
        student=standing.student,
        name=standing.name,
        total=standing.total,
        max_score=sum(question.max_score for question in questions),
        waiting=sum(part.max_points for part in parts if part.points is None),
        extra=standing.extra,
        penalty=standing.penalty,
        handed_in=standing.handed_in,
        late=describe_lateness(standing.late_s),
        notices=notices_of(material.result.findings),
        questions=tuple(parts),
        comments=tuple(
            _comment(remark, secrets)
            for place, remark in material.remarks.items()
            if place not in told and remark.by_hand
        ),
        rest=shop.show_cells(rest),
        files=shop.show_files(),
    )


def describe_lateness(seconds: float) -> str:
    """Return a span of time in words, "" for none."""
    if seconds <= 0:
        return ""
    minutes = max(1, round(seconds / 60))
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [
        f"{number} {word}{'' if number == 1 else 's'}"
        for number, word in ((days, "day"), (hours, "hour"), (minutes, "minute"))
        if number
    ]
    return " ".join(parts[:2])


def _build_question(
    number: int,
    question: Question,
    material: Material,
    cells: Sequence[NotebookCell],
    shop: WorkShop,
    secrets: Secrets,
    told: set[Place],
) -> QuestionPart:
    scores = {
        (notebook.name, cell.grade_id): (cell, notebook.status)
        for notebook in material.result.notebooks
        for cell in notebook.cells
    }
    own = [(place, *scores[place]) for place in question.cells if place in scores]
    points = [_points(cell, material.grades.get(place)) for place, cell, _ in own]
    total = None if None in points else sum(point for point in points if point is not None)
    remarks = _remarks_on(question, cells, material.remarks, told)
    checks = tuple(_check(test, secrets) for _, cell, _ in own for test in cell.tests)
    by_id = {cell.grade_id: cell for cell in cells}
    plain = [
        by_id[cell.grade_id]
        for _, cell, _ in own
        if not cell.tests and cell.kind == "test" and cell.grade_id in by_id
    ]
    works: list[Work] = list(shop.show_cells(cells, is_task=any(cell.kind == "task" for _, cell, _ in own)))
    works.extend(work for cell in plain if (work := shop.show_test(cell)) is not None)
    status, sentence = _status(total, question.max_score, own, checks)
    untouched = any(remark.text == NO_RESPONSE and not remark.by_hand for remark in remarks)
    if untouched and not total:
        status, sentence = "not attempted", UNTOUCHED
    by_hand = any(
        (grade := material.grades.get(place)) is not None and grade.manual is not None for place, _, _ in own
    )
    return QuestionPart(
        id=question.id,
        anchor=f"q{number}",
        status=status,
        points=total,
        max_points=question.max_score,
        sentence=sentence or ("A person gave these points." if by_hand else ""),
        extra=sum(grade.extra for place, _, _ in own if (grade := material.grades.get(place)) is not None),
        checks=checks,
        comments=tuple(_comment(remark, secrets) for remark in remarks if remark.text != NO_RESPONSE),
        works=tuple(works),
    )


def _points(cell: CellScore, grade: BookGrade | None) -> float | None:
    """Return a cell's points: a person's before the autograder's, as in nbgrader."""
    return grade.manual if grade is not None and grade.manual is not None else cell.score


def _status(
    total: float | None,
    maximum: float,
    own: Sequence[tuple[Place, CellScore, NotebookStatus]],
    checks: Sequence[Check],
) -> tuple[str, str]:
    for state, (status, sentence) in _STATES.items():
        if own and all(found is state for _, _, found in own) and (total is None or total == 0):
            return status, sentence
    if total is None:
        staff = any(cell.score is None and cell.kind == "test" for _, cell, _ in own)
        return "open", WAITING_FOR_STAFF if staff else WAITING
    if all(cell.kind != "test" for _, cell, _ in own):
        return "graded", ""
    if total >= maximum:
        return "passed", ""
    if total > 0:
        return "partly passed", ""
    outcomes = {check.status for check in checks} - {"skipped"}
    return (outcomes.pop() if len(outcomes) == 1 and outcomes != {"passed"} else "failed"), ""


def _check(test: TestOutcome, secrets: Secrets) -> Check:
    status = str(test.outcome)
    if test.outcome is not Outcome.PASSED and test.points > 0:
        status = "partly passed"
    has_points = test.max_points > 0
    return Check(
        status=status,
        title=secrets.cover(test.title),
        points=test.points if has_points else None,
        max_points=test.max_points if has_points else None,
        facts=() if test.hidden else read_facts(secrets.cover(test.message), secrets.cover(test.cause)),
        hidden=test.hidden,
    )


def _remarks_on(
    question: Question, cells: Sequence[NotebookCell], remarks: Mapping[Place, Remark], told: set[Place]
) -> list[Remark]:
    """Return the comments on a question's graded cells and on the answers before them."""
    notebooks = list(dict.fromkeys(notebook for notebook, _ in question.cells))
    answers = [cell.grade_id for cell in cells if cell.solution or cell.task]
    places = [*question.cells, *((notebook, answer) for notebook in notebooks for answer in answers)]
    found = [place for place in dict.fromkeys(places) if place in remarks and place not in told]
    told.update(found)
    return [remarks[place] for place in found]


def _comment(remark: Remark, secrets: Secrets) -> Markup:
    return render_markdown(secrets.cover(remark.text) if not remark.by_hand else remark.text)
