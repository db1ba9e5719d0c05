"""Groups: one submission, several people, from the members' cell, the file's name, the roster or the LMS."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from labgrade.collect.groups import lab_has_groups, members_in_notebooks
from labgrade.collect.job import Collection, CollectOptions, collect
from labgrade.collect.mapping import read_record
from labgrade.collect.model import Person
from labgrade.lab import Lab

MakeZip = Callable[..., Path]
MakeNotebook = Callable[..., bytes]
ROSTER = "id,name,team\ns1815,Ada Lovelace,T1\ns1882,Emmy Noether,T1\ns1912,Alan Turing,\n"
PAIR = """members = [
    {"name": "Ada Lovelace", "id": "s1815"},
    {"name": "Emmy Noether", "id": "s1882"},
]"""


@pytest.fixture
def collect_files(
    tmp_path: Path, make_zip: MakeZip, write_roster: Callable[..., Path], group_lab: Lab
) -> Callable[..., Collection]:
    """Return a function that collects files of the lab ``01-tensors``."""

    def run(files: dict[str, bytes], roster: str = ROSTER, groups: str = "auto") -> Collection:
        options = CollectOptions(roster=write_roster(roster) if roster else None, groups=groups)
        return collect(make_zip(files), group_lab, tmp_path / "out", options)

    return run


def _codes(collection: Collection) -> list[str]:
    return sorted(finding.code for entry in collection.entries for finding in entry.findings)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PAIR, [Person("Ada Lovelace", login="s1815"), Person("Emmy Noether", login="s1882")]),
        ('members = [{"Name": "Ada", "ID": 12}]', [Person("Ada", login="12")]),
        ('members = ["s1", "s2"]', [Person(login="s1"), Person(login="s2")]),
        ('members = [("Ada", "s1")]', [Person("Ada", login="s1")]),
        ('members: list = ({"id": "s1"},)', [Person(login="s1")]),
        ('members = [{"name": "First Member", "id": "…"}]', []),
        ("members = [\n    ...\n]", []),
        ("members = []", []),
    ],
)
def test_members_cell_all_forms_are_read(
    make_notebook: MakeNotebook, text: str, expected: list[Person]
) -> None:
    """Dicts, pairs, bare ids; what was never filled in names nobody."""
    people, findings = members_in_notebooks({"tensors.ipynb": make_notebook(members=text)})
    assert list(people) == expected
    assert findings == ()


@pytest.mark.parametrize(
    "text",
    [
        'members = [{"name": ',
        "members = open('/etc/passwd').read()",
        'members = [__import__("os").system("true")]',
        "members = 3",
        "members = " + "[" * 300,
    ],
)
def test_members_cell_is_parsed_never_run(make_notebook: MakeNotebook, text: str) -> None:
    """What is no plain list is a finding for a person."""
    people, findings = members_in_notebooks({"tensors.ipynb": make_notebook(members=text)})
    assert people == ()
    assert [finding.code for finding in findings] == ["members-unreadable"]


def test_lab_that_asks_for_members_is_known(group_lab: Lab, plain_lab: Lab) -> None:
    """Other labs may have a variable of that name."""
    assert lab_has_groups(group_lab.spec.notebooks)
    assert not lab_has_groups(plain_lab.spec.notebooks)


def test_collect_members_cell_makes_one_folder_for_all(
    collect_files: Callable[..., Collection], make_notebook: MakeNotebook, tmp_path: Path
) -> None:
    """The folder's name is made of the ids; the record tells whose grade it is."""
    collection = collect_files(
        {"Noether Emmy_5_assignsubmission_file_/tensors.ipynb": make_notebook(members=PAIR)}
    )
    (entry,) = collection.entries
    assert (entry.folder, entry.students, entry.how) == (
        "s1815_s1882",
        ("s1815", "s1882"),
        "the members' cell",
    )
    assert not collection.needs_person
    record = read_record(tmp_path / "out")
    assert record is not None
    assert record.members() == {"s1815_s1882": ("s1815", "s1882")}


def test_collect_file_name_of_ids_is_a_group(
    collect_files: Callable[..., Collection], make_notebook: MakeNotebook
) -> None:
    """``s1815_s1882_tensors.ipynb``, as the lab asks for; a name of two words is one person."""
    collection = collect_files({"s1882_s1815_tensors.ipynb": make_notebook(), "s1912_tensors.ipynb": b"{}"})
    assert [entry.folder for entry in collection.entries] == ["s1815_s1882", "s1912"]
    alone = collect_files({"ada_lovelace_tensors.ipynb": make_notebook()})
    assert [entry.students for entry in alone.entries] == [("s1815",)]


def test_collect_roster_team_counts_only_when_asked(
    collect_files: Callable[..., Collection], make_notebook: MakeNotebook
) -> None:
    """A column ``team`` may be a tutorial of thirty people."""
    files = {"s1815.ipynb": make_notebook()}
    assert collect_files(files).entries[0].students == ("s1815",)
    assert collect_files(files, groups="roster").entries[0].students == ("s1815", "s1882")


