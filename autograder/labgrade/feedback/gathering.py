"""Gather what is known of each student of a class, from results, gradebook and the files beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from labgrade.clearing import ClearingRules, MarksError
from labgrade.errors import MachineError
from labgrade.feedback.building import Material
from labgrade.feedback.margins import Margins, read_margins
from labgrade.feedback.modules import StudentModule, read_module
from labgrade.feedback.notebook import NotebookCell, NotebookDamagedError, read_autograded
from labgrade.feedback.pictures import find_picture
from labgrade.feedback.secrets import Secrets, lines_of
from labgrade.report.book import Gradebook, read_gradebook
from labgrade.report.place import ClassPlace
from labgrade.report.reading import ClassResults
from labgrade.report.standing import stand
from labgrade.result import GradedSubmission, NotebookStatus

__all__ = ["ClassMaterial", "Trouble"]

_AGAIN = "run the same `labs grade` again: it makes the file anew and grades nobody else twice"


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a student has no page.

    Args:
        student: id.
        where: path.
        code: stable name.
        message: one sentence.
        hint: what to do.

    """

    student: str
    where: str
    code: str
    message: str
    hint: str = _AGAIN

    def __str__(self) -> str:
        """Return ``where: CODE message`` and the hint on a line of its own."""
        return f"{self.where}: {self.code} {self.message}\nhint: {self.hint}"


class ClassMaterial:
    """What the pages of one class are made from.

    Args:
        place: where the class lies.
        results: of the class.

    Raises:
        MachineError: the gradebook is not there, or cannot be read.

    """

    def __init__(self, place: ClassPlace, results: ClassResults) -> None:
        self._place = place
        self._results = results
        self._folder_of = place.autograded_of(results.lab)
        book = read_gradebook(place.gradebook_url, results.lab)
        if book is None:
            raise MachineError(
                "no-gradebook",
                "there is no gradebook with this lab: points and comments that people gave are in it",
                _AGAIN,
                place.gradebook_url,
            )
        self._book: Gradebook = book
        self._margins: Margins = read_margins(place.gradebook_url, results.lab)

    def gather(self, result: GradedSubmission) -> Material | Trouble:
        """Return what is known of a student; the trouble where the student's own files are the reason."""
        folder = self._folder_of(result.student)
        submission = self._book.submissions.get(result.student)
        if submission is None:
            return Trouble(
                result.student,
                self._place.gradebook_url,
                "feedback-not-in-gradebook",
                f"the gradebook has no submission of '{result.student}'",
            )
        notebooks: dict[str, list[NotebookCell]] = {}
        for notebook in result.notebooks:
            if notebook.status is NotebookStatus.GRADED:
                source = folder / f"{notebook.name}.ipynb"
                try:
                    notebooks[notebook.name] = read_autograded(source)
                except NotebookDamagedError as fault:
                    return Trouble(
                        result.student,
                        str(source),
                        "feedback-notebook",
                        f"the autograded notebook is damaged: {fault}",
                    )
        return Material(
            result=result,
            standing=stand(result, self._results.questions, self._book),
            grades=submission.grades,
            remarks=self._margins.remarks.get(result.student, {}),
            notebooks=notebooks,
            modules=self._modules(folder),
            find_image=lambda name: find_picture(folder, name),
        )

    def _modules(self, folder: Path) -> list[StudentModule]:
        names = self._results.about.get("student_files", [])
        found = (read_module(folder, name) for name in names if isinstance(name, str))
        return [module for module in found if module is not None]

    @cached_property
    def secrets(self) -> Secrets:
        """Lines of the tests that students did not get, by the course's marks and by what notebooks show."""
        public: set[str] = set()
        hidden: set[str] = set()
        shown = self._shown_tests()
        for cell, source in self._margins.sources.items():
            visible = _public_lines(source, self._place.course.rules) & lines_of(shown.get(cell, source))
            public |= visible
            hidden |= lines_of(source) - visible
        return Secrets(hidden - public, public | self._titles())

    def _titles(self) -> set[str]:
        """Return the sentences of the tests, which students are told; all who were graded have the same."""
        for result in self._results:
            cells = (cell for notebook in result.notebooks for cell in notebook.cells)
            if titles := {test.title for cell in cells for test in cell.tests}:
                return titles
        return set()

    def _shown_tests(self) -> Mapping[tuple[str, str], str]:
        """Return the tests as an autograded notebook shows them, whatever marks the lab's own course uses."""
        shown: dict[tuple[str, str], str] = {}
        missing = {notebook for notebook, _ in self._margins.sources}
        for result in self._results:
            if not missing:
                break
            for name in sorted(missing):
                try:
                    cells = read_autograded(self._folder_of(result.student) / f"{name}.ipynb")
                except NotebookDamagedError:
                    continue  # the next student's will do
                missing.discard(name)
                shown.update({(name, cell.grade_id): cell.source for cell in cells if cell.grade_id})
        return shown


def _public_lines(source: str, rules: ClearingRules) -> set[str]:
    """Return the lines of a test that students got; none where marks are not closed."""
    try:
        return lines_of(rules.clear_hidden(source))
    except MarksError:
        return set()
