"""What compiling a lab gives: plain values, nothing written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from labbuild.config import LabConfig
from labbuild.diagnostics import Diagnostic

__all__ = [
    "AnswerPlace",
    "CompiledLab",
    "CompiledModule",
    "CompiledNotebook",
    "Notebook",
    "Question",
]

Notebook = dict[str, Any]
"""An nbformat 4.5 notebook as plain dicts and lists."""


@dataclass(frozen=True, slots=True)
class AnswerPlace:
    """Where the answer to a question stands in the solution version.

    Args:
        file: notebook name (``cells``) or module file (``implementation.py``).
        kind: ``cell`` or ``module``.
        cell: index of the cell in the notebook; None in a module.
        first_line: 1-based first line of the answer in the solution text of that cell or module.
        last_line: its last line; ``first_line - 1`` when the answer is empty.

    """

    file: str
    kind: Literal["cell", "module"]
    cell: int | None
    first_line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class Question:
    """A graded question.

    Args:
        id: as written in the source; the same in gradebook, messages and reports.
        points: the sum over its test cells and its hand-graded cell.
        kind: ``auto`` (tests decide), ``manual`` (a person does), ``task`` (nbgrader task cell).
        title: the heading above it, or the id.
        answers: where the answer stands, in the solution version.
        tests: grade ids of its test cells, in order.
        points_by_cell: grade id -> points, for every cell of the gradebook that belongs to it.

    """

    id: str
    points: float
    kind: Literal["auto", "manual", "task"]
    title: str
    answers: tuple[AnswerPlace, ...] = ()
    tests: tuple[str, ...] = ()
    points_by_cell: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CompiledNotebook:
    """One notebook in its three versions; cell ``i`` is the same cell in each of them.

    Args:
        name: without suffix.
        path: the source file that was read.
        student: what students get.
        solution: with answers and hidden tests.
        nbgrader: source form for ``nbgrader generate_assignment``.
        skip_execution: indices of cells that are not run when the student version is executed.
        answer_cells: indices of cells that hold a solution region.
        cell_lines: 1-based line of the source where each cell begins, 0 for a cell that the builder made.

    """

    name: str
    path: Path
    student: Notebook
    solution: Notebook
    nbgrader: Notebook
    skip_execution: tuple[int, ...] = ()
    answer_cells: tuple[int, ...] = ()
    cell_lines: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledModule:
    """One companion module.

    Args:
        name: relative to the lab's folder, with suffix (``implementation.py``).
        path: the source file.
        student: text with the regions taken out.
        solution: text without markers.

    """

    name: str
    path: Path
    student: str
    solution: str

    @property
    def has_regions(self) -> bool:
        """Whether students write in it."""
        return self.student != self.solution


@dataclass(frozen=True, slots=True)
class CompiledLab:
    """A lab, compiled. When ``has_errors``, nothing of it may be written.

    Args:
        name: the folder's name; for a single file its stem.
        folder: where the sources are.
        config: from ``lab.toml``, or the defaults.
        notebooks: in order.
        modules: companion modules, by name.
        given: relative name -> file that is handed out as it is.
        questions: in order of appearance.
        diagnostics: sorted.
        sources: every file whose content decides the outcome, for incremental building.
        is_single_file: a file was asked for, not a folder.
        kept: relative name -> file that goes with the solution only.

    """

    name: str
    folder: Path
    config: LabConfig
    notebooks: tuple[CompiledNotebook, ...] = ()
    modules: tuple[CompiledModule, ...] = ()
    given: Mapping[str, Path] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    sources: tuple[Path, ...] = ()
    is_single_file: bool = False
    kept: Mapping[str, Path] = field(default_factory=dict)

    @property
    def has_errors(self) -> bool:
        """Whether any diagnostic is an error."""
        return any(diagnostic.is_error for diagnostic in self.diagnostics)
