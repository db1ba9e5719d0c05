"""Small labs and submissions, written in code."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from textwrap import dedent

from labgrade.model import CellSpec, LabSpec, NotebookSpec, PreparedCell, PreparedNotebook, PreparedSubmission


def given(source: str) -> dict:
    """A read-only code cell."""
    return {"source": dedent(source).strip("\n"), "locked": True}


def answer(grade_id: str, source: str, released: str = "raise NotImplementedError()") -> dict:
    """An answer cell; ``source`` is the solution."""
    return {
        "source": dedent(source).strip("\n"),
        "released": released,
        "grade_id": grade_id,
        "solution": True,
    }


def test(grade_id: str, source: str, points: float = 1.0) -> dict:  # noqa: PT028 - a builder, not a test
    """A test cell."""
    text = dedent(source).strip("\n")
    return {"source": text, "grade_id": grade_id, "grade": True, "locked": True, "points": points}


test.__test__ = False  # type: ignore[attr-defined]  # a builder, not a test


def make_lab(
    *cells: dict,
    files: Mapping[str, bytes] | None = None,
    student_files: Mapping[str, bytes] | None = None,
    **more: str,
) -> LabSpec:
    """A lab of one notebook ``nb``."""
    specs = tuple(
        CellSpec(
            index=i,
            cell_type="code",
            released=cell.get("released", cell["source"]),
            **{key: value for key, value in cell.items() if key != "released"},
        )
        for i, cell in enumerate(cells)
    )
    digest = hashlib.sha256(repr((specs, files, student_files)).encode()).hexdigest()
    return LabSpec(
        "lab", (NotebookSpec("nb", specs, **more),), dict(files or {}), dict(student_files or {}), digest
    )


def submit(
    lab: LabSpec,
    answers: Mapping[str, str] | None = None,
    *,
    files: Mapping[str, bytes] | None = None,
    extra: Sequence[tuple[int, str]] = (),
    student: str = "ada",
) -> PreparedSubmission:
    """A submission: the solution, with the given answers in its place.

    Args:
        lab: the lab.
        answers: grade id -> text.
        files: the student's companion files.
        extra: (position, text) of cells that the student put in.
        student: id.

    """
    answers = {key: dedent(text).strip("\n") for key, text in (answers or {}).items()}
    notebooks = []
    for notebook in lab.notebooks:
        cells = [
            PreparedCell(
                answers.get(cell.grade_id, cell.source) if cell.solution else cell.source, "code", cell
            )
            for cell in notebook.cells
        ]
        for position, text in sorted(extra, reverse=True):
            cells.insert(position, PreparedCell(dedent(text).strip("\n"), "code", None))
        notebooks.append(PreparedNotebook(notebook, tuple(cells)))
    return PreparedSubmission(
        student, tuple(notebooks), {**lab.student_files, **(files or {}), **lab.given_files}
    )
