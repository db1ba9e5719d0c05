"""``check`` finds the tests of its cell, runs them, and adds up their points."""

import time

import pytest
from labkit.checks import CheckError, Outcome, recording_results

HEAD = "from labkit import check, expect, needs, points, timeout\n"


@pytest.fixture
def check_cell(run_cells):
    """Return a function that runs a student's cell and then a test cell, and gives the check's result."""

    def run(student: str, tests: str):
        cells = run_cells(HEAD, student)
        return cells.run(tests)

    return run


def outcomes(result):
    return [str(test.outcome) for test in result.tests]


def test_check_all_tests_pass_gives_all_points(check_cell):
    """Unmarked tests share the points equally; titles come from docstrings, or else from names."""
    result = check_cell(
        "def f(x):\n    return 2 * x",
        'def test_two():\n    """Doubles two.\n\n    More."""\n    assert f(2) == 4\n'
        "def test_three_is_six():\n    assert f(3) == 6\ncheck('double', points=3)",
    )
    assert result.points == 3.0
    assert result.passed
    assert [test.title for test in result.tests] == ["Doubles two.", "three is six"]
    assert [test.max_points for test in result.tests] == [1.5, 1.5]


def test_check_runs_only_tests_of_its_own_cell_in_order_of_definition(run_cells):
    """Tests of other cells, nested functions and imported names are not this cell's."""
    cells = run_cells(HEAD, "def test_of_another_cell():\n    assert False")
    result = cells.run(
        "def test_b():\n    def test_inner():\n        assert False\n"
        "def test_a():\n    pass\ntest_alias = test_of_another_cell\ncheck('q', points=1)"
    )
    assert [test.name for test in result.tests] == ["test_b", "test_a"]


def test_check_two_in_one_file_each_run_what_stands_above_them(run_cells):
    """In a plain script the second check does not run the tests of the first again."""
    cells = run_cells(
        HEAD + "def test_a():\n    pass\nfirst = check('a', points=1)\n"
        "def test_b():\n    pass\nsecond = check('b', points=1)"
    )
    assert [test.name for test in cells["first"].tests] == ["test_a"]
    assert [test.name for test in cells["second"].tests] == ["test_b"]


def test_check_marks_give_shares_and_the_rest_is_divided(check_cell):
    """@points takes its share first; a failed test loses its own share only."""
    result = check_cell(
        "def f(x):\n    return x",
        "@points(2)\ndef test_a():\n    assert f(1) == 1\ndef test_b():\n    assert f(1) == 2\n"
        "def test_c():\n    assert f(1) == 1\ncheck('q', points=3)",
    )
    assert [test.max_points for test in result.tests] == [2, 0.5, 0.5]
    assert result.points == 2.5


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ("check('q', points=1)", "defines no function named test_"),
        ("def test_a():\n    pass\ncheck('q', points=-1)", "points must be a number"),
        ("def test_a():\n    pass\ncheck('', points=1)", "id of the question first"),
        ("@points(2)\ndef test_a():\n    pass\ncheck('q', points=1)", "add up to 2, the cell is worth 1"),
        ("@points(1)\ndef test_a():\n    pass\ncheck('q', points=2)", "not to the 2 of the cell"),
        ("@points(-1)\ndef test_a():\n    pass", "from 0 up"),
        ("@needs('test_z')\ndef test_a():\n    pass\ncheck('q', points=1)", "names no test above it"),
        ("@needs()\ndef test_a():\n    pass", "in quotes"),
        ("@timeout(0)\ndef test_a():\n    pass", "more than 0"),
        ("def test_a(tmp_path):\n    pass\ncheck('q', points=1)", "fixtures are not available"),
        ("async def test_a():\n    pass\ncheck('q', points=1)", "plain function"),
        ("def test_a():\n    yield\ncheck('q', points=1)", "plain function"),
        ("def test_a():\n    pass\ndef test_a():\n    pass\ncheck('q', points=1)", "defined twice"),
        ("class TestA:\n    def test_a(self):\n        pass\ncheck('q', points=1)", "is a class"),
    ],
)
def test_check_written_wrongly_says_how_to_mend_it(check_cell, tests, message):
    """A slip of the author's is an error with a remedy, never a silent pass."""
    with pytest.raises(CheckError, match=message):
        check_cell("", tests)


