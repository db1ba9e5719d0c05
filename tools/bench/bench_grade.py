"""Measures `labs grade` beside `nbgrader autograde`, plain nbclient and a warm process.

    python tools/bench/bench_grade.py [--lab cells|plain] [--count 200] [--few 8] [--rounds 3] [--json FILE]
    python tools/bench/bench_grade.py --growth 10,100,1000       time and memory from few to many submissions
    python tools/bench/bench_grade.py --record 5000              the gradebook alone, written and read back

The contenders take turns in each round, so that a busy machine slows all of them alike; the table has
medians. `labs grade` and the warm process get all submissions, the slow ones only `--few` of them (it
grades one submission after the other, so a few tell the rate). Each command is timed whole, start
included; "steady" leaves the start out (from the second submission on). The scores must be equal, or the
run fails. CPU time is of all processes.

cells: submissions of the lab 02 as `labs build` left it in build/: every fourth right, the others with one
to four functions wrong or missing. plain: the course in tests/courses/plain, built with nbgrader's own tools.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
LAB = "02-recurrent-attention"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


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
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(folder / "submitted"), *names],
        env=ENVIRONMENT | {"NBGRADER_EXECUTION": "autograde"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return float(done.stdout.strip().split("\n")[-1]), count - 1


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


def scores(folder: Path) -> dict[tuple[str, str], float | None]:
    """Return the automatic scores of a gradebook."""
    import sqlite3

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


def bench_contenders(course: Course, work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let all take turns, and return the table's rows."""
    count, few = arguments.count, min(arguments.few, arguments.count)
    contenders = [
        Contender("nbgrader autograde", lambda: grade_nbgrader(course, work / "nbgrader", few), few),
        Contender("nbclient, a kernel each", lambda: run_script(CLIENT, course, work / "client", few), few),
        Contender("labs grade, 1 worker", lambda: grade_ours(course, work / "ours1", count, 1), count),
        Contender("labs grade, 2 workers", lambda: grade_ours(course, work / "ours2", count, 2), count),
        Contender(
            "labs grade, 20 submissions",
            lambda: grade_ours(course, work / "ours20", min(20, count), 2),
            min(20, count),
        ),
        Contender("warm process, bare exec", lambda: run_script(WARM, course, work / "warm", count), count),
    ]
    for number in range(arguments.rounds):
        for contender in contenders:
            contender.measure()
            print(
                f"round {number + 1}: {contender.name} {contender.wall_s[-1]:.3f} s",
                file=sys.stderr,
                flush=True,
            )
        compared = compare(work / "ours1", work / "nbgrader")
        compare(work / "ours1", work / "ours2")
    base = statistics.median(contenders[0].wall_s)
    rows = []
    for contender in contenders:
        wall = statistics.median(contender.wall_s)
        rows.append(
            {
                "grader": contender.name,
                "submissions": contender.count,
                "wall_s": wall,
                "cpu_s": statistics.median(contender.cpu_s),
                "steady_s": statistics.median(contender.steady_s) if contender.steady_s else None,
                "nbgrader_ratio": base / wall,
            }
        )
    return {"lab": arguments.lab, "rounds": arguments.rounds, "equal_scores": compared, "rows": rows}


