"""Say whose each submission is: pure, from what was read, the roster, and what a person has corrected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from labgrade.collect.corrections import Correction
from labgrade.collect.groups import members_in_name
from labgrade.collect.model import Entry, Person, Reading
from labgrade.collect.names import clean_id, fold_path
from labgrade.collect.people import fold, slug
from labgrade.collect.roster import Roster, RosterRow
from labgrade.collect.versions import choose_versions
from labgrade.model import Finding, Severity

__all__ = ["GROUP_JOINT", "resolve"]

GROUP_JOINT = "_"
"""Between the members' ids in the name of a group's folder, as in ``s1815_s1882_tensors.ipynb``."""


@dataclass(frozen=True, slots=True)
class _Answer:
    students: tuple[str, ...]
    status: str
    how: str
    findings: tuple[Finding, ...] = ()
    suggestion: str = ""


def resolve(
    readings: Sequence[Reading],
    roster: Roster | None,
    corrections: Mapping[str, Correction],
    *,
    groups: str = "auto",
    notebooks: Sequence[str] = (),
) -> list[Entry]:
    """Return an entry for each submission, in the order of the readings.

    Args:
        readings: what was read.
        roster: of the course, None if there is none.
        corrections: source -> what a person says.
        groups: ``auto`` (members' cell, file name), ``roster`` (also the roster's team), ``none``.
        notebooks: names of the lab's notebooks.

    """
    doubles = Counter(
        slug(reading.person.name) for reading in readings if reading.person.name and not reading.person.login
    )
    entries: list[Entry] = []
    for reading in readings:
        correction = corrections.get(reading.unit)
        if correction is not None and not correction.take:
            answer = _Answer((), "skipped", "left out by hand")
        else:
            answer = _who(reading, roster, groups, notebooks, doubles)
            if correction is not None and correction.students:
                answer = _corrected(answer, correction.students, roster)
        entries.append(_entry(reading, answer, roster))
    return _mark_overlaps(choose_versions(entries))


def _corrected(automatic: _Answer, students: tuple[str, ...], roster: Roster | None) -> _Answer:
    rows = [roster.find_id(text) if roster else None for text in students]
    ids = tuple(row.id if row else clean_id(text) for row, text in zip(rows, students, strict=True))
    if set(ids) == set(automatic.students) and automatic.status in ("matched", "as named"):
        return automatic
    unknown = [text for row, text in zip(rows, students, strict=True) if roster and row is None]
    findings = tuple(
        Finding("correction-unknown", f"'{text}' was written by hand and is not on the roster", Severity.LOOK)
        for text in unknown
    )
    return _Answer(tuple(one for one in ids if one), "corrected", "by hand", findings)


def _who(
    reading: Reading, roster: Roster | None, groups: str, notebooks: Sequence[str], doubles: Counter[str]
) -> _Answer:
    own = (
        _own(reading, doubles)
        if roster is None
        else _on_roster(reading.person, roster, fallback=_own(reading, doubles))
    )
    if groups == "none":
        return own
    if roster is not None:
        named = members_in_name(reading.stems, notebooks, roster)
        if named:
            own = _grouped(own, tuple(row.id for row in named), "the file's name", reading)
    listed, findings = _listed(reading, roster)
    if len(listed) > 1 or (listed and own.status not in ("matched", "as named")):
        own = _grouped(own, listed, "the members' cell", reading)
    own = replace(own, findings=own.findings + findings)
    if groups == "roster" and roster is not None and own.status == "matched" and len(own.students) == 1:
        row = roster.find_id(own.students[0])
        if row is not None and row.team:
            team = tuple(sorted(other.id for other in roster.rows if other.team == row.team))
            own = _Answer(team, "matched", f"team '{row.team}' of the roster", own.findings)
    return own


def _own(reading: Reading, doubles: Counter[str]) -> _Answer:
    """Return the id that the download itself gives, where there is no roster."""
    person = reading.person
    name = slug(person.name)
    findings: tuple[Finding, ...] = ()
    if person.login:
        text = person.login
    elif name:
        same = doubles[name] > 1
        text = f"{name}-{person.number}" if person.number and (same or " " not in person.name) else name
        if same:
            message = (
                f"{doubles[name]} submissions are of a '{person.name}'; their ids carry the LMS's number"
            )
            findings = (Finding("same-name", message, Severity.LOOK),)
    else:
        text = person.number or person.email or reading.team or reading.unit
    return _Answer((clean_id(text) or "unnamed",), "as named", "the name in the download", findings)


def _on_roster(person: Person, roster: Roster, fallback: _Answer) -> _Answer:
    join = roster.join(person)
    if join.row is not None:
        return _Answer((join.row.id,), "matched", join.how)
    suggestion = "; ".join(row.id for row in join.candidates)
    ambiguous = join.how.startswith(("several", "its id"))
    code = "student-ambiguous" if ambiguous else "student-unmatched"
    message = f"{join.how}; the submission was kept as '{fallback.students[0]}'"
    if suggestion:
        message += f"; perhaps {suggestion}"
    finding = Finding(code, message, Severity.LOOK)
    status = "ambiguous" if ambiguous else "unmatched"
    return replace(fallback, status=status, how=join.how, findings=(finding,), suggestion=suggestion)


def _listed(reading: Reading, roster: Roster | None) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Return the ids of the members that the cell lists, and who of them is unknown."""
    ids: list[str] = []
    findings: list[Finding] = []
    for person in reading.members:
        if roster is None:
            ids.append(clean_id(person.login or slug(person.name) or person.email))
            continue
        join = roster.join(person)
        if join.row is not None:
            ids.append(join.row.id)
            if join.how == "name" and person.login:
                message = (
                    f"member '{person.name}' wrote the id '{person.login}'; the roster has '{join.row.id}'"
                )
                findings.append(Finding("member-id", message, Severity.LOOK))
        else:
            message = f"member '{person.name or person.login}' was not found: {join.how}"
            findings.append(Finding("member-unknown", message, Severity.LOOK))
    return tuple(dict.fromkeys(one for one in ids if one)), tuple(findings)


