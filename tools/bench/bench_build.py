"""Measures `labs build` beside the tools that authors know, on one lab, in one run.

    python tools/bench/bench_build.py [--rounds 5] [--kib 46] [--cells 50] [--otter PATH] [--json]

The lab is generated: Markdown and code cells in turn, a solution region in most code cells, graded questions
with hidden tests in the others. The contenders take turns, so that a busy machine slows all of them alike.
Each command line is a process of its own, start included; CPU time is of all its processes and says more than
the clock where others work too. `otter assign` runs if otter-grader is installed (or named with --otter), on
the nbgrader source of the same lab.
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
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from labbuild.compile import compile_lab
from labbuild.ipynb import notebook_bytes

HEADER = """\
---
jupyter:
  jupytext:
    text_representation:
      extension: .md
      format_name: markdown
      format_version: '1.3'
  kernelspec:
    display_name: Python 3
    language: python
    name: python3
---
"""
SENTENCE = (
    "The hidden state after step t is a function of the input at t and of the state after step t - 1.\n"
)
BIN = Path(sys.executable).parent


@dataclass
class Contender:
    """A thing to measure: what it is called, how it is run, and what came of it."""

    name: str
    run: Callable[[], None]
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Run once."""
        started, before = time.perf_counter(), _cpu_s()
        self.run()
        self.wall_s.append(time.perf_counter() - started)
        self.cpu_s.append(_cpu_s() - before)


def _cpu_s() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def make_source(size_bytes: int, cells: int) -> str:
    """Return a Markdown lab of about this size with this many cells."""
    pairs = cells // 2
    parts = [HEADER]
    for number in range(pairs):
        graded = number % 5 == 4
        parts.append(f"## Step {number}\n\nPROSE\n")
        if graded:
            parts.append(
                f"```python\n#!TAG TEST step-{number - 1} points=2\ndef test_step_{number - 1}():\n"
                f'    """Step {number - 1} adds one."""\n    assert step_{number - 1}(1) == 2\n\n\n'
                f"#!TAG HIDDENBEGIN\ndef test_step_{number - 1}_of_zero():\n"
                f'    """Step {number - 1} of zero is one."""\n    assert step_{number - 1}(0) == 1\n\n\n'
                "#!TAG HIDDENEND\n```\n"
            )
        else:
            tag = f"#!TAG ANSWER step-{number}\n" if number % 5 == 3 else ""
            parts.append(
                f"```python\n{tag}def step_{number}(x):\n    #!TAG HWBEGIN\n    #!MSG add one\n"
                f"    shifted = x + 1\n    return shifted\n    #!TAG HWEND\n\n\nprint(step_{number})\n```\n"
            )
    left = size_bytes - len("\n".join(parts).replace("PROSE", ""))
    return "\n".join(parts).replace("PROSE", SENTENCE * max(1, round(left / pairs / len(SENTENCE))))


def command(*words: str | Path, cwd: Path) -> Callable[[], None]:
    """Return a function that runs a command line and insists on success."""

    def run() -> None:
        environment = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            [str(word) for word in words],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{words[0]} {words[1]} failed:\n{done.stdout}\n{done.stderr}")

    return run


def make_contenders(folder: Path, source: str, otter: str | None) -> list[Contender]:
    """Prepare a folder and say what is measured in it."""
    lab = folder / "lab" / "lab.md"
    lab.parent.mkdir()
    lab.write_text(source, encoding="utf-8")
    changes = 0
    build = command(BIN / "labs", "build", "lab", "--out", "out", cwd=folder)

    def build_changed() -> None:
        nonlocal changes
        changes += 1
        lab.write_text(f"{source}\nChange {changes}.\n", encoding="utf-8")
        build()

    def in_process() -> None:
        for notebook in compile_lab(lab).notebooks:
            for version in (notebook.student, notebook.solution, notebook.nbgrader):
                notebook_bytes(version)

    build()
    in_process()
    course = folder / "out" / "nbgrader"
    contenders = [
        Contender("jupytext --to ipynb", command(BIN / "jupytext", "--to", "ipynb", lab, cwd=folder)),
        Contender("labs build, one lab changed", build_changed),
        Contender("labs build, nothing changed", build),
        Contender(
            "nbgrader generate_assignment",
            command(BIN / "nbgrader", "generate_assignment", "lab", "--force", cwd=course),
        ),
        Contender("labs build, in process", in_process),
    ]
    if otter:
        master = folder / "otter.ipynb"
        master.write_text(json.dumps(_for_otter(json.loads((course / "source/lab/lab.ipynb").read_bytes()))))
        words = (otter, "assign", "--no-run-tests", "--no-pdfs", master, folder / "otter-out")
        contenders.append(Contender("otter assign, tests not run", command(*words, cwd=folder)))
    return contenders


def _for_otter(notebook: dict[str, object]) -> dict[str, object]:
    """Return the lab as otter reads it: a configuration cell, and its own marks around solutions."""
    config = {
        "cell_type": "raw",
        "id": "otter",
        "metadata": {},
        "source": "# ASSIGNMENT CONFIG\nsolutions_pdf: false",
    }
    text = json.dumps(notebook["cells"]).replace("### BEGIN SOLUTION", "# BEGIN SOLUTION")
    cells = json.loads(text.replace("### END SOLUTION", "# END SOLUTION"))
    return {**notebook, "cells": [config, *cells]}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kib", type=float, default=46.0)
    parser.add_argument("--cells", type=int, default=50)
    parser.add_argument("--otter", default=shutil.which("otter"), help="path of the otter command")
    parser.add_argument("--json", action="store_true", dest="as_json")
    arguments = parser.parse_args()
    source = make_source(int(arguments.kib * 1024), arguments.cells)
    with tempfile.TemporaryDirectory() as name:
        contenders = make_contenders(Path(name), source, arguments.otter)
        for _ in range(arguments.rounds):
            for contender in contenders:
                contender.measure()
    reference = statistics.median(contenders[0].wall_s), statistics.median(contenders[0].cpu_s)
    rows = []
    for contender in contenders:
        wall, cpu = statistics.median(contender.wall_s), statistics.median(contender.cpu_s)
        rows.append(
            {
                "name": contender.name,
                "wall_s": round(wall, 4),
                "cpu_s": round(cpu, 4),
                "wall_ratio": round(wall / reference[0], 3),
                "cpu_ratio": round(cpu / reference[1], 3),
            }
        )
    if arguments.as_json:
        print(json.dumps({"bytes": len(source), "rounds": arguments.rounds, "rows": rows}, indent=1))
        return
    print(
        f"{len(source) / 1024:.1f} KiB, {arguments.cells} cells, {arguments.rounds} rounds in turn, medians"
    )
    print(f"{'':<31}{'wall s':>8}{'CPU s':>8}{'wall x':>9}{'CPU x':>8}   x: of jupytext")
    for row in rows:
        print(
            f"{row['name']:<31}{row['wall_s']:>8.3f}{row['cpu_s']:>8.3f}"
            f"{row['wall_ratio']:>9.2f}{row['cpu_ratio']:>8.2f}"
        )
    if not arguments.otter:
        print("otter assign: not measured, otter-grader is not installed (name its command with --otter)")


if __name__ == "__main__":
    main()
