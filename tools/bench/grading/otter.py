"""`otter run` on the same submissions: a process for each, with the lab's test cells as otter's tests."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

from grading.course import ENVIRONMENT, Course

__all__ = ["grade_with_otter"]

TEST = '''\
"""{name}"""
from otter.test_files import test_case

OK_FORMAT = False
name = {name!r}
points = {points!r}

SOURCE = {source!r}


@test_case(points={points!r})
def test_cell(env):
    import linecache

    file = "<{name}>"
    linecache.cache[file] = (len(SOURCE), None, SOURCE.splitlines(keepends=True), file)
    space = dict(env, __name__="__main__")
    exec(compile(SOURCE, file, "exec"), space)
    assert space["_result"].points == {points!r}
'''


def grade_with_otter(otter: str, course: Course, target: Path, count: int) -> None:
    """Grade with `otter run`, one submission after the other.

    Args:
        otter: its command.
        course: with tests that end in a call of ``check``.
        target: a folder to work in.
        count: of the first submissions.

    Raises:
        SystemExit: it did not grade one of them.

    """
    folder = course.copy(target, count)
    source = folder / "source" / course.assignment
    given = [path for path in sorted(source.iterdir()) if path.is_file() and path.suffix != ".ipynb"]
    autograder = _make_autograder(otter, source, given, folder)
    for student in course.students[:count]:
        place = folder / "submitted" / student / course.assignment
        packed = folder / f"{student}.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            own = {path.name: path for path in sorted(place.iterdir())}
            for name, path in ({path.name: path for path in given} | own).items():
                archive.write(path, name)
        out = folder / "otter-results" / student
        out.mkdir(parents=True)
        _call(otter, "run", "--no-logo", "-a", autograder, "-o", out, packed, cwd=folder)
        # Its points are all or nothing for each cell, so they are not compared with the others'.
        graded = json.loads((out / "results.json").read_text(encoding="utf-8"))["tests"]
        if not any(test.get("max_score") for test in graded):
            raise SystemExit(f"otter graded nothing of {student}")


def _make_autograder(otter: str, source: Path, given: list[Path], folder: Path) -> Path:
    tests = folder / "otter-tests"
    tests.mkdir()
    for path in source.glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            meta = cell["metadata"].get("nbgrader", {})
            if not meta.get("grade") or meta.get("solution"):
                continue
            name, text = meta["grade_id"], "".join(cell["source"])
            test = TEST.format(
                name=name, points=float(meta["points"]), source=text.replace("\ncheck(", "\n_result = check(")
            )
            (tests / f"{name.replace('-', '_')}.py").write_text(test, encoding="utf-8")
    for path in given:
        shutil.copy(path, folder)
    made = folder / "autograder.zip"
    names = [path.name for path in given]
    _call(otter, "generate", "-t", tests, "-o", made, "--no-requirements", *names, cwd=folder)
    return made


def _call(*command: object, cwd: Path) -> None:
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(
            f"{' '.join(map(str, command))} failed:\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
        )
