"""Python source as HTML, coloured by classes of the page's style sheet."""

from __future__ import annotations

import builtins
import keyword
from functools import lru_cache
from typing import ClassVar

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import RegexLexer, bygroups, words
from pygments.token import Comment, Keyword, Name, Number, String, Text

from labgrade.pages.text import clean_text

__all__ = ["highlight_python"]

MAX_CHARS = 200_000
"""Longer text is shown without colours."""


class _QuickPython(RegexLexer):  # type: ignore[misc]  # Pygments publishes no types
    """Strings, comments, keywords, names that are defined, and nothing finer.

    Pygments' own lexer takes five times as long, which is half of the time of a page. Whatever the text is,
    each rule takes time in proportion to what it matches.
    """

    name = "quick Python"
    tokens: ClassVar = {
        "root": [
            (r'[rRbBuUfFtT]{0,2}"""[\s\S]*?(?:"""|\Z)', String.Doc),
            (r"[rRbBuUfFtT]{0,2}'''[\s\S]*?(?:'''|\Z)", String.Doc),
            (r'[rRbBuUfFtT]{0,2}"(?:\\[\s\S]|[^"\\\n])*"?', String),
            (r"[rRbBuUfFtT]{0,2}'(?:\\[\s\S]|[^'\\\n])*'?", String),
            (r"#[^\n]*", Comment),
            (r"\b(def|class)([ \t]+)(\w+)", bygroups(Keyword, Text, Name.Function)),
            (words(keyword.kwlist, prefix=r"\b", suffix=r"\b"), Keyword),
            (
                words([name for name in dir(builtins) if name[0] != "_"], prefix=r"\b", suffix=r"\b"),
                Name.Builtin,
            ),
            (r"@[A-Za-z_][\w.]*", Name.Decorator),
            (r"\d[\w.]*", Number),
            (r"\w+", Text),
            (r"[^\w\"'#@]+|[\s\S]", Text),
        ],
    }


_LEXER = _QuickPython(stripnl=False, ensurenl=False)
_FORMATTER: HtmlFormatter[str] = HtmlFormatter(nowrap=True)


@lru_cache(maxsize=512)
def highlight_python(source: str) -> Markup:
    """Return the inside of a ``<pre>``; every character of the source is escaped."""
    text = clean_text(source)
    if len(text) > MAX_CHARS:
        return Markup.escape(text)
    html = highlight(text, _LEXER, _FORMATTER)
    # The formatter ends the last line, whether the source does or not.
    html = html if text.endswith("\n") else html.removesuffix("\n")
    return Markup(html)  # noqa: S704 - Pygments escapes what it does not write
