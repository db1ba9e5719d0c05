"""What a check found, and how it reads on a line."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Finding", "Weight", "sort_findings"]


class Weight(StrEnum):
    """Whether a finding stands in the way of a release."""

    BLOCKER = "blocker"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a person should mend before a lab is released.

    Args:
        code: stable, documented name, e.g. ``vacuous-test``.
        path: file, as the user would name it.
        line: 1-based line in that file, 0 if the finding is about the file as a whole.
        message: one sentence: what is wrong.
        hint: what to write instead, "" if the message says it.
        question: id of the question, "" if it is about the lab.
        weight: blocks the release, or a note.
        text: the line in question, "" if there is none to show.

    """

    code: str
    path: str
    line: int
    message: str
    hint: str = ""
    question: str = ""
    weight: Weight = Weight.BLOCKER
    text: str = ""

    def render(self) -> str:
        """Return the finding as ``path:line CODE message`` with the line and the hint below."""
        place = f"{self.path}:{self.line}" if self.line else self.path
        lines = [f"{place} {self.code} {self.message}"]
        if self.text:
            lines.append(f"    {self.text.strip()[:160]}")
        if self.hint:
            lines.append(f"    hint: {self.hint}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return the finding as plain data for ``--json``."""
        return {**asdict(self), "weight": self.weight.value}


def sort_findings(findings: list[Finding]) -> list[Finding]:
    """Return the findings without doubles: blockers first, then by file and line."""
    return sorted(set(findings), key=lambda f: (f.weight is Weight.NOTE, f.path, f.line, f.code, f.message))
