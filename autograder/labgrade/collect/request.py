"""How to collect, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labgrade.collect.layouts import Choice
from labgrade.collect.model import Entry
from labgrade.model import Finding, Severity

__all__ = ["CollectOptions", "Collection"]


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """How to collect.

    Args:
        roster: CSV of the course, None for none.
        id_column: header of the roster's column of ids, "" to find it.
        corrections: file that a person has edited, None for none.
        layout: name of the layout, "" to recognise it.
        groups: ``auto``, ``roster`` or ``none``.
        time_zone: of times that the LMS gives without one.
        due: ISO date after which a submission is late, "" for none.
        dry_run: write nothing.

    """

    roster: Path | None = None
    id_column: str = ""
    corrections: Path | None = None
    layout: str = ""
    groups: str = "auto"
    time_zone: str = "UTC"
    due: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """What came of collecting.

    Args:
        choice: the layout, and how well each fits.
        entries: a line for each submission.
        findings: about the download itself.
        absent: ids on the roster from whom there is nothing.
        changed: folders that are new or changed.
        out: the output folder; None after a dry run.

    """

    choice: Choice
    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...] = ()
    absent: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    out: Path | None = None

    @property
    def needs_person(self) -> bool:
        """Whether somebody should look at the mapping before grading."""
        every = [*self.findings, *(finding for entry in self.entries for finding in entry.findings)]
        return any(finding.severity is not Severity.NOTE for finding in every)
