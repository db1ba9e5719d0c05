"""The templates' environment: everything is escaped, and a name that nobody gave is an error."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from labgrade.pages.policy import content_policy

__all__ = ["make_environment"]

_SHARED = Path(__file__).parent / "templates"


def make_environment(templates: Path) -> Environment:
    """Return an environment for a package's templates, which may extend and import those of ``pages``.

    A page extends ``base.html.j2`` and gives ``title``, ``generator``, ``styles`` (texts of its style
    sheets) and ``scripts`` (texts; [] for a page without any). The frame writes the content policy from
    them; see :func:`labgrade.pages.policy.content_policy`.

    Args:
        templates: folder of the package's own templates.

    """
    environment = Environment(
        loader=FileSystemLoader([templates, _SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["content_policy"] = content_policy
    environment.filters["points"] = format_points
    environment.filters["as_style"] = _as_is
    environment.filters["as_script"] = _as_is
    environment.filters["inline_code"] = inline_code
    return environment


def format_points(score: float | None) -> str:
    """Return points with at most two digits after the point, ``…`` for what a person still has to give."""
    return "…" if score is None else f"{score:.2f}".rstrip("0").rstrip(".")


def inline_code(text: str) -> Markup:
    """Escape text; what stands between backticks is shown as code."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:  # a backtick without its partner is just a character
        return Markup.escape(text)
    return Markup("").join(_pieces(pieces))


def _pieces(pieces: list[str]) -> Iterable[Markup]:
    for index, piece in enumerate(pieces):
        yield Markup("<code>{}</code>").format(piece) if index % 2 else Markup.escape(piece)


def _as_is(text: str) -> Markup:
    """Let a style sheet or script of ours through; ``content_policy`` has refused one with ``</``."""
    return Markup(text)  # noqa: S704 - our own text, never a student's
