"""Outputs are written all or not at all, and never over somebody's own work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from labbuild import execute, export, writer
from labbuild.build import BuildOptions, BuildResult, build
from labbuild.compile import compile_lab
from labbuild.compiled import CompiledLab
from labbuild.manifest import MANIFEST_FILE, fingerprint, read_manifest
from labbuild.outputs import stage_lab
from labbuild.pdf import PdfError

MakeLab = Callable[..., Path]
SOURCE = "```python\ndef f():\n    #!TAG HWBEGIN\n    return 1\n    #!TAG HWEND\n```\n"


def run(*paths: Path, out: Path, force: bool = False) -> BuildResult:
    """Build without any options."""
    return build(list(paths), out, BuildOptions(force=force))


def states(result: BuildResult) -> list[str]:
    """Return the state of each lab."""
    return [lab.state for lab in result.labs]


def codes(result: BuildResult) -> list[str]:
    """Return the codes of all diagnostics."""
    return [one.code for lab in result.labs for one in lab.diagnostics]


def tree(out: Path) -> dict[str, bytes]:
    """Return all files below a folder, the lock left out."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != ".labs-lock"
    }


def test_build_of_lab_writes_three_versions(make_lab: MakeLab, tmp_path: Path) -> None:
    """A lab gives student, solution and nbgrader source, the configuration, and a manifest."""
    folder = make_lab(lab_md=SOURCE, lab_toml='files = ["data.csv"]\n', data_csv="1\n")
    result = run(folder, out=tmp_path / "out")
    assert states(result) == ["built"]
    assert set(tree(tmp_path / "out")) == {
        "student/mylab/lab.ipynb",
        "student/mylab/data.csv",
        "solution/mylab/lab.ipynb",
        "solution/mylab/data.csv",
        "nbgrader/source/mylab/lab.ipynb",
        "nbgrader/source/mylab/data.csv",
        "nbgrader/nbgrader_config.py",
        MANIFEST_FILE,
    }


def test_build_of_file_writes_two_notebooks(make_lab: MakeLab, tmp_path: Path) -> None:
    """A single file gives student and solution under its own name, and nothing for nbgrader."""
    folder = make_lab(lab_md=SOURCE)
    run(folder / "lab.md", out=tmp_path / "out")
    assert set(tree(tmp_path / "out")) == {"student/lab.ipynb", "solution/lab.ipynb", MANIFEST_FILE}


def test_build_of_module_file_writes_two_modules(make_lab: MakeLab, tmp_path: Path) -> None:
    """A companion module can be built on its own."""
    folder = make_lab(answers_py="def f():\n    #!TAG HWBEGIN\n    return 1\n    #!TAG HWEND\n")
    run(folder / "answers.py", out=tmp_path / "out")
    assert (tmp_path / "out/solution/answers.py").read_text() == "def f():\n    return 1\n"
    assert "return 1" not in (tmp_path / "out/student/answers.py").read_text()


def test_build_again_without_change_is_unchanged(make_lab: MakeLab, tmp_path: Path) -> None:
    """Nothing is written when nothing changed, and warnings are shown again."""
    folder = make_lab(lab_md="```python\n#!TAG SKIPQUESTEXEC'\nx\n```\n")
    first = run(folder, out=tmp_path / "out")
    before = {name: os.stat(tmp_path / "out" / name).st_mtime_ns for name in tree(tmp_path / "out")}
    second = run(folder, out=tmp_path / "out")
    assert states(second) == ["unchanged"]
    assert codes(second) == codes(first) == ["LB203"]
    assert before == {name: os.stat(tmp_path / "out" / name).st_mtime_ns for name in tree(tmp_path / "out")}


def test_build_after_removed_output_writes_it_again(make_lab: MakeLab, tmp_path: Path) -> None:
    """An output that was deleted comes back."""
    folder = make_lab(lab_md=SOURCE)
    run(folder, out=tmp_path / "out")
    (tmp_path / "out/student/mylab/lab.ipynb").unlink()
    assert states(run(folder, out=tmp_path / "out")) == ["built"]
    assert (tmp_path / "out/student/mylab/lab.ipynb").is_file()


def test_build_with_errors_changes_nothing(make_lab: MakeLab, tmp_path: Path) -> None:
    """A lab with an error keeps its old outputs; another lab in the same run is built."""
    bad, good = make_lab("bad", lab_md=SOURCE), make_lab("good", lab_md=SOURCE)
    run(bad, out=tmp_path / "out")
    before = tree(tmp_path / "out")
    make_lab("bad", lab_md=SOURCE.replace("HWEND", "HWENDE") + "```python\n#!TAG HWEND\n```\n")
    result = run(bad, good, out=tmp_path / "out")
    assert states(result) == ["refused", "built"]
    assert codes(result) == ["LB201", "LB301"]
    after = tree(tmp_path / "out")
    kept = [name for name in before if "/bad/" in name]
    assert len(kept) == 3
    assert all(after[name] == before[name] for name in kept)
    assert "student/good/lab.ipynb" in after


