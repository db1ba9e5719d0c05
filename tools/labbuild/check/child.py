"""Run one job in a process of its own: the cells of a notebook in an IPython shell without a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from labbuild.check.jobs import CellResult, Job, JobCell, TestResult

__all__ = ["make_shell", "run_job"]

_SHOWN_LIMIT = 200_000


class CellTimedOutError(BaseException):
    """A cell used up its time; a BaseException, so that a lab's own `except Exception` lets it pass."""


class _QuietHook(DisplayHook):
    """Keeps a cell's last value for the result, prints nothing."""

    def write_output_prompt(self) -> None: ...

    def write_format_data(
        self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None
    ) -> None: ...

    def finish_displayhook(self) -> None: ...


class _QuietShell(InteractiveShell):
    """A shell that shows nothing: errors are read from the result, figures are never drawn."""

    displayhook_class = _QuietHook
    display_pub_class = CapturingDisplayPublisher

    def showtraceback(self, *args: object, **kwargs: object) -> None: ...

    def showsyntaxerror(self, *args: object, **kwargs: object) -> None: ...

    # In this process group, so that what a cell starts ends with its job.
    system = InteractiveShell.system_raw

    def enable_gui(self, gui: object = None) -> None: ...

    def enable_matplotlib(self, gui: object = None) -> tuple[str, str]:
        return "agg", "agg"


def make_shell() -> Any:
    """Make the shell that every forked job starts from; no history, so no thread and no file."""
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    config.HistoryAccessor.enabled = False
    config.InteractiveShell.colors = "nocolor"
    return _QuietShell.instance(config=config)


def run_job(shell: Any, job: Job, work: Path) -> None:
    """Run a job's cells and write what came of them to ``work/result.json``.

    Args:
        shell: from :func:`make_shell`, made before the fork.
        job: what to run.
        work: folder of this job; ``work/files`` is its current folder, ``work/output`` takes
            what C code prints.

    """
    for name, value in job.environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    output = os.open(work / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for descriptor in (1, 2):
        os.dup2(output, descriptor)
    files = work / "files"
    os.chdir(files)
    sys.path.insert(0, str(files))
    sys.dont_write_bytecode = True
    signal.signal(signal.SIGALRM, _raise_timeout)
    with (work / "output").open("rb") as raw_output:
        _run_cells(shell, job, work, raw_output)


def _run_cells(shell: Any, job: Job, work: Path, raw_output: BinaryIO) -> None:
    results = []
    for cell in job.cells:
        result = _run_cell(shell, cell, job.cell_timeout_s)
        # What programs and C code wrote, past Python's own streams.
        written = raw_output.read(_SHOWN_LIMIT).decode("utf-8", errors="replace")
        result = replace(result, shown=(result.shown + written)[:_SHOWN_LIMIT])
        results.append(asdict(result))
        # Written after every cell, so that a process that is killed later leaves what it found.
        _write_atomically(work / "result.json", json.dumps(results))
        if result.crashed and job.stop_on_error:
            break


def _run_cell(shell: Any, cell: JobCell, timeout_s: float) -> CellResult:
    printed = io.StringIO()
    shell.display_pub.outputs.clear()
    start = time.perf_counter()
    state, failure = "ok", None
    with _captured(printed), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*FigureCanvasAgg is non-interactive")
        # Repeated, because code with a bare `except` swallows the first one.
        signal.setitimer(signal.ITIMER_REAL, timeout_s, 0.5)
        try:
            result = shell.run_cell(cell.source, store_history=True)
        except CellTimedOutError as error:
            result, failure = None, error
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    value = None
    if result is not None:
        failure = result.error_before_exec or result.error_in_exec
        value = result.result
    if isinstance(failure, CellTimedOutError):
        state = "timed out"
    elif failure is not None:
        state = "error"
    shown = printed.getvalue() + _shown_text(shell)
    _close_figures()
    return CellResult(
        index=cell.index,
        state=state,
        error=_describe(failure) if failure is not None else "",
        error_line=_line_of(failure) if failure is not None else 0,
        result=_plain_text(shell, value) if value is not None and failure is None else None,
        shown=shown[:_SHOWN_LIMIT],
        tests=_tests_of(value),
        seconds=round(time.perf_counter() - start, 3),
    )


def _raise_timeout(_signal: int, _frame: FrameType | None) -> None:
    raise CellTimedOutError


@contextlib.contextmanager
def _captured(stream: io.StringIO) -> Iterator[None]:
    with contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        yield


def _shown_text(shell: Any) -> str:
    texts = []
    for output in shell.display_pub.outputs:
        texts += [str(data) for kind, data in output["data"].items() if not kind.startswith("image/png")]
    return "\n".join(texts)


def _plain_text(shell: Any, value: object) -> str:
    data, _ = shell.display_formatter.format(value)
    return str(data.get("text/plain", ""))


def _tests_of(value: object) -> tuple[TestResult, ...]:
    """Read labkit's CheckResult by its attributes: this package does not import labkit."""
    tests = getattr(value, "tests", None)
    if not isinstance(tests, list | tuple) or not all(hasattr(test, "outcome") for test in tests):
        return ()
    return tuple(
        TestResult(
            name=str(test.name),
            title=str(getattr(test, "title", "")),
            outcome=str(test.outcome),
            points=float(getattr(test, "points", 0.0)),
            message=str(getattr(test, "message", "")),
            cause=str(getattr(test, "cause", "")),
        )
        for test in tests
    )


def _describe(error: BaseException) -> str:
    if isinstance(error, CellTimedOutError):
        return "the cell used up its time"
    return f"{type(error).__name__}: {error}"[:2000]


def _line_of(error: BaseException) -> int:
    if isinstance(error, SyntaxError):
        return error.lineno or 0
    # The cell's own frame is the outermost one of a code cell; IPython's frames stand before it.
    for frame, line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") == "__main__":
            return line
    return 0


def _close_figures() -> None:
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


def _write_atomically(path: Path, text: str) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
