"""Who is in the class, as far as the LMS and a roster tell: names, groups, late marks, who is absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labgrade.collect.mapping import read_record
from labgrade.collect.roster import read_roster
from labgrade.report.questions import Question
from labgrade.report.standing import Standing

__all__ = ["People", "read_people"]


@dataclass(frozen=True, slots=True)
class People:
    """What is known besides the gradebook.

    Args:
        names: id in the results -> name.
        members: ids whose work is handed in under another id, as a group's.
        late: ids whose submissions the LMS marks as late.
        roster: id -> name of everyone in the course.

    """

    names: Mapping[str, str] = field(default_factory=dict)
    members: frozenset[str] = frozenset()
    late: frozenset[str] = frozenset()
    roster: Mapping[str, str] = field(default_factory=dict)

    def absent(self, standings: Sequence[Standing], questions: Sequence[Question]) -> Iterator[Standing]:
        """Yield a row for everyone on the roster who is in no row and in no group."""
        present = {one.student for one in standings} | self.members
        for student, name in self.roster.items():
            if student not in present:
                yield Standing(student, name, (0.0,) * len(questions), absent=True)


def read_people(folder: Path, roster: Path | None) -> People:
    """Read what `labs collect` recorded beside the results, and a roster.

    Args:
        folder: of the results.
        roster: CSV of the course, None without one.

    Raises:
        UsageError: the record is damaged, or the roster cannot be used.

    """
    rows = read_roster(roster).rows if roster is not None else ()
    known = {row.id: row.name for row in rows}
    record = read_record(folder)
    entries = [entry for entry in record.entries if entry.folder] if record is not None else []
    names = {entry.folder: _name(entry.students, entry.names, entry.person.name) for entry in entries}
    return People(
        {**known, **{student: name for student, name in names.items() if name}},
        frozenset(student for entry in entries for student in entry.students),
        frozenset(entry.folder for entry in entries if entry.late),
        known,
    )


def _name(students: Sequence[str], names: Mapping[str, str], person: str) -> str:
    """Return a student's name, or those of a group."""
    if len(students) == 1:
        return names.get(students[0], "") or person
    return " · ".join(names.get(student, student) for student in students)
