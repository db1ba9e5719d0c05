"""What hangs or ends its process again and again is given less time, and then not called any more."""

from __future__ import annotations

import pytest
from handmade_labs import answer, make_lab, submit, test
from labgrade.model import CellState, Limits
from labgrade.verify.faults import StudentGoneError, StudentTimeoutError
from labgrade.verify.strikes import LESS_TIME, MOST_ENDS, MOST_HANGS, Strikes

COUNT = 12


def _many(call: str) -> str:
    """A test cell with many tests that call the same."""
    tests = "".join(
        f"def test_{i}():\n    'Call {i}.'\n    assert {call.format(i=i)}\n" for i in range(COUNT)
    )
    return f"from labkit import check\n{tests}check('f', points={COUNT}, tests={COUNT})"


LAB = make_lab(
    answer("a", "def f(x): return x\ndef g(x): return x"),
    test("f", _many("f({i}) == {i}"), COUNT),
    test("g", _many("g({i}) == {i}"), COUNT),
)


def _outcomes(run, grade_id):
    (cell,) = (cell for cell in run.notebooks[0].tests if cell.grade_id == grade_id)
    return cell.score, [str(one.outcome) for one in cell.tests]


def test_function_that_hangs_costs_a_bounded_time_and_no_other(engine):
    """Of twelve calls that loop two wait for the limit and three for a tenth; others have their points."""
    engine.limits = Limits(cell_s=1)
    run = engine.run(LAB, submit(LAB, {"a": "def f(x):\n    while True: pass\ndef g(x): return x"}))
    assert _outcomes(run, "f") == (0, ["timed out"] * COUNT)
    assert _outcomes(run, "g") == (COUNT, ["passed"] * COUNT)
    tests = run.notebooks[0].tests[0].tests
    assert [one.seconds > 0.95 for one in tests] == [True] * 2 + [False] * (COUNT - 2)
    assert ["not called again" in one.message for one in tests] == [False] * 5 + [True] * (COUNT - 5)


def test_function_that_hangs_sometimes_keeps_the_points_of_the_other_calls(engine):
    """Work that is right but for two inputs gets what it deserves."""
    engine.limits = Limits(cell_s=1)
    text = "def f(x):\n    while x in (1, 4): pass\n    return x\ndef g(x): return x"
    score, outcomes = _outcomes(engine.run(LAB, submit(LAB, {"a": text})), "f")
    assert score == COUNT - 2
    assert [i for i, outcome in enumerate(outcomes) if outcome == "timed out"] == [1, 4]


@pytest.mark.parametrize(
    ("end", "cause"),
    [("os._exit(0)", "code 0"), ("os.kill(os.getpid(), 11) or os.abort()", "segmentation fault")],
)
def test_function_that_ends_its_process_leaves_processes_for_the_others(engine, end, cause):
    """It is called three times; an answer that is asked for after it is still judged."""
    lab = make_lab(
        answer("a", "def f(x): return x\ndef g(x): return x\ndef h(x): return x"),
        test("f", _many("f({i}) == {i}"), COUNT),
        test("h", _many("h({i}) == {i}"), COUNT),
    )
    run = engine.run(lab, submit(lab, {"a": f"import os\ndef f(x): {end}\ndef h(x): return x"}))
    assert _outcomes(run, "f") == (0, ["crashed"] * COUNT)
    assert _outcomes(run, "h") == (COUNT, ["passed"] * COUNT)
    messages = [one.message for one in run.notebooks[0].tests[0].tests]
    assert "it is not called again" in messages[-1]
    assert cause in messages[-1]


def test_cells_after_the_last_process_say_why_they_did_not_run(engine):
    """A notebook whose every cell ends the process is told that no more is started."""
    lab = make_lab(*(answer(f"a{i}", "pass") for i in range(9)), test("t", "assert True"))
    run = engine.run(lab, submit(lab, {f"a{i}": "import os\nos._exit(0)" for i in range(9)}))
    assert {cell.state for cell in run.notebooks[0].cells[:9]} == {CellState.KILLED}
    assert "it is not started again" in run.notebooks[0].cells[8].outputs[-1]["evalue"]


def test_patience_ends_with_the_cause_of_the_last():
    """Full time twice, a tenth three times, then nothing; ends of the process are counted apart."""
    strikes = Strikes()
    given = []
    for _ in range(MOST_HANGS):
        given.append(strikes.time_for("f", 10.0))
        strikes.count_hang("f")
    assert given == [10.0, 10.0, *[10.0 * LESS_TIME] * 3]
    with pytest.raises(StudentTimeoutError, match=r"within 10 s, 5 times; it is not called again"):
        strikes.time_for("f", 10.0)
    for _ in range(MOST_ENDS):
        assert strikes.time_for("g", 10.0) == 10.0
        strikes.count_end("g", "the student's process was ended by SIGABRT")
    with pytest.raises(StudentGoneError, match=r"SIGABRT, 3 times; it is not called again"):
        strikes.time_for("g", 10.0)
    assert strikes.time_for("h", 10.0) == 10.0


def test_cell_that_hung_apart_is_not_waited_for_a_second_time(engine):
    """A test cell whose names later cells need is run over there too, with less time if it has hung."""
    engine.limits = Limits(cell_s=3)
    lab = make_lab(
        answer("a", "def f(x): return x"),
        test(
            "t",
            "import time\nfrom labkit import check\nbegun = time.monotonic()\n"
            "def test_f():\n    'It ends.'\n    assert f(3) == 3\ncheck('f', points=1, tests=1)",
        ),
        answer("b", "import time\nprint(time.monotonic() - begun)", released=""),
    )
    run = engine.run(lab, submit(lab, {"a": "def f(x):\n    while True: pass"}))
    assert float(run.notebooks[0].cells[2].outputs[0]["text"]) < 2.5
