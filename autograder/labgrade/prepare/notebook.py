"""Put a student's notebook and the lab's together: the cells that will run, in order, and what was mended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from labgrade.ipynb import RawCell, RawNotebook
from labgrade.lab import Page
from labgrade.model import CellSpec, Finding, NotebookSpec, PreparedCell, PreparedNotebook, Severity
from labgrade.prepare.frame import CellFrame, NotebookFrame, clean_metadata, unique_ids
from labgrade.prepare.likeness import bound_names, cell_likeness, same_text
from labgrade.prepare.matching import Match, Matching, match_cells
from labgrade.prepare.parting import part_merged

__all__ = ["prepare_notebook"]

SURE = 0.7
"""Below this confidence a person should look at what was taken for an answer."""

MISSING_ANSWER = "This answer was missing from the submission; the cell was added by the grader."

SIDE_CHARS = 4_000
"""Text kept on each side of a view side by side."""


class Report(Protocol):
    """Takes a finding about a cell; ``found`` and ``expected`` are the two sides of a view."""

    def __call__(
        self, code: str, message: str, severity: Severity, cell: str, found: str = "", expected: str = ""
    ) -> None:
        """Note the finding."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A cell on its way into the prepared notebook."""

    prepared: PreparedCell
    frame: CellFrame
    position: int = -1

    @property
    def lab_index(self) -> int:
        return self.prepared.spec.index if self.prepared.spec else -1


def prepare_notebook(
    spec: NotebookSpec, page: Page, raw: RawNotebook
) -> tuple[PreparedNotebook, NotebookFrame]:
    """Match a student's notebook with the lab's and mend it.

    Locked cells and tests are the lab's, whole; answers are the student's; what the student added stays
    where it is.
    """
    findings: list[Finding] = []

    def report(
        code: str, message: str, severity: Severity, cell: str, found: str = "", expected: str = ""
    ) -> None:
        sides = (found[:SIDE_CHARS], expected[:SIDE_CHARS])
        findings.append(Finding(code, message, severity, spec.name, cell, *sides))

    parted = part_merged(spec, raw.cells)
    if len(parted) > len(raw.cells):
        message = (
            f"cells had been merged; {len(parted) - len(raw.cells)} were parted again at the lab's seams"
        )
        report("cells-parted", message, Severity.NOTE, "")
        raw = replace(raw, cells=tuple(parted))
    matching = match_cells(spec, raw.cells)
    items = _place_student_cells(spec, page, raw, matching)
    _report_matches(spec, page, raw, matching, report)
    _restore_missing(spec, page, matching, items, report)
    _take_answers_below(spec, items, report)
    _put_tests_after_answers(items, report)
    metadata = {key: value for key, value in clean_metadata(raw.metadata).items() if key != "kernelspec"}
    if "kernelspec" in page.metadata:
        metadata["kernelspec"] = page.metadata["kernelspec"]
    ids = unique_ids([item.frame.cell_id for item in items]) if raw.minor >= 5 else [""] * len(items)
    return (
        PreparedNotebook(spec, tuple(item.prepared for item in items), tuple(findings)),
        NotebookFrame(
            metadata,
            raw.minor,
            tuple(replace(item.frame, cell_id=cell_id) for item, cell_id in zip(items, ids, strict=True)),
        ),
    )


def _place_student_cells(spec: NotebookSpec, page: Page, raw: RawNotebook, matching: Matching) -> list[_Item]:
    lab_of = {match.position: index for index, match in matching.matches.items()}
    items: list[_Item] = []
    for position, cell in enumerate(raw.cells):
        frame = CellFrame(cell.cell_id, clean_metadata(cell.metadata), cell.attachments)
        index = lab_of.get(position)
        if index is None:
            items.append(_Item(PreparedCell(cell.source, cell.cell_type), frame, position))
        else:
            items.append(_Item(_prepare_cell(spec.cells[index], page, cell), frame, position))
    return items


