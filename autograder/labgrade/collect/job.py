"""Collect a download: recognise, unpack, join, place. What is wrong with one submission stays with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from labgrade.collect.corrections import Correction, read_corrections
from labgrade.collect.groups import lab_has_groups
from labgrade.collect.layouts import LAYOUTS, Context
from labgrade.collect.mapping import MAPPING_NAME, Record, read_record
from labgrade.collect.model import Bundle, Entry, Reading
from labgrade.collect.placing import disk_errors, stage, staging
from labgrade.collect.request import Collection, CollectOptions
from labgrade.collect.resolving import resolve
from labgrade.collect.roster import Roster, read_roster
from labgrade.collect.sources import open_source
from labgrade.collect.times import find_zone, is_late, timestamp_text
from labgrade.collect.units import describe_units, find_units, read_unit
from labgrade.collect.writing import Places, place_entries, write_mapping
from labgrade.errors import UsageError
from labgrade.lab import Lab
from labgrade.model import Finding, Severity
from labgrade.record.penalty import parse_timestamp

__all__ = ["CollectOptions", "Collection", "collect"]


def collect(
    source: Path,
    lab: Lab,
    out: Path,
    options: CollectOptions,
    place: Callable[[str], Path] | None = None,
) -> Collection:
    """Collect the submissions of a download into ``out/STUDENT/…``, and write the mapping beside them.

    A submission of an earlier run that is not in this download stays: a class may come in several downloads.

    Args:
        source: archive or folder.
        lab: whose submissions they are.
        out: output folder; not touched by a dry run.
        options: how.
        place: student -> folder of the submission; None for ``out/STUDENT``.

    Raises:
        UsageError: the download, the roster or the corrections cannot be used.
        MachineError: the disk refuses; what is in place is whole.

    """
    _check(source, out, options)
    zone, due = find_zone(options.time_zone), _due(options.due)
    roster = read_roster(options.roster, options.id_column) if options.roster else None
    before = read_record(out)
    given = read_corrections(options.corrections) if options.corrections else None
    corrections = _corrections(given, before, out)
    context = _context(lab, source)
    has_groups = options.groups != "none" and lab_has_groups(lab.spec.notebooks)

    def settle(readings: Sequence[Reading]) -> list[Entry]:
        names = sorted(context.notebooks)
        entries = resolve(readings, roster, corrections, groups=options.groups, notebooks=names)
        findings.extend(_unused(given or {}, entries))
        return [_timed(entry, zone, due) for entry in entries]

    with open_source(source) as opened:
        choice, units, findings = find_units(opened, context, options.layout)
        if not units:
            raise UsageError(
                "no-submissions",
                "there is no submission in it",
                "see docs/collecting.md for the layouts that are recognised",
                str(source),
            )
        description = describe_units(opened, source, choice, units, findings)
        read = (read_unit(opened, choice, unit, description, has_groups=has_groups) for unit in units)
        if options.dry_run:
            entries = settle([reading for reading, _ in read])
            return Collection(choice, tuple(entries), tuple(findings), _absent(roster, entries))
        where = place or (lambda name: out / name)
        with staging(out, where) as work:
            entries = settle(_stage(read, work))
            with disk_errors(out):
                final, changed = place_entries(Places(out, work, where, before), entries, findings)
                every = (*final, *_earlier(before, final))
                write_mapping(out, lab.spec.name, choice.layout.name, every, findings)
            return Collection(choice, final, tuple(findings), _absent(roster, every), changed, out)


def _check(source: Path, out: Path, options: CollectOptions) -> None:
    if options.layout and options.layout not in {layout.name for layout in LAYOUTS}:
        known = ", ".join(layout.name for layout in LAYOUTS)
        raise UsageError("layout", f"there is no layout '{options.layout}'", f"they are {known}")
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise UsageError(
            "out-inside",
            "the output folder lies in the folder that is collected",
            "name another --out",
            str(out),
        )


def _context(lab: Lab, source: Path) -> Context:
    notebooks = frozenset(notebook.name for notebook in lab.spec.notebooks)
    files = frozenset(f"{name}.ipynb" for name in notebooks) | frozenset(lab.spec.student_files)
    return Context(lab.spec.name, notebooks, files, is_archive=not source.is_dir())


def _stage(read: Iterable[tuple[Reading, Bundle]], work: Path) -> list[Reading]:
    """Write each submission into a numbered folder, one after the other, so that only one is in memory."""
    readings: list[Reading] = []
    for number, (reading, bundle) in enumerate(read):
        readings.append(reading)
        stage(work / str(number), bundle.files)
        if bundle.kept:
            stage(work / f"kept-{number}", bundle.kept)
    return readings


def _earlier(before: Record | None, entries: Sequence[Entry]) -> list[Entry]:
    """Return what earlier runs collected and this download does not hold."""
    sources = {entry.source for entry in entries}
    folders = {entry.folder for entry in entries if entry.folder}
    return [
        entry
        for entry in (before.entries if before else ())
        if entry.source not in sources and entry.folder not in folders
    ]


def _due(text: str) -> datetime | None:
    due = parse_timestamp(text) if text else None
    if text and due is None:
        raise UsageError("due", f"'{text}' is no date", "e.g. '2026-11-20 23:59 UTC'")
    return due


def _corrections(
    given: Mapping[str, Correction] | None, before: Record | None, out: Path
) -> Mapping[str, Correction]:
    """Return what a person corrected, now and earlier; the newer word counts."""
    earlier = {
        entry.source: Correction(entry.students, entry.status != "skipped")
        for entry in (before.entries if before else ())
        if entry.status in ("corrected", "skipped")
    }
    if given is not None:
        return earlier | dict(given)
    try:
        written = hashlib.sha256((out / MAPPING_NAME).read_bytes()).hexdigest()
    except OSError:
        return earlier
    if before is not None and before.mapping_digest != written:
        raise UsageError(
            "mapping-edited",
            "the mapping was edited, and would be written over",
            f"use it with --corrections {out / MAPPING_NAME}, or delete it",
            str(out / MAPPING_NAME),
        )
    return earlier


def _timed(entry: Entry, zone: ZoneInfo, due: datetime | None) -> Entry:
    stamp = timestamp_text(entry.submitted, zone)
    findings = entry.findings
    if entry.submitted and not stamp:
        message = f"'{entry.submitted[:60]}' is no date that can be read; the submission has no time"
        findings = (*findings, Finding("timestamp-unreadable", message, Severity.LOOK))
    return replace(entry, submitted=stamp, late=entry.late or is_late(stamp, due), findings=findings)


def _absent(roster: Roster | None, entries: Sequence[Entry]) -> tuple[str, ...]:
    if roster is None:
        return ()
    there = {student for entry in entries if entry.folder for student in entry.students}
    return tuple(row.id for row in roster.rows if row.id not in there)


def _unused(corrections: Mapping[str, Correction], entries: Sequence[Entry]) -> list[Finding]:
    unused = sorted(set(corrections) - {entry.source for entry in entries})
    message = "the corrections name submissions that are not in the download: "
    shown = ", ".join(f"'{name[:60]}'" for name in unused[:5])
    return [Finding("correction-unused", message + shown, Severity.LOOK)] if unused else []
