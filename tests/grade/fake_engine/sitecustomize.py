"""Puts an engine in the place of the real one in a worker, to test what happens around it.

It runs cells with ``exec`` in the worker. A line ``# engine: WORD ARGUMENT`` in a cell makes it misbehave.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
import time
import types
from pathlib import Path
from typing import Any


class Engine:
    """Stands for ``labgrade.engine.Engine``."""

    level = "fake"

    def __init__(self, limits: Any, sandbox: str = "auto", **_: Any) -> None:
        self.sandbox = sandbox

    def __enter__(self) -> Engine:
        if self.sandbox == "strict":
            raise RuntimeError("this machine has no sandbox")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, lab: Any, submission: Any) -> Any:
        """Run all cells; a test cell that raises has no points."""
        from labgrade.model import CellRun, CellState, NotebookRun, SubmissionRun, TestCellRun

        notebooks = []
        for notebook in submission.notebooks:
            names: dict[str, Any] = {}
            cells, tests = [], []
            for cell in notebook.cells:
                error = _run(cell.source, names) if cell.cell_type == "code" else ""
                outputs = (
                    ({"output_type": "error", "ename": error, "evalue": "", "traceback": []},)
                    if error
                    else ()
                )
                cells.append(CellRun(CellState.ERROR if error else CellState.OK, outputs))
                if cell.spec is not None and cell.spec.is_test:
                    points = 0.0 if error else cell.spec.points
                    tests.append(
                        TestCellRun(cell.spec.grade_id, points, cell.spec.points, "apart", outputs=outputs)
                    )
            notebooks.append(NotebookRun(notebook.spec.name, tuple(cells), tuple(tests)))
        return SubmissionRun(submission.student, tuple(notebooks), (), self.level, 0.01)


def _run(source: str, names: dict[str, Any]) -> str:
    for word, argument in re.findall(r"^# engine: (\w+) ?(.*)$", source, re.MULTILINE):
        if word == "sleep":
            time.sleep(float(argument))
        elif word == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == "die_once" and not Path(argument).exists():
            Path(argument).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        elif word == "fail":
            raise RuntimeError("the engine failed")
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(source, names)
    except Exception as error:
        return type(error).__name__
    return ""


class NoHub:
    """Stands for a warm process that has ended: every worker is on its own."""

    is_running = False

    def close(self) -> None:
        pass


def share_hub(*_: object, **__: object) -> NoHub:
    """Stand for ``labgrade.engine.share_hub``."""
    return NoHub()


module = types.ModuleType("labgrade.engine")
module.Engine = Engine  # type: ignore[attr-defined]
module.PRELOAD = ()  # type: ignore[attr-defined]
module.share_hub = share_hub  # type: ignore[attr-defined]
sys.modules["labgrade.engine"] = module

version = types.ModuleType("labgrade.fingerprint")
version.grader_version = lambda: "fixed"  # type: ignore[attr-defined]
sys.modules["labgrade.fingerprint"] = version
