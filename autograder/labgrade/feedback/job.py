"""Write the pages of a class: one file for each student, whole or not at all."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from labgrade.clearing import ClearingRules
from labgrade.errors import MachineError, UsageError
from labgrade.feedback.building import Material, build_page
from labgrade.feedback.margins import Margins, read_margins
from labgrade.feedback.modules import StudentModule, read_module
from labgrade.feedback.notebook import NotebookCell, NotebookDamagedError, read_autograded
from labgrade.feedback.page import GENERATOR, render_page
from labgrade.feedback.secrets import Secrets, lines_of
from labgrade.pages.images import MAX_BYTES, make_address
from labgrade.report.book import Gradebook, read_gradebook
from labgrade.report.files import write_page
from labgrade.report.place import ClassPlace
from labgrade.report.reading import ClassResults, read_results
from labgrade.report.standing import stand
from labgrade.result import GradedSubmission, NotebookStatus

__all__ = ["FeedbackSummary", "Trouble", "write_feedback"]

_KINDS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}
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


@dataclass(slots=True)
class FeedbackSummary:
    """What became of a class.

    Args:
        folder: where the pages are.
        lab: the assignment.
        written: students with a page, in order.
        troubles: students without one, and why.
        removed: names of old pages that are gone: of students who are no longer there, or have no page now.

    """

    folder: Path
    lab: str
    written: list[str] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def write_feedback(
    place: ClassPlace,
    *,
    out: Path | None = None,
    students: Sequence[str] = (),
    tell: Callable[[str, Path | None], None] = lambda student, path: None,
) -> FeedbackSummary:
    """Write the pages.

    Args:
        place: where the class lies.
        out: folder of the pages; beside the results if None.
        students: ids; all if empty. Pages of students who are gone are removed only when all are written.
        tell: called after each student, with the path of the page or None.

    Raises:
        UsageError: there are no results, or a named student is not among them.
        MachineError: the gradebook cannot be read, or the disk does not take a page.

    """
    results = read_results(place.results)
    job = _Job(place, results)
    folder = out or place.feedback
    summary = FeedbackSummary(folder, results.lab)
    chosen = _choose(results, students)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(
            "feedback-folder", f"the folder cannot be made: {error.strerror}", where=str(folder)
        ) from error
    for result in chosen:
        path = folder / f"{result.student}.html"
        trouble = job.write(result, path)
        if trouble is None:
            summary.written.append(result.student)
        else:
            summary.troubles.append(trouble)
        tell(result.student, path if trouble is None else None)
    keep = set(summary.written)
    if students:
        keep |= {result.student for result in results} - set(students)
    summary.removed.extend(_remove_stale(folder, keep, only=set(students)))
    return summary


def _choose(results: ClassResults, students: Sequence[str]) -> Iterator[GradedSubmission]:
    if students:
        known = {result.student for result in results}
        for student in students:
            if student not in known:
                names = ", ".join(sorted(known)[:12])
                raise UsageError(
                    "no-student",
                    f"there is no result of '{student}'",
                    f"there are {names}{' …' if len(known) > 12 else ''}",
                    str(results.path),
                )
    return (result for result in results if not students or result.student in students)


class _Job:
    """What the pages of one class share."""

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

    def write(self, result: GradedSubmission, path: Path) -> Trouble | None:
        """Write one page; say why not where the student's own files are the reason."""
        if Path(result.student).name != result.student or result.student in ("", ".", ".."):
            return Trouble(
                result.student, str(self._results.path), "student-id", "the id cannot be the name of a file"
            )
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
        material = Material(
            result=result,
            standing=stand(result, self._results.questions, self._book),
            grades=submission.grades,
            remarks=self._margins.remarks.get(result.student, {}),
            notebooks=notebooks,
            modules=self._modules(folder),
            find_image=lambda name: _find_image(folder, name),
        )
        page = build_page(self._results.lab, self._results.questions, material, self._secrets)
        write_page(path, render_page(page))
        return None

    def _modules(self, folder: Path) -> list[StudentModule]:
        names = self._results.about.get("student_files", [])
        found = (read_module(folder, name) for name in names if isinstance(name, str))
        return [module for module in found if module is not None]

    @cached_property
    def _secrets(self) -> Secrets:
        """Lines of the tests that students did not get, by the course's marks and by what notebooks show."""
        rules: ClearingRules = self._place.course.rules
        public: set[str] = set()
        hidden: set[str] = set()
        shown = self._shown_tests()
        for cell, source in self._margins.sources.items():
            visible = lines_of(rules.clear_hidden(source)) & lines_of(shown.get(cell, source))
            public |= visible
            hidden |= lines_of(source) - visible
        for result in self._results:
            public |= {
                test.title for notebook in result.notebooks for cell in notebook.cells for test in cell.tests
            }
            break
        return Secrets(hidden - public, public)

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


def _find_image(folder: Path, name: str) -> str | None:
    """Return the address of a picture of the submission; None if it is none, or lies elsewhere."""
    path = Path(os.path.normpath(folder / name))
    kind = _KINDS.get(path.suffix.lower())
    if kind is None or not path.is_relative_to(folder) or "\0" in name:
        return None
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.stat().st_size > MAX_BYTES:
            return None
        data = path.read_bytes()
    except (OSError, ValueError):
        return None
    return make_address(kind, base64.b64encode(data).decode())


def _remove_stale(folder: Path, keep: set[str], only: set[str]) -> list[str]:
    """Remove pages of ours that nobody keeps, and leave every other file alone."""
    removed = []
    for path in sorted(folder.glob("*.html")):
        student = path.name.removesuffix(".html")
        if student in keep or (only and student not in only) or path.is_symlink():
            continue
        try:
            with path.open("rb") as file:
                is_ours = f'content="{GENERATOR}"'.encode() in file.read(4096)
            if is_ours:
                path.unlink()
                removed.append(path.name)
        except OSError as error:
            raise MachineError(
                "feedback-folder", f"an old page cannot be removed: {error.strerror}", where=str(path)
            ) from error
    return removed
