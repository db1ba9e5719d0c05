"""Archives that want to do harm: a named finding, nothing outside, the others as they were."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest
from labgrade.collect import limits, sources, unpacking, zipsource
from labgrade.collect.job import Collection, CollectOptions, collect
from labgrade.collect.model import Entry
from labgrade.collect.names import clean_path
from labgrade.errors import UsageError
from labgrade.lab import Lab

GOOD = "Ada Lovelace_1_assignsubmission_file_/"
BAD = "Mallory M_2_assignsubmission_file_/"
ToZip = Callable[[Mapping[str, bytes]], bytes]


@pytest.fixture
def collect_file(tmp_path: Path, plain_lab: Lab) -> Callable[[Path], tuple[Collection, Path]]:
    """Return a function that collects an archive into a folder, and checks that nothing lies outside it."""

    def run(path: Path) -> tuple[Collection, Path]:
        out = tmp_path / "deep" / "er" / "out"
        before = {one for one in tmp_path.rglob("*") if out not in one.parents}
        collection = collect(path, plain_lab, out, CollectOptions())
        after = {one for one in tmp_path.rglob("*") if out not in one.parents}
        assert after - before <= {out, out.parent, out.parent.parent}
        assert not [one for one in out.rglob("*") if one.is_symlink() or not (one.is_file() or one.is_dir())]
        return collection, out

    return run


def _entry(collection: Collection, name: str) -> Entry:
    return next(entry for entry in collection.entries if entry.source.startswith(name))


def _codes(entry: Entry) -> set[str]:
    return {finding.code for finding in entry.findings}


def _zip_with(*infos: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr(GOOD + "numbers.ipynb", b"{}")
        for info, data in infos:
            info.compress_type = zipfile.ZIP_DEFLATED
            bundle.writestr(info, data)
    return buffer.getvalue()


def _named(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


HOSTILE: dict[str, tuple[Callable[[], tuple[zipfile.ZipInfo, bytes]], str]] = {
    "parent folders": (lambda: (_named(BAD + "../../../evil.py"), b"x"), "member-outside"),
    "parent folders, backslashes": (lambda: (_named(BAD + "..\\..\\evil.py"), b"x"), "member-outside"),
    "link to a file": (lambda: (_named(BAD + "numbers.ipynb", 0o120777), b"/etc/passwd"), "member-link"),
    "device": (lambda: (_named(BAD + "null", 0o020666), b""), "member-device"),
    "pipe": (lambda: (_named(BAD + "pipe", 0o010666), b""), "member-device"),
    "control characters": (lambda: (_named(BAD + "a\x1b[2Jb.py"), b"x"), "member-name"),
    "reading direction": (lambda: (_named(BAD + "a\u202egpj.py"), b"x"), "member-name"),
    "a name of 5,000 bytes": (lambda: (_named(BAD + "n" * 5000), b"x"), "member-name"),
    "200 folders": (lambda: (_named(BAD + "d/" * 200 + "x.py"), b"x"), "member-name"),
    "bomb by ratio": (lambda: (_named(BAD + "bomb.bin"), b"\0" * 30_000_000), "archive-bomb"),
    "nested zip without end": (lambda: (_named(BAD + "a.zip"), _matryoshka(6)), "archive-nested"),
    "nested bomb": (
        lambda: (_named(BAD + "a.zip"), _zip_with((_named("z"), b"\0" * 30_000_000))),
        "archive-bomb",
    ),
    "nested zip that is none": (lambda: (_named(BAD + "a.zip"), b"PK\x03\x04 no"), "archive-damaged"),
    "nested zip of 0 bytes": (lambda: (_named(BAD + "a.zip"), b""), "archive-damaged"),
    "nested 7z": (lambda: (_named(BAD + "a.7z"), b"7z\xbc\xaf\x27\x1c\0\4"), "archive-unsupported"),
    "nested rar": (lambda: (_named(BAD + "a.rar"), b"Rar!\x1a\x07\x00"), "archive-unsupported"),
    "nested tar.gz that is none": (lambda: (_named(BAD + "a.tgz"), b"\x1f\x8b\x08 no"), "archive-damaged"),
    "nested zip, traversal": (
        lambda: (_named(BAD + "a.zip"), _zip_with((_named("../../../evil"), b"x"))),
        "member-outside",
    ),
    "nested tar of links": (lambda: (_named(BAD + "a.tar"), _tar_of_tricks()), "member-link"),
    "nested tar of devices": (lambda: (_named(BAD + "a.tar"), _tar_of_tricks()), "member-device"),
    "nested tar of absolute names": (lambda: (_named(BAD + "a.tar"), _tar_of_tricks()), "member-outside"),
    "its own time": (lambda: (_named(BAD + "timestamp.txt"), b"2020-01-01"), "timestamp-claimed"),
}


def _matryoshka(depth: int) -> bytes:
    data = b"x"
    for _ in range(depth):
        data = _zip_with((_named("inner.zip"), data))
    return data


def _tar_of_tricks() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as bundle:
        for name, kind, target in (
            ("link", tarfile.SYMTYPE, "/etc/passwd"),
            ("hard", tarfile.LNKTYPE, "../../../x"),
            ("dev", tarfile.CHRTYPE, ""),
            ("fifo", tarfile.FIFOTYPE, ""),
            ("/tmp/evil", tarfile.REGTYPE, ""),
            ("../../evil", tarfile.REGTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            bundle.addfile(info)
        good = tarfile.TarInfo("numbers.ipynb")
        good.size = 2
        bundle.addfile(good, io.BytesIO(b"{}"))
    return buffer.getvalue()


@pytest.mark.parametrize("name", HOSTILE)
def test_collect_hostile_member_is_named_and_others_are_unaffected(
    tmp_path: Path, collect_file: Callable[[Path], tuple[Collection, Path]], name: str
) -> None:
    """The submission gets the finding, what is good of it is kept, and Ada's is as it was handed in."""
    build, code = HOSTILE[name]
    path = tmp_path / "download.zip"
    path.write_bytes(_zip_with(build(), (_named(BAD + "words.ipynb"), b"{ }")))
    collection, out = collect_file(path)
    bad, good = _entry(collection, "Mallory"), _entry(collection, "Ada")
    assert code in _codes(bad)
    assert not good.findings
    assert (out / good.folder / "numbers.ipynb").read_bytes() == b"{}"
    assert (out / bad.folder / "words.ipynb").read_bytes() == b"{ }"


