"""Writing a small lab, and reading what came of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

HEADER = """\
---
jupyter:
  jupytext:
    text_representation:
      extension: .md
      format_name: markdown
      format_version: '1.3'
  kernelspec:
    display_name: Python 3
    language: python
    name: python3
---

"""

MakeLab = Callable[..., Path]


@pytest.fixture
def make_lab(tmp_path: Path) -> MakeLab:
    """Return a function that writes a lab's folder: ``lab_md="text"`` makes lab.md, with a header."""

    def make(name: str = "mylab", **files: str | bytes) -> Path:
        folder = tmp_path / "labs" / name
        folder.mkdir(parents=True, exist_ok=True)
        for key, text in files.items():
            stem, _, suffix = key.rpartition("_")
            path = folder / f"{stem}.{suffix}"
            if suffix == "md" and isinstance(text, str) and not text.startswith("---"):
                text = HEADER + text
            path.write_bytes(text.encode() if isinstance(text, str) else text)
        return folder

    return make
