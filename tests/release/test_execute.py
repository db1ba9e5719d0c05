"""Executing notebooks, and keeping what came of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from labbuild.compile import compile_lab
from labbuild.compiled import CompiledLab
from labbuild.execute import ExecutionFailedError, execute_lab

SOURCE = """\
---
jupyter:
  jupytext:
    text_representation:
      extension: .md
      format_name: markdown
  kernelspec:
    display_name: Python 3
    language: python
    name: python3
---

# A lab

```python
from helper import double
import sys
print("step 1\\rstep 2")
print("more", file=sys.stdout)
object()
```

```python
def half(x):
    #!TAG ANSWER half
    #!TAG HWBEGIN
    return x / 2
    #!TAG HWEND
```

```python
#!TAG SKIPQUESTEXEC
shown = half(3.0)
shown
```

```python
shown + 1
```

```python
#!TAG TEST half points=1
assert half(4) == 2
```

```python
double(21)
```
"""


@pytest.fixture(scope="module")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lab with a helper module, a question, and cells that need its answer."""
    folder = tmp_path_factory.mktemp("course") / "lab"
    folder.mkdir()
    (folder / "cells.md").write_text(SOURCE, encoding="utf-8")
    (folder / "helper.py").write_text("def double(x):\n    return 2 * x\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def executed(lab_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[CompiledLab, Path]:
    """Both versions, executed once for all tests of this file, and the cache they were kept in."""
    cache = tmp_path_factory.mktemp("cache")
    lab = compile_lab(lab_folder)
    assert not lab.has_errors
    return execute_lab(lab, ("student", "solution"), cache), cache


def _outputs(lab: CompiledLab, version: str) -> list[list[dict[str, Any]]]:
    cells = getattr(lab.notebooks[0], version)["cells"]
    return [cell["outputs"] for cell in cells if cell["cell_type"] == "code"]


def test_solution_runs_from_top_to_bottom(executed: tuple[CompiledLab, Path]) -> None:
    """Every cell of the solution has run, and what it printed reads as on a terminal."""
    outputs = _outputs(executed[0], "solution")
    assert outputs[0][0]["text"] == "step 2\nmore\n"
    assert outputs[0][1]["data"]["text/plain"] == "<object at 0x…>"
    assert [out[0]["data"]["text/plain"] for out in (outputs[2], outputs[3], outputs[5])] == [
        "1.5",
        "2.5",
        "42",
    ]
    assert "execution" not in executed[0].notebooks[0].solution["cells"][1]["metadata"]


def test_student_version_shows_nothing_that_needs_the_answer(executed: tuple[CompiledLab, Path]) -> None:
    """Marked cells, test cells and cells that depend on an answer stay empty; the others do not."""
    outputs = _outputs(executed[0], "student")
    assert [bool(out) for out in outputs] == [True, False, False, False, False, True]
    assert outputs[5][0]["data"]["text/plain"] == "42"


def test_execution_is_kept_by_content(
    executed: tuple[CompiledLab, Path], lab_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing runs a second time; a changed helper does."""
    lab, cache = executed

    def refuse(*_: object) -> None:
        raise AssertionError("a kernel was started")

    monkeypatch.setattr("labbuild.execute._kernel", refuse)
    again = execute_lab(compile_lab(lab_folder), ("student", "solution"), cache)
    assert _outputs(again, "solution") == _outputs(lab, "solution")
    (lab_folder / "helper.py").write_text("def double(x):\n    return x + x\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="kernel was started"):
        execute_lab(compile_lab(lab_folder), ("solution",), cache)


def test_cell_that_fails_is_named_with_its_lines(lab_folder: Path, tmp_path: Path) -> None:
    """The error says which cell of which version failed, at which line, and quotes it."""
    folder = tmp_path / "lab"
    shutil.copytree(lab_folder, folder)
    text = SOURCE.replace("object()", "1 / 0")
    (folder / "cells.md").write_text(text, encoding="utf-8")
    with pytest.raises(ExecutionFailedError) as caught:
        execute_lab(compile_lab(folder), ("student",))
    error = caught.value
    assert (error.path.name, error.what) == ("cells.md", "cell 2 of cells (student)")
    assert error.error == "ZeroDivisionError: division by zero"
    assert "1 / 0" in str(error)
    assert text.split("\n")[error.line - 1].startswith(("```python", "from helper"))


def test_single_file_runs_beside_its_neighbours(tmp_path: Path) -> None:
    """A notebook source from anywhere finds the modules beside it, each in the version that it needs."""
    header = SOURCE[: SOURCE.index("# A lab")]
    (tmp_path / "week.md").write_text(
        header + "# Week\n\n```python\nfrom answers import double\ndouble(4)\n```\n", encoding="utf-8"
    )
    region = "    #!TAG HWBEGIN\n    return 2 * x\n    #!TAG HWEND\n"
    (tmp_path / "answers.py").write_text(f"def double(x):\n{region}", encoding="utf-8")
    (tmp_path / "other.md").write_text("# Not part of it\n", encoding="utf-8")
    lab = execute_lab(compile_lab(tmp_path / "week.md"), ("student", "solution"))
    assert _outputs(lab, "solution")[0][0]["data"]["text/plain"] == "8"
    assert _outputs(lab, "student") == [[]]
