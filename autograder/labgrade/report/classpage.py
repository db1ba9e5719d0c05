"""The class as one HTML page that needs nothing else: no network, no server, no other file."""

from __future__ import annotations

import ast
import json
import os
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from labgrade.model import Severity
from labgrade.pages import base_style, clean_text, code_style, highlight_python, make_environment
from labgrade.report.classview import ClassView
from labgrade.report.standing import Standing
from labgrade.report.statistics import describe_discrimination

__all__ = ["FeedbackLinks", "PagePart", "find_feedback", "render_class_page"]

_TEMPLATES = Path(__file__).parent / "templates"
STATIC_ROWS = 2_000
"""Rows that are there without JavaScript; ``grades.csv`` has all of them."""
STATIC_NAMES = 40
"""Students whose names stand below a group of failures or findings; a button shows all in the table."""
STATIC_FINDINGS = 100
"""Findings of one code that are listed; all are in the table and in ``results.json``."""
GROUPS = 60
"""Groups of failures that are listed; rarer ones are counted."""

_FLAGS = {
    "look": 1,
    "failure": 2,
    "open": 4,
    "late": 8,
    "absent": 16,
    "missing": 32,
    "byhand": 64,
    "feedback": 128,
}
"""Bits of a row's flags, the same names as in ``class.js``."""


@dataclass(frozen=True, slots=True)
class FeedbackLinks:
    """Where the feedback pages lie, seen from the class page.

    Args:
        prefix: relative address of their folder, with ``/`` at its end.
        students: who has one.

    """

    prefix: str = "feedback/"
    students: Collection[str] = field(default_factory=frozenset)

    def address(self, student: str) -> str:
        """Return the address of a student's page, "" if there is none."""
        return (
            f"{self.prefix}{quote(student, safe='', errors='replace')}.html"
            if student in self.students
            else ""
        )


@dataclass(frozen=True, slots=True)
class PagePart:
    """A further section of the page.

    Args:
        id: anchor, a word.
        title: heading.
        html: its content, safe.

    """

    id: str
    title: str
    html: Markup


def find_feedback(folder: Path, page: Path) -> FeedbackLinks:
    """Look up which feedback pages there are.

    Args:
        folder: of the pages, ``STUDENT.html``.
        page: the class page, which may lie elsewhere.

    """
    try:
        names = [name for name in os.listdir(folder) if name.endswith(".html")]
    except OSError:  # nobody has made any yet; the page says how
        names = []
    prefix = quote(os.path.relpath(folder, page.parent).replace(os.sep, "/"), safe="/.") + "/"
    return FeedbackLinks(prefix, frozenset(name.removesuffix(".html") for name in names))


def render_class_page(
    view: ClassView, *, feedback: FeedbackLinks, written: datetime, parts: Sequence[PagePart] = ()
) -> str:
    """Return the page.

    Args:
        view: what it shows.
        feedback: where students' pages are.
        written: moment that stands on the page.
        parts: further sections, in order.

    """
    environment = make_environment(_TEMPLATES)
    environment.filters["clean"] = clean_text
    environment.filters["duration"] = format_duration
    environment.globals["highlight"] = show_text
    environment.globals["sentence"] = describe_discrimination
    style = (_TEMPLATES / "class.css").read_text(encoding="utf-8")
    script = (_TEMPLATES / "class.js").read_text(encoding="utf-8")
    template = environment.get_template("class.html.j2")
    return template.render(
        title=f"{view.lab}: class report",
        generator="seqlabs: labs report",
        styles=[base_style(), code_style(), style],
        scripts=[script],
        view=view,
        feedback=feedback,
        written=written.strftime("%Y-%m-%d %H:%M %Z").strip(),
        parts=parts,
        data=_embed(_data(view, feedback)),
        counts=_counts(view),
        limits={
            "rows": STATIC_ROWS,
            "names": STATIC_NAMES,
            "findings": STATIC_FINDINGS,
            "groups": GROUPS,
        },
        urgent=[group for group in view.findings if group.severity is not Severity.NOTE],
        notes=[group for group in view.findings if group.severity is Severity.NOTE],
        row_class=row_class,
    )


def show_text(text: str) -> Markup:
    """Return what a student wrote, with colours if it is Python and not prose."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a student's escapes are not our business
            ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Markup.escape(clean_text(text))
    return highlight_python(text)


def format_duration(seconds: float) -> str:
    """Return a time in two units at most, e.g. ``2 d 3 h``, ``12 min``, ``0.4 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{rest} min" if rest else ""]
    return " ".join([part for part in parts if part][:2])


def row_class(point: float | None, max_score: float) -> str:
    """Return the class that tints a question's points: q0 (none) to q4 (all), ``open`` without points."""
    if point is None:
        return "open"
    share = point / max_score if max_score else 1.0
    return "q0" if share <= 0 else "q4" if share >= 1 else f"q{1 + int(share * 3)}"


def _counts(view: ClassView) -> dict[str, list[int]]:
    """Return the positions of the students that the page counts in its first lines."""
    return {
        "person": view.positions(lambda one: one.needs_person),
        "open": view.positions(lambda one: bool(one.open_cells)),
        "late": view.positions(lambda one: one.is_late),
        "absent": view.positions(lambda one: one.absent),
        "missing": view.positions(lambda one: bool(one.missing)),
        "byhand": view.positions(lambda one: bool(one.by_hand)),
    }


def _data(view: ClassView, feedback: FeedbackLinks) -> dict[str, Any]:
    """Return what the script needs, as compactly as JSON can be."""
    findings: dict[int, list[list[str]]] = {}
    for group in view.findings:
        for position, finding in group.entries:
            place = "/".join(part for part in (finding.notebook, finding.cell) if part)
            findings.setdefault(position, []).append(
                [finding.severity.value, finding.code, place, clean_text(finding.message)]
            )
    return {
        "max": view.max_score,
        "questions": [[question.id, question.max_score] for question in view.questions],
        "rows": [_row(one, feedback) for one in view.standings],
        "groups": [
            [group.question, clean_text(group.text), int(group.is_cause), group.students]
            for group in view.failures
        ],
        "lists": [[f"{group.code}", group.students] for group in view.findings],
        "findings": findings,
        "feedback": feedback.prefix,
        "flags": _FLAGS,
    }


def _row(one: Standing, feedback: FeedbackLinks) -> list[Any]:
    holds: dict[str, Callable[[], bool]] = {
        "look": lambda: one.looks > 0,
        "failure": lambda: one.failures > 0,
        "open": lambda: one.open_cells > 0,
        "late": lambda: one.is_late,
        "absent": lambda: one.absent,
        "missing": lambda: bool(one.missing),
        "byhand": lambda: one.by_hand > 0,
        "feedback": lambda: one.student in feedback.students,
    }
    flags = sum(bit for name, bit in _FLAGS.items() if holds[name]())
    points = [None if point is None else round(point, 3) for point in one.points]
    row: list[Any] = [one.student, clean_text(one.name), points, round(one.total, 3), flags]
    late = format_duration(one.late_s) if one.late_s > 0 else ""
    rest: list[Any] = [late, round(one.penalty, 3), round(one.extra, 3), clean_text(one.handed_in)]
    while rest and not rest[-1]:
        rest.pop()
    return row + rest


def _embed(data: dict[str, Any]) -> Markup:
    """Return JSON that may stand inside an element: no character of it can end one."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return Markup(text.encode("utf-8", "replace").decode())  # noqa: S704 - made safe in the lines above
