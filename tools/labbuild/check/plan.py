"""Which cells of a notebook a question's tests need, and what runs in each version."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from labbuild.cell_content import cell_names, cell_text, grade_id_of, is_test
from labbuild.check.apply import Changes
from labbuild.check.jobs import JobCell
from labbuild.compiled import CompiledLab, CompiledNotebook, Question

__all__ = ["TestPlan", "cells_of_solution", "cells_of_stub", "cells_of_student", "needed_cells", "plan_tests"]


@dataclass(frozen=True, slots=True)
class TestPlan:
    """Where a question's tests stand.

    Args:
        question: the question.
        tests: notebook name -> (index of the test cell, its points), in order.

    """

    __test__ = False

    question: Question
    tests: dict[str, tuple[tuple[int, float], ...]]


def plan_tests(lab: CompiledLab, question: Question) -> TestPlan:
    """Find the test cells of a question."""
    found: dict[str, tuple[tuple[int, float], ...]] = {}
    for notebook in lab.notebooks:
        cells = [
            (index, question.points_by_cell[grade_id])
            for index, cell in enumerate(notebook.solution["cells"])
            if (grade_id := grade_id_of(cell)) in question.tests
        ]
        if cells:
            found[notebook.name] = tuple(cells)
    return TestPlan(question, found)


def is_python_notebook(notebook: CompiledNotebook) -> bool:
    """Whether its kernel runs Python; only such notebooks are run."""
    kernel = notebook.solution["metadata"].get("kernelspec", {})
    return str(kernel.get("language", "python")) == "python"


def cells_of_solution(notebook: CompiledNotebook, changes: Changes | None = None) -> tuple[JobCell, ...]:
    """Return the code cells of the solution version, with a variant's changes."""
    changed = changes.cells if changes else {}
    return tuple(
        JobCell(index, changed.get((notebook.name, index), cell_text(cell)))
        for index, cell in enumerate(notebook.solution["cells"])
        if cell["cell_type"] == "code" and is_python_notebook(notebook)
    )


def cells_of_stub(notebook: CompiledNotebook) -> tuple[JobCell, ...]:
    """Return what a grader runs for an untouched notebook: students' cells, and the full test cells."""
    pairs = zip(notebook.student["cells"], notebook.solution["cells"], strict=True)
    return tuple(
        JobCell(index, cell_text(solution if is_test(solution) else student))
        for index, (student, solution) in enumerate(pairs)
        if student["cell_type"] == "code" and is_python_notebook(notebook)
    )


def cells_of_student(notebook: CompiledNotebook) -> tuple[JobCell, ...]:
    """Return the code cells that run when a student runs the untouched notebook."""
    return tuple(
        JobCell(index, cell_text(cell))
        for index, cell in enumerate(notebook.student["cells"])
        if cell["cell_type"] == "code"
        and index not in notebook.skip_execution
        and is_python_notebook(notebook)
    )


def needed_cells(
    notebook: CompiledNotebook, cells: Sequence[JobCell], tests: Collection[int], changed: Collection[int]
) -> tuple[JobCell, ...]:
    """Leave out the cells that these tests do not seem to need: training, plots, other questions.

    This follows names backwards from the tests and cannot be sure (a cell may work through files or global
    state), so a caller compares the solution's points with those of a full run, and repeats bad news in full.

    Args:
        notebook: of the cells.
        cells: its code cells.
        tests: indices of the test cells.
        changed: indices of cells that hold the answer; always kept.

    """
    last = max(tests)
    names = {cell.index: cell_names(cell.source) for cell in cells if cell.index <= last}
    wanted = {name for index in tests for name in names[index].uses - names[index].defines}
    kept = set(tests)
    # To a fixed point, because a function may use what a later cell defines.
    while True:
        found = {
            index
            for index, cell in names.items()
            if index not in kept
            and not is_test(notebook.solution["cells"][index])
            and (index in changed or cell.is_opaque or cell.binds & wanted)
        }
        if not found:
            return tuple(cell for cell in cells if cell.index in kept)
        kept |= found
        for index in found:
            wanted |= names[index].uses
