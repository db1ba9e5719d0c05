"""Collecting from end to end: mapping, corrections, versions, times, and a run that is stopped."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from labgrade.cli.collect import collect as collect_command
from labgrade.collect import placing
from labgrade.collect.commits import commit_time
from labgrade.collect.job import Collection, CollectOptions, collect
from labgrade.collect.mapping import MAPPING_NAME, read_record
from labgrade.collect.model import Entry
from labgrade.collect.placing import WORK_NAME
from labgrade.collect.table import read_table
from labgrade.collect.times import find_zone, timestamp_text
from labgrade.config import Options
from labgrade.errors import UsageError
from labgrade.intake import find_submissions, read_submission
from labgrade.lab import Lab
from labgrade.planning import plan_course

MakeZip = Callable[..., Path]
ROSTER = "id,name,email\ns1,Ada Lovelace,ada@x.edu\ns2,Jörg Müller,jm@x.edu\ns3,Emmy Noether,en@x.edu\n"
MOODLE = {
    "Ada Lovelace_11_assignsubmission_file_/numbers.ipynb": b'{"a": 1}',
    "Ada Lovelace_11_assignsubmission_file_/data/own.txt": b"own",
    "Jörg Müller_12_assignsubmission_file_/numbers.ipynb": b"{}",
    "Zoe Zed_13_assignsubmission_file_/numbers.ipynb": b"[]",
}
SOURCE = Path(__file__).parents[1] / "courses" / "plain" / "source" / "ps1"


def _by_source(collection: Collection) -> dict[str, Entry]:
    return {entry.source: entry for entry in collection.entries}


def _tree(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.startswith(WORK_NAME)}


def test_collect_moodle_with_roster_gives_folders_for_grading(
    tmp_path: Path, make_zip: MakeZip, write_roster: Callable[..., Path], plain_lab: Lab
) -> None:
    """Bytes are kept as they are, ids are the roster's, and `labs grade` finds them."""
    out = tmp_path / "out"
    options = CollectOptions(roster=write_roster(ROSTER))
    collection = collect(make_zip(MOODLE), plain_lab, out, options)
    entries = _by_source(collection)
    assert [(entry.folder, entry.status) for entry in collection.entries] == [
        ("s1", "matched"),
        ("s2", "matched"),
        ("zoe-zed", "unmatched"),
    ]
    assert collection.absent == ("s3",)
    assert (out / "s1" / "numbers.ipynb").read_bytes() == b'{"a": 1}'
    assert (out / "s1" / "data" / "own.txt").read_bytes() == b"own"
    places = find_submissions(out, "ps1")
    assert [place.student for place in places] == ["s1", "s2", "zoe-zed"]
    assert {finding.code for finding in entries["Zoe Zed_13"].findings} == {"student-unmatched"}
    assert collection.needs_person


def test_collect_dry_run_shows_the_same_and_writes_nothing(
    tmp_path: Path, make_zip: MakeZip, write_roster: Callable[..., Path], plain_lab: Lab
) -> None:
    """The mapping is that of a real run; the disk is as before."""
    path, roster = make_zip(MOODLE), write_roster(ROSTER)
    dry = collect(path, plain_lab, tmp_path / "out", CollectOptions(roster=roster, dry_run=True))
    assert not (tmp_path / "out").exists()
    real = collect(path, plain_lab, tmp_path / "out", CollectOptions(roster=roster))
    assert [(entry.source, entry.folder, entry.findings) for entry in dry.entries] == [
        (entry.source, entry.folder, entry.findings) for entry in real.entries
    ]


def test_collect_again_changes_nothing(tmp_path: Path, make_zip: MakeZip, plain_lab: Lab) -> None:
    """The second run leaves every file as it is, also its time."""
    out, path = tmp_path / "out", make_zip(MOODLE)
    collect(path, plain_lab, out, CollectOptions())
    before = {one: one.stat().st_mtime_ns for one in out.rglob("*.ipynb") if WORK_NAME not in one.parts}
    tree = _tree(out)
    again = collect(path, plain_lab, out, CollectOptions())
    assert again.changed == ()
    assert _tree(out) == tree
    assert {one: one.stat().st_mtime_ns for one in before} == before


