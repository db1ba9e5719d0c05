"""Thousands of damaged notebooks and archives: a finding or a diagnostic, never an exception or a stray file.

A few hundred here; ``make test-slow`` runs 20,000. What fails is told with its seed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from labgrade.collect.corrections import read_corrections
from labgrade.collect.job import CollectOptions, collect
from labgrade.collect.mapping import findings_of
from labgrade.collect.roster import read_roster, rows_of
from labgrade.collect.table import read_table
from labgrade.course import CourseSettings
from labgrade.errors import UsageError
from labgrade.intake import RawSubmission, find_submissions, read_submission
from labgrade.lab import Lab, read_lab
from labgrade.prepare import prepare_submission

PLAIN = Path(__file__).parents[1] / "courses" / "plain"
SEED = 20261120
TABLES = (
    'id,name,email\ns1,"Lovelace, Ada",ada@x.edu\ns2,Jörg Müller,jm@x.edu\n',
    "source;student;take\r\nAda_1;s1;\r\nAlan_2;s2;nein\r\n",
    '\ufeffStudent,ID,SIS User ID,ps1 (7)\n    Points Possible,,,10.00\n"Lovelace, Ada",11,s1,\n',
)

_spec = importlib.util.spec_from_file_location("fuzz_mutations", Path(__file__).with_name("mutations.py"))
assert _spec is not None
assert _spec.loader is not None
mutations = importlib.util.module_from_spec(_spec)
sys.modules["fuzz_mutations"] = mutations
_spec.loader.exec_module(mutations)


@pytest.fixture(scope="module")
def lab() -> Lab:
    """Return the lab ``ps1``."""
    settings = CourseSettings(root=PLAIN, exclude_overwriting={"ps1": ("mine.py",)})
    return read_lab(PLAIN / "source" / "ps1", settings)


@pytest.fixture(scope="module")
def good() -> dict[str, Any]:
    """Return the notebook that is damaged."""
    document: dict[str, Any] = json.loads((PLAIN / "source" / "ps1" / "numbers.ipynb").read_text())
    return document


@pytest.fixture
def _quiet() -> Iterator[None]:
    """Student code that is parsed warns about itself; the fuzz is about errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _fuzz_notebooks(lab: Lab, good: dict[str, Any], count: int, start: int) -> int:
    """Prepare damaged submissions; return how many notebooks could still be run."""
    usable = 0
    for number in range(start, start + count):
        random_ = random.Random(SEED + number)
        name = random_.choice(
            ("numbers.ipynb", "numbers (1).ipynb", "other.ipynb", "numbers.py", "numbers.md")
        )
        data = mutations.damaged_notebook(good, random_)
        notebooks = {name: data} if name.endswith(".ipynb") else {}
        files = {} if notebooks else {name: data}
        prepared = prepare_submission(lab, RawSubmission(f"s{number}", notebooks, files))
        for notebook, spec in zip(prepared.submission.notebooks, lab.spec.notebooks, strict=True):
            if notebook.missing:
                continue
            usable += 1
            ran = [cell.spec.grade_id for cell in notebook.cells if cell.spec is not None]
            assert all(ran.count(cell.grade_id) == 1 for cell in spec.cells if cell.locked and cell.grade_id)
    return usable


def _fuzz_archives(lab: Lab, good: dict[str, Any], count: int, start: int, work: Path) -> tuple[int, int]:
    """Collect damaged downloads; return how many were taken, and how many were refused with a diagnostic."""
    taken = refused = 0

    def make_file(random_: random.Random) -> bytes:
        return mutations.damaged_notebook(good, random_) if random_.random() < 0.7 else random_.randbytes(60)

    for number in range(start, start + count):
        random_ = random.Random(SEED - 1 - number)
        place = work / f"{number}"
        out = place / "deep" / "out"
        out.parent.mkdir(parents=True)
        archive = place / "download.zip"
        archive.write_bytes(mutations.damaged_archive(make_file, random_))
        try:
            collection = collect(archive, lab, out, CollectOptions(groups=random_.choice(("auto", "none"))))
        except UsageError:
            refused += 1
        else:
            taken += 1
            for one in find_submissions(out, "ps1", findings_of(out)) if _folders(out) else []:
                prepare_submission(lab, read_submission(one))
            again = collect(archive, lab, out, CollectOptions())
            assert len(again.entries) == len(collection.entries)
        outside = [one for one in place.rglob("*") if out not in (one, *one.parents)]
        assert sorted(outside) == [place / "deep", archive]
        assert not [one for one in out.rglob("*") if one.is_symlink() or not (one.is_dir() or one.is_file())]
    return taken, refused


def _folders(out: Path) -> list[Path]:
    return [one for one in out.iterdir() if one.is_dir() and not one.name.startswith(".")]


@pytest.mark.usefixtures("_quiet")
def test_damaged_notebooks_are_findings(lab: Lab, good: dict[str, Any]) -> None:
    """400 notebooks: none raises, each test of the lab runs once where anything runs."""
    assert _fuzz_notebooks(lab, good, 400, 0) > 100


@pytest.mark.usefixtures("_quiet")
def test_damaged_archives_stay_in_their_folder(lab: Lab, good: dict[str, Any], tmp_path: Path) -> None:
    """120 downloads: taken or refused with a name, and nothing lies outside."""
    taken, refused = _fuzz_archives(lab, good, 120, 0, tmp_path)
    assert taken > 20
    assert refused > 5


def _fuzz_tables(count: int, start: int, work: Path) -> int:
    """Read damaged rosters, corrections and grade sheets; return how many were still of use."""
    usable = 0
    for number in range(start, start + count):
        random_ = random.Random(SEED + 7 * number)
        path = work / "table.csv"
        path.write_bytes(mutations.mutate_bytes(random_.choice(TABLES).encode(), random_))
        for read in (read_roster, read_corrections, lambda one: rows_of(read_table(one, "sheet"))):
            try:
                read(path)
            except UsageError:
                continue
            usable += 1
    return usable


@pytest.mark.usefixtures("_quiet")
def test_damaged_tables_are_diagnostics(tmp_path: Path) -> None:
    """600 rosters, corrections and sheets: read, or refused with a name."""
    assert _fuzz_tables(600, 0, tmp_path) > 300


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("_quiet")
def test_20000_damaged_notebooks_and_archives(lab: Lab, good: dict[str, Any], tmp_path: Path) -> None:
    """15,000 notebooks and 5,000 downloads; ``LABS_FUZZ_SEED`` runs others."""
    first = 1_000_000 * int(os.environ.get("LABS_FUZZ_SEED", "1"))
    usable = _fuzz_notebooks(lab, good, 15_000, first)
    taken, refused = _fuzz_archives(lab, good, 5_000, first, tmp_path)
    print(f"15000 notebooks, {usable} runnable; 5000 downloads, {taken} taken, {refused} refused")
    assert usable > 5_000
    assert taken > 1_000
