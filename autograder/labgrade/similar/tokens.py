"""Code as tokens that survive renaming, comments, spaces and other disguises that cost no thought.

The scanner is one regular expression, and not the ``tokenize`` of the library: it never fails, so a cell with
a syntax error or a magic is compared like any other, and it is several times as fast.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["CodeLine", "normalise"]

MAX_CHARS = 100_000
"""Text beyond this is not compared: no answer of a person has it."""
NAME = "·"
"""Stands for every name that the student chose."""
STRING = '"'

_KEYWORDS = frozenset(keyword.kwlist)
_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<string>[rbfuRBFU]{0,2}(?:'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"
        |'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
    |(?P<joined>\\\r?\n)
    |(?P<name>[^\W\d]\w*)
    |(?P<other>\n|(?:\d[\w.]*|\.\d\w*)|->|:=|(?:\*\*|//|<<|>>|[-+*/%@&|^<>=!])=?|[^\w\s])""",
    re.VERBOSE | re.DOTALL,
)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_ASSIGN = frozenset({"=", "+=", "-=", "*=", "/=", "@=", "//=", "%=", "**=", ":="})


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A logical line of code.

    Args:
        number: of its first line in the text, from 1.
        tokens: normalised.
        pattern: for each of the student's names, which name of the line it is, in order of appearance:
            ``h = h @ w + h`` has (0, 0, 1, 0) whatever the names are.

    """

    number: int
    tokens: tuple[str, ...]
    pattern: tuple[int, ...]


Token = tuple[str, str]
"""Kind (``name``, ``string`` or ``other``) and text."""


def normalise(text: str) -> list[CodeLine]:
    """Return the logical lines of code, normalised.

    Names that the code binds become one sign; keywords, builtins, attributes and names from elsewhere stay,
    because a copier cannot rename them. Strings become one sign; comments, docstrings, blank lines and
    spaces are gone.

    Args:
        text: of a cell or module, as a student wrote it.

    """
    raw = _scan(text[:MAX_CHARS])
    bound: set[str] = set()
    for _, tokens in raw:
        _collect_bound(tokens, bound)
    bound -= _KEYWORDS
    lines = []
    for number, tokens in raw:
        kept: list[str] = []
        names: list[str] = []
        before = ""
        for kind, word in tokens:
            if kind == "string":
                kept.append(STRING)
            elif kind == "name" and before != "." and word in bound:
                kept.append(NAME)
                names.append(word)
            else:
                kept.append(word)
            before = word
        order = {name: place for place, name in enumerate(dict.fromkeys(names))}
        lines.append(CodeLine(number, tuple(kept), tuple(order[name] for name in names)))
    return lines


def _scan(text: str) -> list[tuple[int, list[Token]]]:
    """Return (number, tokens) of each logical line: brackets and backslashes join lines."""
    lines: list[tuple[int, list[Token]]] = []
    tokens: list[Token] = []
    number = first = 1
    depth = 0
    for found in _TOKEN.finditer(text):
        kind, word = found.lastgroup or "other", found.group()
        if word == "\n":
            number += 1
            if depth <= 0 and tokens:
                _keep(lines, first, tokens)
                tokens = []
        elif kind == "comment":
            continue
        elif kind == "joined":
            number += 1
        else:
            if not tokens:
                first, depth = number, 0
            tokens.append((kind, word))
            if kind == "other":
                depth += (word in _OPENING) - (word in _CLOSING)
            elif kind == "string":
                number += word.count("\n")
    _keep(lines, first, tokens)
    return lines


def _keep(lines: list[tuple[int, list[Token]]], number: int, tokens: list[Token]) -> None:
    if tokens and not all(kind == "string" for kind, _ in tokens):  # a docstring says nothing about the code
        lines.append((number, tokens))


def _collect_bound(tokens: Sequence[Token], bound: set[str]) -> None:
    """Add the names that a line binds: targets, parameters, functions, classes, imports."""
    words = [word for _, word in tokens]
    head = words[1] if words[0] == "async" and len(words) > 1 else words[0]
    if head in ("def", "class"):
        bound.update(word for kind, word in tokens if kind == "name")
        return
    if head in ("import", "from"):
        bound.update(word for word, before in zip(words[1:], words, strict=False) if before == "as")
        return
    depth = last = 0
    for place, word in enumerate(words):
        if word in _OPENING:
            depth += 1
        elif word in _CLOSING:
            depth -= 1
        elif word in _ASSIGN:
            if word == ":=" and place:
                bound.add(words[place - 1])
            elif depth == 0:
                _add_targets(tokens[last : place + 1], bound)
                last = place
        elif word in ("for", "lambda"):
            _add_between(tokens[place + 1 :], "in" if word == "for" else ":", bound)
        elif word == "as" and place + 1 < len(words):
            bound.add(words[place + 1])


def _add_targets(tokens: Sequence[Token], bound: set[str]) -> None:
    """Add what stands alone before ``=``, the last of the tokens; in ``out[:, t] = x`` nothing is bound."""
    depth, before = 0, ""
    for (kind, word), (_, after) in pairwise(tokens):
        if word == "[" and before:
            depth += 1
        elif word == "]" and depth:
            depth -= 1
        elif kind == "name" and depth == 0 and before != "." and after not in ("[", ".", "("):
            bound.add(word)
        before = word


def _add_between(tokens: Sequence[Token], end: str, bound: set[str]) -> None:
    before = ""
    for kind, word in tokens:
        if word == end:
            return
        if kind == "name" and before != "=":
            bound.add(word)
        before = word
