"""Failures of a class, by the mistake they resemble or by what came back."""

from __future__ import annotations

from labgrade.model import Outcome, TestOutcome
from labgrade.report.failures import FailureGroup, FailureGroups, essence
from labgrade.result import CellScore, GradedNotebook, GradedSubmission, NotebookStatus

BIAS = "the bias was forgotten"


def _test(name: str, outcome: Outcome, message: str = "", cause: str = "") -> TestOutcome:
    return TestOutcome(name, f"sentence of {name}", outcome, 0.0, 1.0, message, cause=cause)


def _result(*tests: TestOutcome, status: NotebookStatus = NotebookStatus.GRADED) -> GradedSubmission:
    cell = CellScore("test-rnn", "rnn", 0.0, 2.0, "test", tests)
    return GradedSubmission("s", "", "", (GradedNotebook("n", status, (cell,)),))


def _groups(*results: GradedSubmission) -> list[FailureGroup]:
    groups = FailureGroups()
    for position, result in enumerate(results):
        groups.add(position, result, {("n", "test-rnn"): "n/rnn"})
    return groups.groups()


def test_failures_of_one_cause_are_one_group() -> None:
    """Several tests that name a mistake count a student once; their companions are not told apart."""
    named = _test("a", Outcome.FAILED, "came back: 3 of 4 differ", BIAS)
    again = _test("b", Outcome.FAILED, "came back: 1 of 9 differ", BIAS)
    unnamed = _test("c", Outcome.FAILED, "came back: nothing")
    (group,) = _groups(_result(named, again, unnamed), _result(named))
    assert (group.question, group.text, group.is_cause) == ("n/rnn", BIAS, True)
    assert group.students == (0, 1)
    assert dict(group.tests) == {"sentence of a": 2, "sentence of b": 1}
    assert group.sample == "came back: 3 of 4 differ"


def test_failures_without_cause_meet_where_only_numbers_differ() -> None:
    """Sizes and values do not part a group; another kind of result does."""
    first = _test("a", Outcome.FAILED, "called: f(3)\ncame back: array of shape (4, 12, 2); 96 of 96 differ")
    second = _test("a", Outcome.FAILED, "called: f(9)\ncame back: array of shape (2, 7, 3); 5 of 42 differ")
    third = _test("a", Outcome.FAILED, "called: f(9)\ncame back: None")
    groups = _groups(_result(first), _result(second), _result(third))
    assert [group.students for group in groups] == [(0, 1), (2,)]
    assert groups[0].text.startswith("sentence of a array of shape")


def test_crashes_with_one_error_meet_across_tests() -> None:
    """The same error in two tests is one group, named by the error."""
    groups = _groups(
        _result(_test("a", Outcome.CRASHED, "called: f()\ncame back: NameError: name 'np' is not defined")),
        _result(_test("b", Outcome.CRASHED, "called: g()\ncame back: NameError: name 'np' is not defined")),
    )
    assert [(group.text, group.students) for group in groups] == [
        ("NameError: name 'np' is not defined", (0, 1))
    ]


def test_skipped_passed_and_missing_are_no_failures() -> None:
    """A skipped test follows from another; a notebook that is not there has not failed."""
    assert _groups(_result(_test("a", Outcome.SKIPPED), _test("b", Outcome.PASSED))) == []
    missing = _result(_test("a", Outcome.FAILED, "x"), status=NotebookStatus.MISSING)
    assert _groups(missing) == []


def test_plain_assertion_cell_without_points_is_a_group() -> None:
    """A cell without test functions is grouped by its reason, else by its id."""
    (group,) = _groups(_result())
    assert group.text == "the test cell test-rnn did not pass"


def test_most_frequent_failure_comes_first() -> None:
    """The order is by students, then by name, the same at each run."""
    one = _result(_test("a", Outcome.NOT_ATTEMPTED))
    other = _result(_test("a", Outcome.FAILED, "x", BIAS))
    assert [group.text for group in _groups(one, other, other)] == [BIAS, "not attempted"]


def test_essence_is_short_and_keeps_names() -> None:
    """Numbers inside names stay; a long message is cut."""
    test = _test("a", Outcome.CRASHED, "came back: KeyError: 'h2' at 0x7f3a, step 12" + "x" * 400)
    assert essence(test).startswith("KeyError: 'h2' at #, step")
    assert len(essence(test)) <= 160
