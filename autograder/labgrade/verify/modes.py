"""Decides which test cells can be verified apart: by their text, and by trying the lab's solution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from labgrade.model import LabSpec, PreparedCell, PreparedNotebook, PreparedSubmission, TestCellRun
from labgrade.verify.cells import count_tests
from labgrade.verify.names import NotebookPlan

__all__ = ["Modes", "decide_modes", "needs_trial", "solution_of", "static_modes"]

Place = tuple[int, int]
Modes = Mapping[Place, str]
"""(notebook, cell) of each test cell that runs in the student's process -> why."""

Trial = Callable[[PreparedSubmission, Modes], Mapping[Place, TestCellRun]]


def static_modes(plans: Iterable[NotebookPlan]) -> dict[Place, str]:
    """Return the test cells whose text shows that they need the student's kernel."""
    return {
        (number, index): plan.kernel_reason
        for number, notebook in enumerate(plans)
        for index, plan in notebook.cells.items()
        if plan.is_test and plan.kernel_reason
    }


def needs_trial(lab: LabSpec) -> bool:
    """Tell whether a lab has plain assertion cells; test functions are written to be verified apart."""
    return any(
        cell.is_test and not count_tests(cell.source)
        for notebook in lab.notebooks
        if notebook.language == "python"
        for cell in notebook.cells
    )


def solution_of(lab: LabSpec) -> PreparedSubmission:
    """Return the lab's own solution as if a student had handed it in."""
    notebooks = tuple(
        PreparedNotebook(
            notebook, tuple(PreparedCell(cell.source, cell.cell_type, cell) for cell in notebook.cells)
        )
        for notebook in lab.notebooks
    )
    return PreparedSubmission("solution", notebooks, {**lab.student_files, **lab.given_files})


def decide_modes(
    lab: LabSpec, plans: tuple[NotebookPlan, ...], trial: Trial, *, in_doubt: bool
) -> dict[Place, str]:
    """Find the cells where the solution passes in its own process and not apart.

    Args:
        lab: the lab.
        plans: of its notebooks.
        in_doubt: something could not be computed apart, so that every cell must be tried.
        trial: grades a submission with the given modes and returns what its test cells are worth.

    """
    modes = static_modes(plans)
    if not in_doubt and not needs_trial(lab):
        return modes
    solution = solution_of(lab)
    apart = trial(solution, modes)
    lost = {place: run for place, run in apart.items() if run.mode == "apart" and run.score < run.max_points}
    if not lost:
        return modes
    everything = {
        (number, cell.index): "a trial"
        for number, notebook in enumerate(lab.notebooks)
        for cell in notebook.cells
        if cell.is_test
    }
    inside = trial(solution, everything)
    for place, run in lost.items():
        other = inside.get(place)
        if other is not None and other.score >= other.max_points:
            modes[place] = f"the lab's own solution passes only in the student's process: {_why(run)}"
    _pull_in(modes, plans)
    return modes


def _pull_in(modes: dict[Place, str], plans: tuple[NotebookPlan, ...]) -> None:
    """Test cells that bind what a cell in the student's process reads must run there too."""
    for number, notebook in enumerate(plans):
        wanted: set[str] = set()
        for index in sorted(notebook.cells, reverse=True):
            plan = notebook.cells[index]
            if not plan.is_test:
                continue
            if (number, index) not in modes and plan.binds & wanted:
                modes[number, index] = "a test cell below it needs what it binds"
            if (number, index) in modes:
                wanted |= plan.reads


def _why(run: TestCellRun) -> str:
    for output in run.outputs:
        if output["output_type"] == "error":
            return f"{output['ename']}: {output['evalue']}"[:300]
    return run.reason or "it gave fewer points"
