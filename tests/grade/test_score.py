"""From outputs and runs to points."""

from __future__ import annotations

import math
from typing import Any

import pytest
from labgrade.intake import RawSubmission
from labgrade.ipynb import format_notebook
from labgrade.lab import Lab
from labgrade.model import CellRun, CellState, NotebookRun, Severity, SubmissionRun, TestCellRun
from labgrade.prepare import Prepared, prepare_submission
from labgrade.result import GradedSubmission, NotebookStatus
from labgrade.score import question_of, score_outputs, score_submission


def _result(text: Any) -> dict[str, Any]:
    return {
        "output_type": "execute_result",
        "data": {"text/plain": text},
        "metadata": {},
        "execution_count": 1,
    }


ERROR = {"output_type": "error", "ename": "E", "evalue": "", "traceback": []}
OUT = {"output_type": "stream", "name": "stdout", "text": "1.0"}
ERR = {"output_type": "stream", "name": "stderr", "text": "warning"}


@pytest.mark.parametrize(
    ("outputs", "points"),
    [
        ([], 4.0),
        ([OUT], 4.0),
        ([ERROR], 0.0),
        ([OUT, ERROR], 0.0),
        ([_result("3.0")], 3.0),
        ([_result(["2.5"])], 2.5),
        ([_result("0")], 0.0),
        ([_result("4")], 4.0),
        ([_result("1.0"), ERROR], 1.0),
        ([ERROR, _result("1.0")], 0.0),
        ([OUT, _result("1")], 1.0),
    ],
)
def test_score_outputs_follows_nbgrader(outputs: list[dict[str, Any]], points: float) -> None:
    """An error is 0, a number counts, anything else is full marks; nbgrader's own function agrees."""
    assert score_outputs(outputs, 4.0) == (points, "")
    assert _nbgraders_score(outputs) == points


@pytest.mark.parametrize(
    "text", ["nan", "-1", "-0.5", "inf", "'text'", "<object at 0x1>", "", "[1.0]", "4.0001"]
)
def test_score_outputs_no_number_in_range_fails_closed(text: str) -> None:
    """What is no number in range gives nothing and says why; nbgrader gives full marks or stops."""
    points, reason = score_outputs([_result(text)], 4.0)
    assert points == 0.0
    assert reason
    assert _nbgraders_score([_result(text)]) in (4.0, None)


def test_score_outputs_stderr_costs_nothing() -> None:
    """A warning is no wrong answer; nbgrader gives 0."""
    assert score_outputs([ERR], 4.0) == (4.0, "")
    assert _nbgraders_score([ERR]) == 0


def _nbgraders_score(outputs: list[dict[str, Any]]) -> float | None:
    """Return nbgrader's points for the outputs, None if it raises."""
    import logging
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from nbformat import from_dict
        from nbgrader.utils import determine_grade

    flags = {"grade": True, "solution": False, "locked": True, "grade_id": "a", "points": 4}
    cell = from_dict({"cell_type": "code", "source": "", "metadata": {"nbgrader": flags}, "outputs": outputs})
    quiet = logging.getLogger("quiet")
    quiet.setLevel(logging.CRITICAL)
    try:
        score, _ = determine_grade(cell, quiet)
    except (ValueError, KeyError):
        return None
    return score


@pytest.fixture
def prepared(lab: Lab, answered: dict[str, Any]) -> Prepared:
    """Return a right submission, prepared."""
    raw = RawSubmission(
        "ada", {name: format_notebook(one) for name, one in answered.items()}, {"mine.py": b""}
    )
    return prepare_submission(lab, raw)


def _run(prepared: Prepared, scores: dict[str, float], **more: Any) -> SubmissionRun:
    notebooks = []
    for notebook in prepared.submission.notebooks:
        tests = tuple(
            TestCellRun(cell.grade_id, scores[cell.grade_id], cell.points, "apart")
            for cell in notebook.spec.cells
            if cell.is_test and cell.grade_id in scores
        )
        notebooks.append(
            NotebookRun(notebook.spec.name, tuple(CellRun(CellState.OK) for _ in notebook.cells), tests)
        )
    return SubmissionRun("ada", tuple(notebooks), **more)


FULL = {"test-total": 2.0, "test-root": 4.0, "test-read": 1.0, "test-longest": 2.0}


def _score(result: GradedSubmission, grade_id: str) -> float | None:
    return next(cell.score for page in result.notebooks for cell in page.cells if cell.grade_id == grade_id)


