"""The badge and the set-up cell."""

from __future__ import annotations

import io
import os
import sys
import types
import urllib.request
import zipfile
from pathlib import Path

import pytest
from labbuild.colab import ColabConfig, read_colab_config, setup_cell, with_colab_cells

CONFIG = ColabConfig(
    "https://colab.research.google.com/github/o/r/blob/main/{lab}/{notebook}.ipynb",
    "https://example.org/{lab}.zip",
)


def _code(text: str) -> dict[str, object]:
    return {
        "cell_type": "code",
        "source": text,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "id": text,
    }


def test_cells_of_a_notebook_stand_on_top_and_before_the_first_code() -> None:
    """The badge comes first; the set-up cell comes after the introduction."""
    notebook = {"cells": [{"cell_type": "markdown", "source": "# A", "metadata": {}, "id": "a"}, _code("1")]}
    cells = with_colab_cells(notebook, CONFIG, "01-lab", "cells")["cells"]
    assert [cell["id"] for cell in cells] == ["colab-badge", "a", "colab-setup", "1"]
    assert "blob/main/01-lab/cells.ipynb" in cells[0]["source"]
    assert len(notebook["cells"]) == 2


def test_setup_cell_elsewhere_does_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without google.colab the cell changes neither the folder nor the import path."""
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    exec(setup_cell(CONFIG, "01-lab")["source"], {})
    assert os.getcwd() == str(tmp_path)
    assert sys.path == before
    assert list(tmp_path.iterdir()) == []


def test_setup_cell_on_colab_unpacks_the_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Colab the release is unpacked once, and its folder becomes current and importable."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("01-lab/helper.py", "x = 1\n")
    asked = []

    def fake_urlopen(url: str, timeout: float) -> io.BytesIO:
        asked.append(url)
        return io.BytesIO(data.getvalue())

    monkeypatch.setattr(urllib.request, "urlopen", fake_urlopen)
    monkeypatch.setitem(sys.modules, "google", types.ModuleType("google"))
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    source = setup_cell(CONFIG, "01-lab")["source"]
    for _ in range(2):
        monkeypatch.chdir(tmp_path)
        exec(source, {})
    assert asked == ["https://example.org/01-lab.zip"]
    assert Path.cwd() == tmp_path / "01-lab"
    assert sys.path[0] == str(tmp_path / "01-lab")


def test_config_of_a_lab_comes_before_the_course(tmp_path: Path) -> None:
    """lab.toml overrides course.toml, and `colab = false` switches both off."""
    (tmp_path / "course.toml").write_text('[colab]\nrelease_url = "https://a/{lab}.zip"\n', encoding="utf-8")
    lab = tmp_path / "01-lab"
    assert read_colab_config(lab, {}) == ColabConfig(release_url="https://a/{lab}.zip")
    assert read_colab_config(lab, {"colab": {"notebook_url": "u"}}) == ColabConfig(notebook_url="u")
    assert read_colab_config(lab, {"colab": False}) is None
    assert read_colab_config(tmp_path / "elsewhere" / "lab", {}) is None


def test_config_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    """A misspelt key is an error, not a badge that is silently missing."""
    with pytest.raises(ValueError, match="notebook_url and release_url"):
        read_colab_config(tmp_path / "lab", {"colab": {"notebok_url": "u"}})
