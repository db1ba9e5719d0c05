"""Runs one test cell in the trusted process and says what it is worth."""

from __future__ import annotations

import ast
import contextlib
import io
import math
import signal
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType
from typing import Any

from labkit.checks.judge import TestTimeout

from labgrade.child.tracebacks import format_error
from labgrade.model import CellSpec, Outcome, Output, TestCellRun, TestOutcome
from labgrade.verify.given import register_source
from labgrade.verify.names import to_python
from labgrade.verify.shown import error_output

__all__ = ["TestCode", "Verdict", "compile_test_cell", "count_tests", "judge_value", "run_test_cell"]

_BEGIN = "__labgrade_begin__"
_MAX_TEXT = 64 * 1024


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the value of a test cell's last expression is worth.

    Args:
        score: points.
        reason: why it failed closed, "" if it did not.

    """

    score: float
    reason: str = ""


def count_tests(source: str) -> int:
    """Return how many test functions a cell's text defines."""
    try:
        tree = ast.parse(to_python(source))
    except (SyntaxError, ValueError):
        return 0
    return sum(_is_test(statement) for statement in tree.body)


def _is_test(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.FunctionDef) and statement.name.startswith("test_")


def judge_value(value: Any, max_points: float) -> Verdict:
    """Apply nbgrader's rule to a cell's last value; what is no number of points gives 0."""
    if value is None:
        return Verdict(max_points)
    kind = type(value)
    is_number = kind in (int, float) or (
        kind.__module__ == "numpy" and hasattr(value, "dtype") and not value.shape
    )
    if not is_number or getattr(getattr(value, "dtype", None), "kind", "f") not in "iuf":
        return Verdict(0.0, f"the last line gave {_a(kind.__name__)}, which is no number of points")
    points = float(value)
    if math.isnan(points):
        return Verdict(0.0, "the last line gave NaN, which is no number of points")
    if points < 0:
        return Verdict(0.0, f"the last line gave {points:g}: points are not negative")
    if points > max_points:
        return Verdict(0.0, f"the last line gave {points:g}: more than the {max_points:g} points of the cell")
    return Verdict(points)


def _a(noun: str) -> str:
    return f"an {noun}" if noun[:1].lower() in "aeiou" else f"a {noun}"


@dataclass(frozen=True, slots=True)
class TestCode:
    """A test cell, compiled once for each lab.

    Args:
        spec: the instructor's cell.
        body: all but the last expression.
        last: the last expression; None if the cell ends in a statement.
        tests: number of its test functions.
        error: what is wrong with its text.

    """

    __test__ = False

    spec: CellSpec
    body: CodeType | None
    last: CodeType | None
    tests: int
    error: SyntaxError | None = None


def compile_test_cell(spec: CellSpec) -> TestCode:
    """Compile a test cell, so that each of its tests says when it begins."""
    source = to_python(spec.source)
    name = f"<test {spec.grade_id}>"
    register_source(name, source)
    try:
        body, last = _compile(source, name)
    except SyntaxError as error:
        return TestCode(spec, None, None, 0, error)
    return TestCode(spec, body, last, count_tests(spec.source))


def run_test_cell(
    test: TestCode, namespace: dict[str, Any], limit_s: float, count: int, begin: Callable[[str], None]
) -> TestCellRun:
    """Run a test cell and judge it.

    Args:
        test: the cell.
        namespace: the trusted globals, with proxies for the student's names.
        limit_s: wall-clock seconds for each test, and for the cell if it has no test functions.
        count: execution count that its outputs show.
        begin: called with a name when the cell ("") or a test begins.

    """
    shown = io.StringIO()
    value: Any = None
    error: BaseException | None = None
    alarm = _Alarm(limit_s)

    def on_begin(name: str) -> None:
        alarm.start()
        begin(name)

    namespace[_BEGIN] = on_begin
    try:
        if test.body is None:
            raise test.error or SyntaxError  # noqa: TRY301 - handled with the others below
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown), alarm:
            on_begin("")
            exec(test.body, namespace)  # noqa: S102 - the instructor's own text
            if test.last is not None:
                value = eval(test.last, namespace)  # noqa: S307 - the instructor's own text
    except BaseException as caught:  # SystemExit and KeyboardInterrupt of a test are a failed test
        error = caught
    finally:
        namespace.pop(_BEGIN, None)
    return _conclude(test, value, error, shown.getvalue(), count)


