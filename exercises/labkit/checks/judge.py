"""Decides what an exception that leaves a test means. The rule, in order.

1. A time limit: *timed out*. A skip that the test itself asked for: *skipped*.
2. A failed expectation, or an ``assert`` in the test's own text: *failed*, or *not attempted* where the
   answer is still a placeholder.
3. An exception that passed through the student's code: *crashed*; *not attempted* if it is the stub's own
   ``NotImplementedError`` or trips over a ``...`` that was left in place.
4. A name that does not exist: *not attempted*.
5. Anything else arose in the test's own text. If the test had by then read only what its own cell, Python or
   an installed library defines, nothing of the student's can have played a part: *grader error*. Otherwise
   the student's value may be the reason (``None.shape``), and whether it is cannot be told in general:
   *failed*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from labkit.checks import frames
from labkit.checks.collect import Test
from labkit.checks.doubt import may_involve_student
from labkit.checks.explain import explain_assert
from labkit.checks.failure import Failure, NotAttempted
from labkit.checks.frames import Home
from labkit.checks.model import Fact, Outcome

__all__ = ["TestTimeout", "Verdict", "judge"]


_MAX_ERROR = 600
_MAX_CALL = 300


class TestTimeout(BaseException):
    """The test's time is up. Not an Exception, so that a student's ``except Exception`` lets it through."""

    __test__ = False
    note = ""
    """What an engine has to add, for the reader of the message."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        super().__init__(f"stopped after {limit_s:g} seconds")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an exception means for its test."""

    outcome: Outcome
    facts: tuple[Fact, ...] = ()
    cause: str = ""
    for_author: tuple[str, ...] = ()


def judge(error: BaseException, test: Test, namespace: Mapping[str, Any]) -> Verdict:
    """Decide the outcome of a test that ended with an exception.

    Args:
        error: what left the test function, with its traceback.
        test: the test.
        namespace: the globals of the notebook.

    Returns:
        The outcome and the message, which never shows a frame of the test's or of a library.

    """
    traceback = _own_traceback(error.__traceback__, test)
    home = Home.of(test.code)
    if isinstance(error, TestTimeout):
        return _timed_out(error, traceback, home)
    declared = _declared(error, traceback, home)
    if declared is not None:
        return declared
    step = frames.student_frame(traceback, home)
    expected = _expectation(error, step, traceback, home)
    if expected is not None:
        return expected
    if step is not None:
        return _from_student(error, step, traceback, home)
    return _from_test(error, test, traceback, namespace)


def _expectation(
    error: BaseException, step: TracebackType | None, traceback: TracebackType | None, home: Home
) -> Verdict | None:
    """Return the verdict of a skip or of an expectation that was not met, None for every other exception."""
    if _is_pytest(error, "Skipped") or type(error).__qualname__ == "SkipTest":
        # A student's code cannot skip a test.
        skipped = Verdict(Outcome.SKIPPED, (Fact("reason", _text_of(error) or "the test asked for it"),))
        return skipped if step is None else None
    # An expectation may stand in a function that the test gave to the student's code to call.
    raising = frames.raising_code(traceback)
    if step is not None and raising is not None and home.is_students(raising):
        return None
    if isinstance(error, Failure):
        outcome = Outcome.NOT_ATTEMPTED if isinstance(error, NotAttempted) else Outcome.FAILED
        return Verdict(outcome, error.facts, error.cause, error.notes)
    if _is_pytest(error, "Failed"):
        return Verdict(Outcome.FAILED, (*_called(traceback, home), Fact("came back", _text_of(error))))
    if isinstance(error, AssertionError) and (step is None or (raising is not None and home.owns(raising))):
        return Verdict(Outcome.FAILED, explain_assert(error, traceback, home))
    return None


def _own_traceback(traceback: TracebackType | None, test: Test) -> TracebackType | None:
    """Cut off the frames above the test function itself."""
    for step in frames.walk_traceback(traceback):
        if step.tb_frame.f_code is test.code:
            return step
    return traceback


def _declared(error: BaseException, traceback: TracebackType | None, home: Home) -> Verdict | None:
    """Read the outcome that an engine wrote on an exception which it brought back from the student's process.

    ``__labkit_outcome__`` names the outcome, ``__labkit_message__`` where in the student's code it arose.
    "grader error" is taken only from code that is not the student's: the others earn nothing anyway.
    """
    declared = getattr(error, "__labkit_outcome__", None)
    if declared not in {str(outcome) for outcome in Outcome} or declared == Outcome.PASSED:
        return None
    outcome = Outcome(declared)
    if outcome is Outcome.GRADER_ERROR and frames.student_frame(traceback, home) is not None:
        return None
    if outcome is Outcome.CRASHED and _is_placeholder(error):
        outcome = Outcome.NOT_ATTEMPTED
    if outcome is Outcome.NOT_ATTEMPTED:
        return Verdict(outcome, _unanswered(error))
    came_back = Fact("it raised" if outcome is Outcome.CRASHED else "came back", _name_error(error))
    where = str(getattr(error, "__labkit_message__", ""))
    return Verdict(
        outcome, (*_called(traceback, home), came_back, *([Fact("where", where)] if where else []))
    )


