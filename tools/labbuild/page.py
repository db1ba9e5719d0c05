"""A notebook as one HTML file that needs no network, no script and no other file."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Any

from labbuild.rendering import ReadFile, render_code, render_markdown, render_output

__all__ = ["notebook_to_html"]

_DETAILS = re.compile(r"<details(?![^>]*\bopen\b)", re.IGNORECASE)


def notebook_to_html(
    notebook: dict[str, Any], title: str, read_file: ReadFile = lambda name: None, *, unfold: bool = False
) -> str:
    """Return a notebook as a page.

    Args:
        notebook: nbformat 4 as plain dicts.
        title: of the page.
        read_file: gives the bytes of pictures beside the notebook, which become part of the page.
        unfold: open every ``<details>``, as paper needs it.

    """
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup
    from pygments.formatters import HtmlFormatter

    cells = []
    for cell in notebook["cells"]:
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            body = render_markdown(source, read_file, cell.get("attachments", {}))
            body = _DETAILS.sub("<details open", body) if unfold else body
        elif cell["cell_type"] == "code":
            body = render_code(source) if source.strip() else ""
        else:
            body = f"<pre>{html.escape(source)}</pre>"
        outputs = [Markup(render_output(output)) for output in cell.get("outputs", [])]  # noqa: S704  # escaped there
        cells.append(
            {"kind": cell["cell_type"], "id": cell.get("id", ""), "body": Markup(body), "outputs": outputs}  # noqa: S704
        )
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("notebook.html.j2").render(
        title=title,
        cells=cells,
        code_style=Markup(HtmlFormatter(style="default").get_style_defs("pre")),  # noqa: S704  # Pygments' own
        code_style_dark=Markup(HtmlFormatter(style="github-dark").get_style_defs("pre")),  # noqa: S704
    )
