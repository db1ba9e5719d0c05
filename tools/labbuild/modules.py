"""Companion modules: plain Python with the same markers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from labbuild.compiled import AnswerPlace, CompiledModule
from labbuild.diagnostics import Diagnostics
from labbuild.draft import report_no_placeholder
from labbuild.markers import Kind, Marker, scan
from labbuild.placeholders import NoPlaceholderError, choose_placeholders
from labbuild.python_text import parses
from labbuild.regions import Chunk, Region, split_regions
from labbuild.source import SourceText, read_source
from labbuild.versions import render_code

__all__ = ["DraftModule", "draft_module"]


@dataclass(frozen=True, slots=True)
class DraftModule:
    """A module, and which questions its regions answer.

    Args:
        module: its two versions.
        answers: question id -> (line of the tag, place of the answer).
        report: what was found.

    """

    module: CompiledModule
    answers: Mapping[str, tuple[int, AnswerPlace]]
    report: Diagnostics


def draft_module(path: Path, name: str) -> DraftModule:
    """Read a module and make its two versions.

    Args:
        path: the file.
        name: relative to the lab's folder.

    Returns:
        The module; after an error its texts are only good for finding further errors.

    """
    source = read_source(path)
    report = source.report
    markers = _accepted(scan(source.lines, report), report)
    chunk = _attach_answers(split_regions(source.lines, markers, report, is_code=True), source)
    regions = chunk.solutions
    for region in chunk.regions:
        if region.is_hidden:
            report.add(
                "LB313", "HIDDENBEGIN in a module", line=region.begin_line, hint="tests stand in notebooks"
            )
    identifiers = [region.answer.id if region.answer else "" for region in regions]
    placeholders = [""] * len(regions)
    solved = "\n".join(
        row
        for part in chunk.parts
        for row in ([line.text for line in part.content] if isinstance(part, Region) else [part.text])
    )
    if regions and path.suffix == ".py":
        if not parses(solved):
            report.add(
                "LB311", "this module does not parse", line=regions[0].begin_line, hint=_syntax_error(solved)
            )
        else:
            try:
                placeholders = choose_placeholders(chunk.parts, identifiers)
            except NoPlaceholderError as error:
                report_no_placeholder(error.regions, report)
    texts = render_code(chunk.parts, placeholders)
    answers: dict[str, tuple[int, AnswerPlace]] = {}
    for region, (first, last) in zip(regions, texts.answers, strict=True):
        if region.answer is None:
            continue
        place = AnswerPlace(name, "module", None, first, last)
        if region.answer.id in answers:
            report.add(
                "LB401",
                f"the answer '{region.answer.id}' was already given in line {answers[region.answer.id][0]}",
                line=region.answer.line,
                related=(answers[region.answer.id][0],),
                hint="give every answer an id of its own",
            )
        answers.setdefault(region.answer.id, (region.answer.line, place))
    module = CompiledModule(name, path, _ended(texts.student), _ended(texts.solution))
    return DraftModule(module, answers, report)


def _ended(text: str) -> str:
    return text + "\n" if text else text


def _syntax_error(text: str) -> str:
    try:
        compile(text, "<module>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return f"Python says: {error.msg} (line {error.lineno} without the markers)"
    return ""


def _accepted(markers: Mapping[int, Marker], report: Diagnostics) -> dict[int, Marker]:
    """Leave out the markers that mean nothing in a module."""
    kept: dict[int, Marker] = {}
    for number, marker in markers.items():
        if marker.commented:
            report.add(
                "LB202",
                f"'# #!{'MSG' if marker.kind is Kind.MESSAGE else 'TAG'}' is not a marker in a module",
                line=number,
                hint="write it without the first '# '",
            )
        if marker.kind is Kind.SKIP:
            report.add(
                "LB312", "SKIPQUESTEXEC has no meaning in a module", line=number, hint="delete the line"
            )
        elif marker.kind in (Kind.TEST, Kind.TASK, Kind.LOCKED):
            report.add(
                "LB404",
                f"{marker.kind} stands in a module",
                line=number,
                hint="tests and tasks stand in notebooks",
            )
        elif marker.kind is Kind.ANSWER and marker.points is not None:
            report.add(
                "LB404",
                f"the answer '{marker.id}' is to be graded by hand; nbgrader does that only in a notebook",
                line=number,
                hint=f"write '#!TAG ANSWER {marker.id}' and test it from a notebook, or move it there",
            )
        kept[number] = marker
    return kept


def _attach_answers(chunk: Chunk, source: SourceText) -> Chunk:
    """Give each ANSWER tag to its region: the one it stands in, or the next one after only blank lines."""
    blank = {line.number for line in source.lines if not line.text.strip()}
    inside = {region.answer.line for region in chunk.solutions if region.answer}
    parts = list(chunk.parts)
    for tag in chunk.tags:
        if tag.kind is not Kind.ANSWER or tag.line in inside:
            continue
        target = next(
            (
                index
                for index, part in enumerate(parts)
                if isinstance(part, Region)
                and not part.is_hidden
                and part.begin_line > tag.line
                and all(number in blank for number in range(tag.line + 1, part.begin_line))
            ),
            None,
        )
        region = parts[target] if target is not None else None
        if not isinstance(region, Region) or target is None:
            source.report.add(
                "LB410",
                f"the answer '{tag.id}' has no region",
                line=tag.line,
                hint="put '#!TAG HWBEGIN' on the next line and '#!TAG HWEND' after the answer",
            )
        elif region.answer is not None:
            source.report.add(
                "LB405",
                f"the region has the ids '{tag.id}' and '{region.answer.id}'",
                line=tag.line,
                related=(region.answer.line,),
                hint="keep one of the two",
            )
        else:
            parts[target] = replace(region, answer=tag)
    return Chunk(tuple(parts), chunk.tags)
