"""Keeps what students show from acting in nbgrader's own pages: its formgrader, and its feedback.

nbgrader shows outputs and text answers as they are: a script in one runs in the browser of the assistant who
opens it, with the rights of the assistant's Jupyter server, and could change grades. nbconvert can clean
outputs, but is not told to; text cells it never cleans.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from labgrade.errors import MachineError
from labgrade.pages.markdown import render_markdown

__all__ = ["CONFIG_NAME", "protect", "safe_markdown", "write_settings"]

CONFIG_NAME = "nbgrader_config.py"
CONFIG_TEXT = '''"""Settings of nbgrader for this folder. Written by `labs grade` once; add your own below."""

from labgrade.pages.formgrader import protect

c = get_config()  # noqa: F821
protect(c)  # a script in a student's answer or output does not run in formgrader
'''
"""What stands in the ``nbgrader_config.py`` of a graded folder."""


def write_settings(folder: Path) -> None:
    """Give a graded folder settings that protect whoever opens it in formgrader; its own ones are kept.

    Raises:
        MachineError: the disk does not take them.

    """
    path = folder / CONFIG_NAME
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(CONFIG_TEXT)
    except FileExistsError:
        return
    except OSError as error:
        raise MachineError(
            "results", f"the settings of formgrader cannot be written: {error.strerror}", where=str(path)
        ) from error


def protect(config: Any) -> None:
    """Make nbgrader clean what it shows.

    Args:
        config: what ``get_config()`` gives in ``nbgrader_config.py``.

    """
    config.HTMLExporter.sanitize_html = True
    config.HTMLExporter.filters = {"markdown2html": f"{__name__}.safe_markdown"}


@pass_context
def safe_markdown(context: Context, source: str) -> str:
    """Return a text cell as HTML that is safe to show; nbconvert's filter ``markdown2html``.

    Args:
        context: of the template, which knows the cell.
        source: of the cell.

    """
    cell = context.get("cell")
    attachments = cell.get("attachments") if isinstance(cell, dict) else None
    return str(render_markdown(source, attachments, may_have_html=True))