def test_collect_groups_can_be_switched_off(
    collect_files: Callable[..., Collection], make_notebook: MakeNotebook
) -> None:
    """Then only who handed in gets the grade."""
    collection = collect_files({"s1815.ipynb": make_notebook(members=PAIR)}, groups="none")
    assert collection.entries[0].students == ("s1815",)


def test_collect_both_members_hand_in_the_same_one_is_taken(
    collect_files: Callable[..., Collection], make_notebook: MakeNotebook
) -> None:
    """Equal files: a note. Different files: a person decides."""
    same = {f"{name}/tensors.ipynb": make_notebook(members=PAIR) for name in ("s1815", "s1882")}
    collection = collect_files(same)
    assert sorted(entry.status for entry in collection.entries) == ["matched", "older"]
    assert not collection.needs_person
    same["s1882/tensors.ipynb"] = make_notebook("x = 1", members=PAIR)
    assert collect_files(same).needs_person


def test_collect_student_in_two_groups_is_a_finding_on_both(
    collect_files: Callable[..., Collection], make_notebook: MakeNotebook
) -> None:
    """Nobody decides for Ada which grade is hers."""
    other = PAIR.replace("Emmy Noether", "Alan Turing").replace("s1882", "s1912")
    collection = collect_files(
        {
            "s1882/tensors.ipynb": make_notebook(members=PAIR),
            "s1912/tensors.ipynb": make_notebook(members=other),
        }
    )
    assert _codes(collection) == ["student-in-two-groups", "student-in-two-groups"]
    assert [entry.folder for entry in collection.entries] == ["s1815_s1882", "s1815_s1912"]


def test_collect_submitter_who_is_no_member_is_a_finding(
    collect_files: Callable[..., Collection], make_notebook: MakeNotebook
) -> None:
    """Alan hands in what Ada and Emmy signed: all three, and a person is told."""
    collection = collect_files({"s1912/tensors.ipynb": make_notebook(members=PAIR)})
    assert collection.entries[0].students == ("s1912", "s1815", "s1882")
    assert _codes(collection) == ["submitter-not-member"]


def test_collect_member_with_a_wrong_id_is_found_by_name_and_told(
    collect_files: Callable[..., Collection], make_notebook: MakeNotebook
) -> None:
    """A typing error in the id; and somebody who is not in the course at all."""
    wrong = PAIR.replace("s1882", "s188")
    collection = collect_files({"s1815/tensors.ipynb": make_notebook(members=wrong)})
    assert collection.entries[0].students == ("s1815", "s1882")
    assert _codes(collection) == ["member-id"]
    stranger = PAIR.replace("Emmy Noether", "Zoe Zed").replace("s1882", "s9")
    collection = collect_files({"s1815/tensors.ipynb": make_notebook(members=stranger)})
    assert collection.entries[0].students == ("s1815",)
    assert _codes(collection) == ["member-unknown"]


def test_collect_members_cell_names_who_the_download_does_not(
    collect_files: Callable[..., Collection], make_notebook: MakeNotebook
) -> None:
    """Blind marking gives a number only; the cell tells who it is."""
    collection = collect_files(
        {"Participant 7_7_assignsubmission_file_/tensors.ipynb": make_notebook(members=PAIR)}
    )
    assert collection.entries[0].students == ("s1815", "s1882")
    assert collection.entries[0].status == "matched"


def test_collect_without_roster_takes_the_cells_ids(
    collect_files: Callable[..., Collection], make_notebook: MakeNotebook
) -> None:
    """A group of two is known by its ids; a list of one leaves the download's own name."""
    collection = collect_files(
        {
            "Emmy Noether_5_assignsubmission_file_/tensors.ipynb": make_notebook(members=PAIR),
            "Alan Turing_6_assignsubmission_file_/tensors.ipynb": make_notebook(
                members='members = [{"name": "Alan Turing", "id": "s1912"}]'
            ),
        },
        roster="",
    )
    assert [entry.folder for entry in collection.entries] == ["alan-turing", "s1815_s1882"]


def test_collect_ilias_team_is_a_group(collect_files: Callable[..., Collection]) -> None:
    """The LMS itself says who worked together."""
    collection = collect_files(
        {"Team 4/Lovelace_Ada_s1815_11/tensors.ipynb": b"{}", "Team 4/Noether_Emmy_s1882_12/x.py": b""}
    )
    assert collection.entries[0].students == ("s1815", "s1882")


def test_collect_correction_can_name_a_group(
    collect_files: Callable[..., Collection],
    tmp_path: Path,
    make_zip: MakeZip,
    group_lab: Lab,
    make_notebook: MakeNotebook,
) -> None:
    """Ids with a semicolon between them."""
    corrections = tmp_path / "c.csv"
    corrections.write_text("source,student\ns1815,s1815; s1912\n")
    collection = collect(
        make_zip({"s1815/tensors.ipynb": make_notebook()}),
        group_lab,
        tmp_path / "out",
        CollectOptions(corrections=corrections),
    )
    assert collection.entries[0].folder == "s1815_s1912"
