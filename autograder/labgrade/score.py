"""From what ran to points, by nbgrader's rules but for docs/nbgrader-differences.md."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from labgrade.lab import Lab, Page
from labgrade.model import (
    CellSpec,
    CellState,
    Finding,
    NotebookRun,
    NotebookSpec,
    Outcome,
    Output,
    PreparedNotebook,
    Severity,
    SubmissionRun,
    TestCellRun,
)
from labgrade.prepare import Prepared
from labgrade.result import CellScore, GradedNotebook, GradedSubmission, NotebookStatus

__all__ = ["question_of", "score_outputs", "score_submission", "ungraded_notebooks"]

_LIMIT_STATES = frozenset({CellState.TIMED_OUT, CellState.OUT_OF_MEMORY, CellState.KILLED, CellState.NOT_RUN})
_LIMIT_FINDINGS = frozenset({"submission-timeout", "judge-ended"})
NO_RESPONSE = "No response."
"""nbgrader's automatic comment on an answer that nobody touched."""


def score_outputs(outputs: Sequence[Output], max_points: float) -> tuple[float, str]:
    """Return the points that a test cell's outputs give, and why they failed closed ("" if they did not).

    nbgrader's rule: an error gives 0, the first result that is a number gives that number, else all
    points. Other than nbgrader: text on stderr costs nothing, and a result that is no number from 0 to the
    maximum gives 0.

    Source: ``nbgrader.utils.determine_grade``.
    """
    for output in outputs:
        if output.get("output_type") == "error":
            return 0.0, ""
        if output.get("output_type") == "execute_result":
            data = output.get("data")
            text = data.get("text/plain", "") if isinstance(data, dict) else ""
            return _partial("".join(text) if isinstance(text, list) else str(text), max_points)
    return max_points, ""


def _partial(text: str, max_points: float) -> tuple[float, str]:
    try:
        points = float(text)
    except ValueError:
        return 0.0, f"the test cell's result is not a number: {text[:60]!r}"
    if not math.isfinite(points) or not 0 <= points <= max_points:
        return 0.0, f"the test cell's result {text[:60]} is not between 0 and {max_points:g}"
    return points, ""


def score_submission(
    lab: Lab, prepared: Prepared, run: SubmissionRun, *, key: str = "", limits: str = ""
) -> GradedSubmission:
    """Return the scores of a submission that has run.

    Args:
        lab: with the checksums by which nbgrader knows an untouched answer.
        prepared: what was run.
        run: what came of it, notebooks in the same order.
        key: of the journal.
        limits: text of the limits in force.

    """
    findings = list(prepared.submission.findings)
    graded: list[GradedNotebook] = []
    runs = {notebook.name: notebook for notebook in run.notebooks}
    hit = any(finding.code in _LIMIT_FINDINGS for finding in run.findings)
    for spec, page, notebook in zip(
        lab.spec.notebooks, lab.pages, prepared.submission.notebooks, strict=True
    ):
        if notebook.missing:
            unreadable = spec.name in prepared.unreadable
            graded.append(
                _without_notebook(spec, NotebookStatus.UNREADABLE if unreadable else NotebookStatus.MISSING)
            )
            continue
        findings.extend(notebook.findings)
        ran = runs.get(spec.name, NotebookRun(spec.name, ()))
        findings.extend(ran.findings)
        graded.append(_score_notebook(spec, page, notebook, ran, findings))
        hit = hit or any(finding.code in _LIMIT_FINDINGS for finding in ran.findings)
        hit = hit or any(cell.state in _LIMIT_STATES for cell in ran.cells)
        hit = hit or any(test.outcome == "timed out" for cell in ran.tests for test in cell.tests)
    findings.extend(run.findings)
    return GradedSubmission(
        student=prepared.submission.student,
        digest=prepared.submission.digest,
        key=key,
        notebooks=tuple(graded),
        findings=tuple(findings),
        timestamp=prepared.submission.timestamp,
        sandbox=run.sandbox,
        seconds=run.seconds,
        limits_hit=hit,
        limits=limits,
    )


def question_of(cell: CellSpec, spec: NotebookSpec) -> str:
    """Return the question of a graded cell: ``rnn`` for ``test-rnn-2``, else the grade id itself."""
    if not cell.is_test or not cell.grade_id.startswith("test-"):
        return cell.grade_id
    base = cell.grade_id.removeprefix("test-")
    numbered = re.fullmatch(r"(.+)-\d+", base)
    ids = {other.grade_id for other in spec.cells}
    if numbered and base not in ids and f"test-{numbered.group(1)}" in ids:
        return numbered.group(1)
    return base


