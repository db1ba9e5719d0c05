"""Executed solutions on their shelf."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from labbuild.cli.build import build
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


def test_build_with_execution_fills_the_shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`labs build --execute solution` in a course puts the executed notebook into solutions/."""
    lab = tmp_path / "exercises" / "01-small"
    kernel = "    display_name: Python 3\n    language: python\n    name: python3\n"
    header = f"---\njupyter:\n  kernelspec:\n{kernel}---\n"
    _write(lab / "cells.md", header + "\n# Small\n\n```python\n40 + 2\n```\n")
    _write(lab / "lab.toml", 'title = "Small"\n')
    (tmp_path / "solutions").mkdir()
    monkeypatch.chdir(tmp_path)
    plain = CliRunner().invoke(build, [], catch_exceptions=False)
    assert plain.exit_code == 0
    assert list((tmp_path / "solutions").iterdir()) == []
    done = CliRunner().invoke(build, ["--execute", "solution"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    kept = (tmp_path / "solutions" / "01-small" / "cells.ipynb").read_text(encoding="utf-8")
    assert '"42"' in kept
