"""Notebooks that are not in Python run in a Jupyter kernel, confined, and fail closed."""

from __future__ import annotations

import json

import pytest
from handmade_labs import answer, make_lab, submit, test
from labgrade.model import CellState, Limits


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """A kernel that the warm process does not speak: Python under another name."""
    folder = tmp_path / "kernels" / "other"
    folder.mkdir(parents=True)
    spec = {
        "argv": ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Other",
    }
    (folder / "kernel.json").write_text(json.dumps({**spec, "language": "other"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))


@pytest.mark.usefixtures("kernels")
def test_other_language_runs_in_its_kernel():
    """Cells run in the kernel, tests are judged by their outputs, and a loop costs its cell."""
    from labgrade.engine import Engine

    lab = make_lab(
        answer("a", "x = 2"),
        test("t", "assert x == 2", 2),
        answer("b", "while True: pass"),
        test("u", "0.5 * x", 1),
        test("v", "'full'", 1),
        kernel="other",
        language="other",
    )
    submission = submit(lab, files={"data.txt": b"hello"}, extra=[(0, "print(open('data.txt').read())")])
    with Engine(Limits(cell_s=3), preload=()) as engine:
        run = engine.run(lab, submission)
    notebook = run.notebooks[0]
    assert [(cell.grade_id, cell.score, cell.mode) for cell in notebook.tests] == [
        ("t", 2, "in-kernel"),
        ("u", 1, "in-kernel"),
        ("v", 0, "in-kernel"),
    ]
    assert notebook.cells[0].outputs[0]["text"] == "hello\n"
    assert notebook.cells[3].state is CellState.TIMED_OUT


def test_missing_kernel_is_a_finding(engine):
    """A kernel that is not installed is named, and nothing else stops."""
    lab = make_lab(test("t", "1"), kernel="klingon", language="klingon")
    run = engine.run(lab, submit(lab))
    assert [cell.score for cell in run.notebooks[0].tests] == [0]
    (finding,) = run.notebooks[0].findings
    assert finding.code == "kernel-missing"
    assert "klingon" in finding.message