def test_hand_edited_output_is_not_overwritten(make_lab: MakeLab, tmp_path: Path) -> None:
    """An edited output gives LB701 whether or not the source changed; --force overwrites it."""
    folder = make_lab(lab_md=SOURCE)
    out = tmp_path / "out"
    run(folder, out=out)
    edited = out / "solution/mylab/lab.ipynb"
    edited.write_text("mine")
    assert codes(run(folder, out=out)) == ["LB701"]
    make_lab(lab_md=SOURCE + "\nMore.\n")
    result = run(folder, out=out)
    assert (codes(result), states(result)) == (["LB701"], ["refused"])
    assert edited.read_text() == "mine"
    assert "More" not in (out / "student/mylab/lab.ipynb").read_text()
    assert states(run(folder, out=out, force=True)) == ["built"]
    assert "More" in edited.read_text()


def test_file_of_somebody_else_is_not_overwritten(make_lab: MakeLab, tmp_path: Path) -> None:
    """A file that the build did not make, in the place of an output, gives LB701."""
    folder = make_lab(lab_md=SOURCE)
    own = tmp_path / "out/student/mylab/lab.ipynb"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    assert codes(run(folder, out=tmp_path / "out")) == ["LB701"]
    assert own.read_text() == "mine"


def test_hand_edited_config_is_not_overwritten(make_lab: MakeLab, tmp_path: Path) -> None:
    """An edited nbgrader_config.py stays; the lab itself is built."""
    folder = make_lab(lab_md=SOURCE)
    out = tmp_path / "out"
    run(folder, out=out)
    (out / "nbgrader/nbgrader_config.py").write_text("mine")
    make_lab(lab_md=SOURCE + "\nMore.\n")
    assert codes(run(folder, out=out)) == ["LB701"]
    assert (out / "nbgrader/nbgrader_config.py").read_text() == "mine"
    assert "More" in (out / "student/mylab/lab.ipynb").read_text()


def test_output_of_removed_source_goes_away(make_lab: MakeLab, tmp_path: Path) -> None:
    """A notebook whose source is gone is removed; files that are not ours stay."""
    folder = make_lab(a_md="# A\n", b_md="# B\n")
    out = tmp_path / "out"
    run(folder, out=out)
    (out / "student/mylab/notes.txt").write_text("mine")
    (folder / "b.md").unlink()
    run(folder, out=out)
    assert not (out / "student/mylab/b.ipynb").exists()
    assert (out / "student/mylab/a.ipynb").is_file()
    assert (out / "student/mylab/notes.txt").read_text() == "mine"


def test_stray_file_beside_nbgrader_source_is_reported(make_lab: MakeLab, tmp_path: Path) -> None:
    """nbgrader releases every file it finds in source/: one that we did not make gives a warning."""
    folder = make_lab(lab_md=SOURCE)
    out = tmp_path / "out"
    run(folder, out=out)
    (out / "nbgrader/source/mylab/solution_draft.py").write_text("secret")
    make_lab(lab_md=SOURCE + "\nMore.\n")
    result = run(folder, out=out)
    assert (codes(result), states(result)) == (["LB705"], ["built"])


def test_output_folder_inside_source_is_refused(make_lab: MakeLab) -> None:
    """Outputs inside a lab's folder would become sources."""
    folder = make_lab(lab_md=SOURCE)
    assert codes(run(folder, out=folder / "out")) == ["LB702"]
    assert not (folder / "out").exists()


def test_output_folder_that_is_a_file_is_refused(make_lab: MakeLab, tmp_path: Path) -> None:
    """A file in the place of the output folder is left alone."""
    (tmp_path / "out").write_text("mine")
    assert codes(run(make_lab(lab_md=SOURCE), out=tmp_path / "out")) == ["LB702"]


class KilledError(Exception):
    """Stands for a killed process."""


