"""Write the pages of a class: one file for each student, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labgrade.errors import MachineError, UsageError
from labgrade.feedback.building import build_page
from labgrade.feedback.gathering import ClassMaterial, Trouble
from labgrade.feedback.page import GENERATOR, render_page
from labgrade.report.files import write_page
from labgrade.report.place import ClassPlace
from labgrade.report.reading import ClassResults, read_results
from labgrade.result import GradedSubmission

__all__ = ["FeedbackSummary", "Trouble", "write_feedback"]


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
    material = ClassMaterial(place, results)
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
        trouble = _write_page(material, results, result, path)
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


def _write_page(
    material: ClassMaterial, results: ClassResults, result: GradedSubmission, path: Path
) -> Trouble | None:
    if Path(result.student).name != result.student or result.student in ("", ".", ".."):
        return Trouble(result.student, str(results.path), "student-id", "the id cannot be the name of a file")
    found = material.gather(result)
    if isinstance(found, Trouble):
        return found
    write_page(path, render_page(build_page(results.lab, results.questions, found, material.secrets)))
    return None


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
