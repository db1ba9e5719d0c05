"""Python source as HTML, coloured by classes of the page's style sheet."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers.python import PythonLexer

from labgrade.pages.text import clean_text

__all__ = ["highlight_python"]

MAX_CHARS = 30_000
"""Longer text is shown without colours: a lexer made of regular expressions can be slow on odd input."""

_LEXER = PythonLexer(stripnl=False, ensurenl=False)
_FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True)


@lru_cache(maxsize=512)
def highlight_python(source: str) -> Markup:
    """Return the inside of a ``<pre>``; every character of the source is escaped."""
    text = clean_text(source)
    if len(text) > MAX_CHARS or any(len(line) > 2_000 for line in text.split("\n")):
        return Markup.escape(text)
    html = highlight(text, _LEXER, _FORMATTER)
    # The formatter ends the last line, whether the source does or not.
    html = html if text.endswith("\n") else html.removesuffix("\n")
    return Markup(html)  # noqa: S704 - Pygments escapes what it does not write
