"""nbgrader's score rule, closed where it fails open."""

from __future__ import annotations

import pytest
from labbuild.check.score import score_cell


@pytest.mark.parametrize(
    ("crashed", "result", "points", "reason"),
    [
        (True, None, 0.0, ""),
        (True, "3.0", 0.0, ""),
        (False, None, 3.0, ""),
        (False, "1.5", 1.5, ""),
        (False, "3", 3.0, ""),
        (False, "0.0", 0.0, ""),
        (False, "nan", 0.0, "NaN"),
        (False, "-1", 0.0, "negative"),
        (False, "3.5", 0.0, "above"),
        (False, "inf", 0.0, "above"),
        (False, "'ok'", 0.0, "not a number"),
    ],
)
def test_score_of_a_cell_follows_the_rule(
    crashed: bool, result: str | None, points: float, reason: str
) -> None:
    """Error gives 0, no value gives all, a number gives itself, anything else gives 0 with a reason."""
    score = score_cell(crashed=crashed, result=result, maximum=3.0)
    assert score.points == points
    assert reason in score.reason
    assert bool(score.reason) == bool(reason)
