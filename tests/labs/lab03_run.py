"""Run the checks of lab 03's notebooks ``sentiment`` and ``addition`` on any answer, in this process."""

from __future__ import annotations

import contextlib
import linecache
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labbuild.check.apply import apply_variant
from labbuild.check.variants import read_variants
from labbuild.compile import compile_lab
from labkit.checks import CheckResult, recording_results
from solved_notebook import EXERCISES, modules_of

__all__ = ["LAB", "AnswersOfLab03", "open_answers", "variants_of"]

LAB = EXERCISES / "03-sequence-models"
NOTEBOOKS = ("sentiment", "addition")
_SET_UP = ("import math\n", "_checks import (")
"""Texts of the given cells that answers need: imports and given modules."""


def variants_of(kind: str, questions: Mapping[str, int]) -> list[tuple[str, str, str]]:
    """Return (question, name, says) of the mutants or alternatives of some questions."""
    entries = tomllib.loads((LAB / "variants.toml").read_text(encoding="utf-8"))[kind]
    return [
        (entry["question"], entry["name"], entry.get("says", ""))
        for entry in entries
        if entry["question"] in questions
    ]


class AnswersOfLab03:
    """Both notebooks with their imports and right answers; single answers can be changed."""

    def __init__(self) -> None:
        self.lab = compile_lab(LAB)
        self.questions = {question.id: question for question in self.lab.questions}
        self.variants = {
            (variant.question, variant.name): variant
            for variant in read_variants(LAB / "variants.toml", tuple(self.questions)).variants
        }
        self.names: dict[str, dict[str, Any]] = {}
        self.tests: dict[str, tuple[str, str, str]] = {}
        self.answers: dict[str, list[tuple[str, str]]] = {}
        for notebook in self.lab.notebooks:
            if notebook.name in NOTEBOOKS:
                self._open(notebook)

    def _open(self, notebook: Any) -> None:
        names = self.names[notebook.name] = {"__name__": "__main__"}
        for index, cell in enumerate(notebook.solution["cells"]):
            if cell["cell_type"] != "code":
                continue
            source, name = "".join(cell["source"]), f"<ipython-input-{notebook.name}-{index}>"
            linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
            grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
            is_answer = bool(cell["metadata"].get("nbgrader", {}).get("solution"))
            if grade_id.startswith("test-"):
                self.tests[grade_id.removeprefix("test-")] = (notebook.name, source, name)
            elif is_answer or "class DigitEncoder" in source or any(text in source for text in _SET_UP):
                exec(compile(source, name, "exec"), names)

    def check(self, question: str, variant: str = "") -> CheckResult:
        """Run the complete checks of a question, on the solution or on a variant of it."""
        notebook, source, name = self.tests[question]
        names = dict(self.names[notebook])
        if variant:
            found = self.variants[question, variant]
            changes, findings = apply_variant(
                self.lab, self.questions[question], found, LAB / "variants.toml"
            )
            assert not findings, findings
            assert changes is not None
            for (_, index), text in changes.cells.items():
                cell = f"<ipython-input-{notebook}-{index}-{variant}>"
                linecache.cache[cell] = (len(text), None, text.splitlines(keepends=True), cell)
                exec(compile(text, cell, "exec"), names)
        with recording_results() as results:
            exec(compile(source, name, "exec"), names)
        return results[0]


@contextlib.contextmanager
def open_answers(folder: Path) -> Iterator[AnswersOfLab03]:
    """Open both notebooks in the quick profile, offline; modules and settings are as before afterwards."""
    kept = {name: os.environ.get(name) for name in ("LABS_PROFILE", "LABS_OFFLINE", "LABS_DATA")}
    os.environ.update(LABS_PROFILE="quick", LABS_OFFLINE="1", LABS_DATA=str(folder))
    import matplotlib as mpl

    mpl.use("Agg")
    try:
        with modules_of(LAB):
            yield AnswersOfLab03()
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