def _prepare_cell(lab: CellSpec, page: Page, cell: RawCell) -> PreparedCell:
    if lab.locked or lab.task:
        return PreparedCell(page.saved[lab.index] if lab.locked else cell.source, lab.cell_type, lab)
    kind = lab.cell_type if lab.grade_id else cell.cell_type
    untouched = lab.solution and (not cell.source.strip() or same_text(cell.source, lab.released))
    return PreparedCell(cell.source, kind, lab, untouched)


def _report_matches(
    spec: NotebookSpec, page: Page, raw: RawNotebook, matching: Matching, report: Report
) -> None:
    known = [lab for lab in spec.cells if lab.grade_id]
    lost = bool(known) and not any(cell.grade_id for cell in raw.cells)
    if lost:
        doubtful = any(_is_doubtful(lab, matching.matches.get(lab.index)) for lab in known)
        report(
            "metadata-lost",
            "nbgrader's metadata is gone from the notebook; its cells were matched with the lab's by content",
            Severity.LOOK if doubtful else Severity.NOTE,
            "",
        )
    for lab in known:
        match = matching.matches.get(lab.index)
        if match is not None:
            _report_match(lab, page, raw.cells[match.position], match, report, lost=lost)
        for position in matching.copies.get(lab.index, ()):
            report(
                "cell-duplicated",
                f"the cell stands there several times; cell {position + 1} was run as the student's own",
                Severity.LOOK if lab.is_manual else Severity.NOTE,
                lab.grade_id,
            )
    wanted = {lab.grade_id for lab in known}
    for position, cell in enumerate(raw.cells):
        if cell.grade_id and cell.grade_id not in wanted:
            report(
                "cell-id-unknown",
                f"cell {position + 1} claims the id '{cell.grade_id[:60]}', which this lab does not have",
                Severity.NOTE,
                f"#{position}",
            )
        if cell.cell_type == "code" and "skip-execution" in _tags(cell):
            report(
                "metadata-ignored",
                f"cell {position + 1} has the tag 'skip-execution', which does not change what is run",
                Severity.NOTE,
                cell.grade_id or f"#{position}",
            )


def _is_doubtful(lab: CellSpec, match: Match | None) -> bool:
    return lab.solution and (match is None or match.confidence < SURE)


def _report_match(
    lab: CellSpec, page: Page, cell: RawCell, match: Match, report: Report, *, lost: bool
) -> None:
    if match.how == "likeness" and lab.solution and (match.confidence < SURE or not lost):
        report(
            "cell-matched",
            f"cell {match.position + 1} was taken for this answer (confidence {match.confidence:.0%})",
            Severity.LOOK if match.confidence < SURE else Severity.NOTE,
            lab.grade_id,
            cell.source,
            lab.released,
        )
    if cell.cell_type != lab.cell_type:
        report(
            "cell-type-changed",
            f"the cell was {cell.cell_type} and is {lab.cell_type} again",
            Severity.NOTE,
            lab.grade_id,
        )
    changed = not any(same_text(cell.source, text) for text in (lab.released, page.saved[lab.index]))
    if lab.locked and changed:
        report(
            "cell-edited",
            "the cell may not be changed; the lab's text was put back",
            Severity.NOTE,
            lab.grade_id,
            cell.source,
            lab.released,
        )
    meta = cell.nbgrader
    if cell.grade_id and not lost:
        claims = (meta.get("grade") is True, meta.get("solution") is True)
        points = meta.get("points", lab.points)
        if claims != (lab.grade, lab.solution) or ((lab.grade or lab.task) and points != lab.points):
            report(
                "cell-retagged",
                "what the notebook says about the cell's kind or points was changed; the lab's holds",
                Severity.NOTE,
                lab.grade_id,
            )


def _tags(cell: RawCell) -> list[object]:
    tags = cell.metadata.get("tags")
    return tags if isinstance(tags, list) else []


