"""Notebooks in other formats: Markdown, percent script, HTML, PDF."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from labbuild.page import notebook_to_html
from labbuild.pdf import NoChromiumError, html_to_pdf

__all__ = ["FORMATS", "export_notebook", "export_outputs"]

FORMATS = ("md", "py", "html", "pdf")


def export_outputs(notebooks: Sequence[Path], formats: Sequence[str]) -> tuple[str, ...]:
    """Write notebooks in other formats, each beside its ``.ipynb``.

    Args:
        notebooks: existing ``.ipynb`` files; pictures are taken from their folder.
        formats: of :data:`FORMATS`; ``ipynb`` is there already and passed over.

    Returns:
        What was left out, and why; also said on stderr.

    Raises:
        PdfError: there is a Chromium, and it failed.

    """
    skipped: list[str] = []
    for path in notebooks:
        content = json.loads(path.read_bytes())
        for name in formats:
            if name == "ipynb":
                continue
            try:
                data = export_notebook(content, name, title_of(content, path.stem), _reader(path.parent))
            except NoChromiumError as error:
                if str(error) not in skipped:
                    skipped.append(str(error))
                    click.echo(str(error), err=True)
                continue
            path.with_suffix(f".{name}").write_bytes(data)
    return tuple(skipped)


def export_notebook(
    content: dict[str, Any],
    name: str,
    title: str,
    read_file: Callable[[str], bytes | None] = lambda file: None,
) -> bytes:
    """Return a notebook in another format.

    Args:
        content: nbformat 4 as plain dicts.
        name: one of :data:`FORMATS`.
        title: of the page.
        read_file: gives the bytes of a picture beside the notebook.

    """
    if name in ("md", "py"):
        return _as_text(content, name)
    if name == "html":
        return notebook_to_html(content, title, read_file).encode()
    if name == "pdf":
        return html_to_pdf(notebook_to_html(content, title, read_file, unfold=True))
    raise ValueError(f"unknown format {name!r}; known: {', '.join(FORMATS)}")


def title_of(content: dict[str, Any], otherwise: str) -> str:
    """Return the first heading of a notebook, without its signs."""
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            for line in source.split("\n"):
                if line.startswith("# "):
                    return line[2:].strip()
    return otherwise


def _reader(folder: Path) -> Callable[[str], bytes | None]:
    home = folder.resolve()

    def read(name: str) -> bytes | None:
        path = (home / name).resolve()
        return path.read_bytes() if path.is_relative_to(home) and path.is_file() else None

    return read


def _as_text(content: dict[str, Any], name: str) -> bytes:
    from labbuild.quick_jupytext import jupytext_module

    jupytext_module("jupytext")  # before nbformat: the quick way to import both
    import nbformat

    # In a file a text is a list of lines; only nbformat's reader puts them together.
    notebook = nbformat.reads(json.dumps(content), as_version=4)  # type: ignore[no-untyped-call]  # no types here
    # Markers are gone by now, so a magic is the only line that needs a comment sign in a script.
    text: str = jupytext_module("jupytext").writes(notebook, fmt="md" if name == "md" else "py:percent")
    return text.encode()
