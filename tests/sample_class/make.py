"""Make the sample class that ``make demo`` grades, and what it must be worth.

    python tests/sample_class/make.py

Each submission is the student version of the lab as the compiler makes it today, with answers filled in and,
for some, with what editors and people do to notebooks. The result is committed; a test asserts that making it
again gives the same bytes, so a change of the lab shows up here.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LAB = "02-recurrent-attention"
for folder in (HERE, ROOT / "exercises", ROOT / "tools"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from students import MAX_POINTS, STUDENTS, Student  # noqa: E402  # the folder is on the path only from here on

__all__ = ["LAB", "make_class", "write_class"]


def make_class() -> dict[str, bytes]:
    """Return the files of the class: path below the class's folder -> bytes."""
    from labbuild.compile import compile_lab

    lab = compile_lab(ROOT / "exercises" / LAB)
    if lab.has_errors:
        raise ValueError(f"the lab has errors; see: labs build exercises/{LAB}")
    notebook = next(notebook.student for notebook in lab.notebooks if notebook.name == "cells")
    module = next(module.student for module in lab.modules if module.name == "implementation.py")
    files: dict[str, bytes] = {}
    for student in STUDENTS:
        mine = _as_saved(notebook)
        student.notebook(mine)
        text = student.module(fill_in(module, student.answers))
        files[f"{student.name}/{student.notebook_name}"] = _to_json(mine)
        files[f"{student.name}/implementation.py"] = text.encode()
    files["expected.toml"] = _expected().encode()
    return files


def fill_in(module: str, answers: Mapping[str, str]) -> str:
    """Put answers where the released module says that they belong."""
    for question, answer in answers.items():
        place = re.compile(
            rf"^    # Your answer to question `{re.escape(question)}`.*\n(?:    #.*\n)*", re.MULTILINE
        )
        body = textwrap.indent(textwrap.dedent(answer.strip("\n")), "    ") + "\n"
        module, count = place.subn(lambda match, body=body: body, module)
        if count != 1:
            raise ValueError(f"the module has {count} places for the answer to {question!r}")
    return module


def write_class(folder: Path) -> None:
    """Write the class into a folder, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in make_class().items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _as_saved(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy with each text as a list of lines, as Jupyter saves it."""
    mine = copy.deepcopy(dict(notebook))
    for cell in mine["cells"]:
        cell["source"] = "".join(cell["source"]).splitlines(keepends=True)
    return mine


def _to_json(notebook: Mapping[str, Any]) -> bytes:
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def _expected() -> str:
    lines = [
        "# What each submission must be worth, with tests in a process apart, and the findings that must be",
        "# reported at least. Made by tests/sample_class/make.py.",
        "",
        "[max_points]",
        *(f"{question} = {points:g}" for question, points in MAX_POINTS.items()),
    ]
    for student in STUDENTS:
        lines += ["", *_entry(student)]
    return "\n".join(lines) + "\n"


def _entry(student: Student) -> list[str]:
    return [
        f"[students.{student.name}]",
        f"what = {json.dumps(student.what, ensure_ascii=False)}",
        f"notebook = {json.dumps(student.notebook_name)}",
        f"total = {student.total:g}",
        f"findings = {json.dumps(student.findings)}",
        f"dangerous = {json.dumps(student.dangerous)}",
        "points = { "
        + ", ".join(f"{question} = {points:g}" for question, points in student.points.items())
        + " }",
    ]


if __name__ == "__main__":
    target = HERE / LAB
    write_class(target)
    print(f"{len(STUDENTS)} submissions in {target.relative_to(ROOT)}")