def bench_growth(course: Course, work: Path, sizes: list[int]) -> list[dict[str, float]]:
    """Grade more and more submissions, and watch the memory of the grader and of all its processes."""
    rows = []
    for size in sizes:
        folder = course.copy(work / "growth", size)
        command = [
            str(BIN / "labs"),
            "grade",
            "--course",
            str(folder),
            course.assignment,
            "--jobs",
            "2",
            "--json",
        ]
        start = time.perf_counter()
        process = subprocess.Popen(
            command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        watch = Watch(process.pid)
        _, errors = process.communicate()
        seconds = time.perf_counter() - start
        watch.stop()
        if process.returncode not in (0, 1):
            raise SystemExit(errors.decode()[-3000:])
        row = {
            "submissions": size,
            "seconds": seconds,
            "parent_mib": watch.parent_mib,
            "all_mib": watch.all_mib,
            "parent_descriptors": watch.descriptors,
        }
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    return rows


class Watch:
    """Follows the memory of a process and its descendants: largest resident, largest proportional sum."""

    def __init__(self, pid: int) -> None:
        self.parent_mib = self.all_mib = 0.0
        self.descriptors = 0
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._end.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._end.wait(0.25):
            self.parent_mib = max(self.parent_mib, _memory_kib(self._pid, "status", "VmRSS:") / 1024)
            total = sum(_memory_kib(pid, "smaps_rollup", "Pss:") for pid in _family(self._pid))
            self.all_mib = max(self.all_mib, total / 1024)
            try:
                self.descriptors = max(self.descriptors, len(os.listdir(f"/proc/{self._pid}/fd")))
            except OSError:
                continue


def _family(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        try:
            for task in os.listdir(f"/proc/{each}/task"):
                children = Path(f"/proc/{each}/task/{task}/children").read_text().split()
                found.extend(int(child) for child in children)
        except OSError:
            continue
    return found


def _memory_kib(pid: int, file: str, key: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/{file}").read_text().split("\n"):
            if line.startswith(key):
                return int(line.split()[1])
    except OSError:
        return 0
    return 0


def bench_record(work: Path, count: int) -> dict[str, float]:
    """Write results into a gradebook; read them back by our join and by nbgrader's own list."""
    import warnings

    warnings.simplefilter("ignore")
    from labgrade.course import read_course
    from labgrade.lab import read_lab
    from labgrade.record.gradebook import Gradebook
    from labgrade.result import CellScore, GradedNotebook, GradedSubmission, NotebookStatus

    root = ROOT / "tests" / "courses" / "plain"
    settings = read_course(root)
    lab = read_lab(root / "source" / "ps1", settings)
    path = work / "gradebook.db"
    path.unlink(missing_ok=True)
    results = []
    for number in range(count):
        pages = tuple(
            GradedNotebook(
                spec.name,
                NotebookStatus.GRADED,
                tuple(
                    CellScore(
                        cell.grade_id, cell.grade_id, 1.0 if cell.is_test else None, cell.points, "test"
                    )
                    for cell in spec.cells
                    if cell.grade or cell.task
                ),
                {cell.grade_id: None for cell in spec.cells if cell.solution or cell.task},
            )
            for spec in lab.spec.notebooks
        )
        results.append(GradedSubmission(f"s{number:05d}", "d", "k", pages))
    found: dict[str, float] = {"submissions": count}
    with Gradebook(f"sqlite:///{path}", settings) as book:
        book.open_lab(lab, keep_structure=False)
        start = time.perf_counter()
        for at in range(0, count, 25):
            book.record(results[at : at + 25])
        found["write_s"] = time.perf_counter() - start
        start = time.perf_counter()
        assert len(book.recorded()) == 7 * count
        found["read_s"] = time.perf_counter() - start
    found["writes_a_second"] = count / found["write_s"]
    import nbgrader.api

    with nbgrader.api.Gradebook(f"sqlite:///{path}", settings.course_id) as api:
        start = time.perf_counter()
        assert len(api.submission_dicts("ps1")) == count
        found["submission_dicts_s"] = time.perf_counter() - start
    return found


def print_table(found: dict[str, Any]) -> None:
    """Print Markdown."""
    print(f"\n`{found['lab']}`, medians of {found['rounds']} rounds, {found['equal_scores']} scores equal\n")
    print("| grader | submissions | wall s each | CPU s each | steady s each | nbgrader ÷ this |")
    print("|---|---|---|---|---|---|")
    for row in found["rows"]:
        steady = "–" if row["steady_s"] is None else f"{row['steady_s']:.3f}"
        print(
            f"| {row['grader']} | {row['submissions']} | {row['wall_s']:.3f} | {row['cpu_s']:.3f} | {steady} "
            f"| {row['nbgrader_ratio']:.1f} |"
        )


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lab", choices=["cells", "plain"], default="plain")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--few", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--growth", default="")
    parser.add_argument("--record", type=int, default=0)
    parser.add_argument("--json", default="")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-grade-") as name:
        work = Path(name)
        if arguments.record:
            found: Any = bench_record(work, arguments.record)
            print(json.dumps(found, indent=1))
        else:
            sizes = [int(size) for size in arguments.growth.split(",") if size]
            make = make_plain if arguments.lab == "plain" else make_cells
            course = make(work / "course", max(sizes) if sizes else arguments.count)
            if sizes:
                found = bench_growth(course, work, sizes)
            else:
                found = bench_contenders(course, work, arguments)
                print_table(found)
        if arguments.json:
            Path(arguments.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