def _grouped(own: _Answer, members: tuple[str, ...], how: str, reading: Reading) -> _Answer:
    """Return the answer for a group, with a finding if who handed in is not in it."""
    submitter = own.students[0] if own.students else ""
    if own.status == "matched" and submitter not in members and reading.person.is_known and not reading.team:
        message = (
            f"'{submitter}' handed this in, but {how} names {', '.join(members)} only; all get the grade"
        )
        finding = Finding("submitter-not-member", message, Severity.LOOK)
        return _Answer((submitter, *members), "matched", how, (*own.findings, finding))
    if own.status == "as named" and len(members) == 1:
        return own
    status = "matched" if own.status in ("matched", "unmatched", "ambiguous") else own.status
    kept = own.findings if own.status in ("matched", "as named") else ()
    return _Answer(members, status, how, kept)


def _entry(reading: Reading, answer: _Answer, roster: Roster | None) -> Entry:
    students = tuple(dict.fromkeys(answer.students))
    rows: dict[str, RosterRow | None] = {one: roster.find_id(one) if roster else None for one in students}
    submitted = reading.submitted or next(
        (row.submitted for row in rows.values() if row and row.submitted), ""
    )
    names = {one: row.name for one, row in rows.items() if row and row.name}
    if not names and len(students) == 1 and reading.person.name:
        names = {students[0]: reading.person.name}
    elif not roster:
        for person in reading.members:
            names |= {clean_id(person.login): person.name} if person.login and person.name else {}
    return Entry(
        source=reading.unit,
        students=students,
        folder=clean_id(GROUP_JOINT.join(sorted(students))) if students else "",
        status=answer.status,
        how=answer.how,
        person=reading.person,
        names=names,
        team=reading.team,
        submitted=submitted,
        late=reading.late,
        version=reading.version,
        files=reading.files,
        digest=reading.digest,
        renamed=reading.renamed,
        suggestion=answer.suggestion,
        findings=(*reading.findings, *answer.findings),
    )


def _mark_overlaps(entries: list[Entry]) -> list[Entry]:
    """Find students who would get two grades, and folders that a file system would take for one."""
    groups: dict[str, set[str]] = {}
    for entry in entries:
        for student in entry.students if entry.folder else ():
            groups.setdefault(fold(student), set()).add(entry.folder)
    folders: dict[str, set[str]] = {}
    for entry in entries:
        if entry.folder:
            folders.setdefault(fold_path(entry.folder), set()).add(entry.folder)
    marked: list[Entry] = []
    for entry in entries:
        new = list(entry.findings)
        for student in entry.students if entry.folder else ():
            others = sorted(groups[fold(student)] - {entry.folder})
            if others:
                message = (
                    f"'{student}' is also in the submission of {', '.join(others)}: decide which one counts"
                )
                new.append(Finding("student-in-two-groups", message, Severity.LOOK))
        if entry.folder and len(folders[fold_path(entry.folder)]) > 1:
            message = f"the ids {', '.join(sorted(folders[fold_path(entry.folder)]))} differ in case only"
            new.append(Finding("student-case", message, Severity.LOOK))
        marked.append(replace(entry, findings=tuple(new)))
    return marked
