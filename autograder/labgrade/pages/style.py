"""The style sheets that pages share, as text: a page that stands alone carries them in itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pygments.formatters import HtmlFormatter

__all__ = ["base_style", "code_style", "read_style"]


@cache
def base_style() -> str:
    """Return the frame's style: type, colours for light, dark and paper, statuses, student content."""
    return read_style(Path(__file__).parent / "base.css")


def read_style(path: Path) -> str:
    """Return a style sheet with the line ends by which its hash is made."""
    return path.read_text(encoding="utf-8").replace("\r\n", "\n")


@cache
def code_style() -> str:
    """Return the colours of highlighted source, for light and dark screens and for paper."""
    light: HtmlFormatter[str] = HtmlFormatter(style="default")
    dark: HtmlFormatter[str] = HtmlFormatter(style="github-dark")
    return "\n".join(
        [
            _without_background(light.get_style_defs("pre.source")),
            "@media screen and (prefers-color-scheme: dark) {",
            _without_background(dark.get_style_defs("pre.source")),
            "}",
        ]
    )


def _without_background(rules: str) -> str:
    """Leave the box to the page's own style."""
    return "\n".join(
        line
        for line in rules.split("\n")
        if line.startswith("pre.source .") and not line.startswith("pre.source .linenos")
    )
