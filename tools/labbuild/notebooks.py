"""From a source file to a draft, and from a draft to the three nbformat notebooks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from labbuild.cells import SourceFormat, UnreadableSourceError, read_cells
from labbuild.colab import ColabConfig, colab_cells
from labbuild.compiled import CompiledNotebook, Notebook
from labbuild.diagnostics import Diagnostics
from labbuild.draft import DraftCell, DraftNotebook, draft_cell
from labbuild.grading import Grading, checksum, to_metadata
from labbuild.kernels import language_of, release_cell_metadata, release_metadata
from labbuild.layout import mend_layout, report_unclosed
from labbuild.markers import Kind, Marker, scan
from labbuild.source import SourceText

__all__ = ["assemble", "cells_before", "draft_notebook"]


def draft_notebook(source: SourceText, source_format: SourceFormat, name: str) -> DraftNotebook:
    """Read a notebook source and write the texts of its cells.

    Args:
        source: the file.
        source_format: how Jupytext reads it.
        name: of the notebook.

    Returns:
        The draft; it has no cells if Jupytext cannot read the file.

    """
    report = source.report
    if not source.lines and report.found:
        return DraftNotebook(name, source.path, (), {}, report)
    markers: Mapping[int, Marker] = scan(source.lines, report)
    try:
        as_written = reading = read_cells(source.lines, markers, source_format)
        all_markers = markers
        reading, markers = mend_layout(source, reading, markers, source_format)
    except UnreadableSourceError as error:
        report.add(error.code, str(error), line=error.line)
        return DraftNotebook(name, source.path, (), {}, report)
    if source_format.extension == ".md":
        report_unclosed(source, as_written.cells)
    language = language_of(reading.metadata)
    cells: list[DraftCell] = []
    seen: set[int] = set()
    for cell in reading.cells:
        here = {line.number for line in cell.lines if line.number in markers}
        seen |= here
        may_be_commented = source_format.extension == ".py" and cell.cell_type == "markdown"
        for number in sorted(here):
            if markers[number].commented and not may_be_commented:
                _report_commented(markers[number], report)
        cells.append(draft_cell(cell, markers, release_cell_metadata(cell.metadata), language, report))
    for number in sorted(set(markers) - seen):
        report.add(
            "LB108",
            "this marker stands where no cell is (in the header, or on the line of a fence)",
            line=number,
            hint="put it on a line of its own inside a cell",
        )
    metadata = release_metadata(reading.metadata, report)
    return DraftNotebook(name, source.path, tuple(cells), metadata, report, as_written.cells, all_markers)


def _report_commented(marker: Marker, report: Diagnostics) -> None:
    word = "MSG" if marker.kind is Kind.MESSAGE else "TAG"
    report.add(
        "LB202",
        f"'# #!{word}' is a marker only in a Markdown cell of a percent script",
        line=marker.line,
        hint=f"write '#!{word}{marker.message if marker.kind is Kind.MESSAGE else f' {marker.kind}'}'",
    )


def assemble(
    draft: DraftNotebook, grade_ids: Sequence[str], lab: str, colab: ColabConfig | None
) -> CompiledNotebook:
    """Make the three notebooks of a draft.

    Args:
        draft: the notebook.
        grade_ids: for each cell the id that nbgrader gets, "" for none.
        lab: the lab's name, for the Colab links.
        colab: where the lab is published.

    Returns:
        The notebook; cell ``i`` is the same cell in all versions.

    """
    ids = _cell_ids(draft.cells, grade_ids)
    student: list[dict[str, Any]] = []
    solution: list[dict[str, Any]] = []
    source: list[dict[str, Any]] = []
    lines: list[int] = []
    skipped: list[int] = []
    answers: list[int] = []
    top, before_code = colab_cells(colab, lab, draft.name) if colab else ([], [])
    extra = {0: top}
    first_code = next((i for i, cell in enumerate(draft.cells) if cell.cell_type == "code"), None)
    if first_code is not None:
        extra[first_code] = [*extra.get(first_code, []), *before_code]
    for index, cell in enumerate(draft.cells):
        for made in extra.get(index, []):
            for version in (student, solution, source):
                version.append(_copy(made))
            lines.append(0)
        if cell.is_skipped:
            skipped.append(len(student))
        if cell.has_regions:
            answers.append(len(student))
        lines.append(cell.line)
        student.append(_student_cell(cell, ids[index], grade_ids[index]))
        solution.append(_cell(cell, ids[index], cell.texts.solution, _graded(cell, grade_ids[index])))
        source.append(_cell(cell, ids[index], cell.texts.nbgrader, _graded(cell, grade_ids[index])))
    return CompiledNotebook(
        draft.name,
        draft.path,
        _notebook(student, draft.metadata),
        _notebook(solution, draft.metadata),
        _notebook(source, draft.metadata),
        skip_execution=tuple(skipped),
        answer_cells=tuple(answers),
        cell_lines=tuple(lines),
    )


def cells_before(draft: DraftNotebook, index: int, lab: str, colab: ColabConfig | None) -> int:
    """Return how many cells the builder puts above the draft's cell ``index``."""
    if colab is None:
        return 0
    top, before_code = colab_cells(colab, lab, draft.name)
    first_code = next((i for i, cell in enumerate(draft.cells) if cell.cell_type == "code"), None)
    return len(top) + (len(before_code) if first_code is not None and index >= first_code else 0)


