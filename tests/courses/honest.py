"""Forty honest submissions of ``ps1`` in the course ``plain``, and what a gradebook says about them.

Each is what a student might hand in without any trick, so nbgrader and we must give the same points. Run
as a script, it has nbgrader grade all of them and writes ``nbgrader_grades.json``, with which the tests
compare.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "plain"
GOLDEN = HERE / "nbgrader_grades.json"

TOTAL = (
    "def total(values):\n    result = 0\n    for value in values:\n        result += value\n    return result"
)
ROOT = "def root(value):\n    return math.isqrt(value)"
READ = "words = read_words('data/words.txt')"
ESSAY = "Words are separated by blanks; in Chinese they are not."
BY_HAND = "print([1, 2, 3])"
RIGHT = {"total": TOTAL, "root": ROOT, "read": READ, "essay": ESSAY, "by-hand": BY_HAND}
MODULE = "def longest(words):\n    return max(words, key=len)\n"


@dataclass
class Submission:
    """What a student hands in.

    Args:
        answers: grade id -> text; what is not named stays as released.
        module: text of ``mine.py``, None if it is not handed in.
        files: further files.
        without: notebooks that are not handed in.
        extra: (notebook, position, cell type, text) of cells that the student added.
        edits: grade id -> text of cells that should not be changed.
        dropped: (notebook, position) of cells without id that the student deleted.
        stamp: ``timestamp.txt``.

    """

    answers: dict[str, str] = field(default_factory=lambda: dict(RIGHT))
    module: str | None = MODULE
    files: dict[str, str] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    extra: tuple[tuple[str, int, str, str], ...] = ()
    edits: dict[str, str] = field(default_factory=dict)
    dropped: tuple[tuple[str, int], ...] = ()
    stamp: str = ""


def _with(**answers: str) -> Submission:
    """Return a right submission but for some answers; ``by_hand`` stands for ``by-hand``."""
    return Submission(RIGHT | {name.replace("_", "-"): text for name, text in answers.items()})


def _only(*names: str) -> Submission:
    """Return a submission with some right answers, the rest untouched."""
    return Submission({name: RIGHT[name] for name in names})


HONEST: dict[str, Submission] = {
    "right": Submission(),
    "untouched": Submission({}, module="def longest(words):\n    raise NotImplementedError\n"),
    "only-total": _only("total"),
    "only-root": _only("root"),
    "only-essay": _only("essay"),
    "only-read": _only("read"),
    "code-only": _only("total", "root", "read", "by-hand"),
    "total-visible-wrong": _with(total="def total(values):\n    return 7"),
    "total-hidden-wrong": _with(total="def total(values):\n    return values[0] * 6 if values else 1"),
    "total-none": _with(total="def total(values):\n    pass"),
    "total-prints": _with(total=TOTAL.replace("result = 0", "result = 0\n    print('adding', values)")),
    "total-recursive": _with(
        total="def total(values):\n    return values[0] + total(values[1:]) if values else 0"
    ),
    "total-endless-recursion": _with(total="def total(values):\n    return total(values)"),
    "total-lambda": _with(
        total="total = lambda values: __import__('functools').reduce(int.__add__, values, 0)"
    ),
    "total-typed": _with(
        total="from typing import Any\n\ndef total(values: list[Any]) -> Any:\n    return sum(values)"
    ),
    "total-class": _with(
        total="class Total:\n    def __call__(self, values):\n        return sum(values)\n\ntotal = Total()"
    ),
    "total-syntax-error": _with(total="def total(values)\n    return sum(values)"),
    "total-raises": _with(total="def total(values):\n    raise ValueError('not today')"),
    "total-other-name": _with(total="def totl(values):\n    return sum(values)"),
    "root-one": _with(root="def root(value):\n    return 0"),
    "root-two": _with(root="def root(value):\n    return value if value < 2 else -1"),
    "root-three": _with(root="def root(value):\n    return round(value ** 0.5)"),
    "root-float": _with(root="def root(value):\n    return value ** 0.5 // 1"),
    "root-raises": _with(root="def root(value):\n    return 1 / value and math.isqrt(value)"),
    "root-missing": _with(root="print('later')"),
    "root-magic": _with(root="%time x = 1\n" + ROOT),
    "root-decorated": _with(root="import functools\n\n@functools.cache\n" + ROOT),
    "root-exception-at-top": _with(root=ROOT + "\n\n1 / 0"),
    "read-wrong-file": _with(read="words = read_words('words.txt')"),
    "read-list": _with(read="words = ['alpha', 'beta', 'gamma-ray', 'delta']"),
    "read-short": _with(read="words = read_words('data/words.txt')[:3]"),
    "essay-long": _with(essay="Word.\n\n" * 200),
    "essay-empty": _with(essay=""),
    "by-hand-silent": _with(by_hand="pass"),
    "module-wrong": Submission(module="def longest(words):\n    return words[0]\n"),
    "module-broken": Submission(module="def longest(words:\n"),
    "no-words": Submission(without=("words",)),
    "no-numbers": Submission(without=("numbers",)),
    "extra-cells": Submission(
        extra=(
            ("numbers", 0, "markdown", "# My notes"),
            ("numbers", 4, "code", "scratch = [value ** 2 for value in range(5)]\nscratch"),
            ("words", 3, "code", "import os\nsorted(os.listdir('data'))"),
            ("numbers", 99, "code", "1 / 0"),
        )
    ),
    "extra-files": Submission(
        files={"notes.txt": "mine", "figures/tree.svg": "<svg/>", "data/more.txt": "x"}
    ),
    "given-file-edited": Submission(files={"helper.py": "def read_words(path):\n    return ['alpha'] * 4\n"}),
    "tests-weakened": Submission(edits={"test-total": "pass", "test-root": "4.0"}),
    "prose-deleted": Submission(dropped=(("numbers", 4), ("numbers", 0), ("words", 0))),
    "late": Submission(stamp="2026-02-02 14:58:23.948203 UTC"),
    "state-kept": _with(
        total="calls = []\n\ndef total(values):\n    calls.append(len(values))\n    return sum(values)",
        root="def root(value):\n    return math.isqrt(value) if calls else 0",
    ),
    "given-changed-by-hand": Submission(edits={"numbers-given": "import math\n\nLIMIT = 99"}),
}

SOME = ("total-hidden-wrong", "root-two", "tests-weakened")
"""What nbgrader grades live in the normal tests: one of each kind."""


def write_submission(released: Path, folder: Path, submission: Submission) -> None:
    """Write one submission, given the folder of the released notebooks and files."""
    folder.mkdir(parents=True)
    for path in sorted(released.glob("*.ipynb")):
        if path.stem in submission.without:
            continue
        notebook = json.loads(path.read_text(encoding="utf-8"))
        _fill(notebook, path.stem, submission)
        (folder / path.name).write_text(json.dumps(notebook, indent=1), encoding="utf-8")
    for path in sorted(released.rglob("*")):
        if path.is_file() and path.suffix != ".ipynb":
            (folder / path.relative_to(released)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / path.relative_to(released))
    if submission.module is None:
        (folder / "mine.py").unlink()
    else:
        (folder / "mine.py").write_text(submission.module, encoding="utf-8")
    for name, text in submission.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    if submission.stamp:
        (folder / "timestamp.txt").write_text(submission.stamp, encoding="utf-8")


def _fill(notebook: dict[str, Any], name: str, submission: Submission) -> None:
    cells = notebook["cells"]
    for cell in cells:
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        for changes in (submission.answers, submission.edits):
            cell["source"] = changes.get(grade_id, cell["source"])
    for page, position in submission.dropped:
        if page == name:
            cells.pop(position)
    for number, (page, position, kind, text) in enumerate(submission.extra):
        if page == name:
            new: dict[str, Any] = {"cell_type": kind, "id": f"own-{number}", "metadata": {}, "source": text}
            if kind == "code":
                new |= {"outputs": [], "execution_count": None}
            cells.insert(position, copy.deepcopy(new))


def nbgrader(folder: Path, *arguments: str) -> None:
    """Run nbgrader in a course's folder; its exit code 1 tells of a submission that it could not grade."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-W", "ignore", "-m", "nbgrader", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr[-3000:])


