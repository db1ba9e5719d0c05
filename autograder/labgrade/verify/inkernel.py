"""Test cells that run in the student's process, as nbgrader runs all of them.

Nothing there can be relied on, so each is followed by checks that must fail (see
:mod:`labgrade.verify.canaries`): if one of them passes, the student's code has meddled with checking, and
the cell gets nothing.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from labgrade.model import CellRun, CellSpec, CellState, Output, TestCellRun
from labgrade.verify.canaries import Canaries
from labgrade.verify.cells import judge_value
from labgrade.verify.student import Student

__all__ = ["distrust", "judge_outputs", "run_in_kernel"]

_NUMBER = re.compile(
    r"[-+]?(\d+\.?\d*([eE][-+]?\d+)?|nan|inf)\s*\Z|(?:np\.)?\w*\(([-+]?[\d.eE+-]+|nan|inf)\)\s*\Z"
)


def run_in_kernel(
    student: Student, canaries: Canaries, spec: CellSpec, count: int, reason: str
) -> tuple[CellRun, TestCellRun]:
    """Run a test cell in the student's process and judge it by its outputs.

    Args:
        student: the process.
        canaries: of its notebook.
        spec: the instructor's cell.
        count: execution count.
        reason: why it runs there.

    Returns:
        The cell as it ran, and what it is worth.

    """
    run = student.run_cell(spec.source, count)
    score, why = judge_outputs(run, spec.points)
    verdict = TestCellRun(
        spec.grade_id, score, spec.points, "in-kernel", (), run.outputs, f"{reason}; {why}" if why else reason
    )
    return run, distrust(verdict, canaries.look(spec.index)) if score > 0 else verdict


def distrust(verdict: TestCellRun, meddled: str) -> TestCellRun:
    """Take the points of a test cell away, if something was found to be meddled with."""
    if not meddled:
        return verdict
    return replace(verdict, score=0.0, reason=f"{verdict.reason}; tampered: {meddled}")


def judge_outputs(run: CellRun, points: float) -> tuple[float, str]:
    """Apply nbgrader's rule, but fail closed."""
    if run.state is not CellState.OK or any(output["output_type"] == "error" for output in run.outputs):
        return 0.0, ""
    for output in run.outputs:
        if output["output_type"] == "execute_result":
            verdict = judge_value(_number_in(output), points)
            return verdict.score, verdict.reason
    return points, ""


def _number_in(output: Output) -> Any:
    text = output.get("data", {}).get("text/plain")
    found = _NUMBER.match(text.strip()) if isinstance(text, str) else None
    if found is None:
        return text if text is not None else ""
    return float(found[1] or found[3])
