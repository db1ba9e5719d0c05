"""Collect a download: recognise, unpack, join, place. What is wrong with one submission stays with it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from labgrade.collect.commits import commit_time
from labgrade.collect.corrections import Correction, read_corrections
from labgrade.collect.groups import lab_has_groups, members_in_notebooks
from labgrade.collect.layouts import LAYOUTS, Choice, Context, choose_layout
from labgrade.collect.layouts.github import GITHUB
from labgrade.collect.layouts.gradescope import MAX_METADATA_BYTES, read_metadata
from labgrade.collect.mapping import (
    MAPPING_NAME,
    RECORD_NAME,
    Record,
    format_mapping,
    format_record,
    read_record,
)
from labgrade.collect.model import Bundle, Claim, Entry, Member, MemberError, Person, Reading
from labgrade.collect.names import is_junk
from labgrade.collect.placing import (
    WORK_NAME,
    digest_files,
    digest_folder,
    disk_errors,
    place_submissions,
    stage,
    staging,
    write_whole,
)
from labgrade.collect.resolving import resolve
from labgrade.collect.roster import Roster, read_roster
from labgrade.collect.sources import Source, open_source
from labgrade.collect.times import find_zone, is_late, timestamp_text
from labgrade.collect.unpacking import unpack_submission
from labgrade.errors import UsageError
from labgrade.lab import Lab
from labgrade.model import Finding, Severity
from labgrade.record.penalty import parse_timestamp

__all__ = ["CollectOptions", "Collection", "collect"]


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


@dataclass(slots=True)
class _Unit:
    """A submission's members, before anything is read."""

    name: str
    members: list[tuple[Member, Claim]] = field(default_factory=list)


def collect(
    source: Path,
    lab: Lab,
    out: Path,
    options: CollectOptions,
    place: Callable[[str], Path] | None = None,
) -> Collection:
    """Collect the submissions of a download into ``out/STUDENT/…``, and write the mapping beside them.

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
    zone = find_zone(options.time_zone)
    due = _due(options.due)
    roster = read_roster(options.roster, options.id_column) if options.roster else None
    before = read_record(out)
    corrections = _corrections(options.corrections, before, out)
    context = Context(
        lab.spec.name,
        frozenset(notebook.name for notebook in lab.spec.notebooks),
        frozenset(f"{notebook.name}.ipynb" for notebook in lab.spec.notebooks)
        | frozenset(lab.spec.student_files),
        is_archive=not source.is_dir(),
    )
    if options.layout and options.layout not in {layout.name for layout in LAYOUTS}:
        raise UsageError(
            "layout",
            f"there is no layout '{options.layout}'",
            f"they are {', '.join(one.name for one in LAYOUTS)}",
        )
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise UsageError(
            "out-inside",
            "the output folder lies in the folder that is collected",
            "name another --out",
            str(out),
        )
    with open_source(source) as opened:
        choice, units, findings = _recognise(opened, context, options.layout)
        if not units:
            raise UsageError(
                "no-submissions",
                "there is no submission in it",
                "see docs/collecting.md for the layouts that are recognised",
                str(source),
            )
        described = _described(opened, choice, findings)
        if choice.layout is GITHUB and source.is_dir():
            described = {unit.name: ([], commit_time(source / choice.wrapper / unit.name)) for unit in units}
        has_groups = options.groups != "none" and lab_has_groups(lab.spec.notebooks)

        def read(unit: _Unit) -> tuple[Reading, Bundle]:
            bundle = unpack_submission(
                opened, unit.members, wrapper=choice.wrapper, keeps_timestamp=choice.layout.keeps_timestamp
            )
            return _reading(unit, bundle, described, has_groups=has_groups), bundle

        notebooks = sorted(context.notebooks)
        if options.dry_run:
            readings = [read(unit)[0] for unit in units]
            entries = resolve(readings, roster, corrections, groups=options.groups, notebooks=notebooks)
            entries = [_timed(entry, zone, due) for entry in entries]
            findings += _unused(corrections, entries)
            return Collection(choice, tuple(entries), tuple(findings), _absent(roster, entries))
        where = place or (lambda name: out / name)
        with staging(out, where) as work:
            readings = []
            for number, unit in enumerate(units):
                reading, bundle = read(unit)
                readings.append(reading)
                stage(work / str(number), bundle.files)
                if bundle.kept:
                    stage(work / f"kept-{number}", bundle.kept)
            entries = resolve(readings, roster, corrections, groups=options.groups, notebooks=notebooks)
            findings += _unused(corrections, entries)
            with disk_errors(out):
                timed = [_timed(entry, zone, due) for entry in entries]
                final, changed = _place(_Places(out, work, where, before), timed, findings)
                _write_mapping(out, lab.spec.name, choice, final, findings)
            return Collection(choice, final, tuple(findings), _absent(roster, entries), changed, out)


def _due(text: str) -> datetime | None:
    due = parse_timestamp(text) if text else None
    if text and due is None:
        raise UsageError("due", f"'{text}' is no date", "e.g. '2026-11-20 23:59 UTC'")
    return due


def _corrections(path: Path | None, before: Record | None, out: Path) -> Mapping[str, Correction]:
    """Return what a person corrected, now and earlier; the newer word counts."""
    earlier = {
        entry.source: Correction(entry.students, entry.status != "skipped")
        for entry in (before.entries if before else ())
        if entry.status in ("corrected", "skipped")
    }
    if path is not None:
        return earlier | dict(read_corrections(path))
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


def _recognise(source: Source, context: Context, only: str) -> tuple[Choice, list[_Unit], list[Finding]]:
    members = [member for member in source.members if not is_junk(member.path)]
    choice = choose_layout([member.path for member in members], context, only)
    findings: list[Finding] = []
    if source.clipped:
        message = f"{source.clipped:,} files beyond the limit were not looked at"
        findings.append(Finding("archive-too-many", message, Severity.LOOK))
    units: dict[str, _Unit] = {}
    left: list[str] = []
    for member, claim in zip(members, choice.claims, strict=True):
        if claim is None:
            left.append(member.path)
        elif claim.unit != choice.layout.describe or not claim.dropped:
            units.setdefault(claim.unit, _Unit(claim.unit)).members.append((member, claim))
    if left:
        shown = ", ".join(f"'{path[:60]}'" for path in left[:5]) + (" …" if len(left) > 5 else "")
        message = (
            f"{len(left)} files do not fit the layout '{choice.layout.title}' and were left out: {shown}"
        )
        findings.append(Finding("file-unclaimed", message, Severity.LOOK))
    return choice, [units[name] for name in sorted(units)], findings


def _described(
    source: Source, choice: Choice, findings: list[Finding]
) -> Mapping[str, tuple[list[Person], str]]:
    """Return what the layout's own list says about the submissions: Gradescope names nobody elsewhere."""
    if not choice.layout.describe:
        return {}
    wanted = choice.wrapper + choice.layout.describe
    member = next((one for one in source.members if one.path == wanted), None)
    why = f"'{wanted}' is not there"
    try:
        if member is not None:
            return read_metadata(source.read(member, MAX_METADATA_BYTES))
    except (MemberError, ValueError, TypeError) as error:
        why = str(error)[:120]
    message = f"the list of submissions cannot be read, so nobody is named: {why}"
    findings.append(Finding("metadata-unreadable", message, Severity.LOOK))
    return {}


