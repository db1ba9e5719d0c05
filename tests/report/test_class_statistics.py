"""Means, distributions and discrimination of questions."""

from __future__ import annotations

import pytest
from labgrade.report.questions import Question
from labgrade.report.standing import Standing
from labgrade.report.statistics import describe_discrimination, histogram, question_statistics

A = Question("a", 1.0, (("n", "test-a"),))
B = Question("b", 4.0, (("n", "test-b"),))


def _class(*points: tuple[float | None, float | None]) -> list[Standing]:
    return [Standing(f"s{number}", "", pair) for number, pair in enumerate(points)]


def test_question_statistics_of_right_and_wrong_is_the_point_biserial() -> None:
    """For a question of 0 or 1 the figure is the point-biserial correlation with the rest, by its formula."""
    pairs = [(1.0, 4.0), (1.0, 3.0), (0.0, 1.0), (0.0, 2.0), (1.0, 2.0), (0.0, 0.0)] * 2
    one, _ = question_statistics(_class(*pairs), [A, B])
    rest = [b for _, b in pairs]
    mean = sum(rest) / len(rest)
    deviation = (sum((b - mean) ** 2 for b in rest) / len(rest)) ** 0.5
    right = [b for a, b in pairs if a]
    wrong = [b for a, b in pairs if not a]
    share = len(right) / len(pairs)
    expected = (sum(right) / len(right) - sum(wrong) / len(wrong)) / deviation * (share * (1 - share)) ** 0.5
    assert one.discrimination == pytest.approx(expected)
    assert (one.mean, one.full, one.zero, one.count, one.open) == (0.5, 6, 6, 12, 0)
    assert "Tells well apart" in describe_discrimination(one)


def test_question_statistics_leaves_out_open_points_and_missing_notebooks() -> None:
    """An answer that waits for a person counts as open; a notebook that is not there does not count."""
    there = _class((1.0, None), (0.0, 2.0))
    gone = Standing("gone", "", (0.0, 0.0), missing=("n",))
    absent = Standing("absent", "", (0.0, 0.0), absent=True)
    a, b = question_statistics([*there, gone, absent], [A, B])
    assert (a.count, a.open, a.mean) == (2, 0, 0.5)
    assert (b.count, b.open, b.mean, b.share) == (1, 1, 2.0, 0.5)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([(1.0, 1.0)] * 3, "Only 3 answers"),
        ([(1.0, float(n % 4)) for n in range(12)], "Everyone has all points"),
        ([(0.0, float(n % 4)) for n in range(12)], "Everyone has no points"),
        ([(0.5, float(n % 4)) for n in range(12)], "do not vary"),
        ([(n % 2 * 1.0, 4.0 - n % 2 * 4) for n in range(12)], "look at the question"),
        ([(n % 2 * 1.0, n // 2 % 2 * 1.0) for n in range(12)], "Hardly goes"),
        ([(float(n < 6), float(n < 4 or 6 <= n < 8)) for n in range(12)], "loosely"),
    ],
)
def test_discrimination_is_told_in_a_sentence(pairs: list[tuple[float, float]], said: str) -> None:
    """Each range of the figure has its sentence; no figure says why there is none."""
    one = question_statistics(_class(*pairs), [A, B])[0]
    assert said in describe_discrimination(one), one.discrimination


def test_histogram_counts_each_point_once() -> None:
    """The upper end belongs to the last bin; points above the limit widen it."""
    assert histogram([0, 0.9, 1, 10], 10, 10).counts == (2, 1, 0, 0, 0, 0, 0, 0, 0, 1)
    wide = histogram([12, 1], 10, 4)
    assert (wide.limit, wide.counts, wide.width) == (12, (1, 0, 0, 1), 3)
    assert histogram([], 0, 2).counts == (0, 0)
