"""What every page shares: frame, style sheet, content policy, and what makes student content safe."""

from labgrade.pages.environment import make_environment
from labgrade.pages.markdown import render_markdown
from labgrade.pages.outputs import OutputRenderer
from labgrade.pages.policy import content_policy
from labgrade.pages.sanitise import sanitise_html
from labgrade.pages.source import highlight_python
from labgrade.pages.style import base_style, code_style
from labgrade.pages.text import clean_text, render_ansi, shorten_text

__all__ = [
    "OutputRenderer",
    "base_style",
    "clean_text",
    "code_style",
    "content_policy",
    "highlight_python",
    "make_environment",
    "render_ansi",
    "render_markdown",
    "sanitise_html",
    "shorten_text",
]
