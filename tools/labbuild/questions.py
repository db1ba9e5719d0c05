"""Questions of a whole lab: ids, who answers what, what is tested where."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from labbuild.colab import ColabConfig
from labbuild.compiled import AnswerPlace, Question
from labbuild.diagnostics import Diagnostics
from labbuild.draft import DraftCell, DraftNotebook
from labbuild.grading import Grading
from labbuild.modules import DraftModule
from labbuild.notebooks import cells_before

__all__ = ["Questions", "find_questions"]

_HEADING = re.compile(r"#{1,6}\s+(.*\S)")


@dataclass(slots=True)
class _Entry:
    title: str
    answers: list[AnswerPlace] = field(default_factory=list)
    tests: list[str] = field(default_factory=list)
    points: dict[str, float] = field(default_factory=dict)
    kind: str = "auto"
    has_answer: bool = False
    is_foreign: bool = False
    place: tuple[Diagnostics, int] | None = None
    first_test: tuple[Diagnostics, int] | None = None


@dataclass(frozen=True, slots=True)
class Questions:
    """What :func:`find_questions` found.

    Args:
        questions: in order of appearance.
        grade_ids: for each notebook, for each cell, nbgrader's id or "".

    """

    questions: tuple[Question, ...]
    grade_ids: tuple[tuple[str, ...], ...]


def find_questions(
    notebooks: Sequence[DraftNotebook],
    modules: Sequence[DraftModule],
    lab: str,
    colab: ColabConfig | None,
    elsewhere: frozenset[str] = frozenset(),
) -> Questions:
    """Match answers with tests over all files of a lab.

    Args:
        notebooks: in the lab's order.
        modules: the companion modules.
        lab: its name.
        colab: where it is published: decides how many cells the builder adds.
        elsewhere: ids that files answer or test which are not being built now.

    Returns:
        The questions and the grade ids. Contradictions go to the report of the file they stand in.

    """
    entries: dict[str, _Entry] = {}
    all_ids: list[tuple[str, ...]] = []
    module_answers = {
        identifier: (draft, line, place)
        for draft in modules
        for identifier, (line, place) in draft.answers.items()
    }
    _report_module_duplicates(modules)
    for notebook in notebooks:
        all_ids.append(_walk(notebook, entries, lab, colab))
    for identifier, (draft, line, place) in module_answers.items():
        entry = entries.setdefault(identifier, _Entry(identifier))
        if entry.has_answer and entry.place:
            _report_duplicate(identifier, draft.report, line, entry.place)
        entry.has_answer = True
        entry.answers.append(place)
        entry.place = (draft.report, line)
    for identifier, entry in entries.items():
        _report_unmatched(identifier, entry, entries, elsewhere)
    questions = tuple(
        Question(
            identifier,
            sum(entry.points.values()),
            "task" if entry.kind == "task" else "manual" if entry.kind == "manual" else "auto",
            entry.title,
            tuple(entry.answers),
            tuple(entry.tests),
            dict(entry.points),
        )
        for identifier, entry in entries.items()
        if entry.points or entry.answers
    )
    return Questions(questions, tuple(all_ids))


def _walk(
    notebook: DraftNotebook, entries: dict[str, _Entry], lab: str, colab: ColabConfig | None
) -> tuple[str, ...]:
    ids: list[str] = []
    heading = ""
    regions = locked = 0
    used: dict[str, int] = {}
    for index, cell in enumerate(notebook.cells):
        heading = _heading(cell) or heading
        grading = cell.grading
        if grading is None:
            ids.append("")
            continue
        if grading.kind == "locked":
            locked += 1
            grade_id = grading.grade_id or f"locked-{locked}"
        elif not grading.question:
            regions += 1
            grade_id = f"region-{regions}"
        else:
            entry = entries.setdefault(grading.question, _Entry(heading or grading.question))
            position = index + cells_before(notebook, index, lab, colab)
            grade_id = _enter(grading, entry, notebook, cell, position)
        if grade_id in used:
            _report_duplicate(grade_id, notebook.report, grading.line, (notebook.report, used[grade_id]))
        used[grade_id] = grading.line
        ids.append(grade_id)
    return tuple(ids)


def _heading(cell: DraftCell) -> str:
    if cell.cell_type != "markdown":
        return ""
    found = [match[1] for row in cell.texts.student.split("\n") if (match := _HEADING.match(row))]
    return found[-1].strip("# ") if found else ""


def _enter(grading: Grading, entry: _Entry, notebook: DraftNotebook, cell: DraftCell, position: int) -> str:
    """Add a cell to its question and return its grade id."""
    if grading.kind == "test":
        number = len(entry.tests) + 1
        grade_id = grading.grade_id or f"test-{grading.question}" + (f"-{number}" if number > 1 else "")
        entry.tests.append(grade_id)
        entry.points[grade_id] = grading.points
        entry.first_test = entry.first_test or (notebook.report, grading.line)
        entry.is_foreign = entry.is_foreign or bool(grading.grade_id)
        return grade_id
    if entry.has_answer and entry.place:
        _report_duplicate(grading.question, notebook.report, grading.line, entry.place)
    entry.has_answer = True
    entry.is_foreign = entry.is_foreign or bool(grading.grade_id)
    entry.place = (notebook.report, grading.line)
    if grading.kind in ("manual", "task"):
        entry.kind = grading.kind
        entry.points[grading.question] = grading.points
    for first, last in cell.texts.answers:
        entry.answers.append(AnswerPlace(notebook.name, "cell", position, first, last))
    return grading.question


def _report_duplicate(
    identifier: str, report: Diagnostics, line: int, first: tuple[Diagnostics, int]
) -> None:
    if identifier == "?":
        return
    there = f"line {first[1]}" if first[0] is report else f"{first[0].path.name}:{first[1]}"
    report.add(
        "LB401",
        f"the id '{identifier}' is already used in {there}",
        line=line,
        related=(first[1],) if first[0] is report else (),
        hint="give every answer an id of its own",
    )


def _report_module_duplicates(modules: Sequence[DraftModule]) -> None:
    first: dict[str, tuple[Diagnostics, int]] = {}
    for draft in modules:
        for identifier, (line, _) in draft.answers.items():
            if identifier in first:
                _report_duplicate(identifier, draft.report, line, first[identifier])
            first.setdefault(identifier, (draft.report, line))


def _report_unmatched(
    identifier: str, entry: _Entry, entries: Mapping[str, _Entry], elsewhere: frozenset[str]
) -> None:
    if identifier == "?" or identifier in elsewhere or entry.is_foreign:
        return
    if not entry.has_answer and entry.first_test:
        report, line = entry.first_test
        known = sorted(key for key, other in entries.items() if other.has_answer and key != "?")
        report.add(
            "LB402",
            f"the test of '{identifier}' has no answer to test",
            line=line,
            hint=f"write '#!TAG ANSWER {identifier}' in the cell, or above the region, that answers it"
            + (f"; answers there are: {', '.join(known)}" if known else ""),
        )
    elif entry.has_answer and not entry.tests and entry.kind == "auto" and entry.place:
        report, line = entry.place
        if any(found.is_error and found.line == line for found in report.found):
            return  # the tag itself is wrong
        report.add(
            "LB403",
            f"nobody grades the answer '{identifier}'",
            line=line,
            hint=f"write a cell '#!TAG TEST {identifier} points=3', or give it points to be graded by hand",
        )
