"""Checks that must fail, run in the student's process where a test runs there as well.

A test that runs in the student's process can be lied to. Before the student's first cell the tools that tests
use are noted, and checks with a wrong value are seen to fail. After a test cell has given points all of them
are repeated, and at the end of the notebook the cell itself, with a line that must fail and with one whose
value is known. If one of them does not come out as it must, or cannot be run any more, the cell's points are
not to be believed.
"""

from __future__ import annotations

import builtins
import random
from collections.abc import Iterable

from labkit.checks.judge import TestTimeout

from labgrade.model import CellRun, CellState
from labgrade.verify.names import NotebookPlan
from labgrade.verify.student import Student

__all__ = ["Canaries"]

_RANDOM = random.SystemRandom()
NO_HISTORY = 0
"""Execution count of a cell that leaves no trace in the history of the student's shell."""


class Canaries:
    """The checks of one notebook.

    Args:
        student: the process.
        plan: of the notebook.

    """

    def __init__(self, student: Student, plan: NotebookPlan) -> None:
        self._student = student
        self._plan = plan
        self._known: frozenset[int] = frozenset()

    def prepare(self) -> None:
        """Try all checks before the student's first cell; those that this machine cannot do are left out."""
        checks = _wrong_values()
        self._known = frozenset(
            number for number, source in enumerate(checks) if _failed_with(self._run(source), source)
        )

    def look(self, index: int) -> str:
        """Repeat the checks; say what came out as it must not, "" if nothing did.

        Args:
            index: of the test cell in the instructor's notebook.

        """
        bound = {name for cell in self._plan.cells.values() for name in cell.binds}
        builtin = sorted((self._plan.cells[index].reads & vars(builtins).keys()) - bound)
        try:
            changed = self._student.ask("changed_tools")
            shadowed = self._student.find(builtin)
        except (Exception, TestTimeout) as error:  # whatever the student's process does instead
            return f"the tools of tests could not be looked at ({type(error).__name__})"
        if type(changed) is not list or not all(type(name) is str for name in changed):
            return "the tools of tests could not be looked at"
        if shadowed:
            return f"the notebook gives another meaning to {', '.join(shadowed)}, which the test uses"
        if changed:
            return f"what tests use was replaced: {', '.join(sorted(changed)[:5])}"[:300]
        checks = list(enumerate(_wrong_values()))
        _RANDOM.shuffle(checks)
        for number, source in checks:
            if number in self._known and not _failed_with(self._run(source), source):
                return f"a check that must fail did not ({source.splitlines()[-1].strip()[:60]})"
        return ""

    def look_at_cell(self, source: str) -> str:
        """Run a test cell again so that it must fail, and so that its value is known; say what went wrong."""
        if source.lstrip().startswith("%%"):
            return ""  # what becomes of added lines is the magic's to say
        word = _word()
        text = source.rstrip().removesuffix(";")
        run = self._run(f"{text}\nassert {word!r} == {_word()!r}, {word!r}")
        if not any(output["output_type"] == "error" for output in run.outputs):
            return "the cell passes with a line added that must fail"
        number = _RANDOM.uniform(1, 2)
        run = self._run(f"{text}\n{number!r}")
        shown = [output for output in run.outputs if output["output_type"] == "execute_result"]
        has_failed = any(output["output_type"] == "error" for output in run.outputs)
        values = [output.get("data", {}).get("text/plain") for output in shown]
        if not has_failed and values != [repr(number)]:
            return "a number was shown as another one"
        return ""

    def _run(self, source: str) -> CellRun:
        return self._student.run_cell(source, NO_HISTORY, remember=False)


def _word() -> str:
    return f"check {_RANDOM.getrandbits(64):x}"


def _failed_with(run: CellRun, source: str) -> bool:
    """Tell whether a check failed by itself, in the one way in which it must."""
    errors = [output for output in run.outputs if output["output_type"] == "error"]
    word = source.rpartition("# ")[2]
    if run.state is not CellState.ERROR or len(errors) != 1:
        return False
    return errors[0]["ename"] in ("AssertionError", "Failure", "Failed") and word in errors[0]["evalue"]


def _wrong_values() -> list[str]:
    """Return cells that compare values that differ; each ends in a comment with what its error must say."""
    one, other = _RANDOM.uniform(1, 2), _RANDOM.uniform(3, 4)
    return [*_own(one, other), *_of_numpy(one, other), *_of_torch(one, other), *_of_helpers(one, other)]


def _own(one: float, other: float) -> Iterable[str]:
    own = "__import__('builtins')"
    # By their module: a student's own `sum` is no meddling as long as no test uses it.
    checks = (
        "False",
        f"{own}.abs({one!r} - {other!r}) < 1e-6",
        f"{one!r} == {other!r}",
        f"{one!r} > {other!r}",
        f"{own}.all([True, {one!r} == {other!r}])",
        f"{own}.any([False, {one!r} == {other!r}])",
        f"{own}.isinstance({one!r}, str)",
        f"{own}.len([{one!r}]) == 3",
        f"{own}.round({one!r}) == {other!r}",
        f"{own}.sum([{one!r}, {one!r}]) == {other!r}",
        f"{own}.max([{one!r}, {other!r}]) == {one!r}",
        f"{own}.sorted([{other!r}, {one!r}])[0] == {other!r}",
        f"__import__('math').isclose({one!r}, {other!r})",
    )
    return [_must_say(f"assert {check}, ", _word()) for check in checks]


def _must_say(text: str, word: str) -> str:
    return f"{text}{word!r}  # {word}"


def _of_numpy(one: float, other: float) -> Iterable[str]:
    numpy = "__import__('numpy')"
    arrays = f"{numpy}.array([{one!r}]), {numpy}.array([{other!r}])"
    for name in ("allclose", "array_equal"):
        yield _must_say(f"assert {numpy}.{name}({arrays}), ", _word())
    yield _must_say(f"assert ({numpy}.array([{one!r}]) == {numpy}.array([{other!r}])).all(), ", _word())
    yield _must_say(f"assert {numpy}.isclose({arrays}).all(), ", _word())
    for name in ("assert_allclose", "assert_array_equal", "assert_almost_equal"):
        yield f"{numpy}.testing.{name}({arrays})  # Mismatch"


def _of_torch(one: float, other: float) -> Iterable[str]:
    torch = "__import__('sys').modules['torch']"
    tensors = f"{torch}.tensor([{one!r}]), {torch}.tensor([{other!r}])"
    for name in ("allclose", "equal"):
        yield _must_say(f"assert {torch}.{name}({tensors}), ", _word())
    yield _must_say(f"assert ({torch}.tensor([{one!r}]) == {torch}.tensor([{other!r}])).all(), ", _word())
    yield f"{torch}.testing.assert_close({tensors})  # not close"


def _of_helpers(one: float, other: float) -> Iterable[str]:
    pytest, expect = "__import__('sys').modules['pytest']", "__import__('sys').modules['labkit.expect']"
    yield _must_say(f"assert {one!r} == {pytest}.approx({other!r}), ", _word())
    yield f"with {pytest}.raises(ValueError):\n    pass  # RAISE"
    yield f"__import__('unittest').TestCase().assertEqual({one!r}, {other!r})  # !="
    yield f"{expect}.close({one!r}, {other!r})  # "