def test_collect_encrypted_member_is_named(
    tmp_path: Path, collect_file: Callable[[Path], tuple[Collection, Path]]
) -> None:
    """A file with a password is named; an archive of nothing else is refused as a whole."""
    data = bytearray(
        _zip_with((_named(BAD + "numbers.ipynb"), b"secret"), (_named(BAD + "words.ipynb"), b"{}"))
    )
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := data.find(magic, at + 1)) >= 0:
            head = 30 if magic.endswith(b"\x04") else 46
            length = struct.unpack_from("<H", data, at + (26 if head == 30 else 28))[0]
            if data[at + head : at + head + length] == (BAD + "numbers.ipynb").encode():
                data[at + offset] |= 1
    path = tmp_path / "download.zip"
    path.write_bytes(bytes(data))
    collection, out = collect_file(path)
    assert "archive-encrypted" in _codes(_entry(collection, "Mallory"))
    assert (out / _entry(collection, "Mallory").folder / "words.ipynb").read_bytes() == b"{}"


def test_collect_archive_that_lies_about_sizes_is_named(
    tmp_path: Path, collect_file: Callable[[Path], tuple[Collection, Path]]
) -> None:
    """A header that promises 5 bytes for a bomb is found out by reading no more than it promised."""
    data = bytearray(_zip_with((_named(BAD + "bomb.bin"), b"\0" * 30_000_000)))
    data = bytearray(bytes(data).replace(struct.pack("<L", 30_000_000), struct.pack("<L", 5)))
    path = tmp_path / "download.zip"
    path.write_bytes(bytes(data))
    collection, _ = collect_file(path)
    assert "member-damaged" in _codes(_entry(collection, "Mallory"))


