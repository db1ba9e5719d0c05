"""The columns of every table: the lab's questions, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labgrade.model import LabSpec
from labgrade.result import GradedSubmission
from labgrade.score import question_of

__all__ = ["Question", "points_by_question", "questions_of"]


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the lab.

    Args:
        id: as it is written in the source; with the notebook in front where two notebooks use it.
        max_score: points of all its cells.
        cells: (notebook, grade id) of each.

    """

    id: str
    max_score: float
    cells: tuple[tuple[str, str], ...]


def questions_of(spec: LabSpec) -> list[Question]:
    """Return the questions in the order of the notebooks and their cells."""
    found: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for notebook in spec.notebooks:
        for cell in notebook.cells:
            if cell.grade or cell.task:
                found.setdefault((notebook.name, question_of(cell, notebook)), []).append(
                    (cell.grade_id, cell.points)
                )
    names = [question for _, question in found]
    return [
        Question(
            question if names.count(question) == 1 else f"{notebook}/{question}",
            sum(points for _, points in cells),
            tuple((notebook, grade_id) for grade_id, _ in cells),
        )
        for (notebook, question), cells in found.items()
    ]


def points_by_question(result: GradedSubmission, questions: Sequence[Question]) -> list[float | None]:
    """Return a submission's points for each question; None where a person still has to give some."""
    scores = {
        (notebook.name, cell.grade_id): cell.score for notebook in result.notebooks for cell in notebook.cells
    }
    points: list[float | None] = []
    for question in questions:
        own = [scores.get(place) for place in question.cells]
        known = [score for score in own if score is not None]
        points.append(sum(known) if len(known) == len(own) else None)
    return points
