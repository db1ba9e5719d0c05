"""Time to make a class's feedback pages, with ``nbgrader generate_feedback`` on the same notebooks beside it.

    python tools/bench/bench_feedback.py [--students 300] [--nbgrader 20] [--rounds 3] [--work FOLDER]

A few submissions of the sample class of lab 02 are graded by ``labs grade`` and multiplied; each copy's own
code and text outputs differ, so that no cache knows them. Both commands run as a person starts them, once for
one student and once for more: the difference is what pages cost after the start. Rounds alternate. CPU time
is that of the command and its children, which a busy machine changes less than the wall clock.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAB = "02-recurrent-attention"
SAMPLE = ROOT / "tests" / "sample_class" / LAB
STUDENTS = ("amara", "dmitri", "grace", "hugo", "maya")
"""Right, partly right, wrong, empty, and saved by Colab."""
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Cost:
    """What a command used."""

    wall_s: float
    cpu_s: float


def run(command: list[str], folder: Path) -> Cost:
    """Run a command and return its cost; its output is shown if it fails."""
    environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    wall_s, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        sys.exit(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(wall_s, cpu_s)


def grade_sample(work: Path) -> Path:
    """Grade the chosen submissions of the sample class, once for each folder of work."""
    out = work / "graded"
    if not (out / "results.json").is_file():
        run([str(BIN / "labs"), "build", str(ROOT / "exercises" / LAB), "--out", str(work / "build")], ROOT)
        for student in STUDENTS:
            shutil.copytree(SAMPLE / student, work / "in" / student, dirs_exist_ok=True)
        source = work / "build" / "nbgrader" / "source" / LAB
        command = ["grade", str(work / "in"), "--lab", str(source), "--notebook", "cells", "--out", str(out)]
        run([str(BIN / "labs"), *command], ROOT)
    return out


def multiply(graded: Path, out: Path, count: int) -> list[str]:
    """Make a class of ``count`` from the graded submissions; returns the ids.

    Everything is written by the modules that ``labs grade`` uses.
    """
    from labgrade.course import CourseSettings, read_course
    from labgrade.lab import read_lab
    from labgrade.record.gradebook import Gradebook
    from labgrade.report.files import write_json
    from labgrade.report.reading import read_results
    from labgrade.selection import select_notebooks

    root = graded.parent / "build" / "nbgrader"
    course = read_course(root)
    lab = select_notebooks(read_lab(root / "source" / LAB, course), ("cells",))
    originals = list(read_results(graded))
    results = []
    for number in range(count):
        original = originals[number % len(originals)]
        student = f"student{number:04d}"
        results.append(replace(original, student=student))
        copy_submission(
            graded / "autograded" / original.student / LAB, out / "autograded" / student / LAB, number
        )
    settings = CourseSettings(root=out.resolve())
    with Gradebook(settings.gradebook_url, settings) as book:
        book.open_lab(lab, keep_structure=False)
        book.record(results)
    write_json(
        out / "results.json", lab.spec, results, about={"sandbox": "", "tests": "apart", "stopped": False}
    )
    return [result.student for result in results]


def copy_submission(source: Path, target: Path, number: int) -> None:
    """Copy the notebook and the student's module with a mark of the copy in code and text outputs."""
    target.mkdir(parents=True)
    for path in source.glob("*.py"):
        text = path.read_text(encoding="utf-8", errors="replace")
        (target / path.name).write_text(text.replace("\n    return ", f"\n    # copy {number}\n    return "))
    notebook = json.loads((source / "cells.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            if output["output_type"] == "stream":
                output["text"] = ["".join(output["text"]) + f"copy {number}\n"]
    (target / "cells.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def measure(out: Path, students: list[str], nbgrader_students: int) -> dict[str, list[Cost]]:
    """Run both commands for one student and for more, from nothing each time."""
    labs, nbgrader = (
        [str(BIN / "labs"), "feedback", str(out)],
        [str(BIN / "nbgrader"), "generate_feedback", LAB],
    )
    found = {}
    for name, command, folder in (
        ("labs, one", [*labs, "--student", students[0]], "feedback"),
        ("labs, all", labs, "feedback"),
        ("nbgrader, one", [*nbgrader, "--student", students[0]], "feedback"),
    ):
        shutil.rmtree(out / folder, ignore_errors=True)
        found[name] = [run(command, out)]
        if name == "labs, all":
            assert len(list((out / "feedback").glob("*.html"))) == len(students)
    shutil.rmtree(out / "feedback", ignore_errors=True)
    hidden = out.with_name("others")
    hidden.mkdir(exist_ok=True)
    for student in students[nbgrader_students + 1 :]:
        (out / "autograded" / student).rename(hidden / student)
    try:
        found["nbgrader, more"] = [run(nbgrader, out)]
        assert len(list((out / "feedback").glob("*/*/*.html"))) == nbgrader_students + 1
    finally:
        for path in hidden.iterdir():
            path.rename(out / "autograded" / path.name)
    return found


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--students", type=int, default=300)
    parser.add_argument(
        "--nbgrader", type=int, default=20, help="further students for nbgrader, which is slow"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="keep the graded sample here [default: a temporary folder]")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        graded = grade_sample(work)
        out = Path(temporary) / "class"
        students = multiply(graded, out, given.students)
        costs: dict[str, list[Cost]] = {}
        for _ in range(given.rounds):
            for name, found in measure(out, students, given.nbgrader).items():
                costs.setdefault(name, []).extend(found)
    print(f"{given.students} students, {given.rounds} rounds, medians")
    print(f"{'':<10}{'start s':>10}{'(CPU)':>8}{'ms a page':>12}{'(CPU)':>8}")
    for name, one, more, further in (
        ("labs", "labs, one", "labs, all", given.students - 1),
        ("nbgrader", "nbgrader, one", "nbgrader, more", given.nbgrader),
    ):
        start = [
            statistics.median(getattr(cost, kind) for cost in costs[one]) for kind in ("wall_s", "cpu_s")
        ]
        each = [
            1000
            * statistics.median(
                (getattr(b, kind) - getattr(a, kind)) / further
                for a, b in zip(costs[one], costs[more], strict=True)
            )
            for kind in ("wall_s", "cpu_s")
        ]
        print(f"{name:<10}{start[0]:>10.2f}{start[1]:>8.2f}{each[0]:>12.1f}{each[1]:>8.1f}")


if __name__ == "__main__":
    main()
