"""Texts as sequences of tokens, so that a copy is found whatever its blanks and line breaks are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Token", "grams", "tokens_of"]

_TOKEN = re.compile(r"[^\W\d]\w*|\d+(?:\.\d+)?|[^\w\s]")
_MIN_WORDS = 3


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a number or a sign.

    Args:
        text: as it stands.
        line: 1-based line of the text.

    """

    text: str
    line: int


def tokens_of(text: str) -> list[Token]:
    """Split a text of any kind (code, prose, JSON, an output) into tokens."""
    tokens = []
    for number, line in enumerate(text.split("\n"), 1):
        tokens += [Token(match[0], number) for match in _TOKEN.finditer(line)]
    return tokens


def grams(tokens: list[Token], length: int) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield each run of ``length`` tokens that says something, with the position of its first token.

    A run needs three different words or numbers of two characters or more: brackets and shapes such as
    ``[B, T, H], [1, B, H]`` are alike everywhere.
    """
    texts = [token.text for token in tokens]
    for start in range(len(texts) - length + 1):
        run = tuple(texts[start : start + length])
        if (
            len({text for text in run if len(text) > 1 and (text[0].isalnum() or text[0] == "_")})
            >= _MIN_WORDS
        ):
            yield run, start
