"""Lay a student's page out as one file that opens without a network."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Template

from labgrade.feedback.content import Page
from labgrade.pages import base_style, code_style, make_environment
from labgrade.pages.style import read_style
from labgrade.pages.text import clean_text

__all__ = ["GENERATOR", "render_page"]

GENERATOR = "labs feedback"
"""Stands in every page, so that only pages of ours are ever removed."""
_TEMPLATES = Path(__file__).parent / "templates"


def render_page(page: Page) -> str:
    """Return the HTML of a page."""
    return _template().render(
        page=page,
        title=f"{page.lab}: feedback for {page.student}",
        generator=GENERATOR,
        styles=_styles(),
        scripts=[],
    )


@cache
def _template() -> Template:
    environment = make_environment(_TEMPLATES)
    environment.filters["clean"] = clean_text
    return environment.get_template("feedback.html.j2")


@cache
def _styles() -> list[str]:
    return [base_style(), code_style(), read_style(_TEMPLATES / "feedback.css")]
