"""What stands in a student's code where a region was taken out."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from labbuild.python_text import parses
from labbuild.regions import Part, Region

__all__ = ["NoPlaceholderError", "Placeholder", "choose_placeholders", "student_lines"]

Placeholder = str
"""One line of code, without indentation; "" for none."""

# `device = (` … `)`: a parenthesis that only groups. After a name or a bracket it would be a call.
_GROUPING = re.compile(
    r"(?:^|[=,(\[{:+\-*/%<>&|^~@]|\b(?:return|in|and|or|not|if|elif|else|is|yield|await|assert|while|from))\s*\($"
)


class NoPlaceholderError(Exception):
    """Nothing that could be put in place of some regions makes the rest parse.

    Args:
        regions: those for which this is so.

    """

    def __init__(self, regions: Sequence[Region]) -> None:
        """Keep the regions beside the text."""
        super().__init__(", ".join(f"lines {region.begin_line} to {region.end_line}" for region in regions))
        self.regions = tuple(regions)


def _stop(identifier: str) -> Placeholder:
    what = f"Write your answer to question '{identifier}' here." if identifier else "Write your answer here."
    return f'raise NotImplementedError("{what}")'


def _candidates(identifier: str) -> tuple[Placeholder, ...]:
    stop = _stop(identifier)
    return (
        "",
        stop,
        "...",
        "...,",
        "...:",
        f"def answer_here(*args, **kwargs): {stop}",
        f"if True: {stop}",
        f"try: {stop}",
    )


def choose_placeholders(parts: Sequence[Part], identifiers: Sequence[str]) -> list[Placeholder]:
    """Choose, for each solution region, the least that keeps the student's code parsing.

    Args:
        parts: of a Python cell or module whose solution parses.
        identifiers: for each solution region the question it answers, "" for none.

    Returns:
        One placeholder for each solution region.

    Raises:
        NoPlaceholderError: none does.

    """
    regions = [part for part in parts if isinstance(part, Region) and not part.is_hidden]
    chosen: list[Placeholder | None] = []
    bare = [""] * len(regions)
    emptied = [_empties_parenthesis(parts, region) for region in regions]
    if not any(emptied) and parses("\n".join(student_lines(parts, bare))):
        return _stop_where_only_a_docstring_is_left(parts, bare, identifiers)
    # One region after the other: those already decided in the student's form, the rest as in the solution.
    for index in range(len(regions)):
        candidates = _candidates(identifiers[index])
        for candidate in ("...", *candidates) if emptied[index] else candidates:
            if parses("\n".join(student_lines(parts, [*chosen, candidate]))):
                chosen.append(candidate)
                break
        else:
            chosen.append(None)
    failed = [region for region, choice in zip(regions, chosen, strict=True) if choice is None]
    if failed:
        raise NoPlaceholderError(failed)
    complete = [choice for choice in chosen if choice is not None]
    return _stop_where_only_a_docstring_is_left(parts, complete, identifiers)


def _stop_where_only_a_docstring_is_left(
    parts: Sequence[Part], chosen: Sequence[Placeholder], identifiers: Sequence[str]
) -> list[Placeholder]:
    """Let a function whose answer is missing say so, although a docstring alone would parse.

    Only for answers to questions: an ungraded region leaves what the plain line filter leaves.
    """
    result = list(chosen)
    for index, (choice, identifier) in enumerate(zip(chosen, identifiers, strict=True)):
        if choice or not identifier:
            continue
        stop = _stop(identifier)
        rows = student_lines(parts, [*result[:index], stop, *result[index + 1 :]])
        if any(_is_docstring_and_stop(node, stop) for node in _functions("\n".join(rows))):
            result[index] = stop
    return result


def _functions(text: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    try:
        tree = ast.parse(text)
    except SyntaxError:  # magics, or a placeholder at a place where none fits
        return []
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _is_docstring_and_stop(function: ast.FunctionDef | ast.AsyncFunctionDef, stop: str) -> bool:
    return (
        len(function.body) == 2
        and ast.get_docstring(function) is not None
        and ast.dump(function.body[1]) == ast.dump(ast.parse(stop).body[0])
    )


def student_lines(parts: Sequence[Part], placeholders: Sequence[Placeholder | None]) -> list[str]:
    """Return the student's lines of code; regions without a placeholder, or with None, stay solved."""
    rows: list[str] = []
    index = 0
    for part in parts:
        if not isinstance(part, Region):
            rows.append(part.text)
            continue
        if part.is_hidden:
            continue
        choice = placeholders[index] if index < len(placeholders) else None
        index += 1
        if choice is None:
            rows += [line.text for line in part.content]
        else:
            before, after = around(part, choice, rows)
            rows += [*before, *([part.indent + choice] if choice else []), *after]
    return rows


def around(region: Region, placeholder: Placeholder, above: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the messages above and below the placeholder.

    They stand above it, except after a backslash, which no comment may follow.
    """
    messages = [f"{region.indent}#{message.message}".rstrip() for message in region.messages]
    if placeholder and above and above[-1].rstrip().endswith("\\"):
        return [], messages
    return messages, []


def _empties_parenthesis(parts: Sequence[Part], region: Region) -> bool:
    """Whether the region, with those that touch it, is all that a grouping parenthesis holds."""
    index = parts.index(region)
    previous = parts[index - 1] if index else None
    if isinstance(previous, Region):
        return False  # the first of several regions in a row carries the placeholder
    above = _last_code(parts[:index])
    below = next(
        (part.text.strip() for part in parts[index:] if not isinstance(part, Region) and _is_code(part.text)),
        "",
    )
    return below.startswith(")") and bool(_GROUPING.search(above))


def _last_code(parts: Sequence[Part]) -> str:
    for part in reversed(parts):
        if isinstance(part, Region):
            return ""
        if _is_code(part.text):
            return part.text.split("#")[0].strip()
    return ""


def _is_code(text: str) -> bool:
    return bool(text.strip()) and not text.lstrip().startswith("#")
