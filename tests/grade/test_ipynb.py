"""Reading and writing notebooks."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labgrade.ipynb import NotebookError, format_notebook, read_notebook


def _notebook(*cells: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}


def _code(source: Any = "x = 1", **more: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "source": source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        **more,
    }


def _read(document: Any) -> Any:
    return read_notebook(json.dumps(document).encode())


def test_read_notebook_source_as_list_is_joined() -> None:
    """A source may be a list of lines, as Jupyter saves it."""
    assert _read(_notebook(_code(["a\n", "b"]))).cells[0].source == "a\nb"


def test_read_notebook_windows_line_ends_become_newlines() -> None:
    """CRLF and CR in a source become one newline."""
    assert _read(_notebook(_code("a\r\nb\rc"))).cells[0].source == "a\nb\nc"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_read_notebook_byte_order_mark_is_read_with_a_note(encoding: str) -> None:
    """A byte order mark does not hide a notebook."""
    found = read_notebook(json.dumps(_notebook(_code("é = 1")), ensure_ascii=False).encode(encoding))
    assert found.cells[0].source == "é = 1"
    assert [finding.code for finding in found.findings] == ["notebook-byte-order-mark"]


def test_read_notebook_trailing_commas_are_mended_outside_strings_only() -> None:
    """A comma before a bracket goes, but not one inside a string."""
    text = '{"cells": [{"cell_type": "code", "source": ["f(\\"a,]\\")",],},], "nbformat": 4,}'
    found = read_notebook(text.encode())
    assert found.cells[0].source == 'f("a,]")'
    assert [finding.code for finding in found.findings] == ["json-trailing-comma"]


def test_read_notebook_format_3_becomes_format_4() -> None:
    """Worksheets, ``input`` and headings of nbformat 3 are converted."""
    old = {
        "nbformat": 3,
        "worksheets": [
            {
                "cells": [
                    {"cell_type": "heading", "level": 2, "source": "Title"},
                    {"cell_type": "code", "input": ["x = 1"], "language": "python", "outputs": []},
                ]
            }
        ],
    }
    found = _read(old)
    assert [(cell.cell_type, cell.source) for cell in found.cells] == [
        ("markdown", "## Title"),
        ("code", "x = 1"),
    ]


def test_read_notebook_colab_id_in_metadata_is_taken() -> None:
    """Colab keeps its cell id in the metadata."""
    assert _read(_notebook(_code(metadata={"id": "abc"}))).cells[0].cell_id == "abc"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "notebook-empty-file"),
        (b"\n \n", "notebook-empty-file"),
        (b"{oops", "notebook-not-json"),
        (b"[" * 100_000, "notebook-not-json"),
        (b"PK\x03\x04rubbish", "notebook-not-json"),
        (b"[]", "not-a-notebook"),
        (b'{"a": 1}', "not-a-notebook"),
        (b'{"cells": "no"}', "not-a-notebook"),
        (json.dumps({"cells": [{}] * 5001}).encode(), "notebook-too-large"),
        (json.dumps(_notebook(_code("x" * 5_000_001))).encode(), "notebook-too-large"),
        (b'{"n": ' + b"9" * 5000 + b"}", "notebook-not-json"),
    ],
)
def test_read_notebook_bad_file_is_named(data: bytes, code: str) -> None:
    """Each way to be no notebook has a name of its own."""
    with pytest.raises(NotebookError) as caught:
        read_notebook(data)
    assert caught.value.code == code


def test_read_notebook_bad_json_says_where() -> None:
    """The message names line and column of the fault."""
    with pytest.raises(NotebookError, match=r"line 2, column 4"):
        read_notebook(b'{"cells": [\n"a": 1  oops}')


@pytest.mark.parametrize(
    "cell",
    [
        None,
        3,
        "text",
        [],
        {"cell_type": 7},
        {"cell_type": "code", "source": 5, "metadata": [], "attachments": 1},
    ],
)
def test_read_notebook_odd_cell_never_raises(cell: Any) -> None:
    """A cell that is no cell is left out or read as text, with a finding or without harm."""
    found = _read(_notebook(_code("kept = 1"), cell))
    assert found.cells[0].source == "kept = 1"
    assert all(isinstance(one.source, str) for one in found.cells)


def test_read_notebook_lone_surrogate_becomes_writable() -> None:
    """A surrogate that JSON may spell but UTF-8 cannot is replaced."""
    found = read_notebook(b'{"cells": [{"cell_type": "code", "source": "s = \'\\ud800\'"}], "nbformat": 4}')
    assert found.cells[0].source.encode() == "s = '�'".encode()


def test_format_notebook_equals_nbformat(lab: Any) -> None:
    """What is written is byte for byte what nbformat writes."""
    import nbformat

    notebook = {
        "cells": [
            _code(
                "print('é')\nx",
                id="a",
                outputs=[
                    {"output_type": "stream", "name": "stdout", "text": "é\nb\n"},
                    {
                        "output_type": "display_data",
                        "data": {
                            "text/plain": "a\nb",
                            "application/json": {"a": [1, 2]},
                            "image/png": "AAA\n",
                        },
                        "metadata": {},
                    },
                    {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["a\nb", "c"]},
                ],
            ),
            {"cell_type": "markdown", "id": "b", "metadata": {"tags": ["x"]}, "source": ""},
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    wanted = nbformat.writes(nbformat.from_dict(notebook)) + "\n"
    assert format_notebook(notebook).decode() == wanted


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_read_notebook_mutated_bytes_raise_only_its_own_error(seed: int, changes: int) -> None:
    """Random damage ends in a notebook or in a named fault, never in another exception."""
    generator = random.Random(seed)
    data = bytearray(
        json.dumps(_notebook(_code("a"), _code(["b\n"], metadata={"nbgrader": {"grade_id": "x"}}))).encode()
    )
    for _ in range(changes):
        at = generator.randrange(len(data))
        data[at : at + generator.randrange(3)] = generator.randbytes(generator.randrange(3))
    try:
        found = read_notebook(bytes(data))
    except NotebookError:
        return
    for cell in found.cells:
        assert isinstance(cell.grade_id, str)
        cell.source.encode()