def _timed_out(error: TestTimeout, traceback: TracebackType | None, home: Home) -> Verdict:
    came_back = f"nothing within {error.limit_s:g} seconds{error.note}"
    facts = [*_called(traceback, home), Fact("came back", came_back)]
    step = frames.student_frame(traceback, home)
    if step is not None:
        facts.append(_where(step, "it was at"))
    return Verdict(
        Outcome.TIMED_OUT, tuple(facts), "a loop that does not end, or far more work than is needed"
    )


def _from_student(
    error: BaseException, step: TracebackType, traceback: TracebackType | None, home: Home
) -> Verdict:
    if _is_placeholder(error):
        return Verdict(Outcome.NOT_ATTEMPTED, _unanswered(error))
    facts = (*_called(traceback, home), Fact("it raised", _name_error(error)), _where(step, "where"))
    return Verdict(Outcome.CRASHED, facts, _cause_of_crash(error))


def _from_test(
    error: BaseException, test: Test, traceback: TracebackType | None, namespace: Mapping[str, Any]
) -> Verdict:
    home = Home.of(test.code)
    missing = getattr(error, "name", None) if isinstance(error, NameError) else None
    if missing and missing not in namespace and not isinstance(error, UnboundLocalError):
        text = f"`{missing}` does not exist yet: answer the question, run its cell, then run this one again"
        return Verdict(Outcome.NOT_ATTEMPTED, (Fact("", text),))
    if _is_placeholder(error):
        return Verdict(Outcome.NOT_ATTEMPTED, _unanswered(error))
    # Values that a test is given come from outside its body, perhaps from the student.
    is_given = any(case.arguments for case in test.cases) or bool(
        getattr(test.function, "__defaults__", None)
    )
    doubtful = is_given or may_involve_student(traceback, home, namespace)
    if isinstance(error, Exception) and not doubtful:
        text = f"{_name_error(error)}\nThis is a fault of the test, not of your answer; it costs you nothing."
        return Verdict(Outcome.GRADER_ERROR, (*_called(traceback, home), Fact("the test stopped with", text)))
    step = frames.test_frame(traceback, home)
    raising = frames.raising_code(traceback)
    inside_call = step is not None and raising is not None and not home.owns(raising)
    called = _called(traceback, home)
    if inside_call and called:
        return Verdict(
            Outcome.CRASHED, (*called, Fact("it raised", _name_error(error))), _cause_of_crash(error)
        )
    text = f"something the test could not work with: {_name_error(error)}"
    facts = [*([Fact("the test evaluated", called[0].text)] if called else []), Fact("came back", text)]
    return Verdict(Outcome.FAILED, tuple(facts), _cause_of_crash(error))


def _called(traceback: TracebackType | None, home: Home) -> tuple[Fact, ...]:
    step = frames.test_frame(traceback, home)
    if step is None:
        return ()
    expression = frames.expression_at(step.tb_frame.f_code, step.tb_lasti)
    if len(expression) > _MAX_CALL:
        expression = f"{expression[:_MAX_CALL]} …"
    return (Fact("called", expression),) if expression else ()


def _where(step: TracebackType, label: str) -> Fact:
    code = step.tb_frame.f_code
    line = frames.line_at(code.co_filename, step.tb_lineno)
    place = (
        f"line {step.tb_lineno}"
        if code.co_name == "<module>"
        else f"line {step.tb_lineno}, in {code.co_name}"
    )
    return Fact(label, f"{place}: {line}" if line else place)


def _name_error(error: BaseException) -> str:
    text = _text_of(error)
    if len(text) > _MAX_ERROR:
        text = f"{text[:_MAX_ERROR]} …"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _text_of(error: BaseException) -> str:
    """Return an exception's text; a student's class may fail at giving it, which must not end the check."""
    try:
        return str(error).strip()
    except Exception:
        return ""


def _is_placeholder(error: BaseException) -> bool:
    if isinstance(error, NotImplementedError):
        return True
    return isinstance(error, (TypeError, AttributeError)) and "ellipsis" in _text_of(error).lower()


def _unanswered(error: BaseException) -> tuple[Fact, ...]:
    if not isinstance(error, NotImplementedError):
        return (Fact("", "a `...` still stands where your code should be"),)
    text = _text_of(error)
    return (Fact("", text or "the answer is still the stub that was given"),)


def _cause_of_crash(error: BaseException) -> str:
    text = _text_of(error)
    if "NoneType" in text:
        return "something is None: is a `return` missing?"
    if isinstance(error, RecursionError):
        return "the function calls itself without an end"
    if isinstance(error, SystemExit):
        return "exit() or quit() ends the program; a function ends with `return`"
    return ""


def _is_pytest(error: BaseException, name: str) -> bool:
    # These classes claim to live in builtins; only their common base says where they are from.
    ancestors = {(kind.__module__, kind.__name__) for kind in type(error).__mro__}
    return type(error).__name__ == name and ("_pytest.outcomes", "OutcomeException") in ancestors
