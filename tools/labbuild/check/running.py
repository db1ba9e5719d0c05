"""What the plain runs of the solution and of the untouched notebook show."""

from __future__ import annotations

from collections.abc import Iterator

from labbuild.cell_content import cell_text, is_test
from labbuild.check.findings import Finding, line_of_text
from labbuild.check.jobs import CellResult, JobResult
from labbuild.check.places import Place
from labbuild.check.plan import is_python_notebook
from labbuild.compiled import CompiledNotebook, Notebook

__all__ = ["judge_solution_run", "judge_student_run", "places_of_run"]


def judge_solution_run(notebook: CompiledNotebook, run: JobResult) -> Iterator[Finding]:
    """Find cells of the solution that fail; test cells are judged by their points."""
    if not is_python_notebook(notebook):
        yield Finding("LC404", notebook.path, 0, f"{notebook.name} is not in Python, and was not run")
    if run.problem:
        yield Finding("LC403", notebook.path, 0, f"the solution of {notebook.name} {run.problem}", _SLOW)
    for index, result in run.cells.items():
        if result.crashed and not is_test(notebook.solution["cells"][index]):
            yield _failure("LC402", notebook, notebook.solution, result, "mend the cell, or what it needs")


def judge_student_run(notebook: CompiledNotebook, run: JobResult) -> Iterator[Finding]:
    """Find cells that fail for a student who has not answered yet, though nothing marks them."""
    if run.problem:
        yield Finding(
            "LC403", notebook.path, 0, f"the student version of {notebook.name} {run.problem}", _SLOW
        )
    for index, result in run.cells.items():
        is_expected = index in notebook.answer_cells or is_test(notebook.solution["cells"][index])
        if result.crashed and not is_expected:
            hint = "if the cell needs an answer, write #!TAG SKIPQUESTEXEC on its first line"
            yield _failure("LC401", notebook, notebook.student, result, hint)


def places_of_run(notebook: CompiledNotebook, run: JobResult) -> Iterator[Place]:
    """Yield what the cells of a run showed."""
    for index, result in run.cells.items():
        name = f"cell {index + 1} of {notebook.name}.ipynb, when run"
        for text in (result.shown, result.result or ""):
            if text:
                yield Place("LC302", name, text)


_SLOW = (
    "LABS_PROFILE=quick is set; make the cell smaller there, or raise the limits in [check] of variants.toml"
)


def _failure(
    code: str, notebook: CompiledNotebook, version: Notebook, result: CellResult, hint: str
) -> Finding:
    lines = cell_text(version["cells"][result.index]).split("\n")
    text = lines[result.error_line - 1] if 0 < result.error_line <= len(lines) else lines[0]
    line = line_of_text(notebook.path, text, notebook.cell_lines[result.index] or 1)
    message = f"cell {result.index + 1} of {notebook.name} fails: {' '.join(result.error.split())[:200]}"
    return Finding(code, notebook.path, line, message, hint, text=text)
