"""Lab 05: what its checks say to the solution, to nothing, to known mistakes and to other right answers."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lab05_run import Lab05

LAB = Path(__file__).resolve().parents[2] / "exercises" / "05-transformer"
POINTS = {
    "positions": 2,
    "attention": 3,
    "causal-mask": 1,
    "padding-mask": 1,
    "multi-head": 3,
    "feed-forward": 1,
    "block": 2,
    "transformer": 2,
    "palindromes": 1,
    "next-token": 2,
    "tokens": 1,
    "sequences": 2,
    "perplexity": 2,
    "sampling": 2,
}
BY_HAND = {"recurrence": 1, "dimensions": 3, "dense-layers": 1, "skip-connections": 1, "overlap": 1}
# These pass the quick tests of their question, so its model is trained: seconds each.
TRAINS = {"log-probabilities and gather", "classes on the second axis"}
VARIANTS = tomllib.loads((LAB / "variants.toml").read_text(encoding="utf-8"))


def _cases(kind: str) -> list[Any]:
    return [
        pytest.param(
            entry,
            id=f"{entry['question']}-{entry['name']}",
            marks=[pytest.mark.slow] if entry["name"] in TRAINS else [],
        )
        for entry in VARIANTS[kind]
    ]


@pytest.fixture(scope="module")
def lab05(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab05]:
    """The notebooks of lab 05, their set-up cells run."""
    before, path = set(sys.modules), list(sys.path)
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from lab05_run import Lab05

    sys.path.insert(0, str(LAB))
    patch = pytest.MonkeyPatch()
    patch.setenv("LABS_PROFILE", "quick")
    patch.setenv("LABS_OFFLINE", "1")
    patch.setenv("LABS_DATA", str(tmp_path_factory.mktemp("data")))
    patch.setenv("LABS_QUIET", "1")
    import matplotlib

    matplotlib.use("Agg")
    lab = Lab05(tmp_path_factory.mktemp("lab05"))
    lab.prepare()
    yield lab
    patch.undo()
    sys.path[:] = path
    # Other labs have modules of the same names.
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(LAB)):
            del sys.modules[name]


def _apply(lab05: Lab05, entry: dict[str, Any]) -> dict[str, str]:
    """Return the modules that a variant changes, by name."""
    from labbuild.check.apply import apply_variant
    from labbuild.check.variants import read_variants

    questions = {question.id: question for question in lab05.lab.questions}
    path = LAB / "variants.toml"
    key = (entry["question"], entry["name"])
    found = next(v for v in read_variants(path, tuple(questions)).variants if (v.question, v.name) == key)
    changes, findings = apply_variant(lab05.lab, questions[found.question], found, path)
    assert not findings
    assert changes is not None
    return {name.removesuffix(".py"): text for name, text in changes.modules.items()}


@pytest.mark.parametrize("question", POINTS)
def test_solution_gets_full_points(lab05: Lab05, question: str) -> None:
    """The solution passes every test of every question, and no test has a note for its author."""
    result = lab05.check(question, {})
    assert result.points == result.max_points == POINTS[question]
    assert not [note for test in result.tests for note in test.for_author]


@pytest.mark.parametrize("question", POINTS)
def test_untouched_modules_get_nothing_and_are_called_not_attempted(lab05: Lab05, question: str) -> None:
    """The stub gets no points, and its first test says that nothing was written yet."""
    result = lab05.check(question, {name: lab05.modules[name].student for name in _student_modules()})
    assert result.points == 0
    assert not any(test.passed for test in result.tests)
    assert result.tests[0].outcome == "not attempted"


def _student_modules() -> tuple[str, ...]:
    from lab05_run import STUDENT_MODULES

    return STUDENT_MODULES


@pytest.mark.parametrize("entry", _cases("mutant"))
def test_mutant_loses_points_and_its_mistake_is_named(lab05: Lab05, entry: dict[str, Any]) -> None:
    """A known wrong answer loses points, no test blames itself, and a message says what is wrong."""
    result = lab05.check(entry["question"], _apply(lab05, entry))
    assert result.points < result.max_points
    assert not result.needs_person
    messages = [f"{test.message}\n{test.cause}".lower() for test in result.tests if not test.passed]
    assert any(entry.get("says", "").lower() in message for message in messages)


@pytest.mark.parametrize("entry", _cases("alternative"))
def test_alternative_keeps_all_points(lab05: Lab05, entry: dict[str, Any]) -> None:
    """Another right answer gets full points."""
    result = lab05.check(entry["question"], _apply(lab05, entry))
    assert result.points == result.max_points


def test_same_block_in_every_place_is_named(lab05: Lab05) -> None:
    """`[Block(…)] * n_layers` loses points, with its cause."""
    solution = lab05.modules["transformer"].solution
    changed = solution.replace(
        "Block(d_model, n_heads, hidden_size, dropout, norm_first) for _ in range(n_layers)",
        "[Block(d_model, n_heads, hidden_size, dropout, norm_first)] * n_layers",
    )
    assert changed != solution
    result = lab05.check("transformer", {"transformer": changed})
    assert result.points < result.max_points
    assert any("same block stands in every place" in f"{test.message}{test.cause}" for test in result.tests)


def test_questions_have_the_points_of_the_lab(lab05: Lab05) -> None:
    """Nineteen questions, 32 points; the notebooks' tables say the same."""
    found = {question.id: question.points for question in lab05.lab.questions}
    assert found == POINTS | BY_HAND
    assert sum(found.values()) == 32
    for name in ("theory", "build", "shakespeare"):
        table = re.findall(r"^\| `[^\n]*\|$", (LAB / f"{name}.md").read_text(encoding="utf-8"), re.MULTILINE)
        for row in table:
            cells = [cell.strip() for cell in row.strip("|").split("|")]
            ids = [part.strip("` ") for part in cells[0].split(",")]
            if ids[0] in found:
                assert [f"{found[part]:g}" for part in ids] == cells[2].split(" + "), row


def test_every_graded_question_has_mutants_and_alternatives() -> None:
    """At least three wrong answers and two other right ones for each question that tests grade."""
    for question in POINTS:
        assert sum(entry["question"] == question for entry in VARIANTS["mutant"]) >= 3, question
        assert sum(entry["question"] == question for entry in VARIANTS["alternative"]) >= 2, question


@pytest.mark.parametrize("question", POINTS)
def test_visible_checks_alone_do_not_give_all_points(lab05: Lab05, question: str) -> None:
    """Hidden tests decide some points of each question, and the notebook says how many there are."""
    notebook = lab05.notebooks[lab05.tests[question][2]]
    source = next(
        "".join(cell["source"])
        for cell in notebook.student["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == f"test-{question}"
    )
    visible = re.findall(r"^def (test_\w+)", source, re.MULTILINE)
    complete = re.findall(r"^def (test_\w+)", lab05.tests[question][0], re.MULTILINE)
    assert 0 < len(visible) < len(complete)
    assert f"tests={len(complete)}" in source
    assert "HIDDEN" not in source