def make_course(folder: Path, names: Iterable[str] = HONEST) -> Path:
    """Make the course with its gradebook and the named submissions; nothing is graded yet."""
    shutil.copytree(HERE / "source", folder / "source")
    shutil.copy(HERE / "nbgrader_config.py", folder)
    nbgrader(folder, "generate_assignment", "ps1")
    for name in names:
        write_submission(folder / "release" / "ps1", folder / "submitted" / name / "ps1", HONEST[name])
    return folder


def dump_gradebook(path: Path) -> dict[str, dict[str, Any]]:
    """Return all that a gradebook says about each student: grades, comments, time, penalty."""
    found: dict[str, dict[str, Any]] = {}
    connection = sqlite3.connect(path)
    base = (
        "FROM {0} x JOIN submitted_notebook sn ON x.notebook_id = sn.id "
        "JOIN submitted_assignment s ON sn.assignment_id = s.id "
        "JOIN base_cell b ON x.cell_id = b.id JOIN notebook n ON sn.notebook_id = n.id"
    )
    for student, stamp in connection.execute("SELECT student_id, timestamp FROM submitted_assignment"):
        found[student] = {"timestamp": stamp, "grades": {}, "comments": {}, "penalties": {}}
    columns = "s.student_id, n.name || '/' || b.name, x.auto_score, x.manual_score, x.needs_manual_grade"
    for student, cell, *values in connection.execute(f"SELECT {columns} {base.format('grade')}"):
        found[student]["grades"][cell] = values
    columns = "s.student_id, n.name || '/' || b.name, x.auto_comment"
    for student, cell, comment in connection.execute(f"SELECT {columns} {base.format('comment')}"):
        found[student]["comments"][cell] = comment
    for student, notebook, penalty in connection.execute(
        "SELECT s.student_id, n.name, sn.late_submission_penalty FROM submitted_notebook sn "
        "JOIN submitted_assignment s ON sn.assignment_id = s.id JOIN notebook n ON sn.notebook_id = n.id"
    ):
        found[student]["penalties"][notebook] = penalty
    connection.close()
    return found


def main() -> None:
    """Have nbgrader grade everything, and write down what it says."""
    with tempfile.TemporaryDirectory() as folder:
        course = make_course(Path(folder, "course"))
        nbgrader(course, "autograde", "ps1")
        grades = dump_gradebook(course / "gradebook.db")
    GOLDEN.write_text(json.dumps(grades, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