def test_collect_correction_moves_a_submission_and_is_remembered(
    tmp_path: Path, make_zip: MakeZip, write_roster: Callable[..., Path], plain_lab: Lab
) -> None:
    """A person writes the id into the mapping; the old folder goes, a later run still knows."""
    out, path, roster = tmp_path / "out", make_zip(MOODLE), write_roster(ROSTER)
    collect(path, plain_lab, out, CollectOptions(roster=roster))
    mapping = out / MAPPING_NAME
    mapping.write_text(mapping.read_text("utf-8-sig").replace("Zoe Zed_13,zoe-zed", "Zoe Zed_13,s3"), "utf-8")
    with pytest.raises(UsageError) as caught:
        collect(path, plain_lab, out, CollectOptions(roster=roster))
    assert caught.value.code == "mapping-edited"
    corrected = collect(path, plain_lab, out, CollectOptions(roster=roster, corrections=mapping))
    assert _by_source(corrected)["Zoe Zed_13"].status == "corrected"
    assert not corrected.needs_person
    assert sorted(place.student for place in find_submissions(out, "ps1")) == ["s1", "s2", "s3"]
    later = collect(path, plain_lab, out, CollectOptions(roster=roster))
    assert _by_source(later)["Zoe Zed_13"].students == ("s3",)
    assert later.changed == ()


def test_collect_correction_in_a_spreadsheets_own_csv_works(
    tmp_path: Path, make_zip: MakeZip, plain_lab: Lab
) -> None:
    """Semicolons, code page 1252, only the columns that matter; ``take`` leaves one out."""
    corrections = tmp_path / "c.csv"
    corrections.write_bytes(
        "source;student;take\r\nJörg Müller_12;jm;\r\nZoe Zed_13;;nein\r\nNobody_9;x;\r\n".encode("cp1252")
    )
    collection = collect(
        make_zip(MOODLE), plain_lab, tmp_path / "out", CollectOptions(corrections=corrections)
    )
    entries = _by_source(collection)
    assert entries["Jörg Müller_12"].folder == "jm"
    assert (entries["Zoe Zed_13"].status, entries["Zoe Zed_13"].folder) == ("skipped", "")
    assert [finding.code for finding in collection.findings] == ["correction-unused"]
    assert {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()} == {
        "ada-lovelace",
        "jm",
        WORK_NAME,
    }


@pytest.mark.parametrize(
    "text", ["source\nx\n", "source,student\na,1\na,2\n", "source,student,take\na,1,perhaps\n", "a\tb\n"]
)
def test_collect_unusable_corrections_are_a_diagnostic(
    tmp_path: Path, make_zip: MakeZip, plain_lab: Lab, text: str
) -> None:
    """A missing column, the same source twice, a word that is neither yes nor no."""
    corrections = tmp_path / "c.csv"
    corrections.write_text(text)
    with pytest.raises(UsageError) as caught:
        collect(make_zip(MOODLE), plain_lab, tmp_path / "out", CollectOptions(corrections=corrections))
    assert caught.value.code == "corrections-format"
    assert not (tmp_path / "out").exists()


def test_collect_ambiguous_name_is_a_finding_never_a_guess(
    tmp_path: Path, make_zip: MakeZip, write_roster: Callable[..., Path], plain_lab: Lab
) -> None:
    """Two students of one name: kept under its own name, both suggested."""
    roster = write_roster("id,name\ns1,Ada Lovelace\ns2,Ada Lovelace\n")
    collection = collect(make_zip(MOODLE), plain_lab, tmp_path / "out", CollectOptions(roster=roster))
    ada = _by_source(collection)["Ada Lovelace_11"]
    assert (ada.status, ada.folder, ada.suggestion) == ("ambiguous", "ada-lovelace", "s1; s2")
    assert {finding.code for finding in ada.findings} == {"student-ambiguous"}


