"""Links and images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from labbuild.check.links import find_broken_links, targets_of
from labbuild.compiled import CompiledNotebook

FILES = frozenset({"cells.ipynb", "figures/a b.svg", "helper.py"})


def _check(text: str, **cell: Any) -> list[str]:
    content = {"cells": [{"cell_type": "markdown", "source": text, "metadata": {}, **cell}], "metadata": {}}
    notebook = CompiledNotebook("cells", Path("cells.md"), content, content, content, cell_lines=(3,))
    return [finding.code for finding in find_broken_links(notebook, "student", FILES)]


@pytest.mark.parametrize(
    "text",
    [
        "[a](helper.py) [b](./helper.py#L3) ![picture](figures/a%20b.svg)",
        '<img src="figures/a b.svg" alt="x"> <a href="cells.ipynb">y</a>',
        "# The Title\n[up](#The-Title) [lower](#the-title)",
        '<a id="here"></a> [there](#here)',
        "[web](https://example.org/x) [mail](mailto:a@b.c)",
        "`[code](missing)` and\n\n```\n[code](missing)\n```",
    ],
)
def test_target_that_is_there_is_no_finding(text: str) -> None:
    """Files beside the notebook, headings, anchors, addresses; code is not looked at."""
    assert _check(text) == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("[a](missing.py)", ["LC502"]),
        ("[a](../helper.py)", ["LC502"]),
        ("[a](#Nowhere)", ["LC502"]),
        ("[a]()", ["LC502"]),
        ("[a](http:/x)", ["LC502"]),
        ("[a](ftp://x/y)", ["LC502"]),
        ("![p](missing.svg)", ["LC503"]),
        ('<img src="missing.svg" alt="p">', ["LC503"]),
        ("![p](attachment:a.png)", ["LC503"]),
        ("![](figures/a%20b.svg)", ["LC504"]),
        ('<img src="figures/a b.svg">', ["LC504"]),
        ("[![p](gone.svg)](gone.html)", ["LC502", "LC503"]),
    ],
)
def test_target_that_leads_nowhere_is_found(text: str, codes: list[str]) -> None:
    """Links, images, HTML, attachments; an image without a text in its place is a note."""
    assert _check(text) == codes


def test_attachment_that_the_cell_has_is_no_finding() -> None:
    """The name is looked up in the cell's own attachments."""
    assert _check("![p](attachment:a.png)", attachments={"a.png": {"image/png": ""}}) == []


def test_targets_are_listed_in_order() -> None:
    """Links and images, Markdown and HTML."""
    found = targets_of('[a](one) ![b](two) <img src="three">')
    assert [(target.url, target.is_image, target.has_text) for target in found] == [
        ("one", False, True),
        ("two", True, True),
        ("three", True, False),
    ]
