"""A built lab, executed: what the compiler says about answers reaches the execution."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from labbuild.build import BuildOptions, build

MakeLab = Callable[..., Path]


def test_executed_student_version_passes_over_cells_that_use_an_answer(
    make_lab: MakeLab, tmp_path: Path
) -> None:
    """A cell that uses a name only the answer binds has no output and does not stop the build."""
    folder = make_lab(
        lab_md="```python\nprint('given')\n```\n\n```python\n#!TAG HWBEGIN\ny = 41\n#!TAG HWEND\n```\n\n"
        "```python\nprint(y)\n```\n\n```python\n#!TAG SKIPQUESTEXEC\nprint('skipped')\n```\n"
    )
    result = build([folder], tmp_path / "out", BuildOptions(execute=("student", "solution")))
    assert [lab.state for lab in result.labs] == ["built"], result.labs[0].diagnostics
    shown = {
        version: [
            "".join(text for output in cell["outputs"] for text in output["text"])
            for cell in json.loads((tmp_path / "out" / version / "mylab" / "lab.ipynb").read_bytes())["cells"]
        ]
        for version in ("student", "solution")
    }
    assert shown == {"student": ["given\n", "", "", ""], "solution": ["given\n", "", "41\n", "skipped\n"]}
