# ruff: noqa: E501 - what a student wrote stands in one line
"""Whatever ends, hangs or loops, a result comes and says what happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import labgrade.engine
import psutil
import pytest
from handmade_labs import answer, given, make_lab, submit, test
from labgrade.model import CellState, Limits

LAB = make_lab(
    answer("a", "x = 1"),
    test("t", "assert x == 1"),
    answer("b", "y = 2"),
    test("u", "assert (x, y) == (1, 2)"),
)


def scores(run):
    return {cell.grade_id: cell.score for notebook in run.notebooks for cell in notebook.tests}


def codes(run):
    return {finding.code for part in (run, *run.notebooks) for finding in part.findings}


def during(engine, lab, submission, act, after_s=0.6):
    """Grade, and do something to the engine's processes meanwhile."""
    timer = threading.Timer(after_s, act)
    timer.start()
    try:
        return engine.run(lab, submission)
    finally:
        timer.join()


SLEEP = "import time\ntime.sleep(1.2)\nx = 1"


def test_warm_process_that_ends_is_started_again(engine):
    """A killed warm process costs time, and a note says so."""
    engine.run(LAB, submit(LAB))
    hub = engine.pids[0]
    run = during(engine, LAB, submit(LAB, {"a": SLEEP}), lambda: os.kill(hub, signal.SIGKILL))
    assert scores(run) == {"t": 1, "u": 1}
    assert "engine-restarted" in codes(run)
    assert engine.pids[0] != hub


def test_verifier_that_ends_is_started_again(engine):
    """A killed verifier costs nothing either."""
    engine.run(LAB, submit(LAB))
    verifier = engine.pids[1]
    run = during(engine, LAB, submit(LAB, {"a": SLEEP}), lambda: os.kill(verifier, signal.SIGKILL))
    assert scores(run) == {"t": 1, "u": 1}


def test_frozen_child_is_ended_and_the_rest_goes_on(engine):
    """A process that was stopped does not answer an interrupt: it is ended, later cells run in a fresh one."""
    engine.limits = Limits(cell_s=1.5)
    engine.run(LAB, submit(LAB))

    def freeze():
        for child in psutil.Process(engine.pids[0]).children():
            if child.pid != engine.pids[1]:
                child.send_signal(signal.SIGSTOP)

    run = during(engine, LAB, submit(LAB, {"b": "import time\ntime.sleep(1.2)\ny = 2"}), freeze)
    assert run.notebooks[0].cells[2].state is CellState.TIMED_OUT
    assert scores(run) == {"t": 1, "u": 0}


@pytest.mark.parametrize("text", ["while True: pass", "import time\ntime.sleep(60)", "9 ** (9 ** 9)"])
def test_cell_that_does_not_end_costs_itself(engine, text):
    """A loop ends with an error output at its limit; later cells and their tests count."""
    engine.limits = Limits(cell_s=1)
    run = engine.run(LAB, submit(LAB, {"b": text}))
    cell = run.notebooks[0].cells[2]
    assert cell.state is CellState.TIMED_OUT
    assert cell.outputs[-1]["ename"] == "CellTimeoutError"
    assert scores(run) == {"t": 1, "u": 0}


def test_text_before_a_loop_is_kept(engine):
    """What a cell printed before it was stopped is shown."""
    engine.limits = Limits(cell_s=1)
    run = engine.run(LAB, submit(LAB, {"b": "print('begun')\nwhile True: pass"}))
    assert run.notebooks[0].cells[2].outputs[0]["text"] == "begun\n"


@pytest.mark.parametrize(
    "text", ["import os\nos._exit(3)", "import ctypes\nctypes.string_at(0)", "import os\nos.abort()"]
)
def test_cell_that_kills_its_process_costs_itself(engine, text):
    """A fresh process runs the answers again and goes on after the cell."""
    run = engine.run(LAB, submit(LAB, {"b": text}))
    assert run.notebooks[0].cells[2].state is CellState.KILLED
    assert run.notebooks[0].cells[2].outputs[-1]["ename"] == "DeadKernelError"
    assert scores(run) == {"t": 1, "u": 0}


@pytest.mark.parametrize("text", ["x = bytearray(1 << 36)", "x = ' ' * (1 << 36)"])
def test_memory_of_a_cell_has_a_limit(engine, text):
    """Too much memory is an error of the cell."""
    run = engine.run(LAB, submit(LAB, {"b": text}))
    assert run.notebooks[0].cells[2].state is CellState.OUT_OF_MEMORY
    assert scores(run)["t"] == 1


