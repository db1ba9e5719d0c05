"""A check's result as plain text, for terminals and for editors that show no HTML."""

from __future__ import annotations

import textwrap

from labkit.checks.model import CheckResult, Fact, Outcome, TestResult, is_grading

__all__ = ["GRADER_FAULT", "SIGNS", "facts_of", "is_revealed", "label_of", "render_text", "summary_of"]

SIGNS = {
    Outcome.PASSED: "✓",
    Outcome.FAILED: "✗",
    Outcome.NOT_ATTEMPTED: "○",
    Outcome.CRASHED: "⚡",
    Outcome.TIMED_OUT: "◷",
    Outcome.SKIPPED: "↷",
    Outcome.GRADER_ERROR: "!",
}
_PARTLY = "◐"
GRADER_FAULT = (
    "A test could not decide through a fault of its own. It costs no points; please tell your teachers."
)


def label_of(test: TestResult) -> tuple[str, str]:
    """Return the sign and the word for an outcome; a failed test that earned something passed partly."""
    if test.outcome is not Outcome.PASSED and test.points > 0:
        return _PARTLY, "partly passed"
    return SIGNS[test.outcome], str(test.outcome)


def summary_of(result: CheckResult) -> str:
    """Return the line that sums a result up: tests passed, points where known, tests still to come."""
    passed = sum(test.passed for test in result.tests)
    parts = []
    if result.tests:
        parts.append(f"{passed} of {len(result.tests)} {_plural(len(result.tests), 'test')} passed")
    if result.missing and is_grading():
        parts.append(f"{result.missing} {_plural(result.missing, 'test')} missing here: no points for them")
    elif result.missing:
        parts.append(
            f"{result.missing} more {_plural(result.missing, 'test')} will run when your work is graded"
        )
    if result.missing and not is_grading():
        parts.append(f"worth {result.max_points:g} {_plural(result.max_points, 'point')} in all")
    else:
        parts.append(f"{result.points:g} of {result.max_points:g} {_plural(result.max_points, 'point')}")
    return " · ".join(parts)


def render_text(result: CheckResult) -> str:
    """Return the readable text of a result. No line depends on colour."""
    lines = [f"{result.question}: {summary_of(result)}"]
    for test in result.tests:
        sign, word = label_of(test)
        lines.append(f"  {sign} {word}: {test.title}")
        if not is_revealed(test):
            continue
        for fact in facts_of(test):
            label = f"      {fact.label}: " if fact.label else "      "
            lines.append(label + fact.text.replace("\n", "\n" + " " * len(label)))
        if test.output and not test.passed:
            lines.append("      it printed:")
            lines.append(textwrap.indent(test.output, "        "))
    if result.needs_person:
        lines.append(f"  {GRADER_FAULT}")
    return "\n".join(lines)


def facts_of(test: TestResult) -> list[Fact]:
    """Return all that is to be said about a test, in reading order: the cause stands before where to read."""
    facts = list(test.facts)
    if test.cause:
        position = next((index for index, fact in enumerate(facts) if fact.label == "read"), len(facts))
        facts.insert(position, Fact("likely cause", test.cause))
    facts.extend(Fact("note", note) for note in test.notes)
    return facts


def is_revealed(test: TestResult) -> bool:
    """Tell whether a test's message may be shown: a hidden one's stays out of graded notebooks."""
    return not (test.hidden and is_grading())


def _plural(count: float, word: str) -> str:
    return word if count == 1 else f"{word}s"
