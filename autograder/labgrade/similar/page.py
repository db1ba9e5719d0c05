"""Similar answers as a part of the class page: both texts side by side, with the lines that agree marked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from labgrade.pages import clean_text, make_environment
from labgrade.similar.pairs import SimilarPair

__all__ = ["SHOWN_PAIRS", "render_pairs"]

_TEMPLATES = Path(__file__).parent / "templates"
SHOWN_PAIRS = 40
"""Pairs that the page shows; ``--json`` names all."""
MAX_LINES = 200
"""Lines of one text that the page shows."""
CONTEXT = 3
"""Lines shown around those that agree; what lies between is counted."""


def render_pairs(pairs: Sequence[SimilarPair], *, unreadable: int = 0, has_lab: bool = True) -> Markup:
    """Return the inside of a section, without a heading.

    Args:
        pairs: the heaviest first.
        unreadable: students whose notebooks could not be read, and who were not compared.
        has_lab: what was handed out is known from the lab itself.

    """
    environment = make_environment(_TEMPLATES)
    environment.filters["clean"] = clean_text
    environment.globals["marked"] = mark_lines
    text = environment.get_template("pairs.html.j2").render(
        pairs=pairs[:SHOWN_PAIRS],
        left_out=max(0, len(pairs) - SHOWN_PAIRS),
        unreadable=unreadable,
        has_lab=has_lab,
    )
    return Markup(text)  # noqa: S704 - the template escapes all that is put in


def mark_lines(text: str, numbers: frozenset[int]) -> Markup:
    """Return code in which neighbouring lines with these numbers stand in one ``<mark>``; all is escaped.

    Lines far from any of them are left out, and counted where they stood.
    """
    lines = clean_text(text).rstrip("\n").split("\n")
    near = {near for number in numbers for near in range(number - CONTEXT, number + CONTEXT + 1)}
    shown = [number for number in range(1, len(lines) + 1) if number in near][:MAX_LINES]
    html: list[Markup] = []
    marked: list[str] = []
    last = 0
    for number in [*shown, len(lines) + 1]:
        if number > last + 1:
            html.extend(_close(marked))
            html.append(Markup('<i class="soft">⋯ {} lines</i>\n').format(number - last - 1))
        if number in numbers:
            marked.append(lines[number - 1])
        elif number <= len(lines):
            html.extend(_close(marked))
            html.append(Markup.escape(lines[number - 1]) + "\n")
        last = number
    html.extend(_close(marked))
    return Markup("").join(html)


def _close(marked: list[str]) -> list[Markup]:
    if not marked:
        return []
    made = Markup("<mark>{}</mark>").format("\n".join(marked))
    marked.clear()
    return [made]
