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
MAX_LINES = 300
"""Lines of one text that the page shows."""


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
    """Return code in which neighbouring lines with these numbers stand in one ``<mark>``; all is escaped."""
    lines = clean_text(text).split("\n")
    html: list[str | Markup] = []
    marked: list[str] = []
    for number, line in enumerate(lines[:MAX_LINES], start=1):
        if number in numbers:
            marked.append(line)
            continue
        html.extend(_close(marked))
        html.append(Markup.escape(line) + "\n")
    html.extend(_close(marked))
    if len(lines) > MAX_LINES:
        html.append(f"… {len(lines) - MAX_LINES} more lines")
    return Markup("").join(html)


def _close(marked: list[str]) -> list[Markup]:
    if not marked:
        return []
    made = Markup("<mark>{}</mark>").format("\n".join(marked))
    marked.clear()
    return [made]
