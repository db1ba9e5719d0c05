"""Of several submissions of the same students the newest counts; in doubt a person decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from labgrade.collect.model import Entry
from labgrade.model import Finding, Severity
from labgrade.record.penalty import parse_timestamp

__all__ = ["choose_versions"]


def choose_versions(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries; of those with one folder all but one have become ``older`` and have no folder."""
    by_folder: dict[str, list[int]] = {}
    for index, entry in enumerate(entries):
        if entry.folder:
            by_folder.setdefault(entry.folder, []).append(index)
    result = list(entries)
    for indices in by_folder.values():
        if len(indices) < 2:
            continue
        chosen, sure = _newest([entries[index] for index in indices])
        for index in indices:
            entry = entries[index]
            if entry is chosen:
                others = ", ".join(f"'{entries[other].source}'" for other in indices if other != index)
                finding = Finding(
                    "several-versions",
                    f"'{entry.source}' was taken, not {others}"
                    + ("" if sure else ": nothing tells which is newer"),
                    Severity.NOTE if sure else Severity.LOOK,
                )
                result[index] = replace(entry, findings=(*entry.findings, finding))
            else:
                message = f"'{chosen.source}' was taken instead"
                result[index] = replace(
                    entry,
                    folder="",
                    status="older",
                    findings=(*entry.findings, Finding("version-not-taken", message)),
                )
    return result


def _newest(entries: Sequence[Entry]) -> tuple[Entry, bool]:
    """Return the newest by time, else by version, and whether that is certain."""
    times = [parse_timestamp(entry.submitted) if entry.submitted else None for entry in entries]
    if all(time is not None for time in times):
        keys: list[tuple[datetime, int]] = [
            (time, entry.version) for time, entry in zip(times, entries, strict=True) if time is not None
        ]
        best = max(range(len(entries)), key=lambda index: (keys[index], entries[index].source))
        ties = [entry for key, entry in zip(keys, entries, strict=True) if key == keys[best]]
    else:
        best = max(range(len(entries)), key=lambda index: (entries[index].version, entries[index].source))
        ties = [entry for entry in entries if entry.version == entries[best].version]
    return entries[best], len({entry.digest for entry in ties}) == 1
