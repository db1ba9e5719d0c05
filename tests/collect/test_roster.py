"""Joining with a roster: every spelling is found, nobody is guessed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from labgrade.collect.model import Person
from labgrade.collect.people import name_keys, slug
from labgrade.collect.roster import Roster, read_roster
from labgrade.collect.table import format_table, read_table
from labgrade.errors import UsageError

ROSTERS = {
    "plain": "id,name,email\ns1,Ada Lovelace,ada@x.edu\ns2,Jörg Müller,jm@x.edu\n",
    "german, semicolons": "Matrikelnummer;Vorname;Nachname;E-Mail\ns1;Ada;Lovelace;ada@x.edu\n"
    "s2;Jörg;Müller;jm@x.edu\n",
    "quotes and commas": 'Student,ID,SIS User ID,SIS Login ID\n"    Points Possible",,,\n'
    '"Lovelace, Ada",1815,s1,ada@x.edu\n"Müller, Jörg",1816,s2,jm@x.edu\n',
    "tabs": "Student ID\tFull name\tEmail address\ns1\tAda Lovelace\tada@x.edu\ns2\tJörg Müller\tjm@x.edu\n",
    "moodle worksheet": "Identifier,Full name,ID number,Email address,Status,Grade\n"
    "Participant 1815,Ada Lovelace,s1,ada@x.edu,,\nParticipant 1816,Jörg Müller,s2,jm@x.edu,,\n",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("name", ROSTERS)
def test_read_roster_any_form_gives_the_same_students(
    write_roster: Callable[..., Path], name: str, encoding: str
) -> None:
    """Headers of any language, delimiters, byte order marks and code pages."""
    roster = read_roster(write_roster(ROSTERS[name], encoding))
    assert [row.id for row in roster.rows] == ["s1", "s2"]
    assert roster.join(Person(name="Müller Jörg")).row is roster.rows[1]
    assert roster.join(Person(email="ADA@x.edu")).row is roster.rows[0]


@pytest.mark.parametrize(
    "written",
    [
        "Jörg Müller",
        "Müller, Jörg",
        "MÜLLER JÖRG",
        "Joerg Mueller",
        "Jorg Muller",
        "müllerjörg",
        "muellerjoerg",
        "jorgmuller",
        "Jo\u0308rg Mu\u0308ller",
    ],
)
def test_name_keys_all_spellings_meet(written: str) -> None:
    """Either order, any case, composed or not, umlauts spelled out or dropped, Canvas's run-together form."""
    assert name_keys("Jörg Müller") & name_keys(written)


def test_name_keys_different_people_do_not_meet() -> None:
    """A shared part of a name is not a shared name."""
    assert not name_keys("Jörg Müller") & name_keys("Jörg Maier")
    assert not name_keys("Ada Lovelace") & name_keys("Ada King Lovelace")
    assert not name_keys("")


def test_slug_makes_ids_of_any_script() -> None:
    """Accents go, letters of other scripts stay."""
    assert slug("Ada König-Strauß") == "ada-konig-strauss"
    assert slug("王 小明") == "王-小明"


@pytest.fixture
def roster(write_roster: Callable[..., Path]) -> Roster:
    """Return a roster with two students of one name."""
    return read_roster(
        write_roster("id,name,number\ns1,Ada Lovelace,11\ns2,Alan Turing,12\ns3,Ada Lovelace,13\n")
    )


def test_join_same_name_twice_is_ambiguous(roster: Roster) -> None:
    """Two Ada Lovelaces: nobody is taken, both are named."""
    join = roster.join(Person(name="Lovelace Ada"))
    assert join.row is None
    assert [row.id for row in join.candidates] == ["s1", "s3"]


def test_join_id_and_name_that_disagree_are_ambiguous(roster: Roster) -> None:
    """An id of one and the name of another is for a person to decide."""
    join = roster.join(Person(name="Alan Turing", login="s1"))
    assert join.row is None
    assert {row.id for row in join.candidates} == {"s1", "s2"}


def test_join_id_decides_between_equal_names(roster: Roster) -> None:
    """The id is enough where the name is not."""
    join = roster.join(Person(name="Ada Lovelace", login="S3"))
    assert join.row is not None
    assert join.row.id == "s3"


def test_join_middle_name_is_a_suggestion_only(roster: Roster) -> None:
    """Similar is not equal."""
    join = roster.join(Person(name="Alan Mathison Turing"))
    assert join.row is None
    assert [row.id for row in join.candidates] == ["s2"]


def test_read_roster_two_students_with_one_id_is_an_error(write_roster: Callable[..., Path]) -> None:
    """The line is named; the same student twice is no error."""
    with pytest.raises(UsageError) as caught:
        read_roster(write_roster("id,name\ns1,Ada\ns1,Alan\n"))
    assert caught.value.code == "roster-duplicate"
    assert caught.value.where.endswith("roster.csv:3")
    assert len(read_roster(write_roster("id,name\ns1,Ada B\ns1,B Ada\n")).rows) == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "roster-format"),
        (b"\n\n", "roster-format"),
        (b"colour,shape\nred,round\n", "roster-column"),
        (b"PK\x03\x04rest", "roster-format"),
        (b'id,name\n"s1' + b"x" * 200_000 + b'",Ada\n', "roster-format"),
    ],
)
def test_read_roster_unusable_file_is_a_diagnostic(tmp_path: Path, data: bytes, code: str) -> None:
    """Empty, without a telling column, a spreadsheet file, a field without end."""
    path = tmp_path / "r.csv"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        read_roster(path)
    assert caught.value.code == code


def test_read_roster_missing_file_and_column_are_told(
    tmp_path: Path, write_roster: Callable[..., Path]
) -> None:
    """What is not there is named."""
    with pytest.raises(UsageError) as caught:
        read_roster(tmp_path / "none.csv")
    assert caught.value.code == "roster-missing"
    with pytest.raises(UsageError) as caught:
        read_roster(write_roster("id,name\n1,A\n"), "Matrikel")
    assert caught.value.code == "roster-column"


def test_read_roster_id_column_can_be_named(write_roster: Callable[..., Path]) -> None:
    """The named column holds the gradebook's ids; the others still find people."""
    roster = read_roster(write_roster("id,name,Konto\n1,Ada,alove\n"), "konto")
    assert roster.rows[0].id == "alove"
    assert roster.find_id("1") is roster.rows[0]


def test_format_table_gives_back_what_was_read(tmp_path: Path) -> None:
    """Delimiter, byte order mark, line ends and quotes of a sheet survive."""
    for data in (
        b'\xef\xbb\xbfa;b\r\n"x;y";1\r\n',
        b'"a","b"\n"1","2"\n',
        "a\tb\nä\t2\n".encode("cp1252"),
    ):
        path = tmp_path / "t.csv"
        path.write_bytes(data)
        table = read_table(path, "sheet")
        assert format_table(table, table.header, table.rows) == data
