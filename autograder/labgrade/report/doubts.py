"""Cells that were matched with doubt: the student's text beside the one that the lab gave."""

from __future__ import annotations

from dataclasses import dataclass

from labgrade.model import Finding, Severity

__all__ = ["Doubt", "find_doubt"]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A text that may not be the answer that was meant.

    Args:
        student: id.
        finding: what is in doubt, with both texts.

    """

    student: str
    finding: Finding


def find_doubt(student: str, finding: Finding) -> Doubt | None:
    """Return the pair of texts that a finding asks a person to compare; None if it asks nothing."""
    if finding.severity is Severity.NOTE or not (finding.found.strip() or finding.expected.strip()):
        return None
    return Doubt(student, finding)
