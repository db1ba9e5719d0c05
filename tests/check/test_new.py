"""`labs new`: a lab that works at once."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from labbuild.check.soundness import check_lab
from labbuild.cli.new import new
from labbuild.compile import compile_lab
from labbuild.new import create_lab


def test_new_lab_compiles_without_a_word_and_is_sound(tmp_path: Path) -> None:
    """The template has no diagnostics, its twins agree, and `labs check` finds nothing, not even a note."""
    files = create_lab("06-moving-averages", tmp_path)
    folder = tmp_path / "06-moving-averages"
    assert {path.name for path in files} >= {
        "lab.toml",
        "cells.md",
        "cells.py",
        "averages.py",
        "variants.toml",
    }
    lab = compile_lab(folder)
    assert lab.diagnostics == ()
    assert lab.config.title == "Moving averages"
    assert {question.id: question.points for question in lab.questions} == {
        "average": 2,
        "half-life": 1,
        "why": 1,
    }
    report = check_lab(folder)
    assert report.findings == ()
    assert [row.tally("mutant") for row in report.questions] == [(2, 2), (1, 1), (0, 0)]
    assert [row.tally("alternative") for row in report.questions] == [(2, 2), (1, 1), (0, 0)]


def test_command_says_what_it_made_and_never_overwrites(tmp_path: Path) -> None:
    """A second lab of the same name is refused with exit code 1 and nothing changes."""
    first = CliRunner().invoke(new, ["lab-a", "--in", str(tmp_path), "--title", "T", "--json"])
    assert first.exit_code == 0
    assert json.loads(first.stdout)["folder"] == str(tmp_path / "lab-a")
    text = (tmp_path / "lab-a" / "cells.md").read_text(encoding="utf-8")
    assert "# T\n" in text
    (tmp_path / "lab-a" / "cells.md").write_text("mine", encoding="utf-8")
    again = CliRunner().invoke(new, ["lab-a", "--in", str(tmp_path)])
    assert again.exit_code == 1
    assert "is there already" in again.output
    assert (tmp_path / "lab-a" / "cells.md").read_text(encoding="utf-8") == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["lab-a"]


def test_name_that_is_no_folder_name_is_refused(tmp_path: Path) -> None:
    """A name with a slash could lead anywhere."""
    done = CliRunner().invoke(new, ["../x", "--in", str(tmp_path)])
    assert done.exit_code == 1
    assert "cannot be a lab's name" in done.output
