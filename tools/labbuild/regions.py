"""From the lines of one cell, or of a module, to its regions and tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from labbuild.diagnostics import Diagnostics
from labbuild.markers import Kind, Marker
from labbuild.source import Line

__all__ = ["Chunk", "Region", "indent_of", "split_regions"]

_PAIRS = {Kind.BEGIN: Kind.END, Kind.HIDDEN_BEGIN: Kind.HIDDEN_END}
_ENDS = frozenset(_PAIRS.values())
_TAGS = frozenset({Kind.SKIP, Kind.ANSWER, Kind.TEST, Kind.TASK, Kind.LOCKED})


@dataclass(frozen=True, slots=True)
class Region:
    """Lines that only some versions have.

    Args:
        is_hidden: a hidden test; else a solution.
        begin_line: line of the begin marker, 0 when an ANSWER tag made the whole cell a region.
        end_line: line of the end marker.
        indent: blanks before the region's code.
        content: its lines, markers and messages left out.
        messages: the MSG markers in it.
        answer: the ANSWER tag that belongs to this region alone (in a module).

    """

    is_hidden: bool
    begin_line: int
    end_line: int
    indent: str
    content: tuple[Line, ...]
    messages: tuple[Marker, ...] = ()
    answer: Marker | None = None

    @property
    def is_whole_cell(self) -> bool:
        """Whether there are no markers around it."""
        return self.begin_line == 0


Part = Line | Region


@dataclass(frozen=True, slots=True)
class Chunk:
    """A cell or a module, taken apart.

    Args:
        parts: lines and regions, in order.
        tags: the other markers, in order.

    """

    parts: tuple[Part, ...]
    tags: tuple[Marker, ...] = ()

    @property
    def regions(self) -> tuple[Region, ...]:
        """Solution and hidden regions, in order."""
        return tuple(part for part in self.parts if isinstance(part, Region))

    @property
    def solutions(self) -> tuple[Region, ...]:
        """Solution regions, in order."""
        return tuple(region for region in self.regions if not region.is_hidden)


def indent_of(text: str) -> str:
    """Return the blanks at the start of a line."""
    return text[: len(text) - len(text.lstrip())]


def split_regions(
    lines: tuple[Line, ...], markers: Mapping[int, Marker], report: Diagnostics, *, is_code: bool
) -> Chunk:
    """Find the regions in a cell or module.

    Args:
        lines: its lines.
        markers: line number -> marker, of the whole source.
        report: gets regions that are not closed, nested or empty.
        is_code: indentation counts (it does not in Markdown).

    Returns:
        Its parts. After an error they still hold every line, so that later checks see all of the text.

    """
    here = _mend_typed_begins([markers[line.number] for line in lines if line.number in markers], report)
    parts: list[Part] = []
    tags: list[Marker] = []
    open_marker: Marker | None = None
    open_answer: Marker | None = None
    content: list[Line] = []
    messages: list[Marker] = []
    for line in lines:
        marker = here.get(line.number)
        if marker is None:
            (content if open_marker else parts).append(line)
        elif marker.kind in _PAIRS:
            if open_marker is not None:
                _report_nested(open_marker, marker, report)
                continue
            open_marker, open_answer, content, messages = marker, None, [], []
        elif marker.kind in _ENDS:
            if open_marker is None:
                _report_orphan(marker, report)
            elif _PAIRS[open_marker.kind] is not marker.kind:
                _report_crossed(open_marker, marker, report)
            else:
                parts.append(
                    _close(open_marker, marker, content, messages, open_answer, report, is_code=is_code)
                )
                open_marker = None
        elif marker.kind is Kind.MESSAGE:
            if open_marker is None:
                parts.append(_lone_message(marker, report))
            elif open_marker.kind is Kind.HIDDEN_BEGIN:
                report.add(
                    "LB309",
                    "a message in a hidden test is never shown",
                    line=marker.line,
                    hint="delete the line",
                )
            else:
                messages.append(marker)
        elif marker.kind is Kind.ANSWER and open_marker is not None and open_marker.kind is Kind.BEGIN:
            open_answer = marker
            tags.append(marker)
        elif marker.kind in _TAGS:
            tags.append(marker)
    if open_marker is not None:
        _report_unclosed(open_marker, lines, report)
        parts.extend(content)
    return Chunk(tuple(parts), tuple(tags))


def _mend_typed_begins(markers: list[Marker], report: Diagnostics) -> dict[int, Marker]:
    """Read HWBEGIN as HWEND where nothing else makes sense.

    ``BEGIN BEGIN`` at the end, or ``BEGIN BEGIN BEGIN``, is taken for a closing marker that was mistyped.
    ``BEGIN BEGIN END`` may as well be a forgotten HWEND, and stays an error.
    """
    mended = {marker.line: marker for marker in markers}
    edges = [marker for marker in markers if marker.kind in (Kind.BEGIN, Kind.END)]
    is_open = False
    for index, marker in enumerate(edges):
        following = edges[index + 1] if index + 1 < len(edges) else None
        if marker.kind is Kind.END:
            is_open = False
        elif not is_open:
            is_open = True
        elif (following is None or following.kind is Kind.BEGIN) and not _message_between(
            markers, marker, following
        ):
            mended[marker.line] = replace(marker, kind=Kind.END)
            is_open = False
            report.add(
                "LB304",
                f"HWBEGIN was read as HWEND: the region of line {edges[index - 1].line} is still open",
                line=marker.line,
                hint="write '#!TAG HWEND'",
                related=(edges[index - 1].line,),
            )
    return mended


def _message_between(markers: list[Marker], first: Marker, second: Marker | None) -> bool:
    return any(
        marker.kind is Kind.MESSAGE
        and marker.line > first.line
        and (second is None or marker.line < second.line)
        for marker in markers
    )


def _close(
    begin: Marker,
    end: Marker,
    content: list[Line],
    messages: list[Marker],
    answer: Marker | None,
    report: Diagnostics,
    *,
    is_code: bool,
) -> Region:
    texts = [line.text for line in content if line.text.strip()]
    indent = indent_of(texts[0]) if texts else begin.indent
    if not texts and not messages:
        report.add(
            "LB314",
            f"the region of lines {begin.line} to {end.line} is empty",
            line=begin.line,
            related=(end.line,),
            hint="put the solution between the two markers, or delete them",
        )
    if is_code and texts and begin.indent != indent:
        report.add(
            "LB208",
            f"the marker is indented by {len(begin.indent)}, its region by {len(indent)};"
            " messages were given the region's indentation",
            line=begin.line,
            hint=f"write '{indent}#!TAG {begin.kind}'",
        )
    return Region(
        begin.kind is Kind.HIDDEN_BEGIN, begin.line, end.line, indent, tuple(content), tuple(messages), answer
    )


def _lone_message(marker: Marker, report: Diagnostics) -> Region:
    if not any(found.is_error and found.line == marker.line for found in report.found):
        report.add(
            "LB309",
            "this message stands outside a region; students see it here",
            line=marker.line,
            hint="move it between '#!TAG HWBEGIN' and '#!TAG HWEND'",
        )
    return Region(False, marker.line, marker.line, marker.indent, (), (marker,))


def _report_nested(opened: Marker, marker: Marker, report: Diagnostics) -> None:
    end = _PAIRS[opened.kind]
    report.add(
        "LB303",
        f"{marker.kind} stands inside the region that line {opened.line} begins",
        line=marker.line,
        related=(opened.line,),
        hint=f"close the first region with '#!TAG {end}' above this line, or delete one of the two lines",
    )


def _report_crossed(opened: Marker, marker: Marker, report: Diagnostics) -> None:
    report.add(
        "LB303",
        f"{marker.kind} cannot close the {opened.kind} of line {opened.line}",
        line=marker.line,
        related=(opened.line,),
        hint=f"write '#!TAG {_PAIRS[opened.kind]}' first",
    )


def _report_orphan(marker: Marker, report: Diagnostics) -> None:
    begin = next(first for first, last in _PAIRS.items() if last is marker.kind)
    report.add(
        "LB301",
        f"{marker.kind} without a {begin} above it",
        line=marker.line,
        hint=f"write '#!TAG {begin}' where the region begins, or delete this line",
    )


def _report_unclosed(marker: Marker, lines: tuple[Line, ...], report: Diagnostics) -> None:
    last = lines[-1].number
    report.add(
        "LB302",
        f"the region that begins here is not closed before line {last}, where the cell or file ends",
        line=marker.line,
        related=(last,),
        hint=f"write '#!TAG {_PAIRS[marker.kind]}' after the last line of the region",
    )
