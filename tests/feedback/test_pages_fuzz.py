"""Whatever a program shows, a page shows something safe or nothing, and never fails."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hostile_outputs import HTML, LATEX, MARKDOWN, SVG, TEXTS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from labgrade.feedback.facts import read_facts
from labgrade.feedback.modules import read_module
from labgrade.feedback.notebook import NotebookDamagedError, read_autograded
from labgrade.feedback.secrets import Secrets
from labgrade.feedback.works import WorkShop, assign_cells
from labgrade.pages import render_ansi, render_markdown, sanitise_html

ACTS = re.compile(
    r"<(?:script|iframe|object|embed|form|input|button|meta|base|link|style|svg|video|audio|textarea)\b"
    r"|<[^>]*\s(?:on[a-z]+|style|srcset|background|formaction|ping)\s*=\s*\"",
    re.IGNORECASE,
)
ATTACKS = [*HTML.values(), *SVG.values(), *MARKDOWN[:9], *LATEX[:9], *TEXTS[:4]]
pieces = st.one_of(
    st.sampled_from(ATTACKS),
    st.sampled_from(
        ["<", ">", '"', "'", "&", "`", "$", "\\", "\x1b[", "]]>", "<!--", "-->", "<math>", "</", "\n"]
    ),
    st.text(max_size=12),
)
text = st.lists(pieces, max_size=8).map("".join)
cut = st.builds(lambda one, start, end: one[start:end], text, st.integers(0, 40), st.integers(0, 400))
json_value = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), cut),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
MIMES = [
    "text/plain",
    "text/html",
    "text/markdown",
    "text/latex",
    "image/svg+xml",
    "image/png",
    "application/json",
]
bundle = st.dictionaries(
    st.one_of(st.sampled_from(MIMES), st.text(max_size=10)), st.one_of(cut, json_value), max_size=4
)
output = st.one_of(
    st.fixed_dictionaries({"output_type": st.just("display_data"), "data": st.one_of(bundle, json_value)}),
    st.fixed_dictionaries({"output_type": st.just("stream"), "text": st.one_of(cut, json_value)}),
    st.fixed_dictionaries(
        {"output_type": st.just("error"), "traceback": st.one_of(st.lists(cut), json_value)}
    ),
    json_value,
)
metadata = st.one_of(
    json_value,
    st.fixed_dictionaries(
        {
            "nbgrader": st.one_of(
                json_value,
                st.fixed_dictionaries(
                    {
                        "grade_id": st.sampled_from(["a", "test-a", ""]),
                        "solution": st.booleans(),
                        "grade": st.booleans(),
                    }
                ),
            )
        }
    ),
)
cell = st.fixed_dictionaries(
    {},
    optional={
        "cell_type": st.one_of(st.sampled_from(["code", "markdown", "raw"]), json_value),
        "source": st.one_of(cut, st.lists(cut, max_size=3), json_value),
        "outputs": st.one_of(st.lists(output, max_size=4), json_value),
        "metadata": metadata,
        "attachments": json_value,
    },
)
quick = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@quick
@given(cut)
def test_fuzz_no_text_gives_html_that_acts(text: str) -> None:
    """Attacks that are cut, joined and mixed stay harmless in every place where text becomes HTML."""
    for html in (sanitise_html(text), render_markdown(text), render_markdown(text, may_have_html=True)):
        assert not ACTS.search(str(html))
    assert not ACTS.search(str(render_ansi(text)))
    cleaned = str(sanitise_html(text))
    assert str(sanitise_html(cleaned)) == cleaned
    read_facts(text, text)


@quick
@given(cells=st.lists(cell, max_size=5), module=cut)
def test_fuzz_no_notebook_makes_a_page_fail_or_act(tmp_path: Path, cells: list[Any], module: str) -> None:
    """A notebook of any shape is named as damaged, or shown, whatever its cells hold."""
    path = tmp_path / "work.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    (tmp_path / "mine.py").write_text(module, encoding="utf-8", errors="surrogatepass")
    found = read_module(tmp_path, "mine.py")
    try:
        read = read_autograded(path)
    except NotebookDamagedError:
        pytest.fail("a list of cells is a notebook")
    shop = WorkShop(Secrets({"some hidden line of a test"}), [found] if found else [])
    parts, rest = assign_cells(read, {"test-a": "a"})
    for works in (*(shop.show_cells(part) for part in parts.values()), shop.show_cells(rest, is_task=True)):
        for work in works:
            assert not ACTS.search(str(work.body))
            assert not [html for html in work.outputs if ACTS.search(str(html))]
    for read_cell in read:
        shop.show_test(read_cell)
    assert not [file for file in shop.show_files() if ACTS.search(str(file.body))]


@quick
@given(st.binary(max_size=200), st.sampled_from([b"", b'{"cells": [', b'{"cells": 3}', b'{"cells": [[]]}']))
def test_fuzz_no_file_is_worse_than_damaged(tmp_path: Path, data: bytes, head: bytes) -> None:
    """Bytes that are no notebook are named as such."""
    path = tmp_path / "work.ipynb"
    path.write_bytes(head + data)
    with contextlib.suppress(NotebookDamagedError):
        read_autograded(path)
