"""Outputs of a notebook as HTML: the best form of each that is safe, or a sentence about what was there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from labgrade.pages.formula import render_formula
from labgrade.pages.images import RASTER_KINDS, render_image, render_svg
from labgrade.pages.markdown import render_markdown
from labgrade.pages.sanitise import has_content, sanitise_html
from labgrade.pages.text import clean_text, render_ansi, shorten_text

__all__ = ["OutputRenderer"]

_INTERACTIVE = {
    "application/vnd.jupyter.widget-view+json": "An interactive widget stood here; a page cannot show it.",
    "application/vnd.plotly.v1+json": "An interactive figure stood here; a page cannot show it.",
    "application/vnd.bokehjs_exec.v0+json": "An interactive figure stood here; a page cannot show it.",
    "application/javascript": "A script stood here; it is not run.",
    "application/pdf": "A PDF stood here; a page cannot show it.",
}
_TOO_MUCH = Markup('<p class="note">More outputs follow; the page has no room for them.</p>')


class OutputRenderer:
    """Renders the outputs of one page, and stops where the page would grow out of hand.

    Args:
        max_page_chars: HTML of all outputs together, pictures included.
        max_outputs: outputs that are shown of one cell.

    """

    def __init__(self, max_page_chars: int = 12_000_000, max_outputs: int = 40) -> None:
        self._left = max_page_chars
        self._max_outputs = max_outputs

    def render_cell(self, outputs: object) -> list[Markup]:
        """Return the outputs of one cell, each safe to stand in the page."""
        found = (
            [output for output in outputs if isinstance(output, dict)] if isinstance(outputs, list) else []
        )
        shown: list[Markup] = []
        for output in found[: self._max_outputs]:
            html = self.render(output)
            if html:
                shown.append(html)
        if len(found) > self._max_outputs:
            note = Markup('<p class="note">{:,} more outputs of this cell are not shown.</p>')
            shown.append(note.format(len(found) - self._max_outputs))
        return shown

    def render(self, output: Mapping[str, Any]) -> Markup:
        """Return one nbformat output as HTML; "" for one that shows nothing."""
        if self._left <= 0:
            return Markup("")
        html = _render(output)
        if len(html) > self._left:
            self._left = 0
            return _TOO_MUCH
        self._left -= len(html)
        return html


def _render(output: Mapping[str, Any]) -> Markup:
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return _pre(_as_text(output.get("text")), name)
    if kind == "error":
        trace = output.get("traceback")
        lines = "\n".join(map(str, trace)) if isinstance(trace, list) else ""
        return _pre(lines or f"{output.get('ename', '')}: {output.get('evalue', '')}", "error")
    data = output.get("data")
    return _render_bundle(data) if isinstance(data, dict) else Markup("")


def _render_bundle(data: Mapping[str, Any]) -> Markup:
    plain = _as_text(data.get("text/plain"))
    alt = clean_text(plain)[:300] or "a picture that the program made"
    for mime in RASTER_KINDS:
        if mime in data and (image := render_image(mime, _as_text(data[mime]), alt)):
            return image
    if "image/svg+xml" in data and (drawing := render_svg(_as_text(data["image/svg+xml"]), alt)):
        return drawing
    if "text/html" in data:
        html = sanitise_html(_as_text(data["text/html"]))
        if has_content(html):
            return Markup('<div class="rich">{}</div>').format(html)
    if "text/markdown" in data:
        return Markup('<div class="rich">{}</div>').format(render_markdown(_as_text(data["text/markdown"])))
    if "text/latex" in data:
        return Markup('<div class="rich">{}</div>').format(_latex(_as_text(data["text/latex"])))
    for mime, note in _INTERACTIVE.items():
        if mime in data:
            return Markup('<p class="note">{}</p>').format(note) + (_pre(plain, "result") if plain else "")
    if plain:
        return _pre(plain, "result")
    kinds = ", ".join(sorted(clean_text(mime)[:60] for mime in data)[:5])
    return Markup('<p class="note">An output stood here that a page cannot show ({}).</p>').format(kinds)


def _latex(text: str) -> Markup:
    """Return LaTeX as IPython writes it (``$…$``, ``$$…$$``, environments) with formulas as MathML."""
    stripped = clean_text(text).strip()
    inner = stripped.strip("$")
    if "$" not in inner:
        return render_formula(inner, is_display=stripped.startswith("$$") or "\\begin" in inner)
    return render_markdown(stripped)


def _pre(text: str, kind: str) -> Markup:
    if not text.strip():
        return Markup("")
    kept, left_out = shorten_text(text if "\r" not in text else clean_text_keeping_colours(text))
    note = Markup('<p class="note">{}</p>').format(left_out) if left_out else Markup("")
    return Markup('<pre class="output {}">{}</pre>').format(kind, render_ansi(kept)) + note


def clean_text_keeping_colours(text: str) -> str:
    """Return terminal text in which lines that a carriage return overwrote are gone, before it is cut."""
    return "\x1b".join(clean_text(part) for part in text.split("\x1b"))


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""