def _graded_cells(spec: NotebookSpec) -> list[CellSpec]:
    return [cell for cell in spec.cells if cell.grade or cell.task]


def _kind(cell: CellSpec) -> str:
    return "task" if cell.task else "manual" if cell.is_manual else "test"


def ungraded_notebooks(lab: Lab, status: NotebookStatus) -> tuple[GradedNotebook, ...]:
    """Return all notebooks of the lab without an answer: 0 points where one is missing, else none yet."""
    return tuple(_without_notebook(spec, status) for spec in lab.spec.notebooks)


def _without_notebook(spec: NotebookSpec, status: NotebookStatus) -> GradedNotebook:
    score = 0.0 if status is NotebookStatus.MISSING else None
    return GradedNotebook(
        spec.name,
        status,
        tuple(
            CellScore(cell.grade_id, question_of(cell, spec), score, cell.points, _kind(cell))
            for cell in _graded_cells(spec)
        ),
    )


def _score_notebook(
    spec: NotebookSpec, page: Page, notebook: PreparedNotebook, ran: NotebookRun, findings: list[Finding]
) -> GradedNotebook:
    tests = {test.grade_id: test for test in ran.tests}
    untouched = {
        cell.spec.grade_id
        for cell in notebook.cells
        if cell.spec is not None and cell.spec.solution and cell.source == page.saved[cell.spec.index]
    }
    scores = [
        CellScore(
            cell.grade_id,
            question_of(cell, spec),
            0.0 if cell.is_manual and not cell.task and cell.grade_id in untouched else None,
            cell.points,
            _kind(cell),
        )
        if _kind(cell) != "test"
        else _score_test(cell, spec, tests.get(cell.grade_id), findings)
        for cell in _graded_cells(spec)
    ]
    comments: dict[str, str | None] = {}
    for prepared in notebook.cells:
        if prepared.spec is not None and (prepared.spec.solution or prepared.spec.task):
            silent = prepared.spec.grade_id in untouched and not prepared.spec.task
            comments[prepared.spec.grade_id] = NO_RESPONSE if silent else None
    slowest = max(range(len(ran.cells)), key=lambda position: ran.cells[position].seconds, default=-1)
    return GradedNotebook(
        spec.name,
        NotebookStatus.GRADED,
        tuple(scores),
        comments,
        ran.cells[slowest].seconds if ran.cells else 0.0,
        _cell_name(notebook, slowest) if ran.cells else "",
    )


def _cell_name(notebook: PreparedNotebook, position: int) -> str:
    """Return the grade id of a cell that ran, or its position in the notebook, from 1."""
    cell = notebook.cells[position] if position < len(notebook.cells) else None
    return cell.spec.grade_id if cell is not None and cell.spec and cell.spec.grade_id else f"#{position + 1}"


def _score_test(
    cell: CellSpec, spec: NotebookSpec, test: TestCellRun | None, findings: list[Finding]
) -> CellScore:
    """Return the points of a test cell; whatever is not a number from 0 to the maximum fails closed."""
    question = question_of(cell, spec)
    if test is None:
        findings.append(
            Finding(
                "test-not-run",
                "the test cell gave no verdict: 0 points",
                Severity.LOOK,
                spec.name,
                cell.grade_id,
            )
        )
        return CellScore(
            cell.grade_id, question, 0.0, cell.points, "test", reason="the test cell gave no verdict"
        )
    if any(one.outcome is Outcome.GRADER_ERROR for one in test.tests):  # ours: it never costs marks
        findings.append(
            Finding(
                "grader-error",
                f"the grader could not decide this test cell: {test.reason or 'see the log'}",
                Severity.LOOK,
                spec.name,
                cell.grade_id,
            )
        )
        return CellScore(
            cell.grade_id, question, None, cell.points, "test", test.tests, test.mode, test.reason
        )
    score, reason = float(test.score), test.reason
    if not math.isfinite(score) or not 0 <= score <= cell.points:
        reason = f"the score {score} is not between 0 and {cell.points:g}"
        findings.append(
            Finding("score-out-of-range", f"{reason}: 0 points", Severity.LOOK, spec.name, cell.grade_id)
        )
        score = 0.0
    return CellScore(cell.grade_id, question, score, cell.points, "test", test.tests, test.mode, reason)
