"""What must hold for the repository as a whole."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "labkit": ROOT / "exercises" / "labkit",
    "labbuild": ROOT / "tools" / "labbuild",
    "labgrade": ROOT / "autograder" / "labgrade",
}
FORBIDDEN = {
    "labkit": {"labbuild", "labgrade", "labs"},
    "labbuild": {"labgrade", "labs"},
    "labgrade": {"labbuild", "labs"},
}


def imported_packages(path: Path) -> set[str]:
    """Return the top-level packages that a module imports, by any form of import statement."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_follow_the_directions_of_the_design(package: str) -> None:
    """labkit stands alone, and labbuild and labgrade do not know each other."""
    modules = sorted(PACKAGES[package].rglob("*.py"))
    assert modules, f"no modules under {PACKAGES[package]}"
    wrong = {
        str(module.relative_to(ROOT)): sorted(imported_packages(module) & FORBIDDEN[package])
        for module in modules
        if imported_packages(module) & FORBIDDEN[package]
    }
    assert wrong == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_package_modules_stay_readable_in_one_sitting(package: str) -> None:
    """No module is longer than 500 lines."""
    lengths = {
        str(p.relative_to(ROOT)): len(p.read_text("utf-8").splitlines())
        for p in PACKAGES[package].rglob("*.py")
    }
    assert {name: n for name, n in lengths.items() if n > 500} == {}


def test_trusted_package_never_deserialises_code() -> None:
    """Nothing in labgrade can turn a student's bytes into running code in the trusted process."""
    pattern = re.compile(
        r"^\s*(import|from)\s+(pickle|dill|cloudpickle|shelve|marshal)\b"
        r"|weights_only\s*=\s*False|allow_pickle\s*=\s*True|shell\s*=\s*True",
        re.MULTILINE,
    )
    hits = {
        str(p.relative_to(ROOT)): match.group(0).strip()
        for p in PACKAGES["labgrade"].rglob("*.py")
        if (match := pattern.search(p.read_text("utf-8")))
    }
    assert hits == {}


def test_help_names_every_verb_and_imports_no_heavy_library() -> None:
    """`labs --help` answers from the front door alone."""
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom labs.cli import VERBS, main\n"
        "result = CliRunner().invoke(main, ['--help'])\nassert result.exit_code == 0\n"
        "assert all(verb in result.output for verb in VERBS)\n"
        "heavy = {'torch', 'numpy', 'nbformat', 'jupytext', 'nbgrader', 'rich', 'matplotlib'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_verb_has_help_with_an_example() -> None:
    """A person who types `labs VERB --help` sees how the verb is used."""
    from click.testing import CliRunner
    from labs.cli import VERBS, main

    for verb in VERBS:
        result = CliRunner().invoke(main, [verb, "--help"])
        assert result.exit_code == 0, f"{verb}: {result.output}\n{result.exception!r}"
        assert f"labs {verb}" in result.output, f"labs {verb} --help shows no example"
        assert "--json" in result.output, f"labs {verb} has no --json"


def test_tracked_files_name_no_machine_path_and_no_registry_host() -> None:
    """The repository speaks of itself alone: no absolute path of a machine, no host of a package registry."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    # The patterns are put together here so that this file does not match itself.
    hosts = ("python" + "hosted", "npm" + "js", "deb." + "debian", "py" + "pi.org/simple")
    paths = tuple("/" + top + "/" for top in ("work", "farm", "root"))
    wrong = []
    for name in listed.decode().split("\0"):
        path = ROOT / name
        if not name or not path.is_file() or name == "constraints.txt":
            continue
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        wrong += [
            f"{name}: {needle}"
            for needle in (*hosts, *paths)
            if re.search(rf"(?<![\w.]){re.escape(needle)}", text)
        ]
    assert wrong == []
