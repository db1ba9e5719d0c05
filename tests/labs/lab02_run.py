"""Run the checks of lab 02's notebook ``cells`` on any ``implementation.py``, in this process."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import linecache
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from labbuild.compile import compile_lab
from labkit.checks import CheckResult, recording_results

__all__ = ["LAB", "CellsOfLab02"]

LAB = Path(__file__).resolve().parents[2] / "exercises" / "02-recurrent-attention"
_ANSWERS = ("rnn", "gru", "init_gru_with_rnn", "init_gru_with_long_term_memory", "mha")


class CellsOfLab02:
    """The notebook with its given cells run once; answers come and go.

    Args:
        folder: for the modules under test.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.lab = compile_lab(LAB)
        self.notebook = next(notebook for notebook in self.lab.notebooks if notebook.name == "cells")
        self.module = next(module for module in self.lab.modules if module.name == "implementation.py")
        self.tests: dict[str, tuple[str, str]] = {}
        self._namespace: dict[str, Any] = {"__name__": "__main__"}
        self._runs = 0
        self._everything: tuple[list[CheckResult], str] | None = None

    def run_given(self) -> None:
        """Run the given cells that need no answer, and collect the test cells."""
        for index, cell in enumerate(self.notebook.solution["cells"]):
            source = "".join(cell["source"])
            name = f"<ipython-input-lab02-{index}>"
            grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
            linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
            if cell["cell_type"] != "code" or source.startswith("%") or "from implementation" in source:
                continue
            if grade_id.startswith("test-"):
                self.tests[grade_id.removeprefix("test-")] = (source, name)
            elif not self._needs_answer(source) and "plots." not in source:
                self._run(source, name)

    def run_everything(self) -> tuple[list[CheckResult], str]:
        """Run the solution notebook from top to bottom, plots included, once.

        Returns:
            What its checks gave, and what it printed.

        """
        if self._everything is None:
            printed = io.StringIO()
            with (
                self._answers_from(self.module.solution),
                recording_results() as results,
                contextlib.redirect_stdout(printed),
            ):
                for index, cell in enumerate(self.notebook.solution["cells"]):
                    source = "".join(cell["source"])
                    if cell["cell_type"] == "code" and not source.startswith("%"):
                        self._run(source, f"<ipython-input-lab02-{index}>")
            self._everything = results, printed.getvalue()
        return self._everything

    def check(self, module: str, question: str, *, ignore_warnings: bool = True) -> CheckResult:
        """Run the complete checks of one question on a module's text."""
        return self.check_all(module, (question,), ignore_warnings=ignore_warnings)[question]

    def check_all(
        self, module: str, questions: tuple[str, ...] = (), *, ignore_warnings: bool = True
    ) -> dict[str, CheckResult]:
        """Run the complete checks on a module's text."""
        found = {}
        with warnings.catch_warnings(), self._answers_from(module):
            if ignore_warnings:
                warnings.simplefilter("ignore")
            for question in questions or tuple(self.tests):
                with recording_results() as results:
                    self._run(*self.tests[question])
                found[question] = results[0]
        return found

    @staticmethod
    def _needs_answer(source: str) -> bool:
        return any(f"{name}(*" in source.replace(f"torch_{name}", "") for name in _ANSWERS)

    def _run(self, source: str, name: str) -> None:
        exec(compile(source, name, "exec"), self._namespace)

    @contextlib.contextmanager
    def _answers_from(self, text: str) -> Iterator[None]:
        self._runs += 1
        path = self._folder / f"implementation_{self._runs}.py"
        path.write_text(text, encoding="utf-8")
        module = _load(path)
        for name in _ANSWERS:
            self._namespace.pop(name, None)
            if module is not None and hasattr(module, name):
                self._namespace[name] = getattr(module, name)
        try:
            yield
        finally:
            sys.modules.pop("implementation", None)


def _load(path: Path) -> ModuleType | None:
    """Import a file as ``implementation``; None if it cannot be compiled."""
    spec = importlib.util.spec_from_file_location("implementation", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["implementation"] = module
    try:
        spec.loader.exec_module(module)
    except SyntaxError:
        return None
    return module
