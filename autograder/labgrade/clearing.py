"""nbgrader's rules for what is removed before students get a notebook.

Matching is nbgrader's: a mark is a substring of a line, case counts, the whole line goes. A text is
cleared in two steps, because nbgrader keeps the text between them in its gradebook and puts test cells
back from there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["COVER", "ClearingRules", "MarksError", "cover_hidden", "hidden_lines"]

COVER = "# Hidden tests ran here; they are not shown."

_STUBS = {
    "python": "# YOUR CODE HERE\nraise NotImplementedError()",
    "R": "# YOUR CODE HERE\nfail()",
    "matlab": "% YOUR CODE HERE\nerror('No Answer Given!')",
    "octave": "% YOUR CODE HERE\nerror('No Answer Given!')",
    "sas": "/* YOUR CODE HERE */\n %notImplemented;",
    "java": "// YOUR CODE HERE",
}


class MarksError(Exception):
    """A BEGIN mark has no END, or stands inside another region, or stands in the wrong kind of cell."""


@dataclass(frozen=True, slots=True)
class ClearingRules:
    """The marks and stubs of a course; the defaults are nbgrader's."""

    begin_solution: str = "BEGIN SOLUTION"
    end_solution: str = "END SOLUTION"
    begin_hidden: str = "BEGIN HIDDEN TESTS"
    end_hidden: str = "END HIDDEN TESTS"
    begin_scheme: str = "BEGIN MARK SCHEME"
    end_scheme: str = "END MARK SCHEME"
    code_stubs: Mapping[str, str] = field(default_factory=lambda: dict(_STUBS))
    text_stub: str = "YOUR ANSWER HERE"

    def clear_solution(self, source: str, *, cell_type: str, language: str, solution: bool) -> str:
        """Return the text with stubs for solutions: what nbgrader's gradebook holds.

        Args:
            source: the instructor's text.
            cell_type: ``code`` or ``markdown``.
            language: of the kernel, a key of ``code_stubs``.
            solution: the cell is marked as an answer.

        Raises:
            MarksError: a region is not closed, nested, or not in an answer cell; or the language has no stub.

        """
        stub = self._stub(cell_type, language)
        cleared, replaced = _cut(source, self.begin_solution, self.end_solution, stub.split("\n"))
        if replaced and not solution:
            raise MarksError(f"'{self.begin_solution}' stands in a cell that is not marked as an answer")
        return stub if solution and not replaced else cleared

    def clear_hidden(self, source: str) -> str:
        """Return the text without hidden tests and marking scheme: what students get."""
        without_tests, _ = _cut(source, self.begin_hidden, self.end_hidden, [])
        without_scheme, _ = _cut(without_tests, self.begin_scheme, self.end_scheme, [])
        return without_scheme

    def _stub(self, cell_type: str, language: str) -> str:
        if cell_type != "code":
            return self.text_stub
        if language not in self.code_stubs:
            raise MarksError(f"there is no stub for the language '{language}' (ClearSolutions.code_stub)")
        return self.code_stubs[language]


def hidden_lines(source: str, rules: ClearingRules) -> frozenset[str]:
    """Return the lines of hidden tests, stripped, without blank ones."""
    lines: set[str] = set()
    inside = False
    for line in source.split("\n"):
        if rules.begin_hidden in line:
            inside = True
        elif rules.end_hidden in line:
            inside = False
        elif inside and line.strip():
            lines.add(line.strip())
    return frozenset(lines)


def cover_hidden(source: str, rules: ClearingRules) -> str:
    """Return a test cell's text with a comment in place of each region of hidden tests."""
    return _cut(source, rules.begin_hidden, rules.end_hidden, [COVER])[0]


def _own_stub(line: str, begin: str, stub: list[str]) -> list[str]:
    """Return the stub that a mark names, as in ``### BEGIN SOLUTION stub=pass``; it may be empty.

    ``labs build`` writes such marks where the course's stub would not parse.
    """
    named = re.search(re.escape(begin) + r" stub=(.*?)\s*(?:-->)?\s*$", line)
    if stub and named:
        return [named.group(1)] if named.group(1) else []
    return stub


def _cut(source: str, begin: str, end: str, stub: list[str]) -> tuple[str, bool]:
    """Replace each region by the stub at the region's indentation; say whether there was one."""
    kept: list[str] = []
    inside = replaced = False
    for line in source.split("\n"):
        if begin in line:
            if inside:
                raise MarksError(f"'{begin}' stands inside another such region")
            inside = replaced = True
            indent = line[: len(line) - len(line.lstrip())]
            kept.extend(indent + text for text in _own_stub(line, begin, stub))
        elif end in line:
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise MarksError(f"'{begin}' has no '{end}'")
    return "\n".join(kept), replaced
