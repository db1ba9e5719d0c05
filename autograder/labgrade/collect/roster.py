"""Who is in the course, from a CSV file with whatever columns it has; joining never guesses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labgrade.collect.model import Person
from labgrade.collect.names import clean_id
from labgrade.collect.people import fold, name_keys
from labgrade.collect.table import Table, read_table
from labgrade.errors import UsageError

__all__ = ["Join", "Roster", "RosterRow", "read_roster", "rows_of"]

ID_COLUMNS = (
    "student id", "student_id", "sid", "student number", "matriculation number", "matrikelnummer",
    "matrikel-nr.", "matrikel", "matriculation", "registration number", "id number", "idnumber",
    "id-nummer", "sis user id",
    "institution number", "institutionsnummer", "username", "user name", "login", "login id", "sis login id",
    "benutzername", "anmeldename", "netid", "github_username", "github username", "user", "id", "identifier",
)  # fmt: skip
"""The first of them that a row has is the student's id; a person can be found by all of them."""
_EMAIL = ("email address", "email", "e-mail", "e-mail-adresse", "mail", "e-mail address", "mailadresse")
_FIRST = ("first name", "firstname", "given name", "vorname", "prénom")
_LAST = ("last name", "lastname", "surname", "family name", "nachname", "name, last", "nom")
_FULL = ("full name", "fullname", "name", "student", "student name", "vollständiger name", "nom complet")
_TEAM = ("team", "group", "group name", "gruppe", "abgabegruppe", "submission group")
_SUBMITTED = ("last modified (submission)", "zuletzt geändert (abgabe)", "submission time", "submitted at")
_PARTICIPANT = re.compile(r"[^\W\d_]{6,}\D*(\d+)")
"""Moodle's identifier: "Participant 1234", "Teilnehmer/in1234"."""


@dataclass(frozen=True, slots=True)
class RosterRow:
    """A student of the course.

    Args:
        id: in the gradebook.
        name: as the roster writes it.
        keys: ids, user names, numbers and addresses, as they are compared.
        names: spellings of the name.
        email: address.
        team: with whom the student works, "".
        submitted: when the LMS says that the work was handed in, "".
        line: of the file, from 1.

    """

    id: str
    name: str = ""
    keys: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    email: str = ""
    team: str = ""
    submitted: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Join:
    """What the roster says about a person.

    Args:
        row: the one student that it is; None if there is none, or more than one could be meant.
        how: by what; or why nobody was taken.
        candidates: who could be meant, where it is not clear, or who has a similar name.

    """

    row: RosterRow | None
    how: str
    candidates: tuple[RosterRow, ...] = ()


