"""What an export is asked for, and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labgrade.model import Finding

__all__ = ["ExportOptions", "Product"]


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """How to export.

    Args:
        sheet: the LMS's own sheet, None without one.
        column: header of the column to fill, "" to find it.
        feedback: folder of the students' pages, None for no feedback.
        comma: numbers with a decimal comma.
        passed: points from which a student has passed; None to leave that open.
        anonymous: student's id -> the id to show; None shows the student's own.

    """

    sheet: Path | None = None
    column: str = ""
    feedback: Path | None = None
    comma: bool = False
    passed: float | None = None
    anonymous: Callable[[str], str] | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """What an export gives.

    Args:
        files: relative path -> bytes.
        findings: what a person should know.
        written: number of grades in it.

    """

    files: Mapping[str, bytes]
    findings: list[Finding] = field(default_factory=list)
    written: int = 0
