"""Text of notebooks as HTML: Markdown cells with formulas and pictures, code, outputs."""

from __future__ import annotations

import base64
import html
import mimetypes
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from labbuild.mathml import to_mathml

__all__ = ["ReadFile", "render_code", "render_markdown", "render_output"]

ReadFile = Callable[[str], bytes | None]
"""Gives the bytes of a file that lies beside the notebook, None if there is none."""

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_IMAGE = re.compile(r"""(<img\b[^>]*?\bsrc=)(["'])([^"']+)\2""", re.IGNORECASE)
_IMAGE_KINDS = ("image/svg+xml", "image/png", "image/jpeg", "image/gif")


def render_markdown(text: str, read_file: ReadFile, attachments: Mapping[str, Any]) -> str:
    """Return a Markdown cell as HTML that needs no other file.

    Args:
        text: the cell.
        read_file: for pictures; one that it does not know keeps its name.
        attachments: of the cell, as in nbformat.

    """
    from markdown_it import MarkdownIt
    from mdit_py_plugins.amsmath import amsmath_plugin
    from mdit_py_plugins.anchors import anchors_plugin
    from mdit_py_plugins.dollarmath import dollarmath_plugin

    parser = MarkdownIt("commonmark", {"html": True, "highlight": _highlight}).enable(
        ["table", "strikethrough"]
    )
    parser.use(dollarmath_plugin, allow_space=False, double_inline=True, renderer=_formula)
    parser.use(amsmath_plugin, renderer=lambda tex: to_mathml(tex, is_display=True))
    parser.use(anchors_plugin, max_level=4, slug_func=lambda title: title.replace(" ", "-"))
    page = str(parser.render(text))
    return _IMAGE.sub(
        lambda match: f"{match[1]}{match[2]}{_embed(match[3], read_file, attachments)}{match[2]}", page
    )


def render_code(text: str) -> str:
    """Return Python code as HTML, coloured by classes of the page's style sheet."""
    return f'<pre class="highlight">{_highlight(text, "python", "")}</pre>'


def render_output(output: Mapping[str, Any]) -> str:
    """Return one nbformat output as HTML."""
    kind = output["output_type"]
    if kind == "stream":
        return f'<pre class="stream {html.escape(output["name"])}">{_plain(output["text"])}</pre>'
    if kind == "error":
        return f'<pre class="error">{_plain(chr(10).join(output["traceback"]))}</pre>'
    data = output["data"]
    for mime in _IMAGE_KINDS:
        if mime in data:
            raw = _joined(data[mime])
            text = data.get("text/plain", "")
            alt = html.escape(_joined(text))
            if mime == "image/svg+xml":
                raw = base64.b64encode(raw.encode()).decode()
            return f'<img src="data:{mime};base64,{"".join(raw.split())}" alt="{alt}">'
    if "text/html" in data:
        return f'<div class="rich">{_joined(data["text/html"])}</div>'
    if "text/markdown" in data:
        return render_markdown(_joined(data["text/markdown"]), lambda name: None, {})
    if "text/latex" in data:
        return to_mathml(_joined(data["text/latex"]).strip().strip("$"), is_display=True)
    return f'<pre class="result">{_plain(data.get("text/plain", ""))}</pre>'


def _formula(tex: str, options: Mapping[str, Any]) -> str:
    return to_mathml(tex, is_display=bool(options.get("display_mode")))


def _highlight(code: str, language: str, _attributes: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language or "text", stripnl=False)
    except ClassNotFound:
        return html.escape(code)
    return str(highlight(code, lexer, HtmlFormatter(nowrap=True)))


def _plain(text: str | list[str]) -> str:
    return html.escape(_ANSI.sub("", _joined(text)))


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _embed(url: str, read_file: ReadFile, attachments: Mapping[str, Any]) -> str:
    if url.startswith("attachment:"):
        for mime, data in attachments.get(unquote(url[11:]), {}).items():
            return f"data:{mime};base64,{''.join(_joined(data).split())}"
        return url
    if re.match(r"[a-z][a-z0-9+.-]*:", url, re.IGNORECASE):
        return url
    content = read_file(unquote(url))
    if content is None:
        return url
    mime = mimetypes.guess_type(url)[0] or "application/octet-stream"
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"
