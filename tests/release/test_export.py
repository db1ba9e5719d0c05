"""Notebooks as Markdown, script, HTML and PDF."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from labbuild.export import export_notebook, export_outputs
from labbuild.mathml import to_mathml
from labbuild.pdf import find_chromium

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
TEXT = """\
# Averages

Inline $h_t = \\tanh(x_t W)$ and $5 or $6.

$$\\begin{aligned} a &= b \\\\ c &= d \\end{aligned}$$

| symbol | shape |
|---|---|
| $x_t$ | `[B, I]` |

![a square](figures/square.svg) ![inside](attachment:dot.png) [top](#Averages)

<details><summary>Hint</summary>

Use `@`.

</details>
"""


def _notebook() -> dict[str, Any]:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": "a < b\n"},
        {"output_type": "execute_result", "data": {"text/plain": "3"}, "metadata": {}, "execution_count": 1},
        {
            "output_type": "display_data",
            "data": {"image/png": PIXEL, "text/plain": "<Figure>"},
            "metadata": {},
        },
        {"output_type": "error", "ename": "E", "evalue": "x", "traceback": ["\x1b[31mwrong\x1b[0m"]},
    ]
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {
                "id": "text",
                "cell_type": "markdown",
                "metadata": {},
                "source": TEXT,
                "attachments": {"dot.png": {"image/png": PIXEL}},
            },
            {
                "id": "code",
                "cell_type": "code",
                "metadata": {},
                "source": "%matplotlib inline\nx = 1 < 2  # <b>",
                "outputs": outputs,
                "execution_count": 1,
            },
        ],
    }


def _write(folder: Path) -> Path:
    (folder / "figures").mkdir()
    (folder / "figures" / "square.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg"/>', encoding="utf-8"
    )
    path = folder / "cells.ipynb"
    path.write_text(json.dumps(_notebook()), encoding="utf-8")
    return path


def test_page_needs_no_network_and_no_other_file(tmp_path: Path) -> None:
    """Pictures are inside, formulas are MathML, and nothing is loaded from anywhere."""
    assert export_outputs([_write(tmp_path)], ["html"]) == ()
    page = (tmp_path / "cells.html").read_text(encoding="utf-8")
    assert "<title>Averages</title>" in page
    assert re.findall(r'(?:src|href)="(?!data:|#)([^"]*)"', page) == []
    assert "<script" not in page
    assert "@import" not in page
    assert page.count("<math ") == 3
    assert "<mtable" in page
    assert 'src="data:image/svg+xml;base64,' in page
    assert page.count(f"data:image/png;base64,{PIXEL}") == 2
    assert "$5 or $6" in page
    assert "a &lt; b" in page
    assert "<b>" not in page
    assert "wrong" in page
    assert "\x1b" not in page


def test_picture_outside_the_folder_is_not_read(tmp_path: Path) -> None:
    """A path that leads out of the notebook's folder keeps its name and its content to itself."""
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (tmp_path / "lab").mkdir()
    path = _write(tmp_path / "lab")
    path.write_text(
        path.read_text(encoding="utf-8").replace("figures/square.svg", "../secret.txt"), encoding="utf-8"
    )
    export_outputs([path], ["html"])
    page = (tmp_path / "lab" / "cells.html").read_text(encoding="utf-8")
    assert base64.b64encode(b"secret").decode() not in page
    assert 'src="../secret.txt"' in page


@pytest.mark.parametrize(("name", "part"), [("md", "```python"), ("py", "# %% [markdown]")])
def test_text_formats_hold_every_cell(name: str, part: str) -> None:
    """Markdown and script come from Jupytext and hold text and code."""
    text = export_notebook(_notebook(), name, "t").decode()
    assert part in text
    assert "Averages" in text
    assert "x = 1 < 2" in text


def test_unknown_format_is_refused() -> None:
    """A format that is not known is an error that names those that are."""
    with pytest.raises(ValueError, match="md, py, html, pdf"):
        export_notebook(_notebook(), "docx", "t")


def test_pdf_without_chromium_is_left_out_with_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a browser the other formats are written, and one line says what is missing and what helps."""
    monkeypatch.setenv("CHROMIUM", "/no/such/chromium")
    skipped = export_outputs([_write(tmp_path)], ["pdf", "html"])
    assert len(skipped) == 1
    assert "CHROMIUM" in skipped[0]
    assert skipped[0] in capsys.readouterr().err
    assert (tmp_path / "cells.html").exists()
    assert not (tmp_path / "cells.pdf").exists()


@pytest.mark.browser
@pytest.mark.skipif(find_chromium() is None, reason="no Chromium on this machine")
def test_pdf_is_printed_with_the_same_bytes_twice() -> None:
    """Chromium prints the page; dates do not make two prints differ."""
    first = export_notebook(_notebook(), "pdf", "Averages")
    assert first.startswith(b"%PDF-")
    assert first == export_notebook(_notebook(), "pdf", "Averages")


@pytest.mark.parametrize(
    ("tex", "part"),
    [
        (r"\frac{a}{b}", "<mfrac>"),
        (r"\begin{gathered} a \\ b \end{gathered}", "<mtable"),
        (r"\begin{equation} a = 1 \end{equation}", "<mi>a</mi>"),
        (r"\bm{W}", "<mi>"),
        (r"x \tag{3}", "(3)"),
    ],
)
def test_formula_becomes_mathml(tex: str, part: str) -> None:
    """Common constructions are read, and the TeX is kept for those who cannot see the formula."""
    mathml = to_mathml(tex, is_display=True)
    assert mathml.startswith("<math ")
    assert part in mathml
    assert "alttext=" in mathml


@pytest.mark.parametrize("tex", [r"\unknowncommand{a}", r"a_b_c", r"\left( a"])
def test_formula_that_cannot_be_read_is_shown_as_tex(tex: str) -> None:
    """Nothing of a formula is lost: what the converter does not know stands there as written."""
    assert to_mathml(tex, is_display=False) == f'<code class="tex">{tex}</code>'