def _compile(source: str, name: str) -> tuple[Any, Any]:
    tree = ast.parse(source, name)
    for statement in tree.body:
        if _is_test(statement):
            _announce(statement)
    last = None
    quiet = source.rstrip().endswith(";")
    if tree.body and isinstance(tree.body[-1], ast.Expr) and not quiet:
        expression = tree.body.pop()
        assert isinstance(expression, ast.Expr)
        last = compile(ast.Expression(expression.value), name, "eval", dont_inherit=True)
    return compile(tree, name, "exec", dont_inherit=True), last


def _announce(function: ast.stmt) -> None:
    """Let a test say when it begins, without moving any of its lines."""
    assert isinstance(function, ast.FunctionDef)
    has_doc = ast.get_docstring(function, clean=False) is not None
    where = function.body[0]
    call = ast.Expr(ast.Call(ast.Name(_BEGIN, ast.Load()), [ast.Constant(function.name)], []))
    for node in ast.walk(call):
        if isinstance(node, (ast.expr, ast.stmt)):
            ast.copy_location(node, where)
    function.body.insert(int(has_doc), call)


class _Alarm:
    """Raises in the test when it, rather than the student's process, takes too long."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._armed = False

    def start(self) -> None:
        """Begin to count again."""
        if self._armed:
            # A call that waits for the student has its own deadline at limit_s; this one is for the test's
            # own loops.
            signal.setitimer(signal.ITIMER_REAL, self._limit_s + 3.0)

    def __enter__(self) -> None:
        self._armed = True
        self._before = signal.signal(signal.SIGALRM, self._ring)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._before)
        self._armed = False

    def _ring(self, *_: object) -> None:
        raise TestTimeout(self._limit_s)


def _conclude(test: TestCode, value: Any, error: BaseException | None, text: str, count: int) -> TestCellRun:
    spec = test.spec
    outputs: list[Output] = []
    if text:
        outputs.append({"output_type": "stream", "name": "stdout", "text": text[:_MAX_TEXT]})
    if error is not None:
        lines = format_error(type(error), error, error.__traceback__)
        outputs.append(error_output(type(error).__name__, str(error)[:4000], lines))
        return _run(spec, 0.0, outputs, reason="")
    if _is_check_result(value):
        outputs.append(_result_output(_points_text(value.points), count, value.to_html()))
        return _from_check(test, value, outputs)
    verdict = judge_value(value, spec.points)
    if value is not None:
        outputs.append(_result_output(_safe_text(value), count))
    return _run(spec, verdict.score, outputs, reason=verdict.reason)


def _run(
    spec: CellSpec, score: float, outputs: list[Output], *, reason: str, tests: tuple[TestOutcome, ...] = ()
) -> TestCellRun:
    return TestCellRun(spec.grade_id, score, spec.points, "apart", tests, tuple(outputs), reason)


def _is_check_result(value: Any) -> bool:
    from labkit.checks import CheckResult

    return type(value) is CheckResult


def _from_check(code: TestCode, result: Any, outputs: list[Output]) -> TestCellRun:
    tests = tuple(
        TestOutcome(
            name=test.name,
            title=test.title,
            outcome=Outcome(test.outcome.value),
            points=float(test.points),
            max_points=float(test.max_points),
            message=test.message,
            hidden=bool(test.hidden),
            cause=test.cause,
            seconds=float(test.seconds),
        )
        for test in result.tests
    )
    spec, expected = code.spec, code.tests
    if len(tests) < expected or result.missing:
        reason = f"{max(expected, len(tests) + result.missing)} tests were expected, {len(tests)} ran"
        return _run(spec, 0.0, outputs, reason=reason, tests=tests)
    verdict = judge_value(float(result.points), spec.points)
    return _run(spec, verdict.score, outputs, reason=verdict.reason, tests=tests)


def _points_text(points: float) -> str:
    return repr(float(points))


def _safe_text(value: Any) -> str:
    try:
        return repr(value)[:_MAX_TEXT]
    except Exception as error:  # a repr that asks the student's process may fail like any question
        return f"<{type(value).__name__}: {error}>"


def _result_output(text: str, count: int, html: str = "") -> Output:
    data = {"text/plain": text}
    if html:
        data["text/html"] = html
    return {"output_type": "execute_result", "execution_count": count, "data": data, "metadata": {}}
