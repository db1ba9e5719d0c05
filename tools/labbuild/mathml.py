"""Formulas as MathML, which browsers show without a script and without a network."""

from __future__ import annotations

import html
import re
from xml.etree import ElementTree

__all__ = ["to_mathml"]

# latex2mathml reads these under another name only.
_RENAMED = [
    (re.compile(r"\\(begin|end)\{(aligned|alignedat|split|eqnarray\*?)\}(\{\d+\})?"), r"\\\1{align*}"),
    (re.compile(r"\\begin\{(gathered|gather\*?|multline\*?)\}"), r"\\begin{array}{c}"),
    (re.compile(r"\\end\{(gathered|gather\*?|multline\*?)\}"), r"\\end{array}"),
    (re.compile(r"\\begin\{equation\*?\}|\\end\{equation\*?\}|\\(?:no(?:number|tag)|label\{[^}]*\})"), ""),
    (re.compile(r"\\(?:bm|boldsymbol|pmb)(?![A-Za-z])"), r"\\mathbf"),
    (re.compile(r"\\tag\{([^}]*)\}"), r"\\qquad\\text{(\1)}"),
]
_UNKNOWN = re.compile(r"<m[iot][^>]*>\\[A-Za-z]+")


def to_mathml(tex: str, *, is_display: bool) -> str:
    """Return a formula as MathML.

    Args:
        tex: what stands between the dollar signs.
        is_display: on a line of its own.

    Returns:
        A ``<math>`` element with the TeX as its ``alttext``; a ``<code>`` element with the TeX where a
        command is not known, so that nothing of a formula is ever lost.

    """
    from latex2mathml.converter import convert

    text = tex.strip()
    for pattern, replacement in _RENAMED:
        text = pattern.sub(replacement, text)
    try:
        result = convert(text, display="block" if is_display else "inline")
        ElementTree.fromstring(result)  # noqa: S314  # our own converter's output, looked at for being well-formed
    except Exception:  # the converter has some twenty kinds of errors without a common base, and IndexError
        return _as_code(tex)
    if _UNKNOWN.search(result):
        return _as_code(tex)
    return result.replace("<math ", f'<math alttext="{html.escape(tex.strip())}" ', 1)


def _as_code(tex: str) -> str:
    return f'<code class="tex">{html.escape(tex.strip())}</code>'