def test_collect_same_name_without_roster_gets_the_number(
    tmp_path: Path, make_zip: MakeZip, plain_lab: Lab
) -> None:
    """Two people of one name do not become one folder."""
    files = {
        "Ada L_11_assignsubmission_file_/numbers.ipynb": b"{}",
        "Ada L_12_assignsubmission_file_/x.ipynb": b"",
    }
    collection = collect(make_zip(files), plain_lab, tmp_path / "out", CollectOptions())
    assert [entry.folder for entry in collection.entries] == ["ada-l-11", "ada-l-12"]
    assert {finding.code for finding in collection.entries[0].findings} == {"same-name"}


def test_collect_newest_attempt_is_taken_and_timed(tmp_path: Path, make_zip: MakeZip, plain_lab: Lab) -> None:
    """Blackboard's attempts: the last one counts, the others are kept aside; the time is UTC for grading."""
    files = {
        "Lab_ada_attempt_2026-11-20-10-00-00_numbers.ipynb": b"1",
        "Lab_ada_attempt_2026-11-20-10-00-00.txt": b"note",
        "Lab_ada_attempt_2026-11-20-23-30-00_numbers.ipynb": b"2",
        "Lab_ada_attempt_2026-11-20-23-30-00.txt": b"note",
    }
    out = tmp_path / "out"
    options = CollectOptions(time_zone="Europe/Zurich", due="2026-11-20 22:00 UTC")
    collection = collect(make_zip(files), plain_lab, out, options)
    assert [(entry.status, entry.late) for entry in collection.entries] == [
        ("older", False),
        ("as named", True),
    ]
    assert (out / "ada" / "numbers.ipynb").read_bytes() == b"2"
    assert (out / "ada" / "timestamp.txt").read_text() == "2026-11-20 22:30:00 UTC\n"
    kept = list((out / WORK_NAME / "originals").rglob("numbers.ipynb"))
    assert [path.read_bytes() for path in kept] == [b"1"]
    assert read_submission(find_submissions(out, "ps1")[0]).timestamp == "2026-11-20 22:30:00 UTC"


def test_collect_versions_that_nothing_tells_apart_need_a_person(
    tmp_path: Path, make_zip: MakeZip, write_roster: Callable[..., Path], plain_lab: Lab
) -> None:
    """Two folders of one student without a time: one is taken, and that is said."""
    roster = write_roster("id,name,login\ns1,Ada Lovelace,ada\n")
    files = {"ada/numbers.ipynb": b"1", "s1/numbers.ipynb": b"2"}
    collection = collect(make_zip(files), plain_lab, tmp_path / "out", CollectOptions(roster=roster))
    assert sorted(entry.status for entry in collection.entries) == ["matched", "older"]
    assert collection.needs_person


def test_collect_canvas_upload_again_and_late(tmp_path: Path, make_zip: MakeZip, plain_lab: Lab) -> None:
    """``-2`` is the newer upload; its name becomes the lab's; the older is kept."""
    files = {
        "lovelaceada_LATE_18_901_numbers-1.ipynb": b"1",
        "lovelaceada_LATE_18_902_numbers-2.ipynb": b"2",
        "lovelaceada_LATE_18_903_mine-2.py": b"m",
    }
    out = tmp_path / "out"
    (entry,) = collect(make_zip(files), plain_lab, out, CollectOptions()).entries
    assert entry.late
    assert entry.folder == "lovelaceada-18"
    assert {old[-9:]: new for old, new in entry.renamed.items()} == {
        "s-2.ipynb": "numbers.ipynb",
        "mine-2.py": "mine.py",
    }
    assert (out / entry.folder / "numbers.ipynb").read_bytes() == b"2"
    assert {finding.code for finding in entry.findings} == {"version-older", "late"}


def test_collect_gradescope_joins_by_its_metadata(
    tmp_path: Path, make_zip: MakeZip, write_roster: Callable[..., Path], plain_lab: Lab
) -> None:
    """Names, ids and times come from the list; two submitters are a group."""
    metadata = b"""submission_7:
  :submitters:
  - {":name": Ada Lovelace, ":sid": s1, ":email": a@x}
  - {":name": Emmy Noether, ":sid": s3, ":email": e@x}
  :created_at: 2026-11-20 12:00:00 Z
"""
    files = {"e/submission_metadata.yml": metadata, "e/submission_7/numbers.ipynb": b"{}"}
    out = tmp_path / "out"
    options = CollectOptions(roster=write_roster(ROSTER))
    (entry,) = collect(make_zip(files), plain_lab, out, options).entries
    assert (entry.folder, entry.students, entry.status) == ("s1_s3", ("s1", "s3"), "matched")
    assert (out / "s1_s3" / "timestamp.txt").read_text() == "2026-11-20 12:00:00 UTC\n"


