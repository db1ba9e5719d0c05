"""Autoreload in a child: it reloads what the student changes, and leaves the libraries alone."""

from __future__ import annotations

import sys
import types

from handmade_labs import answer, given, make_lab, submit, test
from labgrade.child.reloading import _LaterModules
from labgrade.engine import Engine
from labgrade.model import SubmissionRun

LAB = make_lab(
    given("%load_ext autoreload\n%autoreload 2"),
    answer("f", "def f():\n    return 1"),
    test(
        "test-f",
        "def test_f():\n    assert f() == 1\nfrom labkit import check\ncheck('f', points=1, tests=1)",
    ),
)
WRITE = """
import os, pathlib
pathlib.Path("notes.py").write_text("def say():\\n    return 'old'\\n")
os.utime("notes.py", (1, 1))
import notes
kept = notes.say
print(notes.say())
"""
CHANGE = """
pathlib.Path("notes.py").write_text("def say():\\n    return 'new'\\n")
os.utime("notes.py", (2e9, 2e9))
"""


def text_of(run: SubmissionRun) -> str:
    """Return what the cells printed."""
    return "".join(str(o.get("text", "")) for cell in run.notebooks[0].cells for o in cell.outputs)


def test_autoreload_of_a_changed_module_brings_the_new_one(engine: Engine) -> None:
    """A module that the student wrote and wrote again is read again before the next cell."""
    run = engine.run(LAB, submit(LAB, extra=[(1, WRITE), (1, CHANGE), (1, "print(notes.say(), kept())")]))
    assert text_of(run) == "old\nnew new\n"


def test_later_modules_in_a_loop_are_those_that_came_later() -> None:
    """Earlier ones are there when they are asked for, and in no loop."""
    later = _LaterModules()
    sys.modules["labgrade_later"] = types.ModuleType("labgrade_later")
    try:
        assert list(later) == ["labgrade_later"]
        assert (len(later), later.keys() - {"x"}) == (1, {"labgrade_later"})
        assert later["os"] is sys.modules["os"]
        assert "os" in later
        assert later.get("nowhere") is None
    finally:
        del sys.modules["labgrade_later"]


def test_later_modules_after_the_last_was_taken_away_are_all() -> None:
    """Without the mark in the order nothing is hidden."""
    sys.modules["labgrade_mark"] = types.ModuleType("labgrade_mark")
    later = _LaterModules()
    del sys.modules["labgrade_mark"]
    assert set(later) == set(sys.modules)
