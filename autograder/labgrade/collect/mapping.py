"""The mapping: what was recognised, whose it is and why; as a table to correct, and as data."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from labgrade.collect.corrections import MEMBERS_JOINT
from labgrade.collect.model import Entry
from labgrade.errors import UsageError
from labgrade.model import Finding
from labgrade.spreadsheet import safe_cell

__all__ = [
    "MAPPING_NAME",
    "RECORD_NAME",
    "Record",
    "findings_of",
    "format_mapping",
    "format_record",
    "read_record",
]

MAPPING_NAME = "collected.csv"
RECORD_NAME = "collected.json"
FORMAT = 1
HEADER = (
    "source", "student", "take", "status", "how", "suggestion", "name", "number", "login", "email", "team",
    "submitted", "late", "version", "files", "renamed", "findings", "digest",
)  # fmt: skip


class Record(msgspec.Struct, frozen=True):
    """``collected.json``: the mapping as data.

    Args:
        layout: name of the layout.
        lab: the assignment id.
        entries: all submissions.
        mapping_digest: SHA-256 of ``collected.csv`` as it was written, to see whether it was edited.
        findings: of the download itself.
        format: version of the shape.

    """

    layout: str
    lab: str
    entries: tuple[Entry, ...]
    mapping_digest: str = ""
    findings: tuple[Finding, ...] = ()
    format: int = FORMAT

    def members(self) -> Mapping[str, tuple[str, ...]]:
        """Return folder (id in the gradebook) -> ids of all who get its grade."""
        return {entry.folder: entry.students for entry in self.entries if entry.folder}


def format_mapping(entries: Sequence[Entry]) -> bytes:
    """Return the table, in UTF-8 with a byte order mark: without it, spreadsheets spoil umlauts."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for entry in entries:
        person = entry.person
        cells = (
            entry.source,
            MEMBERS_JOINT.join(entry.students),
            "no" if entry.status == "skipped" else "yes",
            entry.status,
            entry.how,
            entry.suggestion,
            person.name,
            person.number,
            person.login,
            person.email,
            entry.team,
            entry.submitted,
            "late" if entry.late else "",
            entry.version or "",
            " ".join(entry.files[:20]) + (" …" if len(entry.files) > 20 else ""),
            ", ".join(f"{old} -> {new}" for old, new in list(entry.renamed.items())[:20]),
            " | ".join(f"{finding.code}: {finding.message}" for finding in entry.findings[:20]),
            entry.digest[:16],
        )
        # what identifies a submission is never changed: a corrected file has to find it again
        writer.writerow([cells[0], cells[1], *(safe_cell(str(cell)) for cell in cells[2:])])
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8", "replace")


def format_record(record: Record) -> bytes:
    """Return the record as JSON."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"


def read_record(folder: Path) -> Record | None:
    """Read the record of a folder that was collected, or was graded from one; None if it has none.

    Raises:
        UsageError: it is damaged.

    """
    path = folder / RECORD_NAME
    try:
        data = path.read_bytes()
    except OSError:
        return None
    try:
        record = msgspec.json.decode(data, type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "collected-damaged",
            f"the record of what was collected is damaged: {error}",
            "run `labs collect` again",
            str(path),
        ) from error
    if record.format != FORMAT:
        raise UsageError(
            "collected-damaged",
            f"the record has version {record.format}; this program reads version {FORMAT}",
            "run `labs collect` again",
            str(path),
        )
    return record


def findings_of(folder: Path) -> Mapping[str, tuple[Finding, ...]]:
    """Return for each student's folder what collecting found."""
    record = read_record(folder)
    return {entry.folder: entry.findings for entry in record.entries if entry.folder} if record else {}
