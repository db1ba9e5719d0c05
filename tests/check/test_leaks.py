"""Finding what students must not read."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from labbuild.check.confidential import Secret, open_texts, secrets_of
from labbuild.check.leaks import LeakIndex, search_places
from labbuild.check.places import places_of_file, places_of_notebook, stray_files, unused_attachments
from labbuild.check.tokens import grams, tokens_of
from labbuild.compile import compile_lab

ANSWER = "state = np.tanh(data[:, step] @ wt_x + state @ wt_h + bias)\nreturn state[np.newaxis]"
SECRET = Secret(ANSWER, Path("answers.py"), 10, "rnn", is_answer=True)


def _index(open_text: str = "", **options: Any) -> LeakIndex:
    return LeakIndex([SECRET], [open_text], **options)


def _notebook(**cell: Any) -> dict[str, Any]:
    return {
        "metadata": {},
        "cells": [{"cell_type": "code", "metadata": {}, "source": "x = 1", "outputs": [], **cell}],
    }


@pytest.mark.parametrize(
    ("notebook", "code"),
    [
        (_notebook(source=f"def rnn():\n    {ANSWER}"), "LC301"),
        (_notebook(source=ANSWER.replace(" ", "   ").replace("@", "\n@")), "LC301"),
        (_notebook(outputs=[{"output_type": "stream", "name": "stdout", "text": ANSWER}]), "LC302"),
        (
            _notebook(outputs=[{"output_type": "error", "traceback": [ANSWER], "ename": "", "evalue": ""}]),
            "LC302",
        ),
        (_notebook(metadata={"notes": {"old": [ANSWER]}}), "LC303"),
        ({**_notebook(), "metadata": {"authors": [ANSWER]}}, "LC303"),
        (
            _notebook(attachments={"a.txt": {"text/plain": base64.b64encode(ANSWER.encode()).decode()}}),
            "LC304",
        ),
    ],
)
def test_answer_in_a_notebook_is_found_wherever_it_stands(notebook: dict[str, Any], code: str) -> None:
    """Source (blanks do not matter), outputs, metadata of cell and notebook, and what base64 holds."""
    findings = search_places(_index(), places_of_notebook("cells", notebook))
    assert [finding.code for finding in findings] == [code]
    assert findings[0].question == "rnn"
    assert findings[0].line == 10
    assert "cells.ipynb" in findings[0].message


def test_answer_in_any_file_is_found() -> None:
    """A module, a text, and bytes that are no text."""
    for data in (ANSWER.encode(), b"\xff\x00" + ANSWER.encode() + b"\x00"):
        (finding,) = search_places(_index(), places_of_file("notes.bin", data))
        assert finding.code == "LC305"
        assert "notes.bin" in finding.message


def test_text_that_stands_outside_as_well_is_no_leak() -> None:
    """What the sources say openly may be seen; so may what the author allows, and anything shorter."""
    part = "np.tanh(data[:, step] @ wt_x + state @ wt_h"
    place = list(places_of_file("a.py", part.encode()))
    assert len(search_places(_index(), place)) == 1
    assert search_places(_index(open_text=f"print({part} + 1)"), place) == []
    assert search_places(_index(allowed=[ANSWER]), place) == []
    assert search_places(_index(length=30), place) == []


def test_whole_line_of_an_answer_that_was_copied_is_a_leak_all_the_same() -> None:
    """A line of the answer outside of every region is named, though it then stands in the open text too."""
    line = ANSWER.split("\n")[0]
    place = list(places_of_notebook("cells", _notebook(source=f"# try\n{line}")))
    (finding,) = search_places(_index(open_text=f"# try\n{line}"), place)
    assert finding.code == "LC301"
    assert "line 2" in finding.message
    assert search_places(_index(open_text=line, allowed=[line]), place) == []


def test_shapes_and_brackets_say_nothing() -> None:
    """A run of tokens needs words: shapes in comments are alike everywhere."""
    assert list(grams(tokens_of("# [B, T, H], [1, B, H], [B, T, H], [1, B]"), 12)) == []
    assert list(grams(tokens_of("alpha beta gamma " + "( ) " * 5), 12)) != []


def test_secrets_are_regions_answers_and_hidden_tests(make_lab: Callable[[], Any]) -> None:
    """They are read from the sources; what stands outside is open; an answer without region is secret."""
    made = make_lab()
    made.append(
        "cells.md",
        "\n```python\n#!TAG ANSWER free points=1\nwhole_cell = sum(number for number in range(9))\n```\n",
    )
    lab = compile_lab(made.path)
    assert not lab.has_errors
    secret = "\n".join(item.text for item in secrets_of(lab))
    opened = "\n".join(open_texts(lab))
    for text in (
        "averages.append(average)",
        "np.log(0.5) / np.log(keep)",
        "average_with(kept",
        "whole_cell = sum(",
    ):
        assert text in secret
        assert text not in opened
    for text in ("def half_life(keep):", "test_average_of_ones", "A moving average"):
        assert text in opened
    assert not any("#!MSG" in text for text in (secret, opened))
    by_question = {item.question: item for item in secrets_of(lab) if item.question}
    assert by_question["average"].path.name == "averages.py"
    assert by_question["average"].line == made.line("averages.py", "average, averages = 0.0, []")


@pytest.mark.parametrize(
    "name",
    [
        "a.pyc",
        "__pycache__/a.txt",
        ".ipynb_checkpoints/cells.ipynb",
        "x/.DS_Store",
        "cells.md~",
        "variants.toml",
        ".git/x",
    ],
)
def test_file_that_only_a_tool_needs_is_found(name: str) -> None:
    """Such a file may hold answers in a form that nobody reads."""
    (finding,) = stray_files([name, "figures/a.svg", "data/train.csv"], Path("lab"))
    assert finding.code == "LC306"
    assert name in finding.message


def test_attachment_that_only_the_answer_showed_is_found() -> None:
    """A picture that the student text does not show belonged to what was taken out."""
    notebook = _notebook(
        cell_type="markdown",
        source="![](attachment:task.png)",
        attachments={"task.png": {"image/png": ""}, "solution.png": {"image/png": ""}},
    )
    (finding,) = unused_attachments("cells", notebook, Path("cells.md"))
    assert finding.code == "LC304"
    assert "solution.png" in finding.message
