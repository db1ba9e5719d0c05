"""Children that are programs of their own, and the level below which nothing is graded."""

from __future__ import annotations

import socket
import sys

import pytest
from handmade_labs import answer, given, make_lab, submit, test
from labgrade.child.births import Births
from labgrade.child.settings import Settings
from labgrade.config import read_options
from labgrade.confine import ConfineError, Feature, Features, Level
from labgrade.engine import DEFAULT_FLOOR, Engine
from labgrade.errors import MachineError, UsageError
from labgrade.model import CellState, Limits
from labgrade.verify.hubprocess import HubLink

LIGHT = ("numpy", "labkit", "pytest")
LAB = make_lab(
    given("import numpy as np\nfrom mine import twice\nSTART = (1, 2)"),
    answer("a", "def f(x):\n    return np.asarray(x) + 1"),
    test(
        "t",
        "from labkit import check, expect\n"
        "def test_f():\n    'It adds one.'\n    expect.close(f(START), [2.0, 3.0])\n"
        "def test_twice():\n    'It doubles.'\n    with expect.no_warning():\n        assert twice(2) == 4\n"
        "check('f', points=2, tests=2)",
        2,
    ),
    student_files={"mine.py": b"def twice(x): return 2 * x\n"},
)
SUBMISSIONS = {
    "ends": {"a": "def f(x):\n    import os\n    os._exit(3)"},
    "hangs": {"a": "while True: pass"},
}


def _graded(engine: Engine) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, answers in SUBMISSIONS.items():
        run = engine.run(LAB, submit(LAB, answers))
        found[name] = [(one.grade_id, one.score, one.mode) for one in run.notebooks[0].tests]
        found[name, "cells"] = [cell.state for cell in run.notebooks[0].cells]
        found[name, "codes"] = [item.code for part in (run, *run.notebooks) for item in part.findings]
    return found


def test_fresh_process_for_each_submission_gives_the_same():
    """Scores, states of cells and findings are those of children forked from a warm process."""
    limits = Limits(cell_s=1.5)
    with Engine(limits, preload=LIGHT, start="fork") as engine:
        forked, level = _graded(engine), engine.level
    with Engine(limits, preload=LIGHT, start="spawn") as engine:
        assert _graded(engine) == forked
        assert engine.level == level
    assert forked["ends"] == [("t", 1, "apart")]
    assert forked["hangs", "cells"][1] is CellState.TIMED_OUT


@pytest.mark.slow
def test_fresh_verifier_finds_what_must_run_in_the_child():
    """The trial of a lab's solution, and a verifier that serves once, work without forking too."""
    lab = make_lab(
        given("START = [1, 2]"),
        answer("b", "def put(x):\n    x.append(1)"),
        test("u", "import os\nos.environ['HOME'] = 'x'\nput(START)\nassert START == [1, 2, 1]"),
    )
    with Engine(Limits(cell_s=5), preload=(), start="spawn") as engine:
        for _ in range(2):
            (cell,) = engine.run(lab, submit(lab)).notebooks[0].tests
            assert (cell.score, cell.mode) == (1, "in-kernel")


def test_fresh_process_is_confined_as_a_forked_one():
    """It cannot read the grader's files, and its memory has a limit."""
    lab = make_lab(answer("a", "x = 1"), test("t", "assert x == 1"))
    with Engine(Limits(memory_mib=256), preload=(), start="spawn") as engine:
        if engine.level != "full":
            pytest.skip(f"the machine reaches {engine.level} only")
        run = engine.run(lab, submit(lab, {"a": f"x = open({__file__!r}).read()"}))
        assert run.notebooks[0].cells[0].outputs[-1]["ename"] == "FileNotFoundError"
        run = engine.run(lab, submit(lab, {"a": "x = bytearray(1 << 30)"}))
        assert run.notebooks[0].cells[0].state is CellState.OUT_OF_MEMORY


def test_fresh_process_works_without_confinement():
    """As on a machine that has nothing but limits: the process limits itself, and no other is forked."""
    lab = make_lab(
        answer("a", "x = 1"), test("t", "assert x == 1"), answer("b", "pass"), test("u", "assert x == 1")
    )
    looks = "import os\nprint(os.path.basename(os.getcwd())[:5], os.environ['HOME'] == os.getcwd())\nx = 1"
    with Engine(Limits(cell_s=10), preload=(), start="spawn", sandbox="off") as engine:
        run = engine.run(lab, submit(lab, {"a": looks, "b": "os._exit(3)"}))
    cells, tests = run.notebooks[0].cells, run.notebooks[0].tests
    assert cells[0].outputs[0]["text"] == "work- True\n"
    assert cells[2].state is CellState.KILLED
    assert [one.score for one in tests] == [1, 1]
    assert run.sandbox == "off"


def test_start_is_chosen_by_the_system(monkeypatch):
    """On macOS a warm process must not be forked; elsewhere it is."""
    assert Engine()._settings.start == "fork"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert Engine()._settings.start == "spawn"
    assert Engine(start="fork")._settings.start == "fork"


WEAK = Features(
    Level.LIMITS_ONLY,
    0,
    False,
    False,
    False,
    "",
    (Feature("landlock", False, "not there", "a newer kernel"),),
)


def test_machine_below_the_floor_is_refused(monkeypatch):
    """What can only be limited is not graded unless that is asked for."""
    monkeypatch.setattr("labgrade.child.births.available", lambda: WEAK)
    assert Settings().floor == DEFAULT_FLOOR == "no-namespaces"
    with pytest.raises(ConfineError, match=r"reaches limits-only, the floor is no-namespaces \(landlock"):
        Births.prepare(Settings())
    for settings in (Settings(floor="full"), Settings(sandbox="strict", floor="limits-only")):
        with pytest.raises(ConfineError, match="the floor is full"):
            Births.prepare(settings)
    assert Births.prepare(Settings(floor="limits-only")).level is Level.LIMITS_ONLY
    assert Births.prepare(Settings(sandbox="off")).level is Level.OFF


def test_refusal_tells_what_to_do():
    """The message of a machine that is too weak names the option that takes less."""
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(MachineError, match="reaches limits-only") as refused:
        HubLink(ours)._take_greeting({"unfit": "below-floor", "message": "this machine reaches limits-only"})
    assert refused.value.code == "sandbox-below-floor"
    assert "--floor" in refused.value.hint


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"floor": "high"}, "it is full, no-namespaces or limits-only"),
        ({"floor": "full", "sandbox": "off"}, "floor goes with sandbox 'auto'"),
        ({"start": "never"}, "it is auto, fork or spawn"),
    ],
)
def test_options_that_make_no_sense_are_refused(given, wrong):
    """The configuration says what it knows."""
    with pytest.raises(UsageError, match=wrong):
        read_options(None, given)


def test_options_reach_the_engine(tmp_path):
    """The file and the command line name floor and start alike."""
    file = tmp_path / "labs-grade.toml"
    file.write_text('floor = "limits-only"\nstart = "spawn"\n')
    options = read_options(file, {"start": "fork"})
    assert (options.floor, options.start) == ("limits-only", "fork")