def _restore_missing(
    spec: NotebookSpec, page: Page, matching: Matching, items: list[_Item], report: Report
) -> None:
    """Put deleted cells back, each before the next cell of the lab that is there."""
    for lab in spec.cells:
        if lab.index in matching.matches:
            continue
        if not lab.grade_id:
            if lab.cell_type == "code" and lab.source.strip():
                report(
                    "given-cell-missing",
                    "a given code cell is not in the notebook",
                    Severity.NOTE,
                    f"lab #{lab.index}",
                )
            continue
        if lab.solution and not lab.grade:
            _report_missing_answer(lab, items, report)
            continue
        if lab.is_manual and not lab.task:
            comment = "# " if lab.cell_type == "code" else ""
            prepared = PreparedCell(comment + MISSING_ANSWER, lab.cell_type, lab)
            _report_missing_answer(lab, items, report)
        else:
            prepared = PreparedCell(page.saved[lab.index], lab.cell_type, lab)
            report("cell-restored", "the cell was missing and was put back", Severity.NOTE, lab.grade_id)
        frame = CellFrame(lab.cell_id, page.cell_metadata[lab.index], page.attachments[lab.index], added=True)
        items.insert(_place_for(lab.index, items), _Item(prepared, frame))


def _report_missing_answer(lab: CellSpec, items: Sequence[_Item], report: Report) -> None:
    """Ask for a person, and show the likeliest of the student's own cells beside what was given."""
    free = [item for item in items if item.prepared.spec is None and item.prepared.source.strip()]
    rated = [
        (cell_likeness(lab, RawCell(item.prepared.cell_type, item.prepared.source)), -item.position, item)
        for item in free
    ]
    best = max(rated, key=lambda entry: entry[:2], default=None)
    message = "no cell was found that could be this answer"
    found = ""
    if best is not None and best[0] > 0:
        found = best[2].prepared.source
        message += f"; the likeliest is cell {best[2].position + 1} (confidence {best[0]:.0%})"
    report("answer-missing", message, Severity.LOOK, lab.grade_id, found, lab.released)


def _place_for(index: int, items: Sequence[_Item]) -> int:
    before = max((at for at, item in enumerate(items) if 0 <= item.lab_index < index), default=-1)
    after = [at for at, item in enumerate(items) if item.lab_index > index and at > before]
    return after[0] if after else len(items)


def _take_answers_below(spec: NotebookSpec, items: list[_Item], report: Report) -> None:
    """Find answers that were written into a new cell below the one meant for them."""
    at = 0
    while at < len(items):
        item = items[at]
        lab = item.prepared.spec
        at += 1
        if lab is None or not item.prepared.untouched:
            continue
        end = at
        while end < len(items) and items[end].prepared.spec is None:
            end += 1
        below = [
            other
            for other in items[at:end]
            if other.prepared.cell_type == lab.cell_type and other.prepared.source.strip()
        ]
        if lab.is_manual and below:
            text = "\n\n".join(other.prepared.source for other in below)
            items[at - 1] = replace(item, prepared=replace(item.prepared, source=text, untouched=False))
            items[at:end] = [other for other in items[at:end] if other not in below]
            report(
                "answer-below",
                "the answer was taken from the cell below the empty one",
                Severity.LOOK,
                lab.grade_id,
                text,
                lab.released,
            )
        elif not lab.is_manual and lab.cell_type == "code":
            wanted = bound_names(lab.source)
            if any(wanted & bound_names(other.prepared.source) for other in below):
                items[at - 1] = replace(item, prepared=replace(item.prepared, untouched=False))
                report(
                    "answer-below",
                    "the answer stands in a new cell below the empty one",
                    Severity.NOTE,
                    lab.grade_id,
                )


def _put_tests_after_answers(items: list[_Item], report: Report) -> None:
    """Move a test behind the answers that precede it in the lab, where a student changed the order."""
    for item in [item for item in items if item.prepared.spec is not None and item.prepared.spec.is_test]:
        here = items.index(item)
        last = max(
            (
                at
                for at, other in enumerate(items)
                if other.prepared.spec is not None
                and other.prepared.spec.solution
                and other.lab_index < item.lab_index
            ),
            default=-1,
        )
        if last > here:
            items.insert(last, items.pop(here))
            assert item.prepared.spec is not None
            report(
                "cell-moved",
                "the test stood before its answer and was run after it",
                Severity.NOTE,
                item.prepared.spec.grade_id,
            )
