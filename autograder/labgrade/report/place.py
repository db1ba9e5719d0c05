"""Where a graded class lies: results, gradebook, autograded notebooks and feedback pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from labgrade.course import CourseSettings, read_course
from labgrade.errors import UsageError
from labgrade.report.reading import RESULTS_NAME

__all__ = ["ClassPlace", "find_class"]

GRADED = Path("graded")
"""Where ``labs grade`` puts a lab without ``--out``."""


@dataclass(frozen=True, slots=True)
class ClassPlace:
    """A graded class on the disk.

    Args:
        results: path of ``results.json``.
        course: nbgrader's folders.

    """

    results: Path
    course: CourseSettings

    @property
    def folder(self) -> Path:
        """Where results, journal and pages lie."""
        return self.results.parent

    @property
    def gradebook_url(self) -> str:
        """The gradebook's SQLAlchemy URL."""
        return self.course.gradebook_url

    @property
    def feedback(self) -> Path:
        """Folder of the students' feedback pages."""
        return self.folder / "feedback"

    def autograded_of(self, lab: str) -> Callable[[str], Path]:
        """Return the function from a student to the folder of the autograded notebooks."""
        return lambda student: self.course.folder(self.course.autograded, student, lab)


def find_class(target: str | None, course: str | None) -> ClassPlace:
    """Find a class by what was typed.

    Args:
        target: the folder that ``labs grade`` wrote, or its ``results.json``; with a course the assignment;
            None for the one folder in ``graded/``.
        course: folder of an nbgrader course, None without one.

    Raises:
        UsageError: there is no such class, or more than one.

    """
    if course is not None:
        if target is None:
            raise UsageError("no-assignment", "name the assignment of the course", where=course)
        root = Path(course)
        if not root.is_dir():
            raise UsageError("no-course", "there is no such folder", where=course)
        return ClassPlace(root / ".labs" / target / RESULTS_NAME, read_course(root))
    path = Path(target) if target is not None else _only_graded()
    results = path if path.name == RESULTS_NAME else path / RESULTS_NAME
    known = CourseSettings(root=results.parent.resolve())
    return ClassPlace(results, replace(known, structure="{nbgrader_step}/{student_id}/{assignment_id}"))


def _only_graded() -> Path:
    found = sorted(path.parent for path in GRADED.glob(f"*/{RESULTS_NAME}"))
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            "no-results",
            "there is no graded lab here",
            "name the folder that `labs grade` wrote (--out), or --course DIR ASSIGNMENT",
            str(GRADED),
        )
    names = ", ".join(str(path) for path in found[:12])
    raise UsageError("no-results", "several labs are graded here", f"name one of {names}", str(GRADED))
