"""Read a graded class: results, gradebook (points given by hand come first), and who worked together."""

from __future__ import annotations

from collections.abc import Mapping

from labgrade.collect.mapping import read_record
from labgrade.collect.model import Entry, Person
from labgrade.export.model import ClassGrades, PersonGrade
from labgrade.model import Finding, Severity
from labgrade.report.book import Gradebook, read_gradebook
from labgrade.report.place import ClassPlace
from labgrade.report.reading import read_results
from labgrade.report.standing import Standing, absent_students, stand
from labgrade.result import GradedSubmission

__all__ = ["read_grades"]


def read_grades(place: ClassPlace) -> ClassGrades:
    """Read a class.

    Raises:
        UsageError: there are no results, or they are damaged.
        MachineError: the gradebook cannot be read.

    """
    results = read_results(place.results)
    book = read_gradebook(place.gradebook_url, results.lab)
    findings: list[Finding] = []
    if book is None:
        message = "there is no gradebook, so points that were given by hand are missing from this export"
        findings.append(Finding("gradebook-missing", message, Severity.LOOK))
        book = Gradebook()
    record = read_record(place.folder)
    entries = {entry.folder: entry for entry in record.entries if entry.folder} if record else {}
    rows: dict[str, PersonGrade] = {}
    standings: list[Standing] = []
    for result in results:
        standing = stand(result, results.questions, book)
        standings.append(standing)
        entry = entries.get(result.student)
        for row in _rows(result, standing, entry):
            if row.student in rows:
                row = _conflicting(rows[row.student], row, findings)
            rows[row.student] = row
        _look_again(result, book, findings)
    members = {student for entry in entries.values() for student in entry.students}
    for standing in absent_students(standings, results.questions, book):
        if standing.student not in rows and standing.student not in members:
            person = Person(name=standing.name, login=standing.student)
            rows[standing.student] = PersonGrade(standing.student, person, "absent", standing)
    _tell_open(rows, findings)
    return ClassGrades(
        results.lab, results.questions, tuple(rows[key] for key in sorted(rows)), tuple(findings)
    )


def _rows(result: GradedSubmission, standing: Standing, entry: Entry | None) -> list[PersonGrade]:
    state = "open" if standing.open_cells else "graded"
    if entry is None:
        person = Person(name=standing.name, login=result.student)
        return [PersonGrade(result.student, person, state, standing, "", result)]
    group = result.student if len(entry.students) > 1 else ""
    return [
        PersonGrade(student, _person(student, entry, standing), state, standing, group, result)
        for student in entry.students
    ]


def _person(student: str, entry: Entry, standing: Standing) -> Person:
    """Return what is known of a member; the LMS's number belongs to who handed in, and only if alone."""
    alone = len(entry.students) == 1
    name = entry.names.get(student, "") or (standing.name or entry.person.name if alone else "")
    if not alone:
        return Person(name=name, login=student)
    return Person(name, entry.person.number, student, entry.person.email)


def _conflicting(one: PersonGrade, other: PersonGrade, findings: list[Finding]) -> PersonGrade:
    message = (
        f"'{one.student}' is in the submissions of '{one.submission}' and of '{other.submission}'; which one "
        "counts is for a person to say: correct the mapping, collect and grade again"
    )
    findings.append(Finding("grade-conflict", message, Severity.LOOK))
    return PersonGrade(one.student, one.person, "conflict", one.standing, one.group, one.result)


def _look_again(result: GradedSubmission, book: Gradebook, findings: list[Finding]) -> None:
    """Tell of points by hand that nbgrader marks because the automatic ones changed."""
    submission = book.submissions.get(result.student)
    for (notebook, cell), grade in submission.grades.items() if submission else ():
        if grade.is_open and grade.manual is not None:
            message = f"'{result.student}': the points given by hand stand, but the automatic ones changed"
            findings.append(Finding("grade-to-review", message, Severity.LOOK, notebook, cell))


def _tell_open(rows: Mapping[str, PersonGrade], findings: list[Finding]) -> None:
    waiting = [row.student for row in rows.values() if row.state == "open"]
    if waiting:
        shown = ", ".join(waiting[:8]) + (" …" if len(waiting) > 8 else "")
        message = f"{len(waiting)} wait for points that a person gives: {shown}"
        findings.append(Finding("grades-open", message, Severity.LOOK))
