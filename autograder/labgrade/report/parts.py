"""Sections of the class page that come from elsewhere: what a regrade changed, and similar answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labgrade.errors import GradeError
from labgrade.regrade.diff import compare_results
from labgrade.regrade.earlier import PREVIOUS_NAME
from labgrade.regrade.page import render_diff_part
from labgrade.report.book import Gradebook
from labgrade.report.classpage import PagePart
from labgrade.report.handed_out import find_handed_out
from labgrade.report.place import ClassPlace
from labgrade.report.reading import ClassResults, read_results
from labgrade.similar import AnswerShelf, SimilarPair, Unit, find_pairs
from labgrade.similar.page import render_pairs

__all__ = ["Comparison", "changes_part", "compare_answers", "similar_part"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What comparing the answers of a class gave.

    Args:
        pairs: the heaviest first.
        unreadable: students who could not be compared.
        has_lab: what was handed out is known from the lab itself.

    """

    pairs: Sequence[SimilarPair]
    unreadable: Sequence[str]
    has_lab: bool


def changes_part(place: ClassPlace, results: ClassResults, book: Gradebook | None) -> PagePart | None:
    """Return what changed since the results before these; None if there were none, or they are unreadable."""
    path = place.folder / PREVIOUS_NAME
    if not path.is_file():
        return None
    try:
        diff = compare_results(read_results(path), results, book, new_digest=results.lab_digest)
    except GradeError:  # of an older version: the page is about the present results
        return None
    if not diff.changes:
        return None
    return PagePart("changes", "Changes by the last regrade", render_diff_part(diff))


def compare_answers(place: ClassPlace, results: ClassResults, book: Gradebook | None, lab: str) -> Comparison:
    """Compare the answers of a class.

    Args:
        place: of the class.
        results: say who is in it and which files students write.
        book: knows the answers' first texts.
        lab: folder or name of the lab, "" to look where it usually is.

    Raises:
        UsageError: the lab that was named is not there.

    """
    given = find_handed_out(place, results.lab, book, lab)
    notebooks = dict.fromkeys(notebook for question in results.questions for notebook, _ in question.cells)
    modules = [str(path) for path in results.about.get("student_files", [])]
    shelf = AnswerShelf(place.autograded_of(results.lab), tuple(notebooks), modules, given.cells)

    def answers() -> Iterator[tuple[str, Sequence[Unit]]]:
        for student in results.positions():
            yield student, shelf.read(student)

    pairs = find_pairs(answers(), given.units)
    return Comparison(pairs, tuple(shelf.unreadable), given.has_lab)


def similar_part(found: Comparison) -> PagePart:
    """Return the section with the pairs."""
    html = render_pairs(found.pairs, unreadable=len(found.unreadable), has_lab=found.has_lab)
    return PagePart("similar", "Similar answers", html)
