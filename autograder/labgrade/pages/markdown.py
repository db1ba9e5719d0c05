"""Markdown that a student wrote, with formulas and pictures; HTML in it is shown as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markupsafe import Markup
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from labgrade.pages.formula import render_formula
from labgrade.pages.images import RASTER_KINDS, make_address
from labgrade.pages.sanitise import sanitise_html
from labgrade.pages.text import clean_text

__all__ = ["render_markdown"]

MAX_CHARS = 12_000
"""A text answer has some thousand characters; what is longer is shown as it was typed."""
MAX_MARKS = 2_000
"""Characters other than letters, digits and spaces: the parser's time grows with their square."""
MAX_DOLLARS = 300
_MARKS = re.compile(r"[^\w\s]")

FindImage = Callable[[str], str | None]
"""Gives the ``data:`` address of a picture beside the notebook, None if there is none."""


def render_markdown(
    text: str,
    attachments: Mapping[str, Any] | None = None,
    find_image: FindImage = lambda _: None,
    *,
    may_have_html: bool = False,
) -> Markup:
    """Return Markdown as HTML that is safe to show.

    Args:
        text: of a cell or an output.
        attachments: of the cell, as in nbformat.
        find_image: for pictures that lie beside the notebook.
        may_have_html: HTML in it is cleaned like an output's instead of being shown as text.

    """
    text = clean_text(text)
    if len(text) > MAX_CHARS or len(_MARKS.findall(text)) > MAX_MARKS or text.count("$") > MAX_DOLLARS:
        return Markup("<pre>{}</pre>").format(text)
    try:
        parser = _parser(may_have_html=may_have_html)
        tokens = parser.parse(text)
    except RecursionError:  # brackets in brackets
        return Markup("<pre>{}</pre>").format(text)
    for token in tokens:
        for inner in token.children or ():
            if inner.type == "image":
                inner.attrs["src"] = _address(str(inner.attrs.get("src", "")), attachments, find_image)
    html = str(parser.renderer.render(tokens, parser.options, {}))
    return sanitise_html(html, may_have_math=True)


@cache
def _parser(*, may_have_html: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": may_have_html, "maxNesting": 30}).enable(
        ["table", "strikethrough"]
    )
    parser.use(dollarmath_plugin, allow_space=False, double_inline=True, renderer=_formula)
    parser.use(amsmath_plugin, renderer=lambda tex: str(render_formula(tex, is_display=True)))
    return parser


def _formula(tex: str, options: Mapping[str, Any]) -> str:
    return str(render_formula(tex, is_display=bool(options.get("display_mode"))))


def _address(source: str, attachments: Mapping[str, Any] | None, find_image: FindImage) -> str:
    """Return the address of a picture inside the page, "" for one that is not at hand."""
    if source.startswith("data:"):
        return source  # the sanitiser looks into it
    if source.startswith("attachment:"):
        found = (attachments or {}).get(unquote(source.removeprefix("attachment:")))
        for mime, data in found.items() if isinstance(found, dict) else ():
            if mime in RASTER_KINDS:
                return make_address(mime, clean_text(data)) or ""
        return ""
    return find_image(unquote(source)) or ""