@pytest.mark.parametrize("moves", [0, 1, 2, 3])
def test_build_killed_while_moving_is_finished_by_the_next(
    make_lab: MakeLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    """After a death between two moves every file is whole, and the next build completes the rest."""
    out = tmp_path / "out"
    folder = make_lab(lab_md=SOURCE)
    run(folder, out=out)
    make_lab(lab_md=SOURCE + "\nMore.\n")
    left = moves
    replace = os.replace

    def replace_or_die(source: Path, target: Path) -> None:
        nonlocal left
        if ".labs-commit" in str(source):
            if left == 0:
                raise KilledError
            left -= 1
        replace(source, target)

    monkeypatch.setattr(writer.os, "replace", replace_or_die)
    with pytest.raises(KilledError):
        run(folder, out=out)
    monkeypatch.undo()
    for path in out.glob("*/**/*.ipynb"):
        json.loads(path.read_bytes())
    assert states(run(folder, out=out)) == ["unchanged"]
    for version in ("student", "solution", "nbgrader/source"):
        assert "More" in (out / version / "mylab/lab.ipynb").read_text()
    assert {path.name for path in out.glob(".labs-*")} == {".labs-lock", MANIFEST_FILE}


def test_build_killed_before_commit_changes_nothing(make_lab: MakeLab, tmp_path: Path) -> None:
    """A SIGKILL while files are staged leaves the old outputs; the next build clears the staging folder."""
    out = tmp_path / "out"
    folder = make_lab(lab_md=SOURCE)
    run(folder, out=out)
    before = tree(out)
    make_lab(lab_md=SOURCE + "\nMore.\n")
    script = f"""
import os, signal
from pathlib import Path
from labbuild import build as building
building.write_outputs = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
building.build([Path({str(folder)!r})], Path({str(out)!r}), building.BuildOptions())
"""
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == -9
    staged = list(out.glob(".labs-stage-*"))
    assert len(staged) == 1
    assert {name: data for name, data in tree(out).items() if not name.startswith(".labs-stage")} == before
    assert states(run(folder, out=out)) == ["built"]
    assert not list(out.glob(".labs-stage-*"))


def test_fingerprint_of_lab_changes_with_every_input(make_lab: MakeLab, tmp_path: Path) -> None:
    """A changed file, a new file, another option and the course's settings each give another fingerprint."""
    folder = make_lab(lab_md=SOURCE)
    seen = {fingerprint(folder, {})}
    make_lab(lab_md=SOURCE + "x\n")
    seen.add(fingerprint(folder, {}))
    make_lab(extra_csv="1\n")
    seen.add(fingerprint(folder, {}))
    seen.add(fingerprint(folder, {"execute": ["solution"]}))
    (folder.parent / "course.toml").write_text("")
    seen.add(fingerprint(folder, {}))
    assert len(seen) == 5
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_bytes(b"1")
    assert fingerprint(folder, {}) in seen


def test_manifest_that_is_damaged_counts_as_none(tmp_path: Path) -> None:
    """Without a readable manifest nothing is known to be ours."""
    (tmp_path / MANIFEST_FILE).write_text("{")
    assert read_manifest(tmp_path).entries == {}


def test_notebook_with_fault_of_the_builder_is_not_written(make_lab: MakeLab, tmp_path: Path) -> None:
    """Two cells with one id, a missing text, a grade id given twice: each is LB703."""
    lab = compile_lab(make_lab(lab_md="```python\n#!TAG LOCKED\n1\n```\n\n```python\n#!TAG LOCKED\n2\n```\n"))
    (notebook,) = lab.notebooks
    first, second = notebook.student["cells"]
    second |= {"id": first["id"], "source": None, "metadata": first["metadata"]}
    problems = stage_lab(lab, tmp_path / "out", (), (), None, lambda what, done, known: None)
    assert [one.code for one in problems] == ["LB703"] * 3


def test_cell_that_fails_when_executed_is_reported_at_its_line(
    make_lab: MakeLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An execution that fails gives LB704 with the place in the source, and nothing is written."""
    folder = make_lab(lab_md="```python\n\nraise ValueError('no')\n```\n")

    def fail(lab: CompiledLab, *arguments: object) -> CompiledLab:
        raise execute.ExecutionFailedError(folder / "lab.md", 15, "cell 1", "ValueError: no", "raise")

    monkeypatch.setattr(execute, "execute_lab", fail)
    result = build([folder], tmp_path / "out", BuildOptions(execute=("solution",)))
    (found,) = result.labs[0].diagnostics
    assert (found.code, found.line, found.message) == ("LB704", 15, "cell 1 failed: ValueError: no")
    assert not (tmp_path / "out/student").exists()


def test_pdf_that_fails_refuses_the_lab(
    make_lab: MakeLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Chromium that crashes gives LB706, and nothing is written."""

    def fail(notebooks: list[Path], formats: list[str]) -> None:
        raise PdfError("it crashed")

    monkeypatch.setattr(export, "export_outputs", fail)
    result = build([make_lab(lab_md="# Lab\n")], tmp_path / "out", BuildOptions(formats=("pdf",)))
    assert codes(result) == ["LB706"]
    assert not (tmp_path / "out/student").exists()
