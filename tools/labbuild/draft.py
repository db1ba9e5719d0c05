"""A notebook between reading and assembling: each cell with its regions, its role and its three texts."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from labbuild.cells import Cell
from labbuild.diagnostics import Diagnostics
from labbuild.grading import Grading, read_grading
from labbuild.markers import Kind, Marker
from labbuild.placeholders import NoPlaceholderError, choose_placeholders, student_lines
from labbuild.python_text import parse, parses
from labbuild.regions import Chunk, Part, Region, split_regions
from labbuild.source import Line
from labbuild.versions import Texts, render_code, render_markdown

__all__ = ["DraftCell", "DraftNotebook", "draft_cell", "report_no_placeholder"]

_SKIP_TAGS = frozenset({"skip-execution", "skip_execution", "skipquestexec"})


@dataclass(frozen=True, slots=True)
class DraftCell:
    """One cell.

    Args:
        cell_type: ``code``, ``markdown`` or ``raw``.
        texts: its three versions.
        grading: its role; None for an ordinary cell.
        metadata: of the released cell, without ``nbgrader``.
        line: where it begins in the source.
        is_skipped: not run when the student version is executed.
        has_regions: students write here.

    """

    cell_type: str
    texts: Texts
    grading: Grading | None
    metadata: Mapping[str, Any]
    line: int
    is_skipped: bool = False
    has_regions: bool = False


@dataclass(frozen=True, slots=True)
class DraftNotebook:
    """One notebook, its grade ids not yet given.

    Args:
        name: without suffix.
        path: the source.
        cells: in order.
        metadata: of the released notebook.
        report: what was found.
        as_written: the cells as they stand in the source, before anything was mended; None if unreadable.
        markers: line number -> marker of the source.

    """

    name: str
    path: Path
    cells: tuple[DraftCell, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    report: Diagnostics = field(default_factory=lambda: Diagnostics(Path()))
    as_written: tuple[Cell, ...] | None = None
    markers: Mapping[int, Marker] = field(default_factory=dict)


def draft_cell(
    cell: Cell, markers: Mapping[int, Marker], metadata: Mapping[str, Any], language: str, report: Diagnostics
) -> DraftCell:
    """Take one cell apart and write its three versions.

    Args:
        cell: as read, markers included.
        markers: of the whole source.
        metadata: what of the cell's metadata is released.
        language: of the kernel.
        report: gets what is wrong.

    Returns:
        The cell; after an error its texts are only good for finding further errors.

    """
    is_code = cell.cell_type == "code"
    chunk = split_regions(cell.lines, markers, report, is_code=is_code)
    grading = read_grading(chunk.tags, cell.metadata, cell.cell_type, cell.number, report)
    is_skipped = _is_skipped(cell, chunk, report)
    _check_places(chunk, grading, cell.cell_type, report)
    parts = _with_whole_cell(chunk, grading, report)
    if is_code and grading is not None and grading.kind == "test":
        parts = _with_check_call(parts, grading, report)
    regions = [part for part in parts if isinstance(part, Region)]
    if is_code:
        texts = _render_code_cell(parts, grading, language, report)
    else:
        texts = render_markdown(parts, is_task=grading is not None and grading.kind == "task")
    has_regions = any(not region.is_hidden for region in regions)
    if has_regions and grading is None:
        # nbgrader takes a region only out of an answer cell, and a text answer only as one graded by hand.
        grading = Grading("answer" if is_code else "manual", "", 0.0, cell.number)
    return DraftCell(cell.cell_type, texts, grading, metadata, cell.number, is_skipped, has_regions)


def _is_skipped(cell: Cell, chunk: Chunk, report: Diagnostics) -> bool:
    tagged = bool(_SKIP_TAGS & {str(tag).lower() for tag in cell.metadata.get("tags") or []})
    for marker in chunk.tags:
        if marker.kind is not Kind.SKIP:
            continue
        if cell.cell_type != "code":
            report.add(
                "LB312",
                "SKIPQUESTEXEC has no meaning in a text cell",
                line=marker.line,
                hint="delete the line",
            )
            continue
        above = [line for line in cell.lines if line.number < marker.line and "#!TAG" not in line.text]
        if any(line.text.strip() for line in above):
            report.add(
                "LB312",
                "SKIPQUESTEXEC stands below code; it counts for the whole cell",
                line=marker.line,
                hint="move it to the first line of the cell",
            )
        tagged = True
    return tagged


def _check_places(chunk: Chunk, grading: Grading | None, cell_type: str, report: Diagnostics) -> None:
    """Report regions in cells that cannot have them."""
    kind = grading.kind if grading else ""
    for region in chunk.regions:
        if cell_type == "raw":
            report.add(
                "LB404",
                "a region stands in a raw cell, which nbgrader cannot release",
                line=region.begin_line,
                hint="make it a Markdown cell",
            )
        elif region.is_hidden and kind != "test":
            report.add(
                "LB313",
                "HIDDENBEGIN stands outside a TEST cell",
                line=region.begin_line,
                hint="begin the cell with '#!TAG TEST some-id points=3', or use HWBEGIN for a solution",
            )
        elif not region.is_hidden and grading is not None and kind in ("test", "locked"):
            report.add(
                "LB406",
                f"a solution region in a cell that line {grading.line} makes read-only",
                line=region.begin_line,
                related=(grading.line,),
                hint="use HIDDENBEGIN and HIDDENEND in a test cell; take LOCKED away from an answer",
            )


def _with_whole_cell(chunk: Chunk, grading: Grading | None, report: Diagnostics) -> tuple[Part, ...]:
    """Make all of an ANSWER cell its region, if it has none of its own."""
    if grading is None or grading.kind not in ("answer", "manual") or chunk.solutions:
        return chunk.parts
    lines = tuple(part for part in chunk.parts if isinstance(part, Line))
    if not any(line.text.strip() for line in lines):
        report.add(
            "LB314",
            f"the answer '{grading.question}' has no solution",
            line=grading.line,
            hint="write the solution below the tag; students get an empty place in its stead",
        )
    return (Region(False, 0, 0, "", lines),)


def _with_check_call(parts: tuple[Part, ...], grading: Grading, report: Diagnostics) -> tuple[Part, ...]:
    """Append the call that runs the tests of the cell, unless the author wrote it."""
    whole = "\n".join(_solution_rows(parts))
    tree = parse(whole)
    if tree is None:
        report.add(
            "LB408",
            f"the test cell of '{grading.question}' does not parse",
            line=grading.line,
            hint=_syntax_error(whole),
        )
        return parts
    visible = [part.text for part in parts if isinstance(part, Line)]
    if not any(row.strip() and not row.lstrip().startswith("#") for row in visible) and whole.strip():
        report.add(
            "LB409",
            f"students see nothing of the test cell of '{grading.question}'",
            line=grading.line,
            hint="leave at least one check outside HIDDENBEGIN … HIDDENEND",
        )
    if not parses("\n".join(visible)):
        report.add(
            "LB310",
            "what students get of this test cell does not parse",
            line=grading.line,
            hint="let each hidden region be whole statements",
        )
    tests = sum(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        for node in tree.body
    )
    if tests == 0 or grading.grade_id or _calls_check(tree):
        return parts
    points = int(grading.points) if grading.points == int(grading.points) else grading.points
    call = [f'check("{grading.question}", points={points}, tests={tests})']
    if not _imports_check(tree):
        call = ["from labkit import check", "", *call]
    last = _last_number(parts, grading.line)
    gap = [""] if _ends_blank(parts) else ["", ""]
    return (*_tuck_blank_lines(parts), *(Line(last, row) for row in (*gap, *call)))


def _tuck_blank_lines(parts: Sequence[Part]) -> list[Part]:
    """Let the blank lines above a hidden region belong to it, so that it leaves no hole behind."""
    tucked: list[Part] = []
    for part in parts:
        if isinstance(part, Region) and part.is_hidden:
            blanks: list[Line] = []
            while tucked and isinstance(above := tucked[-1], Line) and not above.text.strip():
                tucked.pop()
                blanks.insert(0, above)
            part = replace(part, content=(*blanks, *part.content))
        tucked.append(part)
    return tucked


def _solution_rows(parts: Sequence[Part]) -> list[str]:
    rows: list[str] = []
    for part in parts:
        rows += [line.text for line in part.content] if isinstance(part, Region) else [part.text]
    return rows


def _ends_blank(parts: Sequence[Part]) -> bool:
    rows = _solution_rows(parts)
    return bool(rows) and not rows[-1].strip()


def _last_number(parts: Sequence[Part], default: int) -> int:
    if not parts:
        return default
    last = parts[-1]
    return last.end_line if isinstance(last, Region) else last.number


def _calls_check(tree: ast.Module) -> bool:
    """Whether the cell itself calls ``check``; in a test function the call would mean something else."""
    calls = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Expr | ast.Assign) and isinstance(node.value, ast.Call)
    )
    return any(getattr(call.func, "id", getattr(call.func, "attr", "")) == "check" for call in calls)


def _imports_check(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "labkit"
        and any(alias.name == "check" and alias.asname is None for alias in node.names)
        for node in tree.body
    )


def _syntax_error(text: str) -> str:
    try:
        ast.parse(text)
    except SyntaxError as error:
        return f"Python says: {error.msg} (line {error.lineno} of the cell)"
    return ""


def _render_code_cell(
    parts: tuple[Part, ...], grading: Grading | None, language: str, report: Diagnostics
) -> Texts:
    regions = [part for part in parts if isinstance(part, Region) and not part.is_hidden]
    question = grading.question if grading and grading.kind in ("answer", "manual") else ""
    if len(regions) == 1 and regions[0].is_whole_cell:
        if language != "python":
            return render_code(parts, [""], f"# Write your answer to question '{question}' here.")
        stub = f"raise NotImplementedError(\"Question '{question}' is not answered yet.\")"
        return render_code(parts, [stub], f"# Write your answer to question '{question}' here.")
    texts = _render_regions(parts, regions, question, language, grading, report)
    if question and regions and not texts.student.strip():
        # Nothing would tell the student where to answer: let the first region have a message.
        said = Marker(
            Kind.MESSAGE, regions[0].begin_line, message=f" Write your answer to question '{question}' here."
        )
        parts = tuple(replace(part, messages=(said,)) if part is regions[0] else part for part in parts)
        texts = _render_regions(
            parts, [p for p in parts if isinstance(p, Region)], question, language, grading, report
        )
    return texts


def _render_regions(
    parts: tuple[Part, ...],
    regions: list[Region],
    question: str,
    language: str,
    grading: Grading | None,
    report: Diagnostics,
) -> Texts:
    bare = [""] * len(regions)
    if language != "python":
        return render_code(parts, bare)
    is_test = grading is not None and grading.kind == "test"
    solved = "\n".join(_solution_rows(parts))
    if not parses(solved):
        if not is_test:
            _report_syntax(parts, solved, report)
        if not parses("\n".join(student_lines(parts, bare))):
            return render_code(parts, bare)
    try:
        return render_code(parts, choose_placeholders(parts, [question] * len(regions)))
    except NoPlaceholderError as error:
        report_no_placeholder(error.regions, report)
        return render_code(parts, bare)


def report_no_placeholder(regions: Sequence[Region], report: Diagnostics) -> None:
    """Report regions that cannot be taken out."""
    for region in regions:
        report.add(
            "LB310",
            f"without lines {region.begin_line} to {region.end_line} the code does not parse,"
            " whatever stands in their place",
            line=region.begin_line,
            related=(region.end_line,),
            hint="let the region be whole statements, or a whole expression inside brackets",
        )


def _report_syntax(parts: Sequence[Part], solved: str, report: Diagnostics) -> None:
    first = next(iter(parts), None)
    number = (
        (first.begin_line or first.end_line) if isinstance(first, Region) else first.number if first else 0
    )
    report.add("LB311", "this code does not parse", line=number, hint=_syntax_error(solved))