def test_check_needs_skips_what_depends_on_a_failure(check_cell):
    """One mistake gives one message; the dependent tests are skipped, also along a chain."""
    result = check_cell(
        "",
        "def test_a():\n    assert 1 == 2\n@needs('test_a')\ndef test_b():\n    pass\n"
        "@needs('test_b')\ndef test_c():\n    pass\ndef test_d():\n    pass\ncheck('q', points=4)",
    )
    assert outcomes(result) == ["failed", "skipped", "skipped", "passed"]
    assert result.points == 1.0
    assert "needs “a”" in result.tests[1].message


def test_check_timeout_stops_a_loop_that_swallows_exceptions(check_cell):
    """The limit gets through `except Exception` and a bare `except` in a loop."""
    started = time.perf_counter()
    result = check_cell(
        "def f():\n    for _ in range(1000):\n        try:\n            import time; time.sleep(0.05)\n"
        "        except Exception:\n            pass\n"
        "def g():\n    for _ in range(3):\n        try:\n            import time; time.sleep(5)\n"
        "        except:\n            pass\n    while True:\n        pass",
        "@timeout(0.1)\ndef test_f():\n    f()\n@timeout(0.1)\ndef test_g():\n    g()\ncheck('q', points=1)",
    )
    assert outcomes(result) == ["timed out", "timed out"]
    assert "nothing within 0.1 seconds" in result.tests[0].message
    assert "line 4, in f" in result.tests[0].message
    assert time.perf_counter() - started < 10


def test_check_timeout_in_a_thread_stops_it_too(run_cells):
    """Outside the main thread, where no signal can be used, the limit still works."""
    import threading

    cells = run_cells(HEAD)
    found = []
    text = "@timeout(0.2)\ndef test_a():\n    while True:\n        pass\ncheck('q', points=1)"
    thread = threading.Thread(target=lambda: found.append(cells.run(text)))
    thread.start()
    thread.join(timeout=20)
    assert outcomes(found[0]) == ["timed out"]


def test_check_timer_of_an_engine_is_set_again(check_cell):
    """A limit around the whole cell goes on after a test with its own limit."""
    import signal

    previous = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 100)
    try:
        check_cell("", "@timeout(5)\ndef test_a():\n    pass\ncheck('q', points=1)")
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 50
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_check_parametrized_cases_count_within_their_test(check_cell):
    """Each case earns an equal part, and the message names those that did not pass."""
    pytest.importorskip("pytest")
    result = check_cell(
        "def f(x):\n    return abs(x)",
        "import pytest\n"
        "@pytest.mark.parametrize('x', [1, -2, 3])\n"
        "@pytest.mark.parametrize('y,z', [(0, 0), pytest.param(1, 1, id='one')])\n"
        "def test_f(x, y, z):\n    assert f(x) == x\ncheck('q', points=6)",
    )
    assert result.points == pytest.approx(4)
    assert result.tests[0].outcome is Outcome.FAILED
    assert "4 of 6 cases passed; not: 0-0--2, one--2" in result.tests[0].message


def test_check_pytest_helpers_and_skips_work(check_cell):
    """pytest.raises, approx, fail and skip mean what they mean; a skip earns nothing."""
    result = check_cell(
        "def f(x):\n    raise ValueError('no')",
        "import pytest\n"
        "def test_raises():\n    with pytest.raises(ValueError, match='no'):\n        f(1)\n"
        "def test_approx():\n    assert 0.1 + 0.2 == pytest.approx(0.3)\n"
        "def test_fail():\n    pytest.fail('told so')\n"
        "def test_skip():\n    pytest.skip('not here')\n"
        "@pytest.mark.skipif(True, reason='never')\ndef test_skipif():\n    pass\n"
        "def test_not_raised():\n    with pytest.raises(KeyError):\n        pass\n"
        "check('q', points=6)",
    )
    assert outcomes(result) == ["passed", "passed", "failed", "skipped", "skipped", "failed"]
    assert "told so" in result.tests[2].message
    assert result.points == 2.0


