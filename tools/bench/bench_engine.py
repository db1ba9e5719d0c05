"""Measures the grading engine against the floor: the same cells executed in one warm process.

    python tools/bench/bench_engine.py [--submissions 30] [--rounds 3] [--sandbox auto]

The lab has 13 code cells: imports, five NumPy functions with hidden tests against torch, a figure. Every
fourth submission is right, the others are wrong in different ways. Contenders take turns on the same
submissions and must give the same scores. CPU time is of all processes; on a busy machine it says more than
the clock.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "engine"))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import psutil
from handmade_labs import answer, given, make_lab, submit, test
from labgrade.engine import Engine
from labgrade.model import LabSpec, Limits, PreparedSubmission

FUNCTIONS = {
    "sigmoid": (
        "def sigmoid(x):\n    return 1 / (1 + np.exp(-x))",
        "torch.sigmoid(x)",
        "x = torch.randn(5, 7)",
    ),
    "softmax": (
        "def softmax(x):\n    e = np.exp(x - x.max(-1, keepdims=True))\n"
        "    return e / e.sum(-1, keepdims=True)",
        "torch.softmax(x, -1)",
        "x = torch.randn(5, 7)",
    ),
    "linear": (
        "def linear(x, W, b):\n    return x @ W.T + b",
        "nn.functional.linear(x, W, b)",
        "x, W, b = torch.randn(5, 7), torch.randn(3, 7), torch.randn(3)",
    ),
    "rnn": (
        "def rnn(W, U, b, c, h, x):\n    return np.tanh(x @ W.T + b + h @ U.T + c)",
        "torch.tanh(nn.functional.linear(x, W, b) + nn.functional.linear(h, U, c))",
        "W, U = torch.randn(4, 3), torch.randn(4, 4)\n"
        "    b, c, h, x = (torch.randn(n) for n in (4, 4, 4, 3))",
    ),
    "attention": (
        "def attention(q, k, v):\n    s = q @ k.T / np.sqrt(q.shape[-1])\n"
        "    e = np.exp(s - s.max(-1, keepdims=True))\n"
        "    return (e / e.sum(-1, keepdims=True)) @ v",
        "nn.functional.scaled_dot_product_attention(q, k, v)",
        "q, k, v = torch.randn(4, 8), torch.randn(6, 8), torch.randn(6, 8)",
    ),
}
WRONG = (
    "raise NotImplementedError()",
    "def {name}(*args):\n    return args[0] * 0.5",
    "def {name}(*args):\n    return 1 / 0",
)


def make_bench_lab(figure: bool) -> LabSpec:
    """Return the lab of 13 code cells."""
    cells = [given("import numpy as np\nimport torch\nfrom torch import nn\nimport matplotlib.pyplot as plt")]
    for name, (solution, reference, inputs) in FUNCTIONS.items():
        names = solution.split("(", 1)[1].split(")", 1)[0]
        cells.append(answer(name, solution))
        # NumPy in, NumPy out; the reference is torch's.
        arguments = ", ".join(f"{part.strip()}.numpy()" for part in names.split(","))
        body = f"""
from labkit import check
def test_{name}_matches_torch():
    "It gives what torch gives."
    torch.manual_seed(1)
    {inputs}
    assert np.allclose({name}({arguments}), {reference}.numpy(), atol=1e-5)
### BEGIN HIDDEN TESTS
def test_{name}_many():
    "It gives what torch gives, many times."
    for seed in range(5):
        torch.manual_seed(seed)
        {inputs.replace(chr(10), chr(10) + "    ")}
        assert np.allclose({name}({arguments}), {reference}.numpy(), atol=1e-5)