@dataclass(slots=True)
class Roster:
    """All students of the course."""

    rows: tuple[RosterRow, ...]
    path: Path | None = None
    _by_key: dict[str, list[RosterRow]] = field(default_factory=dict)
    _by_name: dict[str, list[RosterRow]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Index the rows."""
        for row in self.rows:
            for key in row.keys:
                self._by_key.setdefault(key, []).append(row)
            for name in row.names:
                self._by_name.setdefault(name, []).append(row)

    def find_id(self, text: str) -> RosterRow | None:
        """Return whose id, user name or address it is; None if nobody's or several students'."""
        found = self._by_key.get(fold(text), [])
        return found[0] if len(found) == 1 else None

    def join(self, person: Person) -> Join:
        """Find a person: by ids and address, then by name; what does not agree is ambiguous."""
        keys = [fold(text) for text in (person.login, person.email, person.number) if text]
        by_key = _unique(row for key in keys for row in self._by_key.get(key, []))
        by_name = _unique(row for name in name_keys(person.name) for row in self._by_name.get(name, []))
        if not person.name and not by_key and person.login:
            by_name = _unique(row for name in name_keys(person.login) for row in self._by_name.get(name, []))
        both = [row for row in by_key if row in by_name]
        if by_key and by_name and not both:
            return Join(None, "its id and its name belong to different students", (*by_key, *by_name))
        for found, how in ((both, "id and name"), (by_key, "id"), (by_name, "name")):
            if len(found) == 1:
                return Join(found[0], how)
            if len(found) > 1:
                return Join(None, f"several students have this {how}", tuple(found))
        return Join(None, "nobody on the roster has this id or name", self._similar(person))

    def _similar(self, person: Person) -> tuple[RosterRow, ...]:
        """Return who shares the most parts of the name: a hint for a person, never a match."""
        wanted = {
            part for key in name_keys(person.name or person.login) if " " in key for part in key.split()
        }
        if not wanted:
            return ()
        rated = [
            (len(wanted & {part for key in row.names if " " in key for part in key.split()}), row)
            for row in self.rows
        ]
        best = max((count for count, _ in rated), default=0)
        found = tuple(row for count, row in rated if count == best)
        return found if best and len(found) <= 3 else ()


def _unique(rows: Iterable[RosterRow]) -> list[RosterRow]:
    return list({row.id: row for row in rows}.values())


def read_roster(path: Path, id_column: str = "") -> Roster:
    """Read a roster.

    Args:
        path: CSV; also a Canvas grade sheet, or a Moodle grading worksheet.
        id_column: header of the column that holds the ids for the gradebook, "" to find it.

    Raises:
        UsageError: it has no column that tells who somebody is, or two students with one id.

    """
    table = read_table(path, "roster")
    rows = rows_of(table, id_column)
    seen: dict[str, RosterRow] = {}
    for row in rows:
        other = seen.get(fold(row.id))
        if other is not None and not (other.names & row.names):
            raise UsageError(
                "roster-duplicate",
                f"'{row.id}' is the id of '{other.name}' (line {other.line}) and of '{row.name}'",
                "name another column with --id-column",
                f"{path}:{row.line}",
            )
        seen.setdefault(fold(row.id), row)
    return Roster(tuple(seen.values()), path)


def rows_of(table: Table, id_column: str = "") -> list[RosterRow]:
    """Return the students of a table; rows without one, as Canvas's "Points Possible", are passed over.

    Raises:
        UsageError: no column tells who somebody is.

    """
    id_columns = _columns(table, ID_COLUMNS)
    email = table.column(*_EMAIL)
    if id_column:
        chosen = table.column(id_column)
        if chosen < 0:
            raise UsageError(
                "roster-column",
                f"there is no column '{id_column}'",
                f"the columns are {', '.join(table.header)}",
                str(table.path),
            )
        id_columns = [chosen, *(index for index in id_columns if index != chosen)]
    first, last, full = table.column(*_FIRST), table.column(*_LAST), table.column(*_FULL)
    if not id_columns and email < 0 and full < 0 and last < 0:
        raise UsageError(
            "roster-column",
            "no column tells who somebody is",
            "name columns e.g. 'id', 'name' and 'email', or use --id-column",
            f"{table.path}:1",
        )
    team, submitted = table.column(*_TEAM), table.column(*_SUBMITTED)
    rows: list[RosterRow] = []
    for line, row in enumerate(table.rows, start=2):
        ids = [text for index in id_columns if (text := table.cell(row, index))]
        name = table.cell(row, full) or " ".join(
            part for part in (table.cell(row, first), table.cell(row, last)) if part
        )
        address = table.cell(row, email)
        if (not ids and not address and not name) or fold(name).startswith("points possible"):
            continue
        if not ids and not address:
            ids = [name]
        keys = {fold(text) for text in [*ids, address] if text}
        keys |= {match[1] for text in ids if (match := _PARTICIPANT.fullmatch(text))}
        rows.append(
            RosterRow(
                id=clean_id(_id_of(ids, address)),
                name=name,
                keys=frozenset(keys),
                names=name_keys(name),
                email=address,
                team=table.cell(row, team),
                submitted=table.cell(row, submitted),
                line=line,
            )
        )
    return [row for row in rows if row.id]


def _columns(table: Table, names: Sequence[str]) -> list[int]:
    found = [table.column(name) for name in names]
    return list(dict.fromkeys(index for index in found if index >= 0))


def _id_of(ids: Sequence[str], address: str) -> str:
    """Return the first id; but an address before Moodle's number, which each assignment has anew."""
    if ids and not (_PARTICIPANT.fullmatch(ids[0]) and address):
        return ids[0]
    return address or ids[0]
