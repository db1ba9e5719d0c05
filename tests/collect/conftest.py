"""Downloads as LMSs make them, built in the test."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from labgrade.course import CourseSettings
from labgrade.lab import Lab, read_lab

PLAIN = Path(__file__).parents[1] / "courses" / "plain"


def notebook_bytes(*sources: str, members: str = "") -> bytes:
    """Return a small notebook; ``members`` is the text of a members' cell."""
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
        for source in sources
    ]
    if members:
        cell = {
            "cell_type": "code",
            "metadata": {},
            "source": members,
            "outputs": [],
            "execution_count": None,
        }
        cell["metadata"] = {"nbgrader": {"grade_id": "members", "solution": True}}
        cells.append(cell)
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}).encode()


@pytest.fixture
def make_notebook() -> Callable[..., bytes]:
    """Return the function that makes a notebook."""
    return notebook_bytes


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a zip of names and bytes."""

    def make(files: Mapping[str, bytes], name: str = "download.zip") -> Path:
        path = tmp_path / name
        path.write_bytes(zip_bytes(files))
        return path

    return make


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Return a zip file in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def to_zip() -> Callable[[Mapping[str, bytes]], bytes]:
    """Return the function that makes a zip in memory."""
    return zip_bytes


@pytest.fixture(scope="session")
def group_lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Return a lab with one notebook, ``tensors``, that asks who worked together."""
    folder = tmp_path_factory.mktemp("source") / "01-tensors"
    folder.mkdir()

    def cell(grade_id: str, source: str, **kind: Any) -> dict[str, Any]:
        meta = {"grade": False, "solution": False, "locked": False, "schema_version": 3, "grade_id": grade_id}
        return {
            "cell_type": "code",
            "id": grade_id,
            "metadata": {"nbgrader": meta | kind},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }

    cells = [
        cell("members", "members = [\n    ...\n]", solution=True),
        cell(
            "double", "### BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n### END SOLUTION", solution=True
        ),
        cell("test-double", "assert double(2) == 4", grade=True, locked=True, points=4),
    ]
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    document = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (folder / "tensors.ipynb").write_text(json.dumps(document))
    return read_lab(folder, CourseSettings(root=folder.parent))


@pytest.fixture(scope="session")
def plain_lab() -> Lab:
    """Return the lab ``ps1`` of the course ``plain``: ``numbers.ipynb``, ``words.ipynb`` and ``mine.py``."""
    settings = CourseSettings(root=PLAIN, exclude_overwriting={"ps1": ("mine.py",)})
    return read_lab(PLAIN / "source" / "ps1", settings)


@pytest.fixture
def write_roster(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a roster."""

    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "roster.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write
