"""Fixtures of the tests of single labs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from lab02_run import CellsOfLab02

_HERE = str(Path(__file__).resolve().parent)
sys.path.append(_HERE)  # helpers of the tests lie beside them


@pytest.fixture(scope="session")
def lab02(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CellsOfLab02]:
    """The notebook ``cells`` of lab 02, its given cells run."""
    before = set(sys.modules)
    path = list(sys.path)
    sys.path.insert(0, _HERE)
    from lab02_run import LAB, CellsOfLab02

    sys.path.insert(0, str(LAB))
    import matplotlib

    matplotlib.use("Agg")
    cells = CellsOfLab02(tmp_path_factory.mktemp("lab02"))
    cells.run_given()
    yield cells
    sys.path[:] = path
    # Other labs have modules of the same names.
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(LAB)):
            del sys.modules[name]
