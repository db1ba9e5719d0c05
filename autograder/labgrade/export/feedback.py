"""A zip of the students' feedback pages, under the names by which an LMS knows whose they are."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from labgrade.errors import MachineError
from labgrade.export.model import ClassGrades
from labgrade.model import Finding, Severity

__all__ = ["read_pages", "zip_pages"]

_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""The same pages give the same zip, whatever the clock says."""


def read_pages(folder: Path, grades: ClassGrades, findings: list[Finding]) -> Mapping[str, bytes]:
    """Return student -> page; a group's page is each member's.

    Raises:
        MachineError: a page cannot be read.

    """
    pages: dict[str, bytes] = {}
    missing: list[str] = []
    for row in grades.rows:
        if row.state == "absent":
            continue
        path = folder / f"{row.submission}.html"
        try:
            pages[row.student] = path.read_bytes()
        except FileNotFoundError:
            missing.append(row.student)
        except OSError as error:
            raise MachineError(
                "disk-error", f"the page cannot be read: {error.strerror}", where=str(path)
            ) from error
    if missing:
        shown = ", ".join(missing[:8]) + (" …" if len(missing) > 8 else "")
        message = f"{len(missing)} have no feedback page in '{folder}': {shown}"
        findings.append(Finding("feedback-missing", message, Severity.LOOK))
    return pages


def zip_pages(pages: Mapping[str, bytes], names: Mapping[str, str], findings: list[Finding]) -> bytes:
    """Return a zip file.

    Args:
        pages: student -> page.
        names: student -> path in the zip.
        findings: gets who has a page and no name.

    """
    nameless = sorted(set(pages) - set(names))
    if nameless:
        shown = ", ".join(nameless[:8]) + (" …" if len(nameless) > 8 else "")
        message = f"the LMS's number of {len(nameless)} is not known, so their pages were left out: {shown}"
        findings.append(Finding("feedback-nameless", message, Severity.LOOK))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for student in sorted(set(pages) & set(names)):
            info = zipfile.ZipInfo(names[student], _ZIP_TIME)
            bundle.writestr(info, pages[student], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
