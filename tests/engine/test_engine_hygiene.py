"""When the trusted process may judge by itself, and when each submission needs a judge of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from handmade_labs import answer, given, make_lab, test
from labgrade.verify.given import Given, compute_given
from labgrade.verify.hygiene import fresh_copy, names_to_copy, reason_to_fork
from labgrade.verify.names import plan_notebook
from labgrade.verify.reach import reached_names

ANSWER = answer("f", "def f(x):\n    return x")
LAYER = "from collections import Counter\nlayer = Counter()"


def why(*cells: dict) -> str:
    """Return the reason for a judge of its own."""
    lab = make_lab(*cells)
    notebook = lab.notebooks[0]
    plan = plan_notebook(notebook, frozenset(), {})
    made = compute_given(notebook, plan)
    return reason_to_fork(lab, [made], [reached_names(plan, made)])


def test_fork_object_that_no_test_reads_needs_none() -> None:
    """What given cells make for their own figures is no reason."""
    assert why(given(LAYER), ANSWER, test("t", "assert f(1) == 1")) == ""


@pytest.mark.parametrize(
    "text",
    [
        "def helper():\n    return layer",
        "def inner():\n    return layer\ndef helper():\n    return inner()",
        "helpers = {'a': lambda: layer}\ndef helper():\n    return helpers['a']()",
        "class Helper:\n    @property\n    def it(self):\n        return layer\nhelper = Helper",
        "def outer():\n    return layer\ndef helper(how=outer):\n    return how()",
    ],
    ids=["function", "two functions", "container", "class", "default"],
)
def test_fork_object_that_a_test_reaches_is_a_reason(text: str) -> None:
    """A test that comes to an object through given functions could leave something in it."""
    reason = why(given(LAYER), given(text), ANSWER, test("t", "assert helper() is not None"))
    assert "layer" in reason or "helper" in reason


def test_fork_object_that_a_test_names_is_a_reason() -> None:
    """So it is with an object that the test names itself."""
    assert "layer" in why(given(LAYER), ANSWER, test("t", "layer['a'] += 1\nassert f(1) == 1"))


@pytest.mark.parametrize(
    ("module", "forks"),
    [
        ("SIZES = (1, 2)\ndef helper():\n    return SIZES", False),
        ("SEEN = []\ndef helper():\n    SEEN.append(1)\n    return SEEN", True),
        ("SEEN = []\ndef inner():\n    SEEN.append(1)\ndef helper():\n    return inner()", True),
        ("SEEN = []\ndef other():\n    SEEN.append(1)\ndef helper():\n    return 1", False),
    ],
    ids=["constant", "list", "list of a second function", "list of a function that is not called"],
)
def test_fork_module_that_remembers_is_a_reason(
    module: str, forks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A given module whose functions keep something would carry it from one submission to the next."""
    (tmp_path / "given_helpers.py").write_text(module + "\n")
    monkeypatch.syspath_prepend(tmp_path)
    try:
        reason = why(given("from given_helpers import helper"), ANSWER, test("t", "assert helper()"))
    finally:
        sys.modules.pop("given_helpers", None)
    assert bool(reason) is forks


def test_fresh_copy_of_data_that_tests_reach_is_a_new_object() -> None:
    """Data that a test may change is copied, the rest is the same object."""
    bound = {"a": [1], "b": [2], "c": (3,)}
    names = names_to_copy(Given({}, {4: bound}), frozenset({"a", "c"}))
    assert names == {4: frozenset({"a"})}
    made = fresh_copy(bound, names[4])
    assert made == bound
    assert [made[name] is bound[name] for name in "abc"] == [False, True, True]