def test_collect_gradescope_without_metadata_names_nobody(
    tmp_path: Path, make_zip: MakeZip, plain_lab: Lab
) -> None:
    """A damaged list is a finding of the download; the work is kept."""
    files = {"e/submission_metadata.yml": b"[", "e/submission_7/numbers.ipynb": b"{}"}
    collection = collect(make_zip(files), plain_lab, tmp_path / "out", CollectOptions())
    assert [finding.code for finding in collection.findings] == ["metadata-unreadable"]
    assert collection.entries[0].folder == "submission_7"


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_collect_clones_are_timed_by_their_last_commit(tmp_path: Path, plain_lab: Lab) -> None:
    """The commit's own time counts; a repository whose configuration names programs starts none."""
    folder = tmp_path / "clones"
    for name, moment in (("ps1-ada", "2026-11-20T12:00:00+0100"), ("ps1-alan", "2026-11-21T00:00:00+0000")):
        clone = folder / name
        clone.mkdir(parents=True)
        (clone / "numbers.ipynb").write_text("{}")
        who = ["-c", "user.name=A", "-c", "user.email=a@x", "-c", "commit.gpgsign=false"]
        dates = {"GIT_AUTHOR_DATE": "2020-01-01T00:00:00Z", "GIT_COMMITTER_DATE": moment}
        for command in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "x"]):
            subprocess.run(["git", *command], cwd=clone, env=os.environ | dates, check=True)
    mark = tmp_path / "ran"
    with open(folder / "ps1-alan" / ".git" / "config", "a") as config:
        config.write(
            f"[core]\n\tfsmonitor = touch {mark}\n\tpager = touch {mark}\n[log]\n\tshowSignature = true\n"
        )
        config.write(f"[gpg]\n\tprogram = touch {mark}\n")
    subprocess.run(["git", "pack-refs", "--all"], cwd=folder / "ps1-ada", check=True)
    out = tmp_path / "out"
    collection = collect(folder, plain_lab, out, CollectOptions())
    assert collection.choice.layout.name == "github"
    assert {entry.folder: entry.submitted for entry in collection.entries} == {
        "ada": "2026-11-20 11:00:00 UTC",
        "alan": "2026-11-21 00:00:00 UTC",
    }
    assert not mark.exists()
    assert not (out / "ada" / ".git").exists()


def test_commit_time_of_what_is_no_repository_is_unknown(tmp_path: Path) -> None:
    """A head that leads elsewhere, a hash of nothing, no objects: no time, and no error."""
    assert commit_time(tmp_path) == ""
    git = tmp_path / ".git"
    (git / "objects").mkdir(parents=True)
    for text in ("ref: refs/heads/main", "ref: refs/../../x", "0" * 40, "zz", ""):
        (git / "HEAD").write_text(text)
        assert commit_time(tmp_path) == ""


def test_collect_zip_that_labs_submit_made_is_unpacked(
    tmp_path: Path, make_zip: MakeZip, to_zip: Callable[[Mapping[str, bytes]], bytes], plain_lab: Lab
) -> None:
    """The one file that students hand in; the zip itself is kept too."""
    inner = to_zip({"numbers.ipynb": b"{}", "mine.py": b"m", "manifest.json": b"{}"})
    files = {"Ada L_1_assignsubmission_file_/ps1-submission.zip": inner}
    out = tmp_path / "out"
    (entry,) = collect(make_zip(files), plain_lab, out, CollectOptions()).entries
    assert entry.files == ("manifest.json", "mine.py", "numbers.ipynb")
    kept = list((out / WORK_NAME / "originals").rglob("*-ps1-submission.zip"))
    assert [path.read_bytes() for path in kept] == [inner]


