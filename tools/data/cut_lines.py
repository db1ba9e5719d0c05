"""Cut a book into lines of 32 to 100 characters, the form of the short texts of lab 02."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator

__all__ = ["MAX_CHARACTERS", "MIN_CHARACTERS", "cut_book", "split_of"]

MIN_CHARACTERS, MAX_CHARACTERS = 32, 100

_PLAIN = str.maketrans(
    {"’": "'", "‘": "'", "“": "", "”": "", '"': "", "—": " - ", "–": "-", "\u00a0": " ", "_": ""}
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_CLAUSE_END = re.compile(r"(?<=[,;:])\s+|\s+(?=- )")


def _plain(paragraph: str) -> str:
    """Write a paragraph on one line, with ASCII quotes and letters without accents."""
    text = unicodedata.normalize("NFKD", paragraph.translate(_PLAIN))
    text = text.encode("ascii", "ignore").decode("ascii")
    return " ".join(text.split())


def _pieces(sentence: str) -> Iterator[str]:
    """Split a long sentence at commas and, where that is not enough, between words."""
    if len(sentence) <= MAX_CHARACTERS:
        yield sentence
        return
    for clause in _CLAUSE_END.split(sentence):
        while len(clause) > MAX_CHARACTERS:
            cut = clause.rfind(" ", 0, MAX_CHARACTERS + 1)
            if cut < 1:
                break  # one word of more than 100 characters: dropped by the caller
            yield clause[:cut]
            clause = clause[cut + 1 :]
        yield clause


def cut_paragraph(paragraph: str) -> Iterator[str]:
    """Yield lines of 32 to 100 characters: whole sentences where they fit, else joined clauses."""
    line = ""
    for sentence in _SENTENCE_END.split(_plain(paragraph)):
        for piece in _pieces(sentence):
            joined = f"{line} {piece}".strip()
            if len(joined) <= MAX_CHARACTERS:
                line = joined
                continue
            if len(line) >= MIN_CHARACTERS:
                yield line
            line = piece
        if MIN_CHARACTERS <= len(line) <= MAX_CHARACTERS:
            yield line
            line = ""
    if MIN_CHARACTERS <= len(line) <= MAX_CHARACTERS:
        yield line


def split_of(paragraph: str) -> str:
    """Return "train", "valid" or "held-back" (88, 8 and 4 %), decided by the paragraph's own bytes.

    Whole paragraphs go to one part: two halves of a sentence never end up in different ones.
    """
    share = int.from_bytes(hashlib.sha256(paragraph.encode()).digest()[:4], "big") / 2**32
    return "train" if share < 0.88 else "valid" if share < 0.96 else "held-back"


def cut_book(text: str) -> dict[str, list[str]]:
    """Return the lines of a book in three parts, without chapter headings and repeated lines."""
    parts: dict[str, list[str]] = {"train": [], "valid": [], "held-back": []}
    seen: set[str] = set()
    for paragraph in re.split(r"\n\s*\n", text.replace("\r\n", "\n")):
        if re.match(r"\s*(CHAPTER|Epilogue|ETYMOLOGY|EXTRACTS)\b", paragraph):
            continue
        for line in cut_paragraph(paragraph):
            if line not in seen:
                seen.add(line)
                parts[split_of(paragraph)].append(line)
    return parts
