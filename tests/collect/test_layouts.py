"""What the names of an archive's members say."""

from __future__ import annotations

import pytest
from labgrade.collect.layouts import LAYOUTS, Context, choose_layout
from labgrade.collect.layouts.gradescope import read_metadata
from labgrade.collect.model import Person

LAB = Context(
    "02-rnn",
    frozenset({"cells", "sentences"}),
    frozenset({"cells.ipynb", "sentences.ipynb", "implementation.py"}),
)

DOWNLOADS: dict[str, tuple[str, list[str], list[tuple[str, str, Person]]]] = {
    "moodle folders": (
        "moodle",
        ["Ada Lovelace_12_assignsubmission_file_/cells.ipynb", "Bob B_13_assignsubmission_file_/sub/a.py"],
        [
            ("Ada Lovelace_12", "cells.ipynb", Person("Ada Lovelace", "12")),
            ("Bob B_13", "sub/a.py", Person("Bob B", "13")),
        ],
    ),
    "moodle since 4.1": (
        "moodle",
        ["Ada Lovelace_12_assignsubmission_file/cells.ipynb"],
        [("Ada Lovelace_12", "cells.ipynb", Person("Ada Lovelace", "12"))],
    ),
    "moodle without folders": (
        "moodle",
        ["Ada Lovelace_12_assignsubmission_file_my_cells.ipynb"],
        [("Ada Lovelace_12", "my_cells.ipynb", Person("Ada Lovelace", "12"))],
    ),
    "moodle with blind marking": (
        "moodle",
        ["Participant 77_77_assignsubmission_file_/cells.ipynb"],
        [("Participant 77_77", "cells.ipynb", Person("", "77"))],
    ),
    "canvas": (
        "canvas",
        ["lovelaceada_1815_99001_cells.ipynb", "turingalan_LATE_1912_99002_cells-1.ipynb"],
        [
            ("lovelaceada_1815", "cells.ipynb", Person("lovelaceada", "1815")),
            ("turingalan_1912", "cells.ipynb", Person("turingalan", "1912")),
        ],
    ),
    "canvas anonymous": (
        "canvas",
        ["anon_4fGh2_99001_cells.ipynb", "LATE_anon_x9Yz1_99002_cells.ipynb"],
        [
            ("anon_4fGh2", "cells.ipynb", Person("", "4fGh2")),
            ("anon_x9Yz1", "cells.ipynb", Person("", "x9Yz1")),
        ],
    ),
    "blackboard": (
        "blackboard",
        ["Lab 2_alove_attempt_2026-11-20-14-05-00_cells.ipynb"],
        [("alove_attempt_2026-11-20-14-05-00", "cells.ipynb", Person(login="alove"))],
    ),
    "ilias": (
        "ilias",
        ["Exercise 2/Lovelace_Ada_alove_1815/cells.ipynb", "Exercise 2/Turing_Alan_atu_1912/cells.ipynb"],
        [
            ("Lovelace_Ada_alove_1815", "cells.ipynb", Person("Lovelace Ada", "1815", "alove")),
            ("Turing_Alan_atu_1912", "cells.ipynb", Person("Turing Alan", "1912", "atu")),
        ],
    ),
    "olat": (
        "olat",
        ["All/Lovelace_Ada_alove/1_task/t.pdf", "All/Lovelace_Ada_alove/2_submissions/cells.ipynb"],
        [
            ("Lovelace_Ada_alove", "", Person("Lovelace Ada", "", "alove")),
            ("Lovelace_Ada_alove", "cells.ipynb", Person("Lovelace Ada", "", "alove")),
        ],
    ),
    "gradescope": (
        "gradescope",
        ["assignment_9_export/submission_metadata.yml", "assignment_9_export/submission_99001/cells.ipynb"],
        [("submission_metadata.yml", "", Person()), ("submission_99001", "cells.ipynb", Person())],
    ),
    "github": (
        "github",
        ["02-rnn-ada/.git/HEAD", "02-rnn-ada/cells.ipynb", "02-rnn-alan-t/.git/HEAD", "02-rnn-alan-t/x.py"],
        [
            ("02-rnn-ada", "", Person(login="ada")),
            ("02-rnn-ada", "cells.ipynb", Person(login="ada")),
            ("02-rnn-alan-t", "", Person(login="alan-t")),
            ("02-rnn-alan-t", "x.py", Person(login="alan-t")),
        ],
    ),
    "github with another prefix": (
        "github",
        ["hw-rnn-ada/.git/HEAD", "hw-rnn-ada/cells.ipynb", "hw-rnn-alan/.git/HEAD"],
        [
            ("hw-rnn-ada", "", Person(login="ada")),
            ("hw-rnn-ada", "cells.ipynb", Person(login="ada")),
            ("hw-rnn-alan", "", Person(login="alan")),
        ],
    ),
    "nbgrader inbound": (
        "nbgrader-inbound",
        ["ada+02-rnn+2026-11-20 14:05:00 UTC+x7/cells.ipynb"],
        [("ada+02-rnn+2026-11-20 14:05:00 UTC+x7", "cells.ipynb", Person(login="ada"))],
    ),
    "nbgrader submitted": (
        "nbgrader",
        ["submitted/ada/02-rnn/cells.ipynb", "submitted/ada/02-rnn/timestamp.txt"],
        [("ada", "cells.ipynb", Person(login="ada")), ("ada", "timestamp.txt", Person(login="ada"))],
    ),
    "notebooks": (
        "plain",
        ["ada.ipynb", "s1815_cells.ipynb", "alan.zip"],
        [
            ("ada", "ada.ipynb", Person(login="ada")),
            ("s1815_cells", "cells.ipynb", Person(login="s1815")),
            ("alan", "alan.zip", Person(login="alan")),
        ],
    ),
    "notebooks in a folder": (
        "plain",
        ["submissions/ada.ipynb", "submissions/alan.ipynb"],
        [("ada", "ada.ipynb", Person(login="ada")), ("alan", "alan.ipynb", Person(login="alan"))],
    ),
    "a folder for one student": (
        "plain",
        ["ada/cells.ipynb", "ada/implementation.py"],
        [("ada", "cells.ipynb", Person(login="ada")), ("ada", "implementation.py", Person(login="ada"))],
    ),
}


