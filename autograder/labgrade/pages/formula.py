"""Formulas as MathML, which browsers show without a script and without a network."""

from __future__ import annotations

import re
from functools import lru_cache
from xml.etree import ElementTree

from markupsafe import Markup

from labgrade.pages.sanitise import sanitise_math

__all__ = ["render_formula"]

MAX_CHARS = 2_000
MAX_DEPTH = 40
"""Braces inside braces."""
_UNKNOWN = re.compile(r"<m[iot][^>]*>\\[A-Za-z]+")


@lru_cache(maxsize=1024)
def render_formula(tex: str, *, is_display: bool = False) -> Markup:
    """Return a formula as MathML; as its own text where a command is not known, so that nothing is lost.

    Args:
        tex: what stands between the dollar signs.
        is_display: on a line of its own.

    """
    tex = tex.strip()
    if len(tex) <= MAX_CHARS and _depth(tex) <= MAX_DEPTH:
        from latex2mathml.converter import convert

        try:
            mathml = convert(tex, display="block" if is_display else "inline")
            ElementTree.fromstring(mathml)  # noqa: S314 - looked at for being well-formed; it holds no entity
        except Exception:  # the converter has some twenty kinds of errors without a common base
            mathml = ""
        if mathml and not _UNKNOWN.search(mathml):
            return sanitise_math(mathml)
    return Markup("<code>{}</code>").format(tex)


def _depth(tex: str) -> int:
    depth = deepest = 0
    for mark in re.findall(r"[{}]|\\(?:left|begin|right|end)\b", tex):
        depth += 1 if mark in ("{", r"\left", r"\begin") else -1
        deepest = max(deepest, depth)
    return deepest
