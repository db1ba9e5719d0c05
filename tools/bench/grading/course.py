"""Courses with many submissions, made from what the repository has."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

__all__ = ["BIN", "ENVIRONMENT", "ROOT", "Course", "make_cells", "make_plain", "run", "with_tests"]

ROOT = Path(__file__).parents[3]
BIN = Path(sys.executable).parent
LAB = "02-recurrent-attention"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


class Course:
    """A course with submissions, copied afresh for each run."""

    def __init__(self, folder: Path, assignment: str) -> None:
        self.folder = folder
        self.assignment = assignment
        self.students = sorted(path.name for path in (folder / "submitted").iterdir())

    def copy(self, target: Path, count: int) -> Path:
        """Copy the course with its first submissions."""
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.folder, target, ignore=shutil.ignore_patterns("submitted"))
        for student in self.students[:count]:
            shutil.copytree(self.folder / "submitted" / student, target / "submitted" / student)
        return target


def make_plain(folder: Path, count: int) -> Course:
    """Make the course of honest submissions, each as often as needed."""
    spec = importlib.util.spec_from_file_location("honest", ROOT / "tests" / "courses" / "honest.py")
    assert spec is not None
    assert spec.loader is not None
    honest = importlib.util.module_from_spec(spec)
    sys.modules["honest"] = honest
    spec.loader.exec_module(honest)
    honest.make_course(folder, [])
    kinds = list(honest.HONEST.values())
    for number in range(count):
        target = folder / "submitted" / f"s{number:05d}" / "ps1"
        honest.write_submission(folder / "release" / "ps1", target, kinds[number % len(kinds)])
    return Course(folder, "ps1")


def make_cells(folder: Path, count: int, built: Path = ROOT / "build") -> Course:
    """Make a course of the notebook `cells` with varied submissions."""
    source = built / "nbgrader" / "source" / LAB
    if not (source / "cells.ipynb").is_file():
        raise SystemExit("build/ has no lab: run `labs build` first")
    ignore = shutil.ignore_patterns("sentences.ipynb", "__pycache__")
    shutil.copytree(source, folder / "source" / LAB, ignore=ignore)
    shutil.copy(built / "nbgrader" / "nbgrader_config.py", folder)
    run("nbgrader", "generate_assignment", LAB, cwd=folder)
    solution = (built / "solution" / LAB / "implementation.py").read_text(encoding="utf-8")
    for number in range(count):
        target = folder / "submitted" / f"s{number:05d}" / LAB
        target.mkdir(parents=True)
        shutil.copy(folder / "release" / LAB / "cells.ipynb", target)
        (target / "implementation.py").write_text(vary(solution, number), encoding="utf-8")
    return Course(folder, LAB)


def vary(module: str, number: int) -> str:
    """Return the module right (every fourth), or with functions that are missing, fail, or give too much."""
    lines = module.split("\n")
    tree = ast.parse(module)
    tasks = [
        node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    for index, node in reversed(list(enumerate(tasks))):
        kind = (number * 7 + index * 3) % 5 if number % 4 else 4
        if kind >= 3:
            continue
        body = ("    raise NotImplementedError()", "    return 1 / 0", f"    return {number}.5")[kind]
        first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
        assert node.end_lineno is not None
        lines[first.lineno - 1 : node.end_lineno] = [body]
    return "\n".join([f"# submission {number}", *lines])


def run(*command: str, cwd: Path, check: bool = True) -> str:
    """Run a command of this environment and return what it prints."""
    done = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    if check and done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def with_tests(course: Course, folder: Path) -> None:
    """Put the full tests into the submissions, as a grader does, and the given files beside them."""
    source = folder / "source" / course.assignment
    tests = {}
    for path in source.glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            meta = cell["metadata"].get("nbgrader", {})
            if meta.get("grade") and not meta.get("solution"):
                tests[meta["grade_id"]] = cell["source"]
    for path in (folder / "submitted").glob(f"*/{course.assignment}/*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
            cell["source"] = tests.get(grade_id, cell["source"])
        path.write_text(json.dumps(notebook), encoding="utf-8")
    for given in source.rglob("*"):
        if given.is_file() and given.suffix != ".ipynb":
            for target in (folder / "submitted").glob(f"*/{course.assignment}"):
                place = target / given.relative_to(source)
                if not place.exists():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(given, place)
