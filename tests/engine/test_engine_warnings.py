# ruff: noqa: E501 - what a student wrote stands in one line
"""Warnings of the student's code: a test sees apart what it sees in a plain notebook."""

from __future__ import annotations

import warnings
from textwrap import dedent

import pytest
from handmade_labs import answer, make_lab, submit, test
from labgrade.child.warned import category_named, hearing, name_of_category
from labgrade.model import Limits
from labgrade.verify.heard import filters_of_test, give_again

QUIET = "def f(x):\n    return 2 * x"
WARNS = {
    "user": "import warnings\ndef f(x):\n    warnings.warn('careful')\n    return 2 * x",
    "numpy": "import numpy as np\ndef f(x):\n    np.log(np.array([0.0]))\n    return 2 * x",
    "own": (
        "import warnings\nclass Mine(RuntimeWarning): pass\n"
        "def f(x):\n    warnings.warn('careful', Mine)\n    return 2 * x"
    ),
    "deprecated": "import warnings\ndef f(x):\n    warnings.warn('old', DeprecationWarning)\n    return 2 * x",
    "silenced by itself": (
        "import warnings\ndef f(x):\n    with warnings.catch_warnings():\n"
        "        warnings.simplefilter('ignore')\n        warnings.warn('careful')\n    return 2 * x"
    ),
    "filter of the notebook's": (
        "import warnings\nwarnings.filterwarnings('ignore', message='care')\n"
        "def f(x):\n    warnings.warn('careful')\n    return 2 * x"
    ),
    "quiet": QUIET,
}
TESTS = {
    "no_warning": "with expect.no_warning('f(1)'):\n    r = f(1)\nassert r == 2",
    "no_warning of a kind": "with expect.no_warning('f(1)', category=RuntimeWarning):\n    assert f(1) == 2",
    "pytest.warns": "with pytest.warns(UserWarning, match='careful'):\n    assert f(1) == 2",
    "recorded": "with warnings.catch_warnings(record=True) as found:\n    f(1)\nassert len(found) == 1",
    "error": "with warnings.catch_warnings():\n    warnings.simplefilter('error')\n    assert f(1) == 2",
    "error, expected": (
        "with warnings.catch_warnings():\n    warnings.simplefilter('error')\n    expect.raises(UserWarning, f, 1)"
    ),
    "filtered": (
        "with expect.no_warning():\n    warnings.filterwarnings('ignore', message='careful')\n    assert f(1) == 2"
    ),
    "value": "assert f(1) == 2",
}
HEAD = "import warnings\nimport pytest\nfrom labkit import expect\n"
LAB = make_lab(answer("a", QUIET), *(test(name, HEAD + text) for name, text in TESTS.items()))


def _in_a_notebook(source: str, text: str) -> int:
    """Return what the same answer and test are worth in one process, as in a notebook."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    with warnings.catch_warnings():
        warnings.resetwarnings()
        warnings.simplefilter("default")
        warnings.showwarning = lambda *_: None
        exec(dedent(source), namespace)
        try:
            exec(HEAD + text, namespace)
        except (AssertionError, Warning, pytest.fail.Exception):
            return 0
    return 1


@pytest.mark.parametrize("source", WARNS.values(), ids=WARNS)
def test_warning_of_the_students_counts_as_in_a_notebook(engine, source):
    """Each way of listening finds the same warnings apart as in one process."""
    engine.limits = Limits(cell_s=20)
    run = engine.run(LAB, submit(LAB, {"a": source}))
    apart = {cell.grade_id: cell.score for cell in run.notebooks[0].tests}
    assert {cell.mode for cell in run.notebooks[0].tests} == {"apart"}
    assert apart == {name: _in_a_notebook(source, text) for name, text in TESTS.items()}


def test_failure_names_the_warning(engine):
    """The message of ``no_warning`` shows kind and text."""
    lab = make_lab(
        answer("a", QUIET),
        test(
            "t",
            "from labkit import check, expect\n"
            "def test_quiet():\n    'It is quiet.'\n    with expect.no_warning('f(1)'):\n        f(1)\n"
            "check('f', points=1, tests=1)",
        ),
    )
    (outcome,) = engine.run(lab, submit(lab, {"a": WARNS["numpy"]})).notebooks[0].tests[0].tests
    assert outcome.outcome == "failed"
    assert "RuntimeWarning: divide by zero encountered in log" in outcome.message


def test_flood_of_warnings_is_cut(engine):
    """Many long warnings cost nobody memory, and are found all the same."""
    flood = "import warnings\ndef f(x):\n    for i in range(2000): warnings.warn(f'{i} ' * 1000)\n    return 2 * x"
    run = engine.run(LAB, submit(LAB, {"a": flood}))
    found = {cell.grade_id: cell.score for cell in run.notebooks[0].tests}
    assert (found["no_warning"], found["value"]) == (0, 1)


def test_nobody_listens_without_a_test_that_does():
    """Filters that nobody has touched are not sent."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="x", category=RuntimeWarning)
        assert filters_of_test()[0] == ["ignore", "x", "builtins:RuntimeWarning", "", 0]
    with hearing(None) as heard:
        pass
    assert heard == []


@pytest.mark.parametrize(
    "told",
    [None, [1], [["builtins:UserWarning", "x"]], [["builtins:UserWarning", b"x", 1]], [[None, "x", 1]]],
)
def test_malformed_warnings_are_refused(told):
    """Only lists of three plain values are warnings."""
    with pytest.raises(TypeError):
        give_again(told)


def test_categories_come_from_a_list():
    """No other class can be named, and a class of the student's own counts as its nearest base."""
    mine = type("Mine", (FutureWarning,), {})
    assert name_of_category(mine) == "builtins:FutureWarning"
    assert category_named("builtins:FutureWarning") is FutureWarning
    for name in ("builtins:SystemExit", "builtins:eval", "os:system", "", None, 3):
        assert category_named(name) is Warning
