"""Test cells that run in the student's process, as nbgrader runs all of them.

Nothing there can be relied on, so each is followed by checks that must fail: if one of them passes, or a
number comes back as another one, the student's code has meddled with checking, and the cell gets nothing.
"""

from __future__ import annotations

import random
import re
from typing import Any

from labgrade.model import CellRun, CellSpec, CellState, Output, TestCellRun
from labgrade.verify.cells import judge_value
from labgrade.verify.student import Student

__all__ = ["judge_outputs", "run_in_kernel"]

_NUMBER = re.compile(
    r"[-+]?(\d+\.?\d*([eE][-+]?\d+)?|nan|inf)\s*\Z|(?:np\.)?\w*\(([-+]?[\d.eE+-]+|nan|inf)\)\s*\Z"
)
_SEEDS = random.SystemRandom()


def run_in_kernel(student: Student, spec: CellSpec, count: int, reason: str) -> tuple[CellRun, TestCellRun]:
    """Run a test cell in the student's process and judge it by its outputs.

    Args:
        student: the process.
        spec: the instructor's cell.
        count: execution count.
        reason: why it runs there.

    Returns:
        The cell as it ran, and what it is worth.

    """
    run = student.run_cell(spec.source, count)
    score, why = judge_outputs(run, spec.points)
    if score > 0:
        meddled = _find_meddling(student, count)
        if meddled:
            score, why = 0.0, f"tampered: {meddled}"
    said = f"{reason}; {why}" if why else reason
    return run, TestCellRun(spec.grade_id, score, spec.points, "in-kernel", (), run.outputs, said)


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


def _find_meddling(student: Student, count: int) -> str:
    """Run checks that must fail; return what was found, "" if nothing was."""
    number, other = _SEEDS.uniform(1, 2), _SEEDS.uniform(3, 4)
    word = f"check {_SEEDS.getrandbits(64):x}"
    must_fail = [
        f"assert abs({number!r} - {other!r}) < 1e-6, {word!r}",
        f"assert all([True, {number!r} == {other!r}]) and isinstance({number!r}, str), {word!r}",
        f"import numpy\nassert numpy.allclose(numpy.array([{number!r}]), numpy.array([{other!r}])), {word!r}",
        f"import numpy\nnumpy.testing.assert_allclose(numpy.array([{number!r}]), numpy.array([{other!r}]))",
        "import sys\nif 'torch' in sys.modules:\n    import torch\n"
        f"    assert torch.allclose(torch.tensor([{number!r}]), torch.tensor([{other!r}])), {word!r}\n"
        f"else:\n    assert False, {word!r}",
    ]
    _SEEDS.shuffle(must_fail)
    for source in must_fail:
        run = student.run_cell(source, count, remember=False)
        errors = [output for output in run.outputs if output["output_type"] == "error"]
        expected = word if word in source else "Not equal"
        if run.state is CellState.KILLED or run.state is CellState.TIMED_OUT:
            return ""
        if len(errors) != 1 or errors[0]["ename"] != "AssertionError" or expected not in errors[0]["evalue"]:
            return f"a check that must fail did not ({source.splitlines()[-1].strip()[:60]})"
    run = student.run_cell(repr(number), count, remember=False)
    shown = [output for output in run.outputs if output["output_type"] == "execute_result"]
    if len(shown) != 1 or shown[0].get("data", {}).get("text/plain") != repr(number):
        return "a number was shown as another one"
    return ""