def test_score_submission_manual_cells_wait_for_a_person(lab: Lab, prepared: Prepared) -> None:
    """An answered manual cell and a task have no automatic points."""
    result = score_submission(lab, prepared, _run(prepared, FULL))
    assert result.score == 9.0
    assert result.max_score == 18.5
    assert [_score(result, name) for name in ("essay", "by-hand", "draw")] == [None, None, None]
    assert result.findings == ()


def test_score_submission_untouched_manual_cell_gets_zero_and_a_comment(
    lab: Lab, released: dict[str, Any]
) -> None:
    """nbgrader knows an untouched answer by its checksum; so do we."""
    raw = RawSubmission("ada", {name: format_notebook(one) for name, one in released.items()})
    prepared = prepare_submission(lab, raw)
    result = score_submission(lab, prepared, _run(prepared, dict.fromkeys(FULL, 0.0)))
    assert [_score(result, name) for name in ("essay", "by-hand", "draw")] == [0.0, 0.0, None]
    comments = {name: text for page in result.notebooks for name, text in page.comments.items()}
    assert comments == dict.fromkeys(("total", "root", "by-hand", "essay", "read"), "No response.") | {
        "draw": None
    }


@pytest.mark.parametrize("score", [math.nan, -1.0, 2.5, math.inf])
def test_score_submission_score_out_of_range_fails_closed(lab: Lab, prepared: Prepared, score: float) -> None:
    """A verdict that cannot be is 0 points and a finding that a person must look at."""
    result = score_submission(lab, prepared, _run(prepared, FULL | {"test-total": score}))
    assert _score(result, "test-total") == 0.0
    assert [(one.code, one.severity) for one in result.findings] == [("score-out-of-range", Severity.LOOK)]


def test_score_submission_test_without_verdict_is_named(lab: Lab, prepared: Prepared) -> None:
    """A test cell that the engine says nothing about is 0 points and a finding, never silent."""
    result = score_submission(
        lab, prepared, _run(prepared, {name: FULL[name] for name in FULL if name != "test-root"})
    )
    assert _score(result, "test-root") == 0.0
    assert [(one.code, one.cell) for one in result.findings] == [("test-not-run", "test-root")]


def test_score_submission_missing_notebook_is_zero_as_in_nbgrader(lab: Lab, answered: dict[str, Any]) -> None:
    """One of two notebooks not handed in: its cells are 0, and no person has to grade them."""
    raw = RawSubmission("ada", {"numbers.ipynb": format_notebook(answered["numbers.ipynb"])})
    prepared = prepare_submission(lab, raw)
    result = score_submission(lab, prepared, _run(prepared, FULL))
    words = result.notebooks[1]
    assert words.status is NotebookStatus.MISSING
    assert [cell.score for cell in words.cells] == [0.0, 0.0, 0.0]


def test_score_submission_nothing_handed_in_waits_for_a_person(lab: Lab) -> None:
    """Without any notebook there are no points and no zeros: someone must look."""
    prepared = prepare_submission(lab, RawSubmission("ada", {}, {"essay.pdf": b"%PDF"}))
    result = score_submission(lab, prepared, _run(prepared, {}))
    assert {cell.score for page in result.notebooks for cell in page.cells} == {None}
    assert result.needs_person
    assert "essay.pdf" in result.findings[0].message


def test_score_submission_limit_hit_is_remembered(lab: Lab, prepared: Prepared) -> None:
    """A cell that ran out of time marks the result, so that other limits lead to another run."""
    run = _run(prepared, FULL)
    slow = NotebookRun(
        "numbers", (CellRun(CellState.TIMED_OUT), *run.notebooks[0].cells[1:]), run.notebooks[0].tests
    )
    result = score_submission(lab, prepared, SubmissionRun("ada", (slow, run.notebooks[1])))
    assert result.limits_hit
    assert not score_submission(lab, prepared, run).limits_hit


def test_question_of_numbered_test_belongs_to_its_question(lab: Lab) -> None:
    """``test-rnn`` and ``test-rnn-2`` are one question; a name that ends in a number is not cut."""
    from dataclasses import replace

    spec = lab.spec.notebooks[0]
    test = next(cell for cell in spec.cells if cell.is_test)
    named = [
        replace(test, index=at, grade_id=name)
        for at, name in enumerate(["test-rnn", "test-rnn-2", "test-top-5"])
    ]
    notebook = replace(spec, cells=tuple(named))
    assert [question_of(cell, notebook) for cell in named] == ["rnn", "rnn", "top-5"]
