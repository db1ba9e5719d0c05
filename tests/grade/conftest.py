"""What the tests of grading share: the course ``plain``, and notebooks made from it as students would."""

from __future__ import annotations

import copy
import io
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from labgrade.config import Options
from labgrade.course import CourseSettings, read_course
from labgrade.ipynb import format_notebook
from labgrade.job import run_job
from labgrade.lab import Lab, read_lab
from labgrade.nbmeta import nbgrader_metadata
from labgrade.planning import plan_folder
from labgrade.progress import LineListener
from labgrade.result import GradedSubmission

COURSE = Path(__file__).parents[1] / "courses" / "plain"

Notebook = dict[str, Any]

RIGHT = {
    "total": "def total(values):\n    result = 0\n    for value in values:\n        result = result + value\n"
    "    return result",
    "root": "def root(value):\n    return int(value ** 0.5)",
    "by-hand": "print([1, 2, 3])",
    "essay": "It depends on the language.",
    "read": "words = read_words('data/words.txt')",
}
"""Right answers in a student's own words."""

MODULE = b"def longest(words):\n    return max(words, key=len)\n"


@pytest.fixture(scope="session")
def course() -> CourseSettings:
    """Return the settings of the course ``plain``."""
    return read_course(COURSE)


@pytest.fixture(scope="session")
def lab(course: CourseSettings) -> Lab:
    """Return the lab ``ps1`` of the course ``plain``."""
    return read_lab(COURSE / "source" / "ps1", course)


def release_notebooks(lab: Lab) -> dict[str, Notebook]:
    """Return the notebooks as students get them, by file name."""
    notebooks = {}
    for spec, page in zip(lab.spec.notebooks, lab.pages, strict=True):
        cells = []
        for cell, own, sum_ in zip(spec.cells, page.cell_metadata, page.checksums, strict=True):
            metadata = copy.deepcopy(dict(own))
            if cell.grade_id:
                metadata["nbgrader"] = dict(nbgrader_metadata(cell, sum_))
            new: Notebook = {
                "cell_type": cell.cell_type,
                "id": cell.cell_id,
                "metadata": metadata,
                "source": cell.released,
            }
            if cell.cell_type == "code":
                new |= {"outputs": [], "execution_count": None}
            cells.append(new)
        notebooks[f"{spec.name}.ipynb"] = {
            "cells": cells,
            "metadata": copy.deepcopy(dict(page.metadata)),
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    return notebooks


@pytest.fixture(scope="session")
def release() -> Callable[[Lab], dict[str, Notebook]]:
    """Return the function that makes the students' notebooks of a lab."""
    return release_notebooks


@pytest.fixture(scope="session")
def answer_all() -> Callable[[Lab], dict[str, Notebook]]:
    """Return the function that makes right notebooks of a lab."""
    return lambda lab: answer_notebooks(lab, RIGHT)


@pytest.fixture
def released(lab: Lab) -> dict[str, Notebook]:
    """Return the notebooks as students get them, free to be changed."""
    return release_notebooks(lab)


@pytest.fixture
def answered(lab: Lab) -> dict[str, Notebook]:
    """Return the notebooks with right answers, free to be changed."""
    return answer_notebooks(lab, RIGHT)


def answer_notebooks(lab: Lab, answers: dict[str, str]) -> dict[str, Notebook]:
    """Return the notebooks with the given texts in the answers."""
    notebooks = release_notebooks(lab)
    for notebook in notebooks.values():
        for cell in notebook["cells"]:
            grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
            cell["source"] = answers.get(grade_id, cell["source"])
    return notebooks


@pytest.fixture
def find_cell() -> Callable[[Notebook, str], Notebook]:
    """Return a function that finds a cell by its grade id."""

    def find(notebook: Notebook, grade_id: str) -> Notebook:
        return next(
            cell
            for cell in notebook["cells"]
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id
        )

    return find


@pytest.fixture
def write_submission() -> Callable[..., Path]:
    """Return a function that writes notebooks and files into a folder."""

    def write(
        folder: Path, notebooks: dict[str, Notebook | bytes], files: dict[str, bytes] | None = None
    ) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, notebook in notebooks.items():
            data = notebook if isinstance(notebook, bytes) else format_notebook(notebook)
            (folder / name).write_bytes(data)
        for name, data in ({"mine.py": MODULE} if files is None else files).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return folder

    return write


@pytest.fixture(scope="session")
def nbgrader_api() -> Iterator[Any]:
    """Import nbgrader's gradebook API; its dependencies warn about their own future."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nbgrader.api

        yield nbgrader.api


@pytest.fixture(scope="session")
def nbgraders_gradebook(nbgrader_api: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty gradebook that nbgrader made, with alembic; to be copied, not changed."""
    path = tmp_path_factory.mktemp("nbgrader") / "gradebook.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        nbgrader_api.Gradebook(f"sqlite:///{path}", "plain").close()
    return path


@pytest.fixture
def to_bytes() -> Callable[[Notebook], bytes]:
    """Return a function that writes a notebook as Jupyter does, without touching its text."""
    return lambda notebook: json.dumps(notebook, indent=1).encode()


@pytest.fixture(scope="session")
def grade_folder() -> Callable[..., list[GradedSubmission]]:
    """Return a function that grades a folder of submissions of ``ps1`` as ``labs grade`` does."""

    def grade(
        folder: Path, out: Path, source: Path = COURSE / "source" / "ps1", **options: Any
    ) -> list[GradedSubmission]:
        chosen = Options(jobs=1, out=str(out), **options)
        summary = run_job(plan_folder(folder, str(source), chosen), LineListener(io.StringIO()))
        try:
            return list(summary.results())
        finally:
            summary.journal.close()

    return grade


@pytest.fixture(scope="session")
def run_nbgrader() -> Callable[..., str]:
    """Return a function that runs nbgrader's command line in a folder and returns what it says."""

    def run(folder: Path, *arguments: str) -> str:
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        command = [sys.executable, "-W", "ignore", "-m", "nbgrader", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stderr

    return run