@pytest.mark.parametrize("name", DOWNLOADS)
def test_choose_layout_named_download_is_recognised(name: str) -> None:
    """Each layout is told by its names, and says of each member whose it is."""
    layout, names, expected = DOWNLOADS[name]
    choice = choose_layout(names, LAB)
    assert choice.layout.name == layout
    assert [claim and (claim.unit, claim.file, claim.person) for claim in choice.claims] == expected


def test_every_layout_is_in_the_table() -> None:
    """A recogniser that no download shows would not be tested."""
    assert {layout.name for layout in LAYOUTS} == {layout for layout, _, _ in DOWNLOADS.values()}


def test_choose_layout_pages_of_the_lms_are_no_files_of_the_student() -> None:
    """Online text, notes about attempts and task sheets are dropped, with the reason."""
    for names in (
        ["A B_1_assignsubmission_onlinetext_/onlinetext.html"],
        ["lovelaceada_LATE_1815_text.html"],
        ["Lab_alove_attempt_2026-11-20-14-05-00.txt"],
        ["Lovelace_Ada_alove/1_corrections/note.pdf"],
    ):
        (claim,) = choose_layout(names, LAB).claims
        assert claim is not None
        assert claim.dropped
        assert claim.file == ""


def test_choose_layout_late_and_versions_are_told() -> None:
    """Canvas marks late work and counts uploads, ILIAS writes it into the file's name, OLAT has revisions."""
    canvas = choose_layout(["turingalan_LATE_1912_99002_cells-3.ipynb"], LAB).claims[0]
    ilias = choose_layout(["Turing_Alan_atu_1912/Verspätete Abgabe - cells.ipynb"], LAB).claims[0]
    olat = choose_layout(["Turing_Alan_atu/3_revisions_2/cells.ipynb"], LAB).claims[0]
    assert canvas is not None
    assert ilias is not None
    assert olat is not None
    assert (canvas.late, canvas.version, canvas.file) == (True, 3, "cells.ipynb")
    assert (ilias.late, ilias.file) == (True, "cells.ipynb")
    assert (olat.version, olat.file) == (2, "cells.ipynb")


def test_canvas_number_that_belongs_to_the_name_stays() -> None:
    """``-1`` is taken off only where that makes it a file of the lab."""
    claim = choose_layout(["turingalan_1912_99002_part-1.ipynb"], LAB).claims[0]
    assert claim is not None
    assert (claim.file, claim.version) == ("part-1.ipynb", 0)


def test_ilias_team_is_one_submission() -> None:
    """Files of two members of a team belong together, and both are known."""
    names = ["Team 4/Turing_Alan_atu_1912/cells.ipynb", "Team 4/Lovelace_Ada_alove_1815/x.py"]
    claims = [claim for claim in choose_layout(names, LAB).claims if claim]
    assert {claim.unit for claim in claims} == {"Team 4"}
    assert {claim.person.login for claim in claims} == {"atu", "alove"}


def test_choose_layout_majority_decides_and_strays_are_left() -> None:
    """A file that does not fit is no reason to take another layout."""
    names = [f"S T_{n}_assignsubmission_file_/cells.ipynb" for n in range(5)] + ["readme.txt"]
    choice = choose_layout(names, LAB)
    assert choice.layout.name == "moodle"
    assert choice.claims[-1] is None
    assert choice.shares["moodle"] == pytest.approx(5 / 6)


def test_choose_layout_can_be_told() -> None:
    """A person may know better than the names."""
    choice = choose_layout(["Ada_Love_x_12/cells.ipynb"], LAB, "plain")
    assert choice.layout.name == "plain"


METADATA = """---
submission_99001:
  :submitters:
  - :name: Ada Lovelace
    :sid: '1815'
    :email: ada@x.edu
  - :name: Emmy Noether
    :sid:
    :email: emmy@x.edu
  :created_at: 2026-11-20 12:00:00.000000000 Z
  :score: 10.0
  :results: !ruby/hash:ActiveSupport::HashWithIndifferentAccess
    tests: []
"""


def test_gradescope_metadata_names_all_submitters() -> None:
    """Ruby's objects in it are read as plain data and never made."""
    found = read_metadata(METADATA.encode())
    people, moment = found["submission_99001"]
    assert people == [
        Person("Ada Lovelace", "", "1815", "ada@x.edu"),
        Person("Emmy Noether", "", "", "emmy@x.edu"),
    ]
    assert moment.startswith("2026-11-20T12:00:00")


@pytest.mark.parametrize(
    "text",
    [
        "[1, 2",
        "just text",
        "a: &a [1]\nb: *a\n",
        "x: !!python/object/apply:os.system ['true']\n- y",
        "\x00",
        "{" * 5000,
    ],
)
def test_gradescope_metadata_that_is_damaged_or_hostile_is_refused(text: str) -> None:
    """A damaged list, a bomb of aliases, or an object is an error with a name."""
    with pytest.raises((ValueError, TypeError)):
        read_metadata(text.encode())
