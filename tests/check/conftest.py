"""A small sound lab to plant faults in, and to release."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import labbuild
import pytest

_TEMPLATE = Path(labbuild.__file__).parent / "templates" / "new_lab"


class LabFolder:
    """A lab's folder whose texts a test changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        for source in _TEMPLATE.iterdir():
            text = source.read_text(encoding="utf-8").replace("@TITLE@", "Averages")
            (path / source.name.removesuffix(".in")).write_text(text, encoding="utf-8")
        # Without the plot no check has to import matplotlib.
        cells = (path / "cells.md").read_text(encoding="utf-8")
        start = cells.index("The next cell draws")
        self.write("cells.md", cells[:start] + cells[cells.index("## How long it remembers") :])

    def write(self, name: str, text: str) -> None:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text, encoding="utf-8")

    def replace(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def append(self, name: str, text: str) -> None:
        self.write(name, (self.path / name).read_text(encoding="utf-8") + text)

    def line(self, name: str, text: str) -> int:
        lines = (self.path / name).read_text(encoding="utf-8").split("\n")
        return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.fixture(scope="session")
def lab_type() -> type[LabFolder]:
    """Give the class itself, for fixtures that live longer than one test."""
    return LabFolder


@pytest.fixture
def make_lab(tmp_path: Path) -> Callable[[], LabFolder]:
    """Give a function that makes a sound lab in the test's own folder."""
    return lambda: LabFolder(tmp_path / "lab")
