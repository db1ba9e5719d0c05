"""What an exception that leaves a test means: the student's, the test's, or nobody's."""

import pytest
from labkit.checks import CheckResult, Outcome

HEAD = "from labkit import check, expect, needs, points, timeout\nimport numpy as np"


@pytest.fixture
def judge(run_cells):
    """Return a function that runs a student's cell and one test with this body; it gives the result."""

    def run(student: str, body: str, before: str = ""):
        cells = run_cells(HEAD, student)
        lines = "".join(f"    {line}\n" for line in body.splitlines())
        result = cells.run(f"{before}\ndef test_it():\n{lines}check('q', points=2)")
        assert isinstance(result, CheckResult)
        assert result.points == (2.0 if result.tests[0].outcome is Outcome.PASSED else 0.0)
        return result.tests[0]

    return run


def test_judge_stub_is_not_attempted(judge):
    """NotImplementedError of the stub is an open question, not a crash; its text is shown."""
    test = judge("def f(x):\n    raise NotImplementedError('write f here')", "assert f(1) == 2")
    assert test.outcome is Outcome.NOT_ATTEMPTED
    assert test.message == "write f here"


@pytest.mark.parametrize(
    ("student", "body"),
    [
        ("K = ...", "expect.close(K, 3)"),
        ("K = ...", "expect.equal(K, 3)"),
        ("K = ...", "expect.true(K, 'it holds')"),
        ("K = ...", "expect.shape(K, (3,))"),
        ("K = ...", "assert K + 1 == 2"),
        ("K = None", "expect.answered(K, 'K')"),
        ("K = '  '", "expect.answered(K, 'K')"),
        ("def f(x):\n    y = ...\n    return y + x", "assert f(1) == 2"),
        ("", "assert K == 2"),
        ("", "assert f(1) == 2"),
    ],
)
def test_judge_placeholder_or_missing_name_is_not_attempted(judge, student, body):
    """`...`, an empty answer where one is asked for, and a name that was never bound are open questions."""
    assert judge(student, body).outcome is Outcome.NOT_ATTEMPTED


def test_judge_exception_in_student_code_is_a_crash_with_call_and_place(judge):
    """The message shows the call that caused it and the student's last line, and no frame of a library."""
    test = judge(
        "import torch\ndef helper(x):\n    return torch.ones(2) @ x\ndef f(x):\n    return helper(x)",
        "import torch\nexpect.close(f(torch.ones(3)), 2)",
    )
    assert test.outcome is Outcome.CRASHED
    assert [fact.label for fact in test.facts] == ["called", "it raised", "where"]
    assert test.facts[0].text == "f(torch.ones(3))"
    assert test.facts[1].text.startswith("RuntimeError: ")
    assert test.facts[2].text == "line 3, in helper: return torch.ones(2) @ x"


def test_judge_assert_in_student_code_is_a_crash(judge):
    """Only the test's own asserts are expectations."""
    test = judge("def f(x):\n    assert x > 0\n    return x", "assert f(-1) == 1")
    assert test.outcome is Outcome.CRASHED


@pytest.mark.parametrize("call", ["exit()", "raise SystemExit(0)"])
def test_judge_exit_in_student_code_is_a_crash(judge, call):
    """A student's exit ends the test, not the notebook."""
    test = judge(f"import builtins\nfrom sys import exit\ndef f():\n    {call}", "f()")
    assert test.outcome is Outcome.CRASHED
    assert "return" in test.cause


def test_judge_exception_that_cannot_be_shown_is_a_crash(judge):
    """A student's exception class that fails at its own text does not end the check."""
    student = (
        "class Bad(Exception):\n    def __str__(self):\n        raise ValueError\ndef f():\n    raise Bad"
    )
    test = judge(student, "f()")
    assert test.outcome is Outcome.CRASHED
    assert "it raised: Bad" in test.message


def test_judge_broken_variant_is_told_to_the_author_only(judge):
    """The student's message does not show the author's slip."""
    test = judge("K = 1", "expect.equal(K, 2, variants={'bad': lambda: 1 / 0})")
    assert test.outcome is Outcome.FAILED
    assert "could not be computed" in test.for_author[0]
    assert test.notes == ()


def test_judge_skip_raised_by_student_is_a_crash(judge):
    """A student cannot skip a test."""
    test = judge("import pytest\ndef f():\n    pytest.skip('no')", "f()")
    assert test.outcome is Outcome.CRASHED


def test_judge_value_the_test_cannot_use_is_the_students_failure(judge):
    """`None.shape` may be the student's doing, so it counts as that; the likely cause says why."""
    test = judge("def f(x):\n    x + 1", "assert f(1).shape == (2,)")
    assert test.outcome is Outcome.FAILED
    assert "return" in test.cause
    assert "f(1).shape" in test.message


def test_judge_error_before_any_student_name_is_a_grader_error(judge):
    """A fault in the test's own set-up costs nothing."""
    test = judge("def f(x):\n    return x", "sizes = [1, 2][7]\nassert f(sizes) == 2")
    assert test.outcome is Outcome.GRADER_ERROR
    assert "costs you nothing" in test.message


def test_judge_error_after_a_student_name_was_read_fails_closed(judge):
    """The same fault after the student's function was reached counts against the answer."""
    test = judge("def f(x):\n    return x", "y = f(7)\nsizes = [1, 2][y]")
    assert test.outcome is Outcome.FAILED


def test_judge_error_in_a_loop_that_reached_the_student_fails_closed(judge):
    """In a loop the lines below have run as well."""
    test = judge("def f(x):\n    return x", "y = 0\nfor _ in range(3):\n    [1][y]\n    y = f(5)")
    assert test.outcome is Outcome.FAILED


