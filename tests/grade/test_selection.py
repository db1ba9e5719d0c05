"""Grading some notebooks of a lab."""

from __future__ import annotations

import pytest
from labgrade.errors import UsageError
from labgrade.lab import Lab, Page
from labgrade.model import CellSpec, LabSpec, NotebookSpec
from labgrade.selection import select_notebooks


def make_lab() -> Lab:
    """Two notebooks; each imports a student's module of its own, one of them through a given module."""

    def notebook(name: str, source: str) -> NotebookSpec:
        return NotebookSpec(name, (CellSpec(0, "code", source, source, grade_id=f"test-{name}"),))

    spec = LabSpec(
        name="lab",
        notebooks=(
            notebook("cells", "%matplotlib inline\nimport numpy as np, helper\nfrom cells_answers import f"),
            notebook("sentences", "    from model import Net  # late"),
        ),
        given_files={"helper.py": b"import deep.inside\n", "figure.svg": b"import model"},
        student_files={"cells_answers.py": b"", "deep.py": b"", "model.py": b"", "notes.txt": b""},
        digest="whole",
    )
    pages = (Page({"name": name}, (), (), (), ()) for name in ("cells", "sentences"))
    return Lab(spec, tuple(pages))


def test_selection_of_one_notebook_keeps_the_files_that_it_imports() -> None:
    """Imports are followed through given modules; files of the other notebook are not asked for."""
    lab = select_notebooks(make_lab(), ["cells"])
    assert [notebook.name for notebook in lab.spec.notebooks] == ["cells"]
    assert [page.metadata["name"] for page in lab.pages] == ["cells"]
    assert sorted(lab.spec.student_files) == ["cells_answers.py", "deep.py"]
    assert set(lab.spec.given_files) == {"helper.py", "figure.svg"}
    assert sorted(select_notebooks(make_lab(), ["sentences"]).spec.student_files) == ["model.py"]


def test_selection_changes_the_digest_so_that_the_journal_knows() -> None:
    """A grade for one notebook is not taken for a grade for the lab."""
    digests = {select_notebooks(make_lab(), names).spec.digest for names in (["cells"], ["sentences"])}
    assert len(digests) == 2


def test_selection_of_nothing_is_the_whole_lab() -> None:
    """Without names nothing changes."""
    assert len(select_notebooks(make_lab(), ()).spec.notebooks) == 2


def test_selection_of_an_unknown_notebook_names_those_that_there_are() -> None:
    """A slip in a name is wrong usage."""
    with pytest.raises(UsageError) as caught:
        select_notebooks(make_lab(), ["cell"])
    assert "cells, sentences" in str(caught.value.hint)
