"""Markers: the lines that say what belongs to which version.

This works on raw lines, before Jupytext sees them. A line that is almost a marker is an error with the line
that was meant, because a marker that is not recognised gives the answer away.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum

from labbuild.diagnostics import Diagnostics
from labbuild.source import Line

__all__ = ["Kind", "Marker", "parse_marker", "scan"]


class Kind(StrEnum):
    """What a marker says."""

    BEGIN = "HWBEGIN"
    END = "HWEND"
    SKIP = "SKIPQUESTEXEC"
    ANSWER = "ANSWER"
    TEST = "TEST"
    TASK = "TASK"
    LOCKED = "LOCKED"
    HIDDEN_BEGIN = "HIDDENBEGIN"
    HIDDEN_END = "HIDDENEND"
    MESSAGE = "MSG"


_TAGS = tuple(kind.value for kind in Kind if kind is not Kind.MESSAGE)
_WITH_ID = frozenset({Kind.ANSWER, Kind.TEST, Kind.TASK})
_ENGLISH = frozenset({Kind.ANSWER, Kind.TEST, Kind.TASK, Kind.LOCKED})

_MARK = re.compile(r"#!(TAG|MSG)")
_COMMENTED = re.compile(r"\s*#+\s*\Z")
_STRAY = re.compile(r"""[\s'"`´’,.;:*-]*\Z""")
_ID = re.compile(r"[A-Za-z0-9_-]+\Z")
_POINTS = re.compile(r"\d+(\.\d+)?\Z")
_SHEBANG_WORD = re.compile(r"\s*(?:#\s*)*#!\s*([A-Za-z]{2,5})\b\s*(.*)")
_LOOSE = re.compile(r"""\s*(?P<lead>[#!\s'"]*)(?P<word>TAG|MSG)\b:?\s*(?P<rest>.*)""", re.IGNORECASE)
_BARE_TAG = re.compile(r"[#!\s]*(HWBEGIN|HWEND|SKIPQUESTEXEC|HIDDENBEGIN|HIDDENEND)\W*\Z")


@dataclass(frozen=True, slots=True)
class Marker:
    """One marker line.

    Args:
        kind: what it says.
        line: 1-based line in the source.
        indent: blanks before it.
        id: question id, "" for tags that have none.
        points: as written, None when not.
        message: of a MSG: what stands after ``#!MSG``, blanks included.
        commented: written ``# #!TAG``, which only a Markdown cell of a percent script may have.

    """

    kind: Kind
    line: int
    indent: str = ""
    id: str = ""
    points: float | None = None
    message: str = ""
    commented: bool = False


def scan(lines: tuple[Line, ...], report: Diagnostics) -> dict[int, Marker]:
    """Find all markers.

    Args:
        lines: of the whole source.
        report: gets what is wrong with the spelling of markers.

    Returns:
        Line number -> marker. A misspelt marker counts as the one that was meant, so that it does not cause
        further errors; the error it has already caused keeps anything from being written.

    """
    found: dict[int, Marker] = {}
    for line in lines:
        if "!" in line.text or "#" in line.text or "HW" in line.text:
            marker = parse_marker(line, report)
            if marker is not None:
                found[line.number] = marker
    return found


def parse_marker(line: Line, report: Diagnostics) -> Marker | None:
    """Read one line as a marker; None when it is none."""
    match = _MARK.search(line.text)
    if match is None:
        return _near_miss(line, report)
    before, after = line.text[: match.start()], line.text[match.end() :]
    html_comment = before.strip() == "<!--" and after.rstrip().endswith("-->")
    if html_comment:
        before, after = before.replace("<!--", ""), after.rstrip().removesuffix("-->").rstrip()
    commented = bool(_COMMENTED.match(before)) and bool(before.strip())
    if before.strip() and not commented:
        if not _STRAY.match(before):
            report.add(
                "LB204",
                f"a marker shares its line with other text: {before.strip()!r}",
                line=line.number,
                col=match.start() + 1,
                hint="a marker is a line of its own; in prose write the marker's name without '#!'",
            )
            return None
        _report_stray(line, before.strip(), report)
    plain = line.text.lstrip().removeprefix("#").removeprefix(" ") if commented else line.text
    indent = plain[: len(plain) - len(plain.lstrip())]
    if html_comment:
        _report_stray(line, "<!-- -->", report)
    if match[1] == "MSG":
        return Marker(Kind.MESSAGE, line.number, indent, message=after, commented=commented)
    return _parse_tag(line, indent, after, commented, report)


def _parse_tag(line: Line, indent: str, after: str, commented: bool, report: Diagnostics) -> Marker | None:
    match = re.match(r"(\s*)([A-Za-z_]+[A-Za-z0-9_]*)(.*)\Z", after)
    if match is None:
        report.add("LB201", "TAG without a name", line=line.number, hint=f"known tags: {', '.join(_TAGS)}")
        return None
    space, word, rest = match.groups()
    if word not in _TAGS:
        near = _nearest(word)
        report.add(
            "LB201",
            f"unknown TAG '{word}'",
            line=line.number,
            col=line.text.find(word) + 1,
            hint=f"write '#!TAG {near}'" if near else f"known tags: {', '.join(_TAGS)}",
        )
        return Marker(Kind(near), line.number, indent, id="?", points=0.0) if near else None
    kind = Kind(word)
    if not space:
        report.add("LB202", f"'#!TAG{word}' is not a marker", line=line.number, hint=f"write '#!TAG {word}'")
    if kind in _WITH_ID:
        return _parse_arguments(line, Marker(kind, line.number, indent, commented=commented), rest, report)
    if rest.strip():
        if _STRAY.match(rest) or rest.lstrip().startswith("#"):
            _report_stray(line, rest.strip(), report)
        else:
            report.add(
                "LB204",
                f"a marker shares its line with other text: {rest.strip()!r}",
                line=line.number,
                hint=f"write '#!TAG {word}' on a line of its own",
            )
    return Marker(kind, line.number, indent, commented=commented)


def _parse_arguments(line: Line, marker: Marker, rest: str, report: Diagnostics) -> Marker:
    """Read ``ID [points=N]``."""
    words = rest.split()
    usage = f"write '#!TAG {marker.kind} some-id" + ("'" if marker.kind is Kind.ANSWER else " points=3'")
    identifier, points = "", None
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key == "points":
            if not _POINTS.match(value):
                report.add(
                    "LB205",
                    f"points must be a number of 0 or more, not {value!r}",
                    line=line.number,
                    hint=usage,
                )
                points = 0.0
            else:
                points = float(value)
        elif equals:
            report.add(
                "LB205", f"unknown argument '{key}'", line=line.number, hint="the only one is 'points=N'"
            )
            points = 0.0 if points is None else points
        elif identifier:
            report.add("LB205", f"'{word}' is too much: one id for each tag", line=line.number, hint=usage)
        else:
            identifier = word
    if not _ID.match(identifier):
        what = (
            f"the id {identifier!r} has characters that ids cannot have"
            if identifier
            else "the id is missing"
        )
        report.add("LB207", what, line=line.number, hint=f"{usage}; ids have letters, digits, '-' and '_'")
        identifier = "?"
    elif points is None and marker.kind in (Kind.TEST, Kind.TASK):
        report.add(
            "LB206",
            f"{marker.kind} '{identifier}' does not say what it is worth",
            line=line.number,
            hint=f"write '#!TAG {marker.kind} {identifier} points=3'",
        )
        points = 0.0
    return Marker(marker.kind, marker.line, marker.indent, identifier, points, commented=marker.commented)


def _near_miss(line: Line, report: Diagnostics) -> Marker | None:
    """Find lines that were meant to be markers."""
    text = line.text
    meant = ""
    loose = _LOOSE.match(text)
    word = _SHEBANG_WORD.match(text)
    bare = _BARE_TAG.match(text.strip())
    if loose:
        first = loose["rest"].split(" ")[0].strip("'\"")
        tag = _nearest(first) if first else ""
        shouted = "!" in loose["lead"] and loose["word"].isupper()
        if loose["word"].upper() == "MSG":
            if shouted or ("#!" in loose["lead"].replace(" ", "")):
                meant = f"#!MSG {loose['rest']}"
        elif tag and (shouted or "!" in loose["lead"] or _is_no_prose(loose["word"], first, tag)):
            meant = " ".join(["#!TAG", tag, *loose["rest"].split(" ")[1:]])
        elif shouted:
            meant = f"#!TAG {loose['rest']}".rstrip()
    elif word:
        first = word[2].split(" ")[0]
        close = difflib.get_close_matches(word[1].upper(), ("TAG", "MSG"), n=1, cutoff=0.6)
        if close:
            meant = f"#!{close[0]} {word[2]}".rstrip()
        elif _nearest(word[1]):
            meant = f"#!TAG {_nearest(word[1])} {word[2]}".rstrip()
    elif bare:
        meant = f"#!TAG {bare[1]}"
    if not meant:
        return None
    report.add(
        "LB202",
        "this is almost a marker, and would be an ordinary line",
        line=line.number,
        col=len(text) - len(text.lstrip()) + 1,
        hint=f"write '{meant}'",
    )
    indent = text[: len(text) - len(text.lstrip())]
    if meant.startswith("#!MSG"):
        return Marker(Kind.MESSAGE, line.number, indent, message=meant.removeprefix("#!MSG"))
    tag = meant.split(" ")[1] if " " in meant else ""
    return Marker(Kind(tag), line.number, indent, id="?", points=0.0) if tag in _TAGS else None


def _is_no_prose(word: str, first: str, tag: str) -> bool:
    """Whether ``# TAG …`` without its exclamation mark can only be a marker: "# Tag test" is a heading."""
    return word == "TAG" and (first == tag or tag not in _ENGLISH)


def _nearest(word: str) -> str:
    near = difflib.get_close_matches(word.upper(), _TAGS, n=1, cutoff=0.7)
    return near[0] if near else ""


def _report_stray(line: Line, stray: str, report: Diagnostics) -> None:
    report.add(
        "LB203",
        f"{stray!r} beside a marker was ignored",
        line=line.number,
        hint="leave only the marker on the line",
    )
