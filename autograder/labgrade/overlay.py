"""Grade by the cells in a course's gradebook, as nbgrader does, where they differ from the source folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from labgrade.clearing import hidden_lines
from labgrade.errors import UsageError
from labgrade.lab import Lab, Page, digest_lab
from labgrade.model import CellSpec, Finding, NotebookSpec, Severity
from labgrade.nbmeta import checksum

__all__ = ["overlay_gradebook"]


def overlay_gradebook(
    lab: Lab, rows: Mapping[tuple[str, str], Mapping[str, Any]]
) -> tuple[Lab, tuple[Finding, ...]]:
    """Put the gradebook's texts and points over those of the source.

    nbgrader restores tests from its gradebook, where ``nbgrader generate_assignment`` wrote them
    (autotests only stand there), so what is there counts.

    Args:
        lab: from the source folder.
        rows: (notebook, grade id) -> columns of ``source_cell``, and ``max_score`` of a graded cell.

    Returns:
        The lab that is graded, and a finding for each cell whose text has changed in the source since.

    Raises:
        UsageError: a cell is in one of the two only.

    """
    in_source = {
        (spec.name, cell.grade_id) for spec in lab.spec.notebooks for cell in spec.cells if cell.grade_id
    }
    different = sorted(in_source.symmetric_difference(rows))
    if different:
        notebook, grade_id = different[0]
        where = "source" if different[0] in in_source else "gradebook"
        raise UsageError(
            "source-changed",
            f"the cell '{grade_id}' of '{notebook}' is in the {where} only",
            f"run `nbgrader generate_assignment {lab.spec.name}`, which brings both together",
        )
    findings: list[Finding] = []
    specs: list[NotebookSpec] = []
    pages: list[Page] = []
    for spec, page in zip(lab.spec.notebooks, lab.pages, strict=True):
        new_spec, new_page = _overlay_notebook(lab, spec, page, rows, findings)
        specs.append(new_spec)
        pages.append(new_page)
    return digest_lab(
        replace(lab, spec=replace(lab.spec, notebooks=tuple(specs)), pages=tuple(pages))
    ), tuple(findings)


def _overlay_notebook(
    lab: Lab,
    spec: NotebookSpec,
    page: Page,
    rows: Mapping[tuple[str, str], Mapping[str, Any]],
    findings: list[Finding],
) -> tuple[NotebookSpec, Page]:
    cells: list[CellSpec] = []
    saved, sums = list(page.saved), list(page.checksums)
    for cell in spec.cells:
        row = rows.get((spec.name, cell.grade_id)) if cell.grade_id else None
        if row is None:
            cells.append(cell)
            continue
        text = str(row["source"] or "")
        if text != saved[cell.index] and "AUTOTEST" not in cell.source:
            findings.append(
                Finding(
                    "source-changed",
                    "the source changed after `nbgrader generate_assignment`; the gradebook's text counts",
                    Severity.LOOK,
                    spec.name,
                    cell.grade_id,
                )
            )
        changed = replace(
            cell,
            source=cell.source if cell.solution else text,
            released=lab.rules.clear_hidden(text),
            points=float(row.get("max_score", cell.points)),
            locked=bool(row["locked"]),
        )
        cells.append(changed)
        saved[cell.index] = text
        sums[cell.index] = str(row["checksum"] or checksum(changed, text))
    new = replace(spec, cells=tuple(cells))
    hidden = frozenset[str]().union(page.hidden, *(hidden_lines(text, lab.rules) for text in saved))
    return new, replace(page, saved=tuple(saved), checksums=tuple(sums), hidden=hidden)
