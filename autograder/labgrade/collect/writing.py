"""The last step: what was handed in goes to its place, and the mapping tells of it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from labgrade.collect.mapping import MAPPING_NAME, RECORD_NAME, Record, format_mapping, format_record
from labgrade.collect.model import Entry
from labgrade.collect.placing import WORK_NAME, digest_folder, place_submissions, write_whole
from labgrade.model import Finding

__all__ = ["Places", "place_entries", "write_mapping"]


@dataclass(frozen=True, slots=True)
class Places:
    """Where submissions are staged, where they go, and what an earlier run wrote."""

    out: Path
    work: Path
    place: Callable[[str], Path]
    before: Record | None


def place_entries(
    places: Places, entries: Sequence[Entry], findings: list[Finding]
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Put everything in place: what was handed in, then the submissions.

    Args:
        places: where.
        entries: parallel to the numbered folders in ``places.work``.
        findings: gets what was left as it is because a person changed it.

    Returns:
        The entries, with the digests of what was written; and names of the folders that are new or changed.

    """
    final: list[Entry] = []
    staged: dict[str, Path] = {}
    kept: dict[str, Path] = {}
    for number, entry in enumerate(entries):
        folder, originals = places.work / str(number), places.work / f"kept-{number}"
        if entry.folder:
            if entry.submitted:
                (folder / "timestamp.txt").write_text(entry.submitted + "\n", encoding="utf-8")
            staged[entry.folder] = folder
            entry = replace(entry, digest=digest_folder(folder))
        elif entry.status == "older" and any(folder.iterdir()):
            kept[f"older/{number}"] = folder
        if originals.is_dir():
            kept[f"{entry.folder or 'not-taken'}/{number}"] = originals
        final.append(entry)
    _keep(places.out, kept)
    expected = {entry.folder: entry.digest for entry in final if entry.folder}
    sources = {entry.source for entry in final}
    moved = {
        entry.folder: entry.digest
        for entry in (places.before.entries if places.before else ())
        if entry.folder and entry.source in sources
    }
    changed, left = place_submissions(places.out, staged, moved, expected, places.place)
    findings += left
    return tuple(final), tuple(changed)


def write_mapping(
    out: Path, lab: str, layout: str, entries: Sequence[Entry], findings: Sequence[Finding]
) -> None:
    """Write the mapping for people and for programs."""
    table = format_mapping(entries)
    digest = hashlib.sha256(table).hexdigest()
    record = Record(layout, lab, tuple(entries), digest, tuple(findings))
    write_whole(out / MAPPING_NAME, table)
    write_whole(out / RECORD_NAME, format_record(record))


def _keep(out: Path, kept: Mapping[str, Path]) -> None:
    """Replace what an earlier run kept: archives as they were handed in, and older versions."""
    target = out / WORK_NAME / "originals"
    if target.exists():
        shutil.rmtree(target)
    for name, folder in kept.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        os.replace(folder, target / name)
