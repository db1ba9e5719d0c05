"""One cell or module in its three versions, as text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labbuild.placeholders import Placeholder, around
from labbuild.regions import Part, Region, indent_of

__all__ = ["ANSWER_HERE", "Texts", "render_code", "render_markdown"]

ANSWER_HERE = "*Write your answer here.*"
"""What a student sees in a Markdown cell in place of an answer that has no message."""

BEGIN_SOLUTION = "BEGIN SOLUTION stub="
"""nbgrader's own mark; what follows ``stub=`` replaces the region (see ``nbgrader_course``)."""


@dataclass(frozen=True, slots=True)
class Texts:
    """A cell or module in its three versions.

    Args:
        student: without regions, with messages and placeholders.
        solution: without markers.
        nbgrader: with nbgrader's marks around regions.
        answers: for each solution region its first and last line (1-based) in the solution text.

    """

    student: str
    solution: str
    nbgrader: str
    answers: tuple[tuple[int, int], ...] = ()


def render_code(
    parts: Sequence[Part], placeholders: Sequence[Placeholder], whole_cell_comment: str = ""
) -> Texts:
    """Render a code cell or module.

    Args:
        parts: lines and regions.
        placeholders: one for each solution region.
        whole_cell_comment: stands in place of a region that is the whole cell.

    Returns:
        The three texts.

    """
    student: list[str] = []
    solution: list[str] = []
    source: list[str] = []
    answers: list[tuple[int, int]] = []
    left = iter(placeholders)
    for part in parts:
        if not isinstance(part, Region):
            for rows in (student, solution, source):
                rows.append(part.text)
            continue
        content = [line.text for line in part.content]
        if part.is_hidden:
            source += [f"{part.indent}### BEGIN HIDDEN TESTS", *content, f"{part.indent}### END HIDDEN TESTS"]
            solution += content
            continue
        stub = next(left)
        before, after = around(part, stub, student)
        if part.is_whole_cell and whole_cell_comment:
            before = [whole_cell_comment]
        student += [*before, *([part.indent + stub] if stub else []), *after]
        marked = [f"{part.indent}### {BEGIN_SOLUTION}{stub}", *content, f"{part.indent}### END SOLUTION"]
        # Also around nothing: nbgrader would take all of an answer cell away that has no region.
        source += [*before, *marked, *after]
        answers.append((len(solution) + 1, len(solution) + len(content)))
        solution += content
    return Texts("\n".join(student), "\n".join(solution), "\n".join(source), tuple(answers))


def render_markdown(parts: Sequence[Part], *, is_task: bool = False) -> Texts:
    """Render a Markdown or raw cell: messages are text, and there is always a place to answer.

    Args:
        parts: lines and regions.
        is_task: students answer in cells of their own; a region is the marking scheme.

    Returns:
        The three texts.

    """
    begin, end = (
        ("BEGIN MARK SCHEME", "END MARK SCHEME") if is_task else (f"{BEGIN_SOLUTION}", "END SOLUTION")
    )
    student: list[str] = []
    solution: list[str] = []
    source: list[str] = []
    answers: list[tuple[int, int]] = []
    for part in parts:
        if not isinstance(part, Region):
            for rows in (student, solution, source):
                rows.append(part.text)
            continue
        content = [line.text for line in part.content]
        # One blank belongs to the marker; further ones continue a list.
        messages = [
            (message.indent + message.message.removeprefix(" ")).rstrip() for message in part.messages
        ]
        if not messages and not is_task:
            messages = [indent_of(part.indent) + ANSWER_HERE]
        student += messages
        source += messages
        source += [f"<!-- {begin} -->", *content, f"<!-- {end} -->"]
        answers.append((len(solution) + 1, len(solution) + len(content)))
        solution += content
    return Texts("\n".join(student), "\n".join(solution), "\n".join(source), tuple(answers))
