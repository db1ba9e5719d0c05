"""Keeps the lines of hidden tests out of what students see."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any

from labgrade.clearing import COVER

__all__ = ["Secrets", "lines_of"]

MIN_CHARS = 8
"""A shorter line, such as ``)``, says nothing, and stands in many places that are no secret."""

MAX_REMEMBERED = 2_000

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_TAG = re.compile(r"<[^>]*>")
_RICH = ("text/html", "text/markdown", "text/latex", "image/svg+xml", "application/javascript")
WITHHELD = "[An output that quoted a hidden test is not shown.]"


def lines_of(text: str) -> set[str]:
    """Return the stripped lines of a text, without blank ones."""
    return {line.strip() for line in text.split("\n")} - {""}


class Secrets:
    """The lines that no student may read.

    Args:
        hidden: stripped lines of hidden tests.
        public: stripped lines that students have seen in any case, among them the tests' public sentences.

    """

    def __init__(self, hidden: Iterable[str], public: Iterable[str] = ()) -> None:
        known = set(public)
        self.lines = tuple(
            sorted(
                line
                for line in hidden
                if len(line) >= MIN_CHARS and line not in known and line.strip("\"' rf") not in known
            )
        )

        self._looked_at: dict[str, bool] = {}

    def are_in(self, text: str) -> bool:
        """Return whether a text quotes a hidden line."""
        known = self._looked_at.get(text)
        if known is None:
            known = any(line in text for line in self.lines)
            if len(text) <= MAX_REMEMBERED:  # sentences and outputs of given cells are the same for many
                if len(self._looked_at) >= 10_000:
                    self._looked_at.clear()
                self._looked_at[text] = known
        return known

    def cover(self, text: str) -> str:
        """Return the text with a remark in place of each line that quotes a hidden one."""
        if not self.are_in(text if "\x1b" not in text else _ANSI.sub("", text)):
            return text
        return "\n".join(COVER if self.are_in(_ANSI.sub("", line)) else line for line in text.split("\n"))

    def cover_output(self, output: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return an nbformat output without hidden lines; a rich form that quotes one goes as a whole."""
        if not self.lines:
            return output
        kind = output.get("output_type")
        if kind == "stream":
            return {**output, "text": self.cover(_joined(output.get("text")))}
        if kind == "error":
            trace = output.get("traceback")
            lines = [self.cover(str(line)) for line in trace] if isinstance(trace, list) else []
            return {**output, "evalue": self.cover(str(output.get("evalue", ""))), "traceback": lines}
        data = output.get("data")
        if not isinstance(data, dict):
            return output
        kept = {mime: value for mime, value in data.items() if not (mime in _RICH and self._in_rich(value))}
        if len(kept) < len(data):
            kept.setdefault("text/plain", WITHHELD)
        if "text/plain" in kept:
            kept["text/plain"] = self.cover(_joined(kept["text/plain"]))
        return {**output, "data": kept}

    def _in_rich(self, value: object) -> bool:
        text = _joined(value)
        return self.are_in(text) or self.are_in(html.unescape(_TAG.sub("", text)))


def _joined(value: object) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value or "")