def test_judge_helpers_and_constants_of_the_test_cell_are_its_own(judge):
    """What the test cell itself binds from plain values is not the student's."""
    test = judge("", "helper()", before="SIZES = [1, 2]\ndef helper():\n    return SIZES[9]")
    assert test.outcome is Outcome.GRADER_ERROR


def test_judge_helper_that_reads_the_student_fails_closed(judge):
    """A helper of the cell that reads a student's name takes the benefit of the doubt away."""
    test = judge("S = 9", "helper()", before="def helper():\n    return [1, 2][S]")
    assert test.outcome is Outcome.FAILED


def test_judge_constant_computed_from_the_student_fails_closed(judge):
    """A constant of the test cell that was computed from the student's names is not the test's own."""
    test = judge("S = 9", "[1, 2][T]", before="T = S + 0")
    assert test.outcome is Outcome.FAILED


def test_judge_companion_module_imported_by_the_test_is_the_students(judge, tmp_path, monkeypatch):
    """A test cell that imports the student's own file has read the student."""
    import sys

    (tmp_path / "answers_of_student.py").write_text("def f(x):\n    return None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for before, call in (
        ("from answers_of_student import f", "f(1)"),
        ("import answers_of_student as m", "m.f(1)"),
    ):
        assert judge("", f"{call}.shape", before=before).outcome is Outcome.FAILED
    assert judge("", "np.zeros(2)[5]", before="import numpy as np").outcome is Outcome.GRADER_ERROR
    del sys.modules["answers_of_student"]


def test_judge_values_given_to_a_test_fail_closed(run_cells):
    """Cases and defaults may hold what the student's code gave."""
    cells = run_cells(HEAD, "def f(x):\n    return None", "import pytest")
    for text in (
        "@pytest.mark.parametrize('y', [f(1)])\ndef test_it(y):\n    y.shape\n",
        "def test_it(y=f(1)):\n    y.shape\n",
        "def helper(y=f(1)):\n    y.shape\ndef test_it():\n    helper()\n",
    ):
        result = cells.run(text + "check('q', points=1)")
        assert result.tests[0].outcome is Outcome.FAILED


def test_judge_missing_library_is_a_grader_error(judge):
    """A library that the grading machine lacks is nobody's mistake among the students."""
    assert judge("", "import no_such_library_anywhere").outcome is Outcome.GRADER_ERROR


def test_judge_library_call_on_students_value_is_the_students(judge):
    """A library that chokes on what came back tells of the answer."""
    test = judge("K = 'text'", "np.linalg.inv(K)")
    assert test.outcome is Outcome.CRASHED
    assert "np.linalg.inv(K)" in test.message


def test_judge_plain_assert_shows_source_and_values(judge):
    """Without pytest the message still tells what was compared and what the names were."""
    test = judge(
        "y = 3", "x = np.zeros((2, 3))\nassert x.shape == (3, 2) and y == 3, 'the shape must be (3, 2)'"
    )
    assert test.outcome is Outcome.FAILED
    assert test.facts[0].text == "the shape must be (3, 2)"
    assert "expected: x.shape == (3, 2) and y == 3" in test.message
    assert "x.shape = (2, 3)" in test.message
    assert "y = 3" in test.message


def test_judge_plain_assert_never_asks_a_students_object(judge):
    """No repr and no attribute of an unknown object is called for the message."""
    student = (
        "class Trap:\n    def __repr__(self):\n        raise RuntimeError('asked')\n"
        "    def __getattr__(self, name):\n        raise RuntimeError('asked')\n"
        "    def __eq__(self, other):\n        return False\n    __hash__ = None\nt = Trap()"
    )
    test = judge(student, "assert t == 3")
    assert test.outcome is Outcome.FAILED
    assert "asked" not in test.message


def test_judge_declared_outcome_of_an_engine_is_taken(judge):
    """An engine that brings an exception back from elsewhere writes on it what it means."""
    before = (
        "def proxy(x):\n    error = ValueError('bad value')\n    error.__labkit_outcome__ = 'crashed'\n"
        "    error.__labkit_message__ = 'line 3, in f: return x / 0'\n    raise error"
    )
    test = judge("", "proxy(2)", before=before)
    assert test.outcome is Outcome.CRASHED
    assert "ValueError: bad value" in test.message
    assert "line 3, in f" in test.message


def test_judge_declared_stub_is_not_attempted(judge):
    """A NotImplementedError from another process is still an open question."""
    before = (
        "def proxy(x):\n    error = NotImplementedError('write f')\n"
        "    error.__labkit_outcome__ = 'crashed'\n"
        "    raise error"
    )
    assert judge("", "proxy(2)", before=before).outcome is Outcome.NOT_ATTEMPTED


def test_judge_student_cannot_declare_a_grader_error_or_a_pass(judge):
    """The declaration is not a way out for the student's own code."""
    student = "def f(kind):\n    e = ValueError('x')\n    e.__labkit_outcome__ = kind\n    raise e"
    assert judge(student, "f('grader error')").outcome is Outcome.CRASHED
    assert judge(student, "f('passed')").outcome is Outcome.CRASHED


def test_points_grader_error_share_is_left_out(run_cells):
    """The other tests decide all of the points; where none could decide, a person is asked."""
    cells = run_cells(HEAD, "def f(x):\n    return x")
    fault = "def test_fault():\n    [][0]\n"
    good = "def test_good():\n    assert f(1) == 1\n"
    bad = "def test_bad():\n    assert f(1) == 2\n"
    results = [cells.run(text + "check('q', points=3)") for text in (fault + good, fault + good + bad, fault)]
    assert [result.points for result in results] == [3.0, 1.5, 0.0]
    assert all(result.needs_person for result in results)
    assert "A test could not decide" in repr(results[0])