def test_collect_tar_gz_and_unpacked_folder_give_the_same(
    tmp_path: Path, make_zip: MakeZip, plain_lab: Lab
) -> None:
    """It does not matter how the download is packed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
        for name, data in MOODLE.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            bundle.addfile(info, io.BytesIO(data))
    (tmp_path / "download.tar.gz").write_bytes(buffer.getvalue())
    for name, data in MOODLE.items():
        path = tmp_path / "unpacked" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    trees = []
    for number, source in enumerate((make_zip(MOODLE), tmp_path / "download.tar.gz", tmp_path / "unpacked")):
        collect(source, plain_lab, tmp_path / f"out{number}", CollectOptions())
        trees.append(_tree(tmp_path / f"out{number}"))
    assert trees[0] == trees[1] == trees[2]


def test_collect_that_is_stopped_leaves_no_half_submission(
    tmp_path: Path, make_zip: MakeZip, plain_lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped while moving, what is in place is whole; the next run finishes as if nothing had happened."""
    out, path = tmp_path / "out", make_zip(MOODLE)
    collect(path, plain_lab, out, CollectOptions())
    changed = {name: data + b" " for name, data in MOODLE.items()}
    path.unlink()
    new = make_zip(changed)
    real, count = placing.os.replace, 0

    def stop_at(limit: int) -> Callable[..., None]:
        def replace(source: object, target: object) -> None:
            nonlocal count
            count += 1
            if count == limit:
                raise KeyboardInterrupt
            real(source, target)  # type: ignore[arg-type]

        return replace

    for limit in range(1, 12):
        count = 0
        with monkeypatch.context() as patch:
            patch.setattr(placing.os, "replace", stop_at(limit))
            with suppress(KeyboardInterrupt):
                collect(new, plain_lab, out, CollectOptions())
        for folder in ("ada-lovelace", "jorg-muller", "zoe-zed"):
            files = _tree(out / folder) if (out / folder).is_dir() else None
            initial = {"a": "Ada", "j": "Jörg", "z": "Zoe"}[folder[0]]
            whole = [
                {name.split("/", 1)[1]: data for name, data in every.items() if name.startswith(initial)}
                for every in (MOODLE, changed)
            ]
            assert files is None or files in whole
    collect(new, plain_lab, out, CollectOptions())
    fresh = tmp_path / "fresh"
    collect(new, plain_lab, fresh, CollectOptions())
    assert _tree(out) == _tree(fresh)
    assert not list((out / WORK_NAME).glob("old-*"))
    assert not list((out / WORK_NAME).glob("new-*"))


def test_collect_folder_that_a_person_changed_is_left(
    tmp_path: Path, make_zip: MakeZip, plain_lab: Lab
) -> None:
    """A submission that belongs elsewhere now is moved, unless somebody worked in its folder."""
    out, path, corrections = tmp_path / "out", make_zip(MOODLE), tmp_path / "c.csv"
    collect(path, plain_lab, out, CollectOptions())
    (out / "zoe-zed" / "note.txt").write_text("mine")
    corrections.write_text("source,student\nZoe Zed_13,zoe\nJörg Müller_12,jm\n")
    collection = collect(path, plain_lab, out, CollectOptions(corrections=corrections))
    assert [finding.code for finding in collection.findings] == ["folder-changed"]
    assert {one.name for one in out.iterdir() if one.is_dir()} == {
        WORK_NAME,
        "ada-lovelace",
        "jm",
        "zoe",
        "zoe-zed",
    }


def test_collect_two_downloads_into_one_folder_are_both_there(
    tmp_path: Path, make_zip: MakeZip, plain_lab: Lab
) -> None:
    """A class may come in parts; the mapping tells of all, the newer counts where both have it."""
    out = tmp_path / "out"
    first = {name: data for name, data in MOODLE.items() if "Zoe" not in name}
    second = {name: data + b" " for name, data in MOODLE.items() if "Ada" not in name}
    collect(make_zip(first, "a.zip"), plain_lab, out, CollectOptions())
    collect(make_zip(second, "b.zip"), plain_lab, out, CollectOptions())
    assert (out / "ada-lovelace" / "numbers.ipynb").read_bytes() == b'{"a": 1}'
    assert (out / "jorg-muller" / "numbers.ipynb").read_bytes() == b"{} "
    record = read_record(out)
    assert record is not None
    assert sorted(record.members()) == ["ada-lovelace", "jorg-muller", "zoe-zed"]