def test_submission_has_a_limit(engine):
    """When the time of a submission is over, what did run counts and the rest is named."""
    engine.limits = Limits(cell_s=5, submission_s=1.5)
    run = engine.run(LAB, submit(LAB, {"b": "import time\ntime.sleep(4)"}))
    assert scores(run) == {"t": 1, "u": 0}
    assert "submission-timeout" in codes(run)
    assert run.notebooks[0].cells[2].state is CellState.NOT_RUN
    assert "used its 1.5 s" in run.notebooks[0].tests[1].reason


def test_test_that_loops_by_itself_is_stopped(engine):
    """A loop of the instructor's own costs its cell, not the others."""
    lab = make_lab(answer("a", "x = 1"), test("t", "while x == 1: pass"), test("u", "assert x == 1"))
    engine.limits = Limits(cell_s=0.5)
    assert scores(engine.run(lab, submit(lab))) == {"t": 0, "u": 1}


@pytest.mark.parametrize(
    "text", ["import os\nos._exit(0)", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"]
)
def test_test_that_kills_its_judge_costs_itself(engine, text):
    """The other cells are judged by another one."""
    lab = make_lab(answer("a", "x = 1"), test("t", text), test("u", "assert x == 1"))
    run = engine.run(lab, submit(lab))
    assert scores(run) == {"t": 0, "u": 1}
    assert "judge-ended" in codes(run)


def test_judge_that_hangs_where_python_cannot_stop_it_is_ended(engine, monkeypatch):
    """A test stuck in C code is ended from outside."""
    monkeypatch.setattr(labgrade.engine, "_SLACK_S", 1.0)
    lab = make_lab(answer("a", "x = 1"), test("t", "if x == 1: 9 ** (9 ** 9)"), test("u", "assert x == 1"))
    engine.limits = Limits(cell_s=0.5)
    run = engine.run(lab, submit(lab))
    assert scores(run) == {"t": 0, "u": 1}
    assert "judge-ended" in codes(run)


def test_given_cell_that_fails_is_a_finding(engine):
    """A given cell that cannot be computed apart is named."""
    lab = make_lab(
        given("data = open('nowhere.csv').read()"), answer("a", "x = 1"), test("t", "assert x == 1")
    )
    run = engine.run(lab, submit(lab))
    assert "given-failed" in codes(run)
    assert scores(run) == {"t": 1}


def test_many_submissions_leave_nothing_behind(engine):
    """Descriptors, processes and files do not grow."""

    def count():
        processes = [psutil.Process(pid) for pid in engine.pids]
        return (
            [process.num_fds() for process in processes],
            len(os.listdir("/proc/self/fd")),
            sum(len(process.children(recursive=True)) for process in processes),
            len(list(Path(engine.folder).rglob("*"))),
        )

    def settled():
        until = time.monotonic() + 5  # the last child may still be ending
        while count()[2] > 1 and time.monotonic() < until:
            time.sleep(0.02)
        return count()

    for _ in range(2):
        engine.run(LAB, submit(LAB))
    before = settled()
    for _ in range(8):
        engine.run(LAB, submit(LAB, {"a": "open('file', 'w').write('x')\nx = 1"}))
    assert settled() == before


STARTER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background begins with SIGINT ignored
sys.path.insert(0, {folder!r})
from labgrade.engine import Engine
from labgrade.model import Limits
from handmade_labs import answer, make_lab, submit, test
lab = make_lab(answer("a", "while True: pass"), test("t", "assert True"))
with Engine(Limits(cell_s=60), preload=()) as engine:
    print("ready", flush=True)
    engine.run(lab, submit(lab))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_grader_that_is_killed_leaves_no_process(number):
    """A second after the grader's end, however it came, nothing of it runs."""
    code = STARTER.format(folder=str(Path(__file__).parent))
    grader = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert grader.stdout.readline() == b"ready\n"
    until = time.monotonic() + 20
    while (
        len(children := psutil.Process(grader.pid).children(recursive=True)) < 4 and time.monotonic() < until
    ):
        time.sleep(0.05)
    assert len(children) >= 4  # warm process, verifier, judge, child
    grader.send_signal(number)
    grader.wait(20)
    grader.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=3)
    assert not alive