def test_collect_one_gigabyte_members_are_never_read(
    tmp_path: Path, collect_file: Callable[[Path], tuple[Collection, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sparse tar member and a sparse file of 1 GB are refused by their headers; no byte of them is read."""
    info = tarfile.TarInfo("ada/big.bin")
    info.size = 1_000_000_000
    path = tmp_path / "download.tar"
    with open(path, "wb") as file:
        small = tarfile.TarInfo("alan/numbers.ipynb")
        small.size = 2
        file.write(small.tobuf() + b"{}".ljust(512, b"\0"))
        file.write(info.tobuf())
        file.truncate(file.tell() + info.size + 1024)
    monkeypatch.setattr(unpacking, "MAX_FILE_BYTES", 1000)
    collection, out = collect_file(path)
    assert _codes(_entry(collection, "ada")) == {"member-too-large"}
    assert (out / "alan" / "numbers.ipynb").read_bytes() == b"{}"
    assert path.stat().st_blocks * 512 < 10_000_000


def test_collect_sparse_file_in_a_folder_is_refused(tmp_path: Path, plain_lab: Lab) -> None:
    """The same in a folder, beside a link, which is not followed, and a pipe, which is not opened."""
    import os

    folder = tmp_path / "in"
    (folder / "ada").mkdir(parents=True)
    with open(folder / "ada" / "big.bin", "wb") as file:
        file.truncate(1_000_000_000)
    (folder / "ada" / "link.ipynb").symlink_to("/etc/passwd")
    os.mkfifo(folder / "ada" / "pipe.ipynb")
    (folder / "linked").symlink_to("/etc")
    collection = collect(folder, plain_lab, tmp_path / "out", CollectOptions())
    assert _codes(_entry(collection, "ada")) == {"member-too-large", "member-link", "member-device"}
    assert [entry.folder for entry in collection.entries] == ["ada"]


def test_collect_too_many_files_and_bytes_are_cut_off(
    tmp_path: Path,
    collect_file: Callable[[Path], tuple[Collection, Path]],
    to_zip: ToZip,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beyond the limits of a submission nothing more is taken; the other submission is whole."""
    monkeypatch.setattr(unpacking, "MAX_FILES", 5)
    path = tmp_path / "d.zip"
    files = {f"{BAD}f{number:03}.txt": b"x" for number in range(50)} | {GOOD + "numbers.ipynb": b"{}"}
    path.write_bytes(to_zip(files))
    collection, out = collect_file(path)
    bad = _entry(collection, "Mallory")
    assert (_codes(bad), len(bad.files)) == ({"too-many-files"}, 5)
    monkeypatch.setattr(unpacking, "MAX_FILES", 100)
    monkeypatch.setattr(unpacking, "MAX_TOTAL_BYTES", 20)
    collection, out = collect_file(path)
    assert _codes(_entry(collection, "Mallory")) == {"submission-too-large"}
    assert (out / _entry(collection, "Ada").folder / "numbers.ipynb").read_bytes() == b"{}"


def test_collect_10000_faults_are_told_once(
    tmp_path: Path, collect_file: Callable[[Path], tuple[Collection, Path]]
) -> None:
    """A list of findings that nobody can read helps nobody."""
    path = tmp_path / "d.zip"
    path.write_bytes(_zip_with(*((_named(f"{BAD}l{number}", 0o120777), b"/x") for number in range(300))))
    bad = _entry(collect_file(path)[0], "Mallory")
    assert len(bad.findings) < 50
    assert "too-many-faults" in _codes(bad)


@pytest.mark.parametrize("second", ["NUMBERS.ipynb", "numbers.ipynb", "Numbers.IPYNB"])
def test_collect_names_that_differ_in_case_are_kept_apart(
    tmp_path: Path, collect_file: Callable[[Path], tuple[Collection, Path]], second: str
) -> None:
    """Two files that some disks take for one: both are kept, a person is told."""
    path = tmp_path / "d.zip"
    with pytest.warns(UserWarning, match="Duplicate name") if second == "numbers.ipynb" else nullcontext():
        path.write_bytes(_zip_with((_named(BAD + "numbers.ipynb"), b"{}"), (_named(BAD + second), b"[]")))
    bad = _entry(collect_file(path)[0], "Mallory")
    assert "member-duplicate" in _codes(bad)
    assert len(bad.files) == 2


def test_collect_names_in_two_unicode_forms_are_kept_apart(
    tmp_path: Path, collect_file: Callable[[Path], tuple[Collection, Path]]
) -> None:
    """Composed and decomposed umlauts are one name on some disks."""
    path = tmp_path / "d.zip"
    members = (
        (_named(BAD + "ü.py"), b"1"),
        (_named(BAD + "u\u0308.py"), b"2"),
        (_named(BAD + "ü.py/x"), b"3"),
    )
    path.write_bytes(_zip_with(*members))
    bad = _entry(collect_file(path)[0], "Mallory")
    assert _codes(bad) == {"member-duplicate", "member-in-the-way"}
    assert bad.files == ("ü (2).py", "ü.py")


@pytest.mark.parametrize("encoding", ["utf-8", "cp437"])
def test_collect_names_of_old_zip_programs_are_read(
    tmp_path: Path, collect_file: Callable[[Path], tuple[Collection, Path]], encoding: str
) -> None:
    """macOS writes UTF-8 and Windows code page 437, and neither says so."""
    name = "Jörg Müller_3_assignsubmission_file_/numbers.ipynb"
    raw = name.encode(encoding)
    placeholder = "J" * len(raw)
    data = _zip_with((_named(placeholder), b"{}")).replace(placeholder.encode(), raw)
    path = tmp_path / "d.zip"
    path.write_bytes(data)
    assert _entry(collect_file(path)[0], "Jörg").person.name == "Jörg Müller"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"7z\xbc\xaf\x27\x1c\x00\x04", "archive-unsupported"),
        (b"Rar!\x1a\x07\x01\x00", "archive-unsupported"),
        (b"hello, this is no archive", "archive-damaged"),
        (b"", "archive-damaged"),
        (gzip.compress(b"no tar", mtime=0), "archive-damaged"),
    ],
)
def test_collect_file_that_is_no_archive_is_a_diagnostic(
    tmp_path: Path, plain_lab: Lab, data: bytes, code: str
) -> None:
    """7z and RAR are refused with a line that says what to do; so is everything else."""
    path = tmp_path / "download.zip"
    path.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        collect(path, plain_lab, tmp_path / "out", CollectOptions())
    assert caught.value.code == code
    assert "unpack it" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_open_source_fully_encrypted_download_is_refused(tmp_path: Path) -> None:
    """There is nothing to collect without the password."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("a.ipynb", b"{}")
    data = bytearray(buffer.getvalue())
    data[6] |= 1
    data[data.find(b"PK\x01\x02") + 8] |= 1
    path = tmp_path / "d.zip"
    path.write_bytes(bytes(data))
    with pytest.raises(UsageError) as caught, sources.open_source(path):
        pass
    assert caught.value.code == "archive-encrypted"


def test_zip_directory_is_measured_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory of more entries than allowed is refused by its size."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for number in range(200):
            bundle.writestr(str(number), b"")
    monkeypatch.setattr(zipsource.zipfile, "ZipFile", None)
    with pytest.raises(sources.MemberError) as caught:
        zipsource.ZipSource(buffer, 10)
    assert caught.value.code == "archive-too-many"


def test_tar_gz_bomb_stops_at_the_limit(tmp_path: Path, plain_lab: Lab) -> None:
    """A compressed tar is not unpacked beyond the limit of its size."""
    inner = gzip.compress(b"\0" * 3_000_000, mtime=0)
    with (
        pytest.raises(sources.MemberError) as caught,
        sources.open_archive(io.BytesIO(inner), 10, 1_000_000),
    ):
        pass
    assert caught.value.code == "archive-bomb"


@pytest.mark.parametrize(
    ("raw", "clean", "code"),
    [
        ("a/b.py", "a/b.py", ""),
        ("./a//b.py", "a/b.py", ""),
        ("a\\b.py", "a/b.py", ""),
        ("/etc/passwd", "etc/passwd", "member-outside"),
        ("C:\\x\\y", "x/y", "member-outside"),
        ("\\\\server\\share", "server/share", "member-outside"),
        ("a/../b", "a/b", "member-outside"),
        ("", "_", "member-name"),
        ("..", "_", "member-outside"),
        ("a\x00b", "a_b", "member-name"),
        ("u\u0308.py", "ü.py", ""),
        ("a\ud800.py", "a_.py", "member-name"),
    ],
)
def test_clean_path_leads_nowhere_else(raw: str, clean: str, code: str) -> None:
    """A path that comes out is relative and stays below; what was wrong is told."""
    assert clean_path(raw)[:2] == (clean, code)


def test_collect_archive_named_like_a_folder_ends_nothing(
    tmp_path: Path, collect_file: Callable[[Path], tuple[Collection, Path]]
) -> None:
    """What is kept aside has names that cannot meet: ``a.zip`` and ``a.zip/b.zip``."""
    inner = _zip_with((_named("words.ipynb"), b"{}"))
    path = tmp_path / "d.zip"
    path.write_bytes(_zip_with((_named(BAD + "a.zip"), inner), (_named(BAD + "a.zip/b.zip"), inner)))
    bad = _entry(collect_file(path)[0], "Mallory")
    assert "words.ipynb" in bad.files


def test_limits_are_those_of_grading() -> None:
    """What is collected can also be graded."""
    from labgrade import intake

    assert (limits.MAX_FILES, limits.MAX_FILE_BYTES) == (intake.MAX_FILES, intake.MAX_FILE_BYTES)