def test_collect_empty_and_missing_downloads_are_diagnostics(
    tmp_path: Path, make_zip: MakeZip, plain_lab: Lab
) -> None:
    """Nothing there, nothing in it, output inside the input, unknown layout, zone or date."""
    out = tmp_path / "out"
    cases: list[tuple[Path, CollectOptions, Path, str]] = [
        (tmp_path / "none.zip", CollectOptions(), out, "no-archive"),
        (make_zip({}, "empty.zip"), CollectOptions(), out, "no-submissions"),
        (make_zip({}, "one.ipynb"), CollectOptions(), out, "no-archive"),
        (tmp_path, CollectOptions(), out, "out-inside"),
        (make_zip(MOODLE), CollectOptions(layout="wrong"), out, "layout"),
        (make_zip(MOODLE), CollectOptions(time_zone="Mars/Olympus"), out, "time-zone"),
        (make_zip(MOODLE), CollectOptions(due="someday"), out, "due"),
    ]
    for source, options, target, code in cases:
        with pytest.raises(UsageError) as caught:
            collect(source, plain_lab, target, options)
        assert caught.value.code == code
    assert not out.exists()


def test_collected_findings_are_told_with_the_grade(
    tmp_path: Path, make_zip: MakeZip, plain_lab: Lab
) -> None:
    """What was wrong with an archive reaches the one who grades."""
    from labgrade.collect.mapping import findings_of

    out = tmp_path / "out"
    files = {"ada/numbers.ipynb": b"{}", "ada/a.7z": b"7z\xbc\xaf\x27\x1c", "alan/numbers.ipynb": b"{}"}
    collect(make_zip(files), plain_lab, out, CollectOptions())
    places = find_submissions(out, "ps1", findings_of(out))
    raw = [read_submission(place) for place in places]
    assert [finding.code for finding in raw[0].findings] == ["archive-unsupported"]
    assert raw[1].findings == ()


def test_mapping_cells_are_no_formulas(tmp_path: Path, make_zip: MakeZip, plain_lab: Lab) -> None:
    """What students wrote is text when the mapping is opened; ids and sources are found again unchanged."""
    files = {"=cmd()/=1+1.ipynb": b"{}", "@x/numbers.ipynb": b"{}"}
    collection = collect(make_zip(files), plain_lab, tmp_path / "out", CollectOptions())
    table = read_table(tmp_path / "out" / MAPPING_NAME, "corrections")
    login, names = table.column("login"), table.column("files")
    assert [row[login] for row in table.rows] == ["'=cmd()", "'@x"]
    assert table.rows[0][names] == "'=1+1.ipynb"
    assert [row[0] for row in table.rows] == [entry.source for entry in collection.entries]


def test_collect_command_shows_why_and_exits_by_what_it_found(
    tmp_path: Path, make_zip: MakeZip, write_roster: Callable[..., Path]
) -> None:
    """The table names layout, reason and finding; 0 clean, 1 a person, 2 usage; JSON is one document."""
    runner = CliRunner()
    path, roster = make_zip(MOODLE), write_roster(ROSTER)
    arguments = [str(path), "--lab", str(SOURCE), "--roster", str(roster), "--out", str(tmp_path / "out")]
    shown = runner.invoke(collect_command, [*arguments, "--dry-run"])
    assert shown.exit_code == 1
    assert "recognised as Moodle" in shown.output
    assert "1 on the roster handed in nothing: s3" in shown.output
    as_json = runner.invoke(collect_command, [*arguments, "--json"])
    document = json.loads(as_json.stdout)
    assert [entry["folder"] for entry in document["entries"]] == ["s1", "s2", "zoe-zed"]
    good = make_zip({"ada.ipynb": b"{}"}, "good.zip")
    clean = runner.invoke(collect_command, [str(good), "--lab", str(SOURCE), "--out", str(tmp_path / "o2")])
    assert clean.exit_code == 0
    wrong = runner.invoke(collect_command, [str(tmp_path / "none.zip"), "--lab", str(SOURCE)])
    assert wrong.exit_code == 2
    assert "no-archive there is no such file or folder" in wrong.output


