"""From the LMS's zip to its grade sheet, with the real engine and points given by hand between."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from labgrade.collect.job import CollectOptions
from labgrade.config import Options
from labgrade.intake import read_submission
from labgrade.planning import plan_folder
from labgrade.report.place import find_class

MEMBERS = 'members = [{"name": "Ada Lovelace", "id": "s1815"}, {"name": "Emmy Noether", "id": "s1882"}]'
SHEET = (
    "Student,ID,SIS User ID,SIS Login ID,Section,Tensors (7)\n"
    "    Points Possible,,,,,7.00\n"
    '"Lovelace, Ada",11,s1815,ada,A,\n"Noether, Emmy",12,s1882,emmy,A,\n"Turing, Alan",13,s1912,alan,A,\n'
)


def _cell(grade_id: str, source: str, cell_type: str = "code", **kind: Any) -> dict[str, Any]:
    meta = {"grade": False, "solution": False, "locked": False, "schema_version": 3, "grade_id": grade_id}
    cell: dict[str, Any] = {
        "cell_type": cell_type,
        "id": grade_id,
        "metadata": {"nbgrader": meta | kind},
        "source": source,
    }
    return cell | ({"outputs": [], "execution_count": None} if cell_type == "code" else {})


def _notebook(members: str, double: str, essay: str) -> bytes:
    cells = [
        _cell("members", members, solution=True),
        _cell("double", double, solution=True),
        _cell("test-double", "assert double(2) == 4", grade=True, locked=True, points=4),
        _cell("essay", essay, "markdown", grade=True, solution=True, points=3),
    ]
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}).encode()


def _labs(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "labs.cli", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """Return a Canvas download: Emmy hands in for her and Ada, Alan alone, in a hostile zip."""
    source = tmp_path / "source" / "tensors-lab"
    source.mkdir(parents=True)
    stub = "### BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n### END SOLUTION"
    (source / "tensors.ipynb").write_bytes(_notebook("members = [\n    ...\n]", stub, "YOUR ANSWER HERE"))
    right = _notebook(MEMBERS, "def double(x):\n    return x + x", "Because.")
    wrong = _notebook('members = [{"id": "s1912"}]', "def double(x):\n    return 3 * x", "No idea.")
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as bundle:
        bundle.writestr("tensors.ipynb", wrong)
        bundle.writestr("../../evil.py", "x")
    path = tmp_path / "canvas.zip"
    with zipfile.ZipFile(path, "w") as bundle:
        bundle.writestr("noetheremmy_12_901_tensors-1.ipynb", right)
        bundle.writestr("turingalan_LATE_13_902_work.zip", inner.getvalue())
    (tmp_path / "sheet.csv").write_text(SHEET)
    return path


def test_archive_to_grade_sheet_gives_every_member_the_grade(
    download: Path, tmp_path: Path, grade_by_hand: Callable[..., None]
) -> None:
    """The sheet is the roster, the group is graded once, its points stand in both rows."""
    out = tmp_path / "out"
    grading = ("grade", str(download), "--lab", str(tmp_path / "source" / "tensors-lab"), "--jobs", "1")
    graded = _labs(tmp_path, *grading, "--roster", "sheet.csv", "--out", str(out))
    assert graded.returncode == 1, graded.stderr  # Alan's archive and the essays need a person
    assert not (tmp_path / "evil.py").exists()
    results = json.loads((out / "results.json").read_text())
    scores = {one["student"]: one["points"]["double"] for one in results["submissions"]}
    assert scores == {"s1815_s1882": 4.0, "s1912": 0.0}
    alan = next(one for one in results["submissions"] if one["student"] == "s1912")
    assert "member-outside" in {finding["code"] for finding in alan["findings"]}

    export = (
        "export",
        str(out),
        "--to",
        "canvas",
        "--sheet",
        "sheet.csv",
        "--column",
        "Tensors",
        "--out",
        "x",
    )
    refused = _labs(tmp_path, *export)
    assert (refused.returncode, "grades-open" in refused.stderr) == (1, True)
    place = find_class(str(out), None)
    grade_by_hand(place, "s1815_s1882", "essay", 2.5)
    grade_by_hand(place, "s1912", "essay", 0.5)
    done = _labs(tmp_path, *export)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = list(csv.reader((tmp_path / "x" / "tensors-lab-canvas.csv").read_text().splitlines()))
    assert [row[5] for row in rows] == ["Tensors (7)", "7.00", "6.5", "6.5", "0.5"]

    def digests() -> list[str]:
        collecting = CollectOptions(roster=tmp_path / "sheet.csv")
        options = Options(out=str(out))
        plan = plan_folder(download, str(tmp_path / "source" / "tensors-lab"), options, collecting)
        return [read_submission(place).digest for place in plan.places]

    graded_as = [one["digest"] for one in results["submissions"]]
    assert digests() == graded_as  # the same download again is the same submissions: nothing is graded twice
