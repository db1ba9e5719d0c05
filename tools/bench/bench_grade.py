"""Measures `labs grade` beside `nbgrader autograde`, plain nbclient, otter and bare Python.

    python tools/bench/bench_grade.py [--lab cells|plain] [--count 200] [--few 8] [--rounds 3] [--json FILE]
                                      [--otter PATH]
    python tools/bench/bench_grade.py --growth 10,100,1000       time and memory from few to many submissions
    python tools/bench/bench_grade.py --record 5000              the gradebook alone, written and read back

The contenders take turns in each round, so that a busy machine slows all of them alike; the table has
medians. `labs grade` and the warm process get all submissions, the slow ones only `--few` of them (they
grade one submission after the other, so a few tell the rate). Each command is timed whole, start
included; "steady" leaves the start out (from the second submission on). The scores must be equal, or the
run fails. CPU time is of all processes.

cells: submissions of the lab 02 as `labs build` left it in build/: every fourth right, the others with one
to four functions wrong or missing; each has three figures. plain: the course in tests/courses/plain, built
with nbgrader's own tools, two notebooks without figures. otter-grader is no dependency: install it somewhere
and name its command.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from grading.contenders import (
    Contender,
    compare,
    grade_fresh,
    grade_nbgrader,
    grade_ours,
    run_client,
    run_warm,
    scores,
)
from grading.course import Course, make_cells, make_plain
from grading.growth import bench_growth
from grading.otter import grade_with_otter
from grading.recording import bench_record

__all__ = ["compare", "grade_nbgrader", "grade_ours", "make_cells", "scores"]


def bench_contenders(course: Course, work: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let all take turns, and return the table's rows."""
    count, few = arguments.count, min(arguments.few, arguments.count)
    contenders = [
        Contender("nbgrader autograde", lambda: grade_nbgrader(course, work / "nbgrader", few), few),
        Contender("nbclient, a kernel each", lambda: run_client(course, work / "client", few), few),
        Contender("labs grade, 1 worker", lambda: grade_ours(course, work / "ours1", count, 1), count),
        Contender("labs grade, 2 workers", lambda: grade_ours(course, work / "ours2", count, 2), count),
        Contender(
            "labs grade, 20 submissions",
            lambda: grade_ours(course, work / "ours20", min(20, count), 2),
            min(20, count),
        ),
        Contender("warm process, bare exec", lambda: run_warm(course, work / "warm", count), count),
        Contender("a fresh process each, bare exec", lambda: grade_fresh(course, work / "fresh", few), few),
    ]
    if arguments.otter:
        otter = arguments.otter
        contenders.append(
            Contender("otter run", lambda: grade_with_otter(otter, course, work / "otter", few), few)
        )
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
    parser.add_argument("--otter", default="", help="path of the otter command; cells only")
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