def test_collect_into_a_course_keeps_other_assignments(
    tmp_path: Path, make_zip: MakeZip, to_zip: Callable[[Mapping[str, bytes]], bytes]
) -> None:
    """``submitted/STUDENT/ASSIGNMENT`` gets the submission; what else the student handed in stays."""
    root = tmp_path / "course"
    shutil.copytree(SOURCE.parents[1], root)
    other = root / "submitted" / "ada" / "ps0" / "old.ipynb"
    other.parent.mkdir(parents=True)
    other.write_text("old")
    runner = CliRunner()
    path = make_zip({"ada/numbers.ipynb": b"{}", "ada/a.7z": b"7z\xbc\xaf\x27\x1c"})
    arguments = [str(path), "--course", str(root), "--lab", "ps1"]
    assert runner.invoke(collect_command, arguments).exit_code == 1
    assert (root / "submitted" / "ada" / "ps1" / "numbers.ipynb").read_bytes() == b"{}"
    assert other.read_text() == "old"
    plan = plan_course(root, "ps1", Options())
    assert [(place.student, [one.code for one in place.findings]) for place in plan.places] == [
        ("ada", ["archive-unsupported"])
    ]
    path.write_bytes(to_zip({"ada/numbers.ipynb": b"{ }", "alan/numbers.ipynb": b"{}"}))
    assert runner.invoke(collect_command, arguments).exit_code == 0
    assert (root / "submitted" / "ada" / "ps1" / "numbers.ipynb").read_bytes() == b"{ }"
    assert (root / "submitted" / "alan" / "ps1" / "numbers.ipynb").is_file()
    assert other.read_text() == "old"
    assert runner.invoke(collect_command, [*arguments, "--out", "x"]).exit_code == 2
    wrong = runner.invoke(collect_command, [str(path), "--course", str(root), "--lab", "ps9"])
    assert (wrong.exit_code, "no-assignment" in wrong.output) == (2, True)


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("Friday, 20 November 2026, 11:59 PM", "2026-11-20 22:59:00 UTC"),
        ("Freitag, 20. November 2026, 23:59", "2026-11-20 22:59:00 UTC"),
        ("Samstag, 6. März 2027, 08:05", "2027-03-06 07:05:00 UTC"),
        ("vendredi 3 juillet 2026, 23:59", "2026-07-03 21:59:00 UTC"),
        ("viernes, 20 de noviembre de 2026, 23:59", "2026-11-20 22:59:00 UTC"),
        ("2026-11-20 12:00:00 +0200", "2026-11-20 10:00:00 UTC"),
        ("2026-11-20T12:00:00Z", "2026-11-20 12:00:00 UTC"),
        ("2026-11-20 12:00:00 UTC", "2026-11-20 12:00:00 UTC"),
        ("2026-07-20 12:00:00 Europe/Zurich", "2026-07-20 10:00:00 UTC"),
        ("11/20/2026 11:59 PM", "2026-11-20 22:59:00 UTC"),
        ("-", ""),
        ("soon", ""),
        ("20 Smarch 2026, 10:00", ""),
        ("9999999999999999999999", ""),
    ],
)
def test_timestamp_text_reads_what_lmss_write(text: str, stamp: str) -> None:
    """Long dates of Moodle in five languages, ISO with and without an offset; else nothing."""
    assert timestamp_text(text, find_zone("Europe/Zurich")) == stamp


def test_read_record_that_is_damaged_is_a_diagnostic(tmp_path: Path) -> None:
    """Half a record, or one of another version, is not half understood."""
    assert read_record(tmp_path) is None
    for text in ("{", '{"layout":"x","lab":"y","entries":[],"format":99}'):
        (tmp_path / "collected.json").write_text(text)
        with pytest.raises(UsageError) as caught:
            read_record(tmp_path)
        assert caught.value.code == "collected-damaged"
