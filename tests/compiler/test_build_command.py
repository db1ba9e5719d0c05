"""``labs build`` and ``labs sync`` as commands: exit codes, JSON, help, and what they import."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from labs.cli import main

MakeLab = Callable[..., Path]
GOOD = "# Lab\n\n```python\nx = 1\n```\n"
BAD = "```python\n#!TAG HWBEGN\nx = 1\n```\n"


def labs(*arguments: str | Path) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_build_of_good_lab_exits_0(make_lab: MakeLab, tmp_path: Path) -> None:
    """A lab that builds is a clean exit."""
    result = labs("build", make_lab(lab_md=GOOD), "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert result.stdout.startswith("built      mylab")


def test_build_with_warnings_only_exits_0(make_lab: MakeLab, tmp_path: Path) -> None:
    """A mended irregularity is shown and does not fail the build."""
    result = labs(
        "build", make_lab(lab_md="```python\n#!TAG SKIPQUESTEXEC'\nx\n```\n"), "--out", tmp_path / "o"
    )
    assert result.exit_code == 0
    assert "warning LB203" in result.stderr


def test_build_of_bad_lab_exits_1_with_place_line_and_hint(make_lab: MakeLab, tmp_path: Path) -> None:
    """An author's mistake is path:line:col, code, the line and what to write instead; never a traceback."""
    folder = make_lab(lab_md=BAD)
    result = labs("build", folder, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert f"{folder}/lab.md:15:7 error LB201 unknown TAG 'HWBEGN'" in result.stderr
    assert "    #!TAG HWBEGN\n    hint: write '#!TAG HWBEGIN'" in result.stderr
    assert not list((tmp_path / "out").glob("*/*"))


def test_build_of_missing_path_exits_2(tmp_path: Path) -> None:
    """A path that is not there is wrong usage."""
    assert labs("build", tmp_path / "nowhere").exit_code == 2


def test_build_to_unknown_format_exits_2(make_lab: MakeLab) -> None:
    """A format that does not exist is wrong usage."""
    assert labs("build", make_lab(lab_md=GOOD), "--to", "docx").exit_code == 2


def test_build_without_exercises_exits_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a course a path has to be named."""
    monkeypatch.chdir(tmp_path)
    assert labs("build").exit_code == 2


def test_build_into_folder_that_cannot_be_written_exits_3(make_lab: MakeLab, tmp_path: Path) -> None:
    """A fault of the machine is told apart from a fault of the lab."""
    (tmp_path / "file").write_text("")
    result = labs("build", make_lab(lab_md=GOOD), "--out", tmp_path / "file" / "out")
    assert result.exit_code == 3
    assert "Traceback" not in result.stderr


def test_build_json_is_one_document_with_all_diagnostics(make_lab: MakeLab, tmp_path: Path) -> None:
    """--json gives every lab's state, outputs and diagnostics on stdout."""
    good, bad = make_lab("good", lab_md=GOOD), make_lab("bad", lab_md=BAD + "```python\n#!TAG FOO\n```\n")
    result = labs("build", good, bad, "--out", tmp_path / "out", "--json")
    content = json.loads(result.stdout)
    assert (result.exit_code, content["ok"]) == (1, False)
    assert [lab["state"] for lab in content["labs"]] == ["built", "refused"]
    assert "student/good/lab.ipynb" in content["labs"][0]["written"]
    assert [one["code"] for one in content["labs"][1]["diagnostics"]] == ["LB302", "LB201", "LB201"]
    assert content["labs"][1]["diagnostics"][1]["line"] == 15


def test_build_of_course_builds_every_lab(make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path every lab in exercises/ is built, packages beside them are not."""
    folder = make_lab("one", lab_md=GOOD)
    make_lab("two", lab_md=GOOD)
    make_lab("labkit", init_py="")
    folder.parent.rename(folder.parent.parent / "exercises")
    monkeypatch.chdir(folder.parent.parent)
    result = labs("build", "--json")
    assert [lab["name"] for lab in json.loads(result.stdout)["labs"]] == ["one", "two"]
    assert Path("build/student/two/lab.ipynb").is_file()


@pytest.mark.parametrize("verb", ["build", "sync"])
def test_help_has_examples_and_exit_codes(verb: str) -> None:
    """--help shows how the command is typed and what its exit codes say."""
    text = labs(verb, "--help").stdout
    assert "Examples:" in text
    assert "Exit codes:" in text


def test_sync_writes_then_agrees(make_lab: MakeLab) -> None:
    """The first call writes the twin, the second finds nothing to do; --check reports a difference."""
    folder = make_lab(lab_md=GOOD)
    assert labs("sync", folder, "--check").exit_code == 1
    first = labs("sync", folder, "--json")
    assert json.loads(first.stdout)["pairs"][0]["written"] == str(folder / "lab.py")
    second = labs("sync", folder)
    assert (second.exit_code, second.stdout) == (0, f"same        {folder / 'lab'}\n")


def test_sync_of_contradiction_exits_1(make_lab: MakeLab) -> None:
    """Twins that were both edited are refused with the line of the first difference."""
    folder = make_lab(lab_md=GOOD, lab_py="# %%\nx = 2\n")
    result = labs("sync", folder)
    assert result.exit_code == 1
    assert "error LB602" in result.stderr
    assert labs("sync", folder, "--from", "py").exit_code == 0


def imported_by(*arguments: str | Path) -> set[str]:
    """Return the top-level modules that a command imports, in a process of its own."""
    script = (
        "import sys\nfrom labs.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('|'.join(sys.modules))"
    )
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in done.stdout.split("\n")[-2].split("|")}


def test_unchanged_build_imports_no_notebook_library(make_lab: MakeLab, tmp_path: Path) -> None:
    """A rebuild with nothing to do needs neither Jupytext nor nbformat nor YAML."""
    folder = make_lab(lab_md=GOOD)
    labs("build", folder, "--out", tmp_path / "out")
    imported = imported_by("build", folder, "--out", tmp_path / "out")
    assert not imported & {"jupytext", "nbformat", "yaml", "jsonschema", "rich", "nbclient", "IPython"}


def test_build_imports_jupytext_without_its_slow_extras(make_lab: MakeLab, tmp_path: Path) -> None:
    """A build loads Jupytext, and not the server, the clients or the grammar of URLs that come with it."""
    imported = imported_by("build", make_lab(lab_md=GOOD), "--out", tmp_path / "out")
    assert "jupytext" in imported
    assert not imported & {"rfc3987_syntax", "jupyter_server", "tornado", "jupyter_client", "nbconvert"}


def test_quick_import_leaves_hidden_modules_importable() -> None:
    """What was hidden while Jupytext was imported can be imported afterwards."""
    script = (
        "from labbuild.quick_jupytext import jupytext_module\njupytext_module('formats')\n"
        "import tornado, jupyter_client, markdown_it\nprint('ok')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "ok\n"


def test_build_to_text_formats_writes_them_beside_the_notebooks(make_lab: MakeLab, tmp_path: Path) -> None:
    """--to md,py gives both versions as text, without markers, and nothing of a region in the student's."""
    folder = make_lab(
        lab_md="# Lab\n\n```python\ndef f():\n    #!TAG HWBEGIN\n    return 41\n    #!TAG HWEND\n```\n"
    )
    assert labs("build", folder / "lab.md", "--out", tmp_path / "out", "--to", "ipynb,md,py").exit_code == 0
    for suffix in (".md", ".py"):
        student = (tmp_path / "out" / "student" / f"lab{suffix}").read_text(encoding="utf-8")
        solution = (tmp_path / "out" / "solution" / f"lab{suffix}").read_text(encoding="utf-8")
        assert "# Lab" in student
        assert "raise NotImplementedError" in student
        assert "return 41" not in student
        assert "def f():\n    return 41\n" in solution
        assert "#!" not in student + solution
