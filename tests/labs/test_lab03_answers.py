"""Lab 03, notebooks ``sentiment`` and ``addition``: answers, checks, wrong answers, text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab03_run import LAB, AnswersOfLab03, open_answers, variants_of

POINTS = {
    "decode": 1,
    "pad": 1,
    "dataset": 1,
    "lstm": 3,
    "prepare": 1,
    "loop": 3,
    "attention-reader": 2,
    "digits": 1,
    "labels": 1,
    "number-mnist": 2,
    "adder": 2,
    "adder-loop": 2,
}
BY_HAND = {"judge": 2, "mistakes": 1}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswersOfLab03]:
    """Both notebooks with the right answers."""
    with open_answers(tmp_path_factory.mktemp("lab03")) as opened:
        yield opened


def _cases(kind: str) -> list[object]:
    return [pytest.param(*case, id=f"{case[0]}-{case[1]}") for case in variants_of(kind, POINTS)]


@pytest.mark.parametrize("question", POINTS)
def test_solution_gets_full_points_without_notes(answers: AnswersOfLab03, question: str) -> None:
    """Each check gives all points to the solution, and finds nothing to say."""
    result = answers.check(question)
    assert result.points == result.max_points == POINTS[question]
    assert not [note for test in result.tests for note in test.notes]


def test_questions_are_those_of_the_two_notebooks(answers: AnswersOfLab03) -> None:
    """Twelve questions are graded by tests, two by a person: 23 points."""
    found = {
        place.file: {q.id for q in answers.lab.questions for p in q.answers if p.file == place.file}
        for question in answers.lab.questions
        for place in question.answers
    }
    assert found["sentiment"] | found["addition"] == set(POINTS) | set(BY_HAND)
    assert sum(POINTS.values()) + sum(BY_HAND.values()) == 23


@pytest.mark.parametrize(("question", "name", "says"), _cases("mutant"))
def test_mutant_loses_points_and_its_mistake_is_named(
    answers: AnswersOfLab03, question: str, name: str, says: str
) -> None:
    """A known wrong answer loses points, no test blames itself, and a message says what is wrong."""
    result = answers.check(question, name)
    assert result.points < result.max_points
    assert not result.needs_person
    messages = [f"{test.message}\n{test.cause}".lower() for test in result.tests if not test.passed]
    assert any(says.lower() in message for message in messages), messages


@pytest.mark.parametrize(("question", "name", "says"), _cases("alternative"))
def test_alternative_keeps_all_points(answers: AnswersOfLab03, question: str, name: str, says: str) -> None:
    """Another right answer gets full points."""
    result = answers.check(question, name)
    assert result.points == result.max_points, [test.message for test in result.tests if not test.passed]


@pytest.mark.parametrize("question", POINTS)
def test_question_has_mutants_alternatives_and_hidden_tests(answers: AnswersOfLab03, question: str) -> None:
    """Three mutants with a message and two alternatives at least; hidden tests decide some of the points."""
    assert len(variants_of("mutant", {question: 0})) >= 3
    assert len(variants_of("alternative", {question: 0})) >= 2
    notebook, complete, _ = answers.tests[question]
    student = next(
        "".join(cell["source"])
        for each in answers.lab.notebooks
        if each.name == notebook
        for cell in each.student["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == f"test-{question}"
    )
    visible, all_tests = (re.findall(r"^def (test_\w+)", text, re.MULTILINE) for text in (student, complete))
    assert 0 < len(visible) < len(all_tests)
    assert "HIDDEN" not in student


@pytest.mark.parametrize(
    ("notebook", "faults"),
    [
        (
            "sentiment",
            [
                "The ids are three larger than the ranks",  # the index shift
                "There is no attribute `reviews`",  # a property that was never run
                "`padding_idx` fixes one row",  # the state after the padding
                "divides a sum of",  # means of batches divided by samples
                "the star import binds the name anew",  # copies of a helper
                "The mask is turned round",
            ],
        ),
        ("addition", ["addition modulo 1000", "it never exchanges axes"]),
    ],
)
def test_known_faults_have_a_box_with_a_folded_answer(notebook: str, faults: list[str]) -> None:
    """Each fault of the usual version of this lab is a question, and its answer is folded."""
    text = (LAB / f"{notebook}.md").read_text(encoding="utf-8")
    boxes = re.findall(
        r"\*\*(?:What goes wrong|And) here\?\*\*.*?<summary>Answer</summary>(.*?)</details>", text, re.DOTALL
    )
    assert len(boxes) == len(faults)
    for fault in faults:
        assert any(fault in box for box in boxes), fault


@pytest.mark.parametrize("notebook", ["sentiment", "addition"])
def test_teaching_code_asks_for_no_profile_by_an_if(notebook: str) -> None:
    """Sizes come from `profile.pick`; no branch of the teaching code depends on the profile."""
    text = (LAB / f"{notebook}.md").read_text(encoding="utf-8")
    assert "profile.pick(" in text
    assert not re.search(r"\bif\b[^\n]*profile|is_quick|LABS_PROFILE\"", text)


def test_modules_are_in_their_folder() -> None:
    """Both notebooks import given modules that lie beside them."""
    for notebook in ("sentiment", "addition"):
        text = (LAB / f"{notebook}.md").read_text(encoding="utf-8")
        for module in re.findall(r"^from (\w+) import", text, re.MULTILINE):
            if module.endswith(("_checks", "_training", "_batches", "_dropout", "_words")):
                assert Path(LAB / f"{module}.py").is_file(), module