def test_check_tiers_give_part_of_the_share(check_cell):
    """A threshold test earns what its tier is worth; a middle tier passed partly."""
    tests = (
        "@points(10)\ndef test_loss():\n    return expect.loss_below(loss, {{2.5: 5, 2.0: 8, 1.5: 10}})\n"
        "check('q', points=10)"
    ).format()
    earned = {loss: check_cell(f"loss = {loss}", tests) for loss in (3.0, 2.2, 1.9, 1.4)}
    assert [result.points for result in earned.values()] == [0, 5, 8, 10]
    assert outcomes(earned[1.4]) == ["passed"]
    assert outcomes(earned[1.9]) == ["failed"]
    assert "below 1.5 gives 10" in earned[1.9].tests[0].message
    assert "partly passed" in earned[1.9].to_text()
    assert outcomes(check_cell("loss = float('nan')", tests)) == ["failed"]


def test_check_test_that_returns_a_value_is_a_fault_of_the_test(check_cell):
    """`return a == b` checks nothing; it is not taken for a pass."""
    result = check_cell("x = 1", "def test_a():\n    return x == 2\ncheck('q', points=1)")
    assert outcomes(result) == ["grader error"]
    assert result.points == 0
    assert result.needs_person


def test_check_missing_tests_wait_for_grading_and_fail_while_grading(check_cell, monkeypatch):
    """In a student's notebook hidden tests are announced; while grading, an absent one earns nothing."""
    tests = "def test_a():\n    pass\ncheck('q', points=3, tests=3)"
    result = check_cell("", tests)
    assert result.missing == 2
    assert "2 more tests will run when your work is graded" in repr(result)
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert repr(check_cell("", tests)) == "1.0"


def test_check_all_tests_hidden_is_not_an_error(check_cell):
    """A question whose tests are all hidden shows what is to come."""
    result = check_cell("", "check('q', points=3, tests=2)")
    assert "2 more tests" in repr(result)


def test_check_while_grading_shows_points_as_plain_number(check_cell, monkeypatch):
    """nbgrader reads text/plain as partial credit; the readable view stays in text/html."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    tests = "def test_a():\n    pass\ndef test_b():\n    pass\ndef test_c():\n    assert False\n"
    tests += "check('q', points=1)"
    bundle = check_cell("", tests)._repr_mimebundle_()
    assert 0 < float(bundle["text/plain"]) < 1
    assert "2 of 3 tests passed" in bundle["text/html"]


def test_check_output_of_tests_is_captured_and_capped(check_cell, capsys):
    """What the student's code prints stands with the failure, cut at a length, and nowhere else."""
    result = check_cell(
        "import sys\ndef f():\n    print('x' * 10000)\n    print('oops', file=sys.stderr)",
        "def test_a():\n    f()\n    assert False\ncheck('q', points=1)",
    )
    assert result.tests[0].output.startswith("xxx")
    assert result.tests[0].output.endswith("more characters")
    assert len(result.tests[0].output) < 4100
    assert capsys.readouterr() == ("", "")


def test_check_keyboard_interrupt_ends_the_cell(check_cell):
    """The stop button stops the cell; it is not an outcome of a test."""
    with pytest.raises(KeyboardInterrupt):
        check_cell("def f():\n    raise KeyboardInterrupt", "def test_a():\n    f()\ncheck('q', points=1)")


def test_recording_results_collects_every_check(run_cells):
    """Tools see the results without a notebook."""
    with recording_results() as results:
        run_cells(HEAD + "def test_a():\n    pass\nr = check('a', points=1)")
    assert [result.question for result in results] == ["a"]


def test_check_hidden_tests_are_known_by_their_marks(check_cell, monkeypatch):
    """A hidden test's message is for the author; while grading only its title and outcome are shown."""
    tests = (
        "def test_a():\n    pass\n### BEGIN HIDDEN TESTS\ndef test_b():\n    '''B works.'''\n"
        "    assert 12345 == 6\n### END HIDDEN TESTS\ndef test_c():\n    pass\ncheck('q', points=1)"
    )
    result = check_cell("", tests)
    assert [test.hidden for test in result.tests] == [False, True, False]
    assert "12345" in result.to_html()
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    assert "12345" not in result.to_html()
    assert "B works." in result.to_html()
