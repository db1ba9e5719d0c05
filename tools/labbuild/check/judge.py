"""Say what is wrong with the points that a solution, a stub or a variant got."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from labbuild.check.findings import Finding
from labbuild.check.score import is_full
from labbuild.check.trials import CheckedLab, QuestionScore, Trial, Work
from labbuild.compiled import Question

__all__ = ["first_line", "judge_question", "judge_trial"]


def judge_question(checked: CheckedLab, work: Work) -> Iterator[Finding]:
    """Say what is wrong with the points of the solution and of the untouched notebook."""
    assert work.solution is not None
    assert work.stub is not None
    question = work.plan.question
    name, tests = next(iter(work.plan.tests.items()))
    notebook = checked.notebook(name)
    line = notebook.cell_lines[tests[0][0]]
    if not is_full(work.solution.points, question.points):
        got = f"the solution of {question.id!r} gets {work.solution.points:g} of {question.points:g} points"
        why = first_line(work.solution.messages)
        yield Finding(
            "LC201", notebook.path, line, f"{got}: {why}", "mend the solution or the test", question.id
        )
    if work.stub.points > 0:
        got = f"the untouched notebook gets {work.stub.points:g} points of {question.id!r}"
        vacuous = [test.name for test in work.stub.passed if test.points > 0]
        got += f"; these tests pass: {', '.join(vacuous)}" if vacuous else ""
        hint = "let the test call the student's function and compare what comes back"
        yield Finding("LC202", notebook.path, line, got, hint, question.id)


def judge_trial(
    trial: Trial, score: QuestionScore, question: Question, checked: CheckedLab
) -> Finding | None:
    """Say what is wrong with a variant's points; None if it fared as it should."""
    variant, path = trial.variant, checked.variants.path
    has_all = is_full(score.points, question.points)
    if variant.kind == "alternative" and not has_all:
        got = f"{variant.label} gets {score.points:g} of {question.points:g}: {first_line(score.messages)}"
        hint = "loosen the test, or list it as a [[mutant]]"
        return Finding("LC205", path, variant.line, got, hint, question.id)
    if variant.kind == "mutant" and has_all:
        hint = "add a test that this answer fails; if it is right after all, list it as an [[alternative]]"
        return Finding("LC203", path, variant.line, f"{variant.label} keeps all points", hint, question.id)
    if variant.says and not any(variant.says.lower() in text.lower() for text in score.messages):
        got = f"{variant.label} loses points, but no message contains {variant.says!r}"
        hint = "name it in the test, e.g. variants={…} of expect.close; the first message is: "
        return Finding("LC204", path, variant.line, got, hint + first_line(score.messages), question.id)
    return None


def first_line(messages: Iterable[str]) -> str:
    """Return the first message that says something, on one line."""
    text = next((message for message in messages if message.strip()), "no message")
    return " ".join(text.split())[:300]