def _graded(cell: DraftCell, grade_id: str) -> dict[str, Any] | None:
    return to_metadata(cell.grading, grade_id) if isinstance(cell.grading, Grading) and grade_id else None


def _student_cell(cell: DraftCell, cell_id: str, grade_id: str) -> dict[str, Any]:
    """Make the cell as ``nbgrader generate_assignment`` would release it."""
    graded = _graded(cell, grade_id)
    made = _cell(cell, cell_id, cell.texts.student, graded)
    if graded is None:
        return made
    graded["checksum"] = checksum(cell.texts.student, cell.cell_type, graded)
    graded["cell_type"] = cell.cell_type
    metadata = made["metadata"]
    metadata["nbgrader"] = {key: graded[key] for key in sorted(graded)}
    metadata["deletable"] = False
    if not graded["solution"]:
        metadata["editable"] = False
    made["metadata"] = {key: metadata[key] for key in sorted(metadata)}
    return made


def _cell(cell: DraftCell, cell_id: str, text: str, graded: dict[str, Any] | None) -> dict[str, Any]:
    metadata = dict(cell.metadata)
    if graded is not None:
        metadata["nbgrader"] = graded
    made: dict[str, Any] = {
        "cell_type": cell.cell_type,
        "id": cell_id,
        "metadata": {key: metadata[key] for key in sorted(metadata)},
        "source": text,
    }
    if cell.cell_type == "code":
        made |= {"execution_count": None, "outputs": []}
    return {key: made[key] for key in sorted(made)}


def _copy(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {key: cell[key] for key in sorted(cell)}


def _notebook(cells: list[dict[str, Any]], metadata: Mapping[str, Any]) -> Notebook:
    return {"cells": cells, "metadata": dict(metadata), "nbformat": 4, "nbformat_minor": 5}


def _cell_ids(cells: Sequence[DraftCell], grade_ids: Sequence[str]) -> list[str]:
    """Give every cell an id that stays the same while the student's text of the cell does."""
    taken: set[str] = {identifier[:64] for identifier in grade_ids if identifier}
    ids: list[str] = []
    for cell, grade_id in zip(cells, grade_ids, strict=True):
        if grade_id:
            ids.append(grade_id[:64])
            continue
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.texts.student}".encode()).hexdigest()[:12]
        identifier, count = digest, 1
        while identifier in taken:
            count += 1
            identifier = f"{digest}-{count}"
        taken.add(identifier)
        ids.append(identifier)
    return ids
