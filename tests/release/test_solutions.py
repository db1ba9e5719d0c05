"""Executed solutions on their shelf."""

from __future__ import annotations

from pathlib import Path

from labbuild.solutions import publish_solutions


def _write(path: Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_lab_of_the_course_is_copied_and_what_is_gone_goes(tmp_path: Path) -> None:
    """solutions/LAB holds notebooks, modules and figures of the build, no exports, and nothing older."""
    lab, out = tmp_path / "exercises" / "01", tmp_path / "build"
    lab.mkdir(parents=True)
    for name in ("cells.ipynb", "cells.html", "answers.py", "figures/a.svg", "figures/b.html"):
        _write(out / "solution" / "01" / name)
    _write(tmp_path / "solutions" / "01" / "old" / "gone.ipynb")
    assert publish_solutions([lab], out) == [tmp_path / "solutions" / "01"]
    shelf = tmp_path / "solutions" / "01"
    kept = {path.relative_to(shelf).as_posix() for path in shelf.rglob("*") if path.is_file()}
    assert kept == {"cells.ipynb", "answers.py", "figures/a.svg", "figures/b.html"}
    assert not (shelf / "old").exists()


def test_lab_elsewhere_is_not_copied(tmp_path: Path) -> None:
    """A lab outside exercises/, or without a shelf beside it, stays in the output folder."""
    for lab in (tmp_path / "exercises" / "01", tmp_path / "labs" / "01"):
        lab.mkdir(parents=True)
        _write(tmp_path / "build" / "solution" / "01" / "cells.ipynb")
        assert publish_solutions([lab], tmp_path / "build") == []
    (tmp_path / "solutions").mkdir()
    assert publish_solutions([tmp_path / "labs" / "01"], tmp_path / "build") == []
