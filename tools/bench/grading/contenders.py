"""The ways to grade that are compared, and whether they give the same scores."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from grading.course import BIN, ENVIRONMENT, Course, run, with_tests

__all__ = [
    "Contender",
    "compare",
    "grade_fresh",
    "grade_nbgrader",
    "grade_ours",
    "run_client",
    "run_warm",
    "scores",
]


@dataclass
class Contender:
    """A way to grade.

    Args:
        name: in the table.
        run: grades, and returns the seconds of the steady part and the number of submissions in it, or None.
        count: submissions that it grades.

    """

    name: str
    run: Callable[[], tuple[float, int] | None]
    count: int
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    steady_s: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Run once, and note seconds for each submission."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start = time.perf_counter()
        steady = self.run()
        self.wall_s.append((time.perf_counter() - start) / self.count)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.cpu_s.append(cpu / self.count)
        if steady is not None and steady[1]:
            self.steady_s.append(steady[0] / steady[1])


def grade_ours(course: Course, target: Path, count: int, jobs: int) -> tuple[float, int]:
    """Grade with `labs grade`, and return the steady part."""
    folder = course.copy(target, count)
    command = [
        str(BIN / "labs"),
        "grade",
        "--course",
        str(folder),
        course.assignment,
        "--jobs",
        str(jobs),
        "--json",
    ]
    process = subprocess.Popen(
        command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    moments = [time.perf_counter() for line in process.stdout if '"event":"graded"' in line]
    _, errors = process.communicate()
    if process.returncode not in (0, 1) or len(moments) != count:
        raise SystemExit(f"labs grade graded {len(moments)} of {count}:\n{errors[-3000:]}")
    return moments[-1] - moments[0], count - 1


def grade_nbgrader(course: Course, target: Path, count: int) -> None:
    """Grade with `nbgrader autograde`."""
    run("nbgrader", "autograde", course.assignment, cwd=course.copy(target, count))


WARM = """
import contextlib, io, json, os, sys, time, types
os.environ["NBGRADER_EXECUTION"] = "autograde"
import matplotlib
matplotlib.use("agg")
import numpy, torch, matplotlib.pyplot as plt, IPython.core.interactiveshell, labkit
torch.set_num_threads(1)
from IPython.core.inputtransformer2 import TransformerManager
folder, names = sys.argv[1], sys.argv[2:]
given = set(sys.modules)
start = None
for name in names:
    if start is None and name != names[0]:
        start = time.perf_counter()
    os.chdir(os.path.join(folder, name))
    sys.path[0] = os.getcwd()
    for module in set(sys.modules) - given:
        path = getattr(sys.modules[module], "__file__", None)
        if path and "submitted" in path:
            del sys.modules[module]
    for notebook in sorted(path for path in os.listdir(".") if path.endswith(".ipynb")):
        space = {"__name__": "__main__"}
        for cell in json.load(open(notebook))["cells"]:
            if cell["cell_type"] == "code":
                source = "\\n".join(
                    line for line in "".join(cell["source"]).split("\\n") if not line.startswith("%")
                )
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    try:
                        exec(compile(source, "cell", "exec"), space)
                    except BaseException:
                        pass
        plt.close("all")
print(time.perf_counter() - start if start else 0)
"""

CLIENT = """
import json, os, sys, time, warnings
warnings.simplefilter("ignore")
import nbformat
from nbclient import NotebookClient
folder, names = sys.argv[1], sys.argv[2:]
start = None
for name in names:
    if start is None and name != names[0]:
        start = time.perf_counter()
    place = os.path.join(folder, name)
    for notebook in sorted(path for path in os.listdir(place) if path.endswith(".ipynb")):
        found = nbformat.read(os.path.join(place, notebook), 4)
        NotebookClient(found, allow_errors=True, timeout=120, resources={"metadata": {"path":
        place}}).execute()
print(time.perf_counter() - start if start else 0)
"""


def run_script(script: str, course: Course, target: Path, count: int) -> tuple[float, int]:
    """Run all cells, tests in full, by a script that prints the seconds of its steady part."""
    folder = course.copy(target, count)
    with_tests(course, folder)
    names = [f"{student}/{course.assignment}" for student in course.students[:count]]
    return run_in_python(script, folder, names), count - 1


def run_in_python(script: str, folder: Path, names: list[str]) -> float:
    """Run a script on submissions in a fresh Python, and return the seconds that it prints last."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(folder / "submitted"), *names],
        env=ENVIRONMENT | {"NBGRADER_EXECUTION": "autograde"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return float(done.stdout.strip().split("\n")[-1])


def run_warm(course: Course, target: Path, count: int) -> tuple[float, int]:
    """Execute all cells, tests among them, in one warm process: the floor."""
    return run_script(WARM, course, target, count)


def run_client(course: Course, target: Path, count: int) -> tuple[float, int]:
    """Execute all cells by nbclient, with a kernel for each submission."""
    return run_script(CLIENT, course, target, count)


def grade_fresh(course: Course, target: Path, count: int) -> None:
    """Execute all cells, tests among them, in a fresh process for each submission."""
    folder = course.copy(target, count)
    with_tests(course, folder)
    for student in course.students[:count]:
        run_in_python(WARM, folder, [f"{student}/{course.assignment}"])


def scores(folder: Path) -> dict[tuple[str, str], float | None]:
    """Return the automatic scores of a gradebook."""
    connection = sqlite3.connect(folder / "gradebook.db")
    rows = connection.execute(
        "SELECT s.student_id, b.name, g.auto_score FROM grade g "
        "JOIN submitted_notebook n ON g.notebook_id = n.id "
        "JOIN submitted_assignment s ON n.assignment_id = s.id JOIN base_cell b ON g.cell_id = b.id"
    ).fetchall()
    connection.close()
    return {(student, cell): score for student, cell, score in rows}


def compare(ours: Path, theirs: Path) -> int:
    """Return how many scores are equal; end the run if one is not."""
    left, right = scores(ours), scores(theirs)
    common = sorted(set(left) & set(right))
    different = [
        (place, left[place], right[place]) for place in common if not _equal(left[place], right[place])
    ]
    if different or not common:
        raise SystemExit(f"the scores differ: {different[:10]}")
    return len(common)


def _equal(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) < 1e-9)
