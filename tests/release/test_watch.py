"""Building again on a save."""

from __future__ import annotations

import threading
from pathlib import Path

from labbuild.watch import changed_labs, watch


def test_changed_file_in_a_folder_builds_the_folder(tmp_path: Path) -> None:
    """Only the lab that holds the file is built."""
    one, two = tmp_path / "01", tmp_path / "02"
    for folder in (one, two):
        folder.mkdir()
    assert changed_labs([one, two], [two / "figures" / "a.svg"]) == [two]
    assert changed_labs([one, two], [tmp_path / "notes.txt"]) == []


def test_changed_twin_builds_the_file(tmp_path: Path) -> None:
    """A single source is built when it or its twin is saved, and not for its neighbours."""
    source = tmp_path / "week.md"
    source.write_text("x", encoding="utf-8")
    assert changed_labs([source], [tmp_path / "week.py"]) == [source]
    assert changed_labs([source], [tmp_path / "other.md"]) == []


def test_save_of_a_source_calls_the_build(tmp_path: Path) -> None:
    """A save reaches the build once the folder is watched; what tools write does not."""
    lab = tmp_path / "01"
    lab.mkdir()
    stop = threading.Event()
    calls: list[list[Path]] = []

    def build(paths: list[Path]) -> None:
        calls.append(paths)
        stop.set()

    def save_until_seen() -> None:
        # The watcher needs a moment to begin, so saving is repeated until it answers.
        number = 0
        while not stop.wait(0.2):
            number += 1
            (lab / "__pycache__").mkdir(exist_ok=True)
            (lab / "__pycache__" / "x.pyc").write_text(str(number), encoding="utf-8")
            (lab / "cells.md").write_text(str(number), encoding="utf-8")

    writer = threading.Thread(target=save_until_seen)
    writer.start()
    try:
        watch([lab], build, stop)
    finally:
        stop.set()
        writer.join()
    assert calls
    assert set(map(tuple, calls)) == {(lab,)}
