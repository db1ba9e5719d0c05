"""What the points of a class say about its questions."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from labgrade.report.questions import Question
from labgrade.report.standing import Standing

__all__ = ["Histogram", "QuestionStatistics", "describe_discrimination", "question_statistics", "totals"]

FEWEST = 10
"""Below so many answers a correlation says nothing."""
BINS = 10


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often which points occur.

    Args:
        counts: of each bin; the last one has its upper end in it.
        limit: upper end of the last bin; the first begins at 0.

    """

    counts: tuple[int, ...]
    limit: float

    @property
    def width(self) -> float:
        """Points that one bin spans."""
        return self.limit / len(self.counts)


@dataclass(frozen=True, slots=True)
class QuestionStatistics:
    """What is known of a question in this class.

    Args:
        question: its id and points.
        count: answers with points, of students who handed the notebook in.
        open: answers that wait for a person.
        mean, median, deviation: of the points; 0 if there are none.
        full, zero: answers with all points, and with none.
        histogram: of the points.
        discrimination: correlation of the points with those of the rest of the lab (point-biserial where a
            question is right or wrong); None if it cannot be told.

    """

    question: Question
    count: int
    open: int
    mean: float
    median: float
    deviation: float
    full: int
    zero: int
    histogram: Histogram
    discrimination: float | None

    @property
    def share(self) -> float:
        """Mean as a share of the question's points, 0 to 1."""
        return self.mean / self.question.max_score if self.question.max_score else 0.0


def question_statistics(
    standings: Sequence[Standing], questions: Sequence[Question]
) -> list[QuestionStatistics]:
    """Return the statistics of each question, over those who handed in its notebook.

    A notebook that is missing has 0 points in every question, which would make all questions go together.
    """
    return [_of_question(number, question, standings) for number, question in enumerate(questions)]


def _of_question(number: int, question: Question, standings: Sequence[Standing]) -> QuestionStatistics:
    notebooks = {notebook for notebook, _ in question.cells}
    there = [one for one in standings if not one.absent and notebooks.isdisjoint(one.missing)]
    known = [(one, point) for one in there if (point := one.points[number]) is not None]
    points = [point for _, point in known]
    rests = [sum(point or 0.0 for point in one.points) - own for one, own in known]
    top = question.max_score
    return QuestionStatistics(
        question=question,
        count=len(points),
        open=len(there) - len(points),
        mean=statistics.fmean(points) if points else 0.0,
        median=statistics.median(points) if points else 0.0,
        deviation=statistics.pstdev(points) if points else 0.0,
        full=sum(point >= top for point in points),
        zero=sum(point <= 0 for point in points),
        histogram=histogram(points, top, BINS),
        discrimination=_correlation(points, rests),
    )


def _correlation(points: Sequence[float], rests: Sequence[float]) -> float | None:
    if len(points) < FEWEST or len(set(points)) == 1 or len(set(rests)) == 1:
        return None
    return statistics.correlation(points, rests)


def histogram(points: Sequence[float], limit: float, bins: int) -> Histogram:
    """Count the points in equal bins from 0; what lies above the limit widens the last bin's end."""
    limit = max([limit, *points]) or 1.0
    counts = [0] * bins
    for point in points:
        counts[max(0, min(bins - 1, int(point / limit * bins)))] += 1
    return Histogram(tuple(counts), limit)


def totals(standings: Sequence[Standing]) -> list[float]:
    """Return the totals of those who handed in something."""
    return [one.total for one in standings if not one.absent]


def describe_discrimination(one: QuestionStatistics) -> str:
    """Say in a sentence what a question's discrimination means."""
    if one.count < FEWEST:
        return f"Only {one.count} answers have points: too few to compare with the rest of the lab."
    if one.discrimination is None:
        if one.zero == one.count or one.full == one.count:
            all_or_no = "all" if one.full == one.count else "no"
            return f"Everyone has {all_or_no} points, so it does not tell students apart."
        return "It cannot be compared with the rest of the lab: the points do not vary."
    if one.discrimination < 0:
        return "Students who did well elsewhere did worse here: look at the question and its tests first."
    if one.discrimination < 0.2:
        return "Hardly goes with the rest: too easy, too hard, about something else, or a test is off."
    if one.discrimination < 0.4:
        return "Goes with the rest of the lab, though loosely."
    return "Tells well apart who did well in the rest of the lab and who did not."