### END HIDDEN TESTS
check("{name}", points=2, tests=2)
"""
        cells.append(test(f"test-{name}", body, 2))
    plot = (
        "x = np.linspace(-3, 3, 50)\n"
        "plt.plot(x, np.tanh(x), label='tanh'); plt.legend(); plt.title('a curve')"
    )
    cells.append(given(plot if figure else "x = np.linspace(-3, 3, 50)\nprint(np.tanh(x).sum())"))
    cells.append(given("print('done')"))
    return make_lab(*cells)


def make_submissions(lab: LabSpec, number: int) -> list[PreparedSubmission]:
    """Return submissions of which every fourth is right."""
    found = []
    for index in range(number):
        answers = {}
        if index % 4:
            for offset, name in enumerate(FUNCTIONS):
                if (index + offset) % 2:
                    answers[name] = WRONG[(index + offset) % 3].format(name=name)
        found.append(submit(lab, answers, student=f"s{index}"))
    return found


def run_floor(lab: LabSpec, submission: PreparedSubmission) -> list[float]:
    """Execute all cells, tests included, in this process; return the scores."""
    import contextlib
    import io

    namespace: dict[str, Any] = {}
    scores = []
    for cell in submission.notebooks[0].cells:
        name = f"<floor {cell.spec.index if cell.spec else ''}>"
        import linecache

        linecache.cache[name] = (len(cell.source), None, cell.source.splitlines(keepends=True), name)
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                source = cell.source.replace("\ncheck(", "\n_result = check(")
                exec(compile(source, name, "exec"), namespace)
                if "matplotlib.pyplot" in sys.modules and "plt.plot" in source:
                    figure = namespace["plt"].gcf()
                    figure.savefig(io.BytesIO(), bbox_inches="tight")
                    namespace["plt"].close("all")
            if cell.spec is not None and cell.spec.is_test:
                scores.append(namespace["_result"].points)
        except Exception:
            if cell.spec is not None and cell.spec.is_test:
                scores.append(0.0)
    return scores


def run_engine(engine: Engine, lab: LabSpec, submission: PreparedSubmission) -> list[float]:
    """Grade with the engine; return the scores."""
    return [cell.score for cell in engine.run(lab, submission).notebooks[0].tests]


def cpu_of(pids: list[int]) -> float:
    """Return CPU seconds of processes and of their children that have ended."""
    total = 0.0
    for pid in pids:
        times = psutil.Process(pid).cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def measure(
    run: Callable[[PreparedSubmission], list[float]], work: list[PreparedSubmission], pids: list[int]
) -> Any:
    """Return scores, and median wall and mean CPU milliseconds for one submission."""
    scores, walls = [], []
    before = cpu_of(pids)
    for submission in work:
        started = time.perf_counter()
        scores.append(run(submission))
        walls.append((time.perf_counter() - started) * 1e3)
    return scores, statistics.median(walls), (cpu_of(pids) - before) / len(work) * 1e3


def main() -> int:
    """Run the comparison and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--submissions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sandbox", default="auto", choices=["auto", "strict", "off"])
    options = parser.parse_args()
    import matplotlib

    matplotlib.use("agg")
    import torch

    torch.set_num_threads(1)
    os.environ["NBGRADER_EXECUTION"] = "autograde"
    print(f"{'':24}{'wall ms':>10}{'CPU ms':>10}{'÷ floor':>10}")
    for figure in (False, True):
        lab = make_bench_lab(figure)
        work = make_submissions(lab, options.submissions)
        started = time.perf_counter()
        with Engine(Limits(), sandbox=options.sandbox) as engine:
            ready = time.perf_counter() - started
            engine.run(lab, work[0])
            first = time.perf_counter() - started
            run_floor(lab, work[0])
            rows: dict[str, list[tuple[float, float]]] = {"floor": [], f"engine ({engine.level})": []}
            pids = engine.pids

            for _ in range(options.rounds):
                floor_scores, *floor = measure(partial(run_floor, lab), work, [os.getpid()])
                rows["floor"].append(tuple(floor))
                scores, *ours = measure(partial(run_engine, engine, lab), work, pids)
                rows[f"engine ({engine.level})"].append(tuple(ours))
                if scores != floor_scores:
                    raise SystemExit(f"scores differ: {scores} and {floor_scores}")
        what = "with a figure" if figure else "without figures"
        print(f"{what}; ready after {ready:.1f} s, first result after {first:.1f} s")
        base = statistics.median(row[1] for row in rows["floor"])
        for name, values in rows.items():
            wall, cpu = (statistics.median(row[part] for row in values) for part in (0, 1))
            print(f"  {name:22}{wall:10.1f}{cpu:10.1f}{cpu / base:10.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
