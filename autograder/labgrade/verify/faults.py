"""What can go wrong over there, and how it is raised or told here."""

from __future__ import annotations

import builtins
import signal
from typing import Any, NoReturn

from labkit.checks.judge import TestTimeout

from labgrade.model import CellState

__all__ = ["StudentError", "StudentGoneError", "StudentTimeoutError", "raise_described", "why_ended"]


class StudentGoneError(RuntimeError):
    """The student's process ended, or broke the rules of the connection, while it was asked."""


class StudentTimeoutError(TestTimeout):
    """The student's code did not finish in time; labkit counts it as the end of the test's time."""

    def __init__(self, limit_s: float, how: str = "") -> None:
        super().__init__(limit_s)
        self.note = how
        self.args = (f"the student's code did not finish within {limit_s:g} s{how}",)


class StudentError(Exception):
    """An exception of the student's own whose builtin type has no better match."""


def raise_described(described: Any) -> NoReturn:
    """Raise what the student's code raised, as its builtin type: own name and text, and nothing to run."""
    builtin, own, message, trace = described
    kind = vars(builtins).get(builtin)
    if not (isinstance(kind, type) and issubclass(kind, BaseException)) or not issubclass(kind, Exception):
        raise StudentError(f"{own}: {message}")
    if kind in (UnicodeDecodeError, UnicodeEncodeError, UnicodeTranslateError):
        kind = ValueError
    text = message if own == builtin else f"{own}: {message}"
    error: Exception = kind(text) if text else kind()
    error.__dict__["student_traceback"] = str(trace)
    raise error


def why_ended(code: int | None, cause: str, otherwise: str) -> tuple[CellState, str]:
    """Return the state and the sentence for a process that ended by itself or was ended by a limit."""
    if code is None:
        is_told = otherwise.startswith("the student's process")
        return CellState.KILLED, otherwise if is_told else f"the student's process ended ({otherwise})"
    if cause == "memory":
        return CellState.OUT_OF_MEMORY, "the submission's processes took more memory than they may together"
    if cause == "cpu":
        return CellState.TIMED_OUT, "the submission used more CPU time than it may"
    if code == -signal.SIGSEGV:
        return CellState.KILLED, "the student's process crashed (segmentation fault)"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        return CellState.KILLED, f"the student's process was ended by {name}"
    return CellState.KILLED, f"the student's process ended by itself with code {code}"
