"""A comparison of results as HTML: a page of its own, and a part of the class page."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from labgrade.pages import base_style, clean_text, make_environment
from labgrade.regrade.diff import GradeDiff
from labgrade.regrade.text import headline

__all__ = ["render_diff_page", "render_diff_part"]

_TEMPLATES = Path(__file__).parent / "templates"
SHOWN = 300
"""Students that a page lists; ``regrade.json`` has all."""


def render_diff_page(diff: GradeDiff) -> str:
    """Return a page that stands alone."""
    environment = make_environment(_TEMPLATES)
    style = (_TEMPLATES / "regrade.css").read_text(encoding="utf-8")
    return environment.get_template("regrade.html.j2").render(
        title=f"{diff.lab}: what grading again {'would change' if diff.trial else 'changed'}",
        generator="seqlabs: labs grade",
        styles=[base_style(), style],
        scripts=[],
        part=render_diff_part(diff),
    )


def render_diff_part(diff: GradeDiff) -> Markup:
    """Return the inside of a section, without a heading."""
    environment = make_environment(_TEMPLATES)
    environment.filters["clean"] = clean_text
    ordered = sorted(diff.changes, key=lambda one: (one.change, one.student))
    text = environment.get_template("part.html.j2").render(
        diff=diff,
        headline=headline(diff),
        checks=diff.by_check(),
        changes=ordered[:SHOWN],
        left_out=max(0, len(ordered) - SHOWN),
    )
    return Markup(text)  # noqa: S704 - the template escapes all that is put in
