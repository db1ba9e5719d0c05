"""`labs release`: what is in a bundle, and what stands in its way."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from labbuild.bundle import bundle_files, labkit_files, make_zip, write_bundle
from labbuild.check.places import stray_files
from labbuild.cli.release import release
from labbuild.compile import compile_lab

MakeLab = Callable[[], Any]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, lab_type: type) -> tuple[Path, dict[str, Any]]:
    """A sound lab, released once for all tests of this file: the folder of the release, and what was said."""
    home = tmp_path_factory.mktemp("course")
    lab = lab_type(home / "lab")
    lab.write("variants.toml", "")  # what they do is tested elsewhere
    lab.write("figures/a.svg", "<svg/>")
    lab.write("figures/draft.txt", "not for students")
    lab.replace("lab.toml", 'notebooks = ["cells"]', 'notebooks = ["cells"]\nfiles = ["figures/*.svg"]')
    done = CliRunner().invoke(
        release, [str(lab.path), "--out", str(home / "out"), "--json"], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return home / "out", json.loads(done.stdout)["labs"][0]


def test_bundle_holds_what_was_named_and_nothing_else(released: tuple[Path, dict[str, Any]]) -> None:
    """Student notebook, module, given file, start page, requirements, labkit, manifest; no source."""
    folder = released[0] / "lab"
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    own = {name for name in names if not name.startswith("labkit/")}
    assert own == {
        "START-HERE.txt",
        "averages.py",
        "cells.ipynb",
        "figures/a.svg",
        "manifest.json",
        "requirements.txt",
    }
    assert "labkit/__init__.py" in names
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names)
    assert "average = keep * average" not in (folder / "averages.py").read_text(encoding="utf-8")
    assert "torch" in (folder / "requirements.txt").read_text(encoding="utf-8")


def test_manifest_has_the_hash_of_every_file(released: tuple[Path, dict[str, Any]]) -> None:
    """The hashes are those of the files; zip and folder hold the same; the zip's own hash is said."""
    out, said = released
    manifest = json.loads((out / "lab" / "manifest.json").read_text(encoding="utf-8"))
    files = {
        path.relative_to(out / "lab").as_posix(): path for path in (out / "lab").rglob("*") if path.is_file()
    }
    assert set(manifest["files"]) == set(files) - {"manifest.json"}
    for name, sha256 in manifest["files"].items():
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == sha256
    with zipfile.ZipFile(out / "lab.zip") as archive:
        assert {f"lab/{name}" for name in files} == set(archive.namelist())
        assert all(archive.read(f"lab/{name}") == path.read_bytes() for name, path in files.items())
    assert said["released"]["sha256"] == hashlib.sha256((out / "lab.zip").read_bytes()).hexdigest()


def test_labkit_of_the_bundle_is_the_one_that_its_notebooks_import(
    released: tuple[Path, dict[str, Any]],
) -> None:
    """In the bundle's folder `import labkit` finds the copy, without this project being installed."""
    folder = released[0] / "lab"
    code = "import labkit; from labkit import expect, check; print(labkit.__file__)"
    environment = {**os.environ, "PYTHONPATH": "", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == folder / "labkit" / "__init__.py"


def test_same_files_make_the_same_zip() -> None:
    """Neither the clock nor the order of the files changes a byte."""
    first = make_zip("lab", {"b.txt": b"2", "a.txt": b"1"})
    assert first == make_zip("lab", {"a.txt": b"1", "b.txt": b"2"})


def test_new_bundle_replaces_the_old_one_as_a_whole(tmp_path: Path) -> None:
    """A file that is no longer part of the lab is gone from the folder, and nothing temporary stays."""
    write_bundle("lab", "t", {"a.txt": b"1", "old.txt": b"1"}, tmp_path)
    write_bundle("lab", "t", {"a.txt": b"2"}, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lab", "lab.zip"]
    assert sorted(path.name for path in (tmp_path / "lab").iterdir()) == ["a.txt", "manifest.json"]


def test_lab_with_a_blocker_is_not_released(make_lab: MakeLab, tmp_path: Path) -> None:
    """A leaked line is named with its place, exit code 1, and nothing is written."""
    lab = make_lab()
    lab.write("variants.toml", "")
    lab.append("cells.md", "\nThe step is `average = keep * average + (1 - keep) * value`.\n")
    done = CliRunner().invoke(
        release, [str(lab.path), "--out", str(tmp_path / "out")], catch_exceptions=False
    )
    assert done.exit_code == 1
    assert "LC301" in done.output
    assert "cells.ipynb" in done.output
    assert "not released: lab" in done.output
    assert not (tmp_path / "out").exists()


def test_single_file_cannot_be_released(make_lab: MakeLab) -> None:
    """A release is made of a folder; a file is wrong usage."""
    done = CliRunner().invoke(release, [str(make_lab().path / "cells.md")])
    assert done.exit_code == 2


def test_files_of_a_lab_come_from_the_compiler_alone(make_lab: MakeLab) -> None:
    """A file that lies in the lab's folder and is named nowhere is never read."""
    lab = make_lab()
    lab.write("secret-solutions.md", "x")
    lab.write("__pycache__/averages.cpython-311.pyc", "x")
    assert sorted(bundle_files(compile_lab(lab.path))) == [
        "START-HERE.txt",
        "averages.py",
        "cells.ipynb",
        "requirements.txt",
    ]
    assert stray_files(bundle_files(compile_lab(lab.path)), lab.path) == []
    assert all(name.startswith("labkit/") for name in labkit_files())