def _reading(
    unit: _Unit, bundle: Bundle, described: Mapping[str, tuple[list[Person], str]], *, has_groups: bool
) -> Reading:
    claims = [claim for _, claim in unit.members]
    first = next((claim for claim in claims if claim.person.is_known), claims[0])
    people, moment = described.get(unit.name, ([], ""))
    listed, trouble = members_in_notebooks(bundle.files) if has_groups else ((), ())
    stamp = bundle.files.get("timestamp.txt", b"")[:200].decode("utf-8", "replace").strip()
    team_mates = tuple(
        dict.fromkeys(claim.person for claim in claims if claim.team and claim.person.is_known)
    )
    dropped = [claim.dropped for claim in claims if claim.dropped]
    findings = list(bundle.findings)
    if dropped and not bundle.files:
        findings.append(Finding("submission-empty", f"no file was handed in: {dropped[0]}", Severity.LOOK))
    late = any(claim.late for claim in claims)
    if late:
        findings.append(Finding("late", "the LMS marks it as late", Severity.NOTE))
    return Reading(
        unit=unit.name,
        person=people[0] if people else first.person,
        members=tuple(people) if len(people) > 1 else team_mates if len(team_mates) > 1 else listed,
        files=tuple(sorted(bundle.files)),
        digest=digest_files(bundle.files),
        submitted=max((claim.submitted for claim in claims), default="") or moment or stamp,
        late=late,
        version=max((claim.version for claim in claims), default=0),
        team=first.team,
        findings=(*findings, *trouble),
        renamed=bundle.renamed,
        stems=tuple(_notebook_stems(unit)),
    )


def _notebook_stems(unit: _Unit) -> list[str]:
    """Return the notebooks' names as they were handed in; a plain layout takes ids off them."""
    names = [claim.file for _, claim in unit.members if claim.file] + [unit.name + ".ipynb"]
    return [name.rpartition("/")[2].rpartition(".")[0] for name in names if name.endswith(".ipynb")]


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


@dataclass(frozen=True, slots=True)
class _Places:
    """Where submissions are staged, where they go, and what an earlier run wrote."""

    out: Path
    work: Path
    place: Callable[[str], Path]
    before: Record | None


def _place(
    places: _Places, entries: Sequence[Entry], findings: list[Finding]
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Put everything in place: what was handed in, then the submissions."""
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
    changed, left = place_submissions(places.out, staged, places.before, expected, places.place)
    findings += left
    return tuple(final), tuple(changed)


def _write_mapping(
    out: Path, lab: str, choice: Choice, entries: Sequence[Entry], findings: Sequence[Finding]
) -> None:
    table = format_mapping(entries)
    digest = hashlib.sha256(table).hexdigest()
    record = Record(choice.layout.name, lab, tuple(entries), digest, tuple(findings))
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
