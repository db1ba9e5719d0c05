"""What a check found, and how it reads on a line."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labbuild.check.codes import CODES, Weight

__all__ = ["Finding", "line_of_text", "sort_findings"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person should look at before a lab is released.

    Args:
        code: stable code, a key of :data:`labbuild.check.codes.CODES`.
        path: the file to mend.
        line: 1-based line in that file, 0 if the file as a whole is meant.
        message: one sentence: what is wrong.
        hint: what to write instead, "" if the message says it.
        question: id of the question, "" if it is about the lab.
        text: the line in question, "" if there is none to show.

    """

    code: str
    path: Path
    line: int
    message: str
    hint: str = ""
    question: str = ""
    text: str = ""

    @property
    def weight(self) -> Weight:
        """Whether it blocks a release; decided by the code alone."""
        return CODES[self.code][0]

    def render(self) -> str:
        """Return the finding as ``path:line CODE message`` with the line and the hint below."""
        relative = os.path.relpath(self.path)
        place = str(self.path) if relative.startswith("..") else relative
        place += f":{self.line}" if self.line else ""
        rows = [f"{place} {self.weight} {self.code} {self.message}"]
        if self.text.strip():
            rows.append(f"    {self.text.strip()[:160]}")
        if self.hint:
            rows.append(f"    hint: {self.hint}")
        return "\n".join(rows)

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain data for ``--json``."""
        return {
            "code": self.code,
            "weight": str(self.weight),
            "path": str(self.path),
            "line": self.line,
            "message": self.message,
            "hint": self.hint,
            "question": self.question,
            "text": self.text,
        }


def sort_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings without doubles: blockers first, then by file and line."""
    return tuple(
        sorted(set(findings), key=lambda f: (f.weight is Weight.NOTE, str(f.path), f.line, f.code, f.message))
    )


def line_of_text(path: Path, text: str, start: int = 1) -> int:
    """Return the first line of a file, from ``start``, that holds this text; ``start`` if none does."""
    wanted = text.strip()
    if not wanted or not path.is_file():
        return start
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    for number in range(max(start, 1), len(lines) + 1):
        if wanted in lines[number - 1]:
            return number
    return start
