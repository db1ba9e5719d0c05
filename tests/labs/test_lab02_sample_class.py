"""The sample class of lab 02: made again it is the same, and its points are what the checks give."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lab02_run import CellsOfLab02

SAMPLE = Path(__file__).resolve().parents[1] / "sample_class"
CLASS = SAMPLE / "02-recurrent-attention"
EXPECTED: dict[str, Any] = tomllib.loads((CLASS / "expected.toml").read_text(encoding="utf-8"))
STUDENTS: dict[str, dict[str, Any]] = EXPECTED["students"]


def _notebook(student: str) -> dict[str, Any]:
    text = (CLASS / student / STUDENTS[student]["notebook"]).read_text(encoding="utf-8")
    return dict(json.loads(text))


def _grade_ids(notebook: dict[str, Any]) -> list[str]:
    return [
        cell["metadata"]["nbgrader"]["grade_id"]
        for cell in notebook["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade")
    ]


def test_class_made_again_has_the_same_bytes() -> None:
    """The generator gives the committed files, byte for byte, and no other."""
    code = (
        "import sys, hashlib, json; sys.path.insert(0, sys.argv[1]); import make; "
        "made = {name: hashlib.sha256(data).hexdigest() for name, data in make.make_class().items()}; "
        "print(json.dumps(made))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(SAMPLE)], capture_output=True, text=True, timeout=120, check=True
    )
    import hashlib

    committed = {
        path.relative_to(CLASS).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in CLASS.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert json.loads(done.stdout) == committed, "run: python tests/sample_class/make.py"


@pytest.mark.parametrize("student", [name for name, entry in STUDENTS.items() if not entry["dangerous"]])
def test_submission_is_worth_what_is_expected(lab02: CellsOfLab02, student: str) -> None:
    """The lab's complete checks give the points that expected.toml states."""
    module = (CLASS / student / "implementation.py").read_text(encoding="utf-8")
    found = {question: result.points for question, result in lab02.check_all(module).items()}
    assert found == STUDENTS[student]["points"]
    assert STUDENTS[student]["total"] == sum(found.values())
    assert not Path("unpickled.txt").exists()


def test_class_has_every_kind_of_submission() -> None:
    """At least 14 submissions; full, partial and no points; every finding that the class is there to show."""
    totals = [entry["total"] for entry in STUDENTS.values()]
    assert len(totals) >= 14
    assert totals.count(17) >= 3
    assert 0 in totals
    assert any(0 < total < 17 for total in totals)
    findings = {code for entry in STUDENTS.values() for code in entry["findings"]}
    assert findings == {
        "cell-duplicated",
        "cell-restored",
        "notebook-renamed",
        "metadata-lost",
        "cell-edited",
    }
    assert sum(EXPECTED["max_points"].values()) == 17


def test_mangled_notebooks_are_mangled_as_told() -> None:
    """Each notebook that an editor or a person changed shows the change, and the others show none."""
    tests = [f"test-{question}" for question in EXPECTED["max_points"]]
    assert _grade_ids(_notebook("amara")) == tests
    assert sorted(_grade_ids(_notebook("noor"))) == sorted([*tests, "test-rnn"])
    assert _grade_ids(_notebook("oskar")) == tests[:-1]
    assert _grade_ids(_notebook("quinn")) == []
    colab = _notebook("maya")
    assert colab["nbformat_minor"] == 0
    assert all("id" not in cell and "id" in cell["metadata"] for cell in colab["cells"])
    with pytest.raises(SyntaxError):
        compile(
            (CLASS / "ines" / "implementation.py").read_text(encoding="utf-8"), "implementation.py", "exec"
        )


def test_notebooks_are_valid() -> None:
    """Every notebook is one in the eyes of nbformat, the mangled ones too."""
    import nbformat

    for student in STUDENTS:
        nbformat.validate(nbformat.from_dict(_notebook(student)))
