"""Runs the tests of a cell, one after the other, and adds up their points."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from labkit.checks.collect import Case, Test, collect_tests, share_points
from labkit.checks.failure import collecting_notes
from labkit.checks.judge import TestTimeout, Verdict, judge
from labkit.checks.limits import limit_time
from labkit.checks.marks import Tiers
from labkit.checks.model import CheckError, CheckResult, Fact, Outcome, TestResult

__all__ = ["check", "recording_results", "run_tests"]

_OUTPUT_CHARACTERS = 4000
_recorded: ContextVar[list[CheckResult] | None] = ContextVar("labkit_results", default=None)


def check(question: str, points: float, tests: int | None = None) -> CheckResult:
    """Run the tests that this cell defines and return how they ended.

    Put it last in the cell, so that the notebook shows the result.

    Args:
        question: the question's id.
        points: what the cell is worth.
        tests: how many tests the complete cell has, hidden ones included; None: those that are here.

    Returns:
        The outcome of each test, and the points.

    Raises:
        CheckError: the cell is written in a way that cannot be run; the message says how to mend it.

    """
    frame = sys._getframe(1)
    namespace, filename = frame.f_globals, frame.f_code.co_filename
    found = collect_tests(namespace, filename, frame.f_lineno)
    result = run_tests(question, found, points, namespace, expected_tests=tests)
    recorded = _recorded.get()
    if recorded is not None:
        recorded.append(result)
    return result


@contextlib.contextmanager
def recording_results() -> Iterator[list[CheckResult]]:
    """Collect every result that ``check`` gives inside the block, for tools that run test cells."""
    results: list[CheckResult] = []
    token = _recorded.set(results)
    try:
        yield results
    finally:
        _recorded.reset(token)


def run_tests(
    question: str,
    tests: Sequence[Test],
    points: float,
    namespace: Mapping[str, Any],
    *,
    expected_tests: int | None = None,
) -> CheckResult:
    """Run collected tests and add up their points.

    Args:
        question: the question's id.
        tests: what ``collect_tests`` found.
        points: what the cell is worth.
        namespace: the globals of the notebook.
        expected_tests: how many tests the complete cell has.

    Raises:
        CheckError: there is nothing to run, or the marks do not fit the points.

    """
    if not isinstance(question, str) or not question:
        raise CheckError('check needs the id of the question first, for example check("rnn", points=3)')
    if isinstance(points, bool) or not isinstance(points, (int, float)) or not 0 <= points < float("inf"):
        raise CheckError(f"{question}: points must be a number from 0 up, not {points!r}")
    missing = max(0, (expected_tests or 0) - len(tests))
    if not tests and not missing:
        raise CheckError(
            f"{question}: this cell defines no function named test_…, so nothing would be checked"
        )
    shares = share_points(float(points), [test.marks for test in tests], missing, question)
    results: dict[str, TestResult] = {}
    for test, share in zip(tests, shares, strict=True):
        results[test.name] = _run_test(test, share, namespace, results)
    return add_up(question, float(points), tuple(results.values()), missing)


def add_up(question: str, points: float, tests: tuple[TestResult, ...], missing: int) -> CheckResult:
    """Add up the points of a cell.

    The share of a test with a fault of its own is left out: the other tests then decide all of the points.
    Where no test could decide, no points are given and a person is asked.
    """
    undecided = sum(test.max_points for test in tests if test.outcome is Outcome.GRADER_ERROR)
    earned = sum(test.points for test in tests)
    decided = points - undecided
    scaled = earned * points / decided if undecided and decided > 1e-9 else earned
    return CheckResult(
        question=question,
        points=round(min(max(scaled, 0.0), points), 6),
        max_points=points,
        tests=tests,
        missing=missing,
        needs_person=any(test.outcome is Outcome.GRADER_ERROR for test in tests),
    )


def _run_test(
    test: Test, share: float, namespace: Mapping[str, Any], before: Mapping[str, TestResult]
) -> TestResult:
    for name in test.marks.needs:
        if name not in before:
            raise CheckError(f'{test.name}: @needs("{name}") names no test above it in this cell')
    blocking = [before[name] for name in test.marks.needs if not before[name].passed]
    if blocking:
        text = f"needs “{blocking[0].title}”, which did not pass"
        return TestResult(
            test.name, test.title, Outcome.SKIPPED, 0.0, share, (Fact("reason", text),), hidden=test.hidden
        )
    started = time.perf_counter()
    output = _CappedText(_OUTPUT_CHARACTERS)
    notes: list[str] = []
    token = collecting_notes.set(notes)
    try:
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            ends = [_run_case(test, case, namespace) for case in test.cases]
    finally:
        collecting_notes.reset(token)
    verdict, part = _combine(test, ends)
    return TestResult(
        name=test.name,
        title=test.title,
        outcome=verdict.outcome,
        points=share * part,
        max_points=share,
        facts=verdict.facts,
        cause=verdict.cause,
        seconds=time.perf_counter() - started,
        hidden=test.hidden,
        output=output.text(),
        notes=tuple(notes),
        for_author=verdict.for_author,
    )


def _run_case(test: Test, case: Case, namespace: Mapping[str, Any]) -> tuple[Verdict, float]:
    """Run one call of a test; return its verdict and the part of the points it earned, 0 to 1."""
    if case.skip_reason is not None:
        return Verdict(Outcome.SKIPPED, (Fact("reason", case.skip_reason),)), 0.0
    try:
        with limit_time(test.marks.timeout_s):
            value = test.function(**case.arguments)
    except KeyboardInterrupt:
        raise  # the person at the keyboard, or the engine's own time limit, wants the cell to end
    except (Exception, SystemExit, GeneratorExit, TestTimeout) as error:
        return judge(error, test, namespace), 0.0
    except BaseException as error:
        # pytest's outcomes are BaseExceptions so that a plain `except Exception` lets them through.
        return judge(error, test, namespace), 0.0
    if isinstance(value, Tiers):
        return _judge_tiers(value)
    if value is not None:
        # `return x == y` reads like a check and checks nothing.
        text = f"the test returned a {type(value).__name__}; it must assert, or return expect.tiers(…)"
        return Verdict(Outcome.GRADER_ERROR, (Fact("the test is written wrongly", text),)), 0.0
    return Verdict(Outcome.PASSED), 1.0


def _judge_tiers(tiers: Tiers) -> tuple[Verdict, float]:
    word = "below" if tiers.lower_is_better else "above"
    steps = "; ".join(f"{word} {threshold:g} gives {worth:g}" for threshold, worth in tiers.tiers)
    came_back = f"{tiers.what} = {tiers.value:.4g}"
    facts = (
        Fact("expected", f"{tiers.what} {word} {tiers.tiers[-1][0]:g} ({steps})"),
        Fact("came back", came_back),
    )
    if tiers.reached == len(tiers.tiers):
        return Verdict(Outcome.PASSED, (Fact("came back", came_back),)), 1.0
    return Verdict(Outcome.FAILED, facts), tiers.share


def _combine(test: Test, ends: list[tuple[Verdict, float]]) -> tuple[Verdict, float]:
    """Combine the cases of one test: each counts an equal part, the first that did not pass is explained."""
    bad = [
        (case, verdict) for case, (verdict, _) in zip(test.cases, ends, strict=True) if not _passed(verdict)
    ]
    part = sum(part for _, part in ends) / len(ends)
    if not bad:
        return ends[0][0], part
    case, verdict = bad[0]
    if len(ends) == 1:
        return verdict, part
    labels = ", ".join(case.label for case, _ in bad)
    heading = Fact("", f"{len(ends) - len(bad)} of {len(ends)} cases passed; not: {labels}")
    facts = (heading, Fact("case", case.label), *verdict.facts)
    return Verdict(verdict.outcome, facts, verdict.cause, verdict.for_author), part


def _passed(verdict: Verdict) -> bool:
    return verdict.outcome is Outcome.PASSED


class _CappedText(io.TextIOBase):
    """Keeps the first characters of what is printed, and counts the rest."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[str] = []
        self._kept = 0
        self._dropped = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        room = self._limit - self._kept
        self._parts.append(text[:room])
        self._kept += len(text[:room])
        self._dropped += len(text[room:])
        return len(text)

    def text(self) -> str:
        """Return what was kept, with a last line that tells how much is not shown."""
        more = f"\n… {self._dropped} more characters" if self._dropped else ""
        return "".join(self._parts).rstrip("\n") + more
