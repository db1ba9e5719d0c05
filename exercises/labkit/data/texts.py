"""The sentences of the character language model: the short texts, or lines from Moby-Dick in their place."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from labkit.data.alphabet import clean_sentence
from labkit.data.cache import cache_folder
from labkit.data.catalog import FIXTURES, find_dataset
from labkit.data.download import download
from labkit.data.errors import DataError, DownloadError
from labkit.data.locate import Located, announce, why_no_network

__all__ = ["TextCorpus", "load_short_texts", "read_sentences"]

VARIABLE = "LABS_SHORT_TEXTS"
_TRAIN_NAMES = ("train.csv", "train.csv.gz")
_VALID_NAMES = ("valid.csv", "valid.csv.gz", "dev.csv", "validation.csv")
_TEST_NAMES = ("test.csv", "test.csv.gz")


@dataclass(frozen=True)
class TextCorpus:
    """Cleaned sentences; each ends with a newline and holds only characters of the alphabet.

    Args:
        name: ``short-texts`` or ``moby-dick-lines``.
        train: to learn from.
        valid: to choose by (when to stop, which model).
        test: held back; empty where there is none.

    """

    name: str
    train: tuple[str, ...]
    valid: tuple[str, ...]
    test: tuple[str, ...] = ()

    @property
    def is_stand_in(self) -> bool:
        """Whether these are the committed lines and not the short texts."""
        return self.name != "short-texts"


def read_sentences(data: bytes, where: str) -> tuple[str, ...]:
    """Read the column ``text`` of a CSV file and clean each sentence; empty ones are left out.

    Raises:
        DataError: the bytes are not UTF-8, or there is no such column.

    """
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not UTF-8 text (byte {error.start})") from error
    if "text" not in (reader.fieldnames or ()):
        raise DataError(
            f"{where} has no column 'text'; its first line is {','.join(reader.fieldnames or ())!r:.80}"
        )
    sentences = (clean_sentence(row["text"] or "") for row in reader)
    return tuple(sentence for sentence in sentences if sentence != "\n")


def _first_file(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_folder(folder: Path, name: str) -> TextCorpus:
    """Read a folder with train.csv and valid.csv or test.csv.

    Raises:
        DataError: train.csv is missing.

    """
    train = _first_file(folder, _TRAIN_NAMES)
    if train is None:
        raise DataError(f"{folder} has no train.csv", "the folder must hold train.csv and valid.csv")
    parts = {"train": read_sentences(train.read_bytes(), str(train))}
    for part, names in (("valid", _VALID_NAMES), ("test", _TEST_NAMES)):
        path = _first_file(folder, names)
        parts[part] = read_sentences(path.read_bytes(), str(path)) if path is not None else ()
    if not parts["valid"]:  # never choose by the test set: hold every twentieth training sentence back
        parts["train"], parts["valid"] = _hold_back(parts["train"], 20)
    return TextCorpus(name, parts["train"], parts["valid"], parts["test"])


def _hold_back(sentences: tuple[str, ...], nth: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Hold about 1/nth back, chosen by the hash of each sentence: the order of the file does not matter."""
    held = [int.from_bytes(hashlib.sha256(s.encode()).digest()[:4], "big") % nth == 0 for s in sentences]
    return (
        tuple(s for s, out in zip(sentences, held, strict=True) if not out),
        tuple(s for s, out in zip(sentences, held, strict=True) if out),
    )


def _read_single_csv(data: bytes, where: str) -> TextCorpus:
    """Split one file of sentences: a fifth is the test part, as in the published set."""
    rest, test = _hold_back(read_sentences(data, where), 5)
    train, valid = _hold_back(rest, 19)
    return TextCorpus("short-texts", train, valid, test)


def _read_zip(path: Path) -> TextCorpus:
    """Read a zip with train.csv and others, or with a single CSV file."""
    with zipfile.ZipFile(path) as bundle:
        members = {Path(name).name: name for name in bundle.namelist() if name.endswith((".csv", ".csv.gz"))}
        train = next((members[name] for name in _TRAIN_NAMES if name in members), None)
        if train is None:
            if len(members) != 1:
                raise DataError(f"{path} holds neither train.csv nor exactly one .csv file")
            return _read_single_csv(bundle.read(next(iter(members.values()))), str(path))
        parts = [read_sentences(bundle.read(train), f"{path}:{train}")]
        for names in (_VALID_NAMES, _TEST_NAMES):
            member = next((members[name] for name in names if name in members), None)
            parts.append(read_sentences(bundle.read(member), f"{path}:{member}") if member else ())
    if not parts[1]:
        parts[0], parts[1] = _hold_back(parts[0], 20)
    return TextCorpus("short-texts", *parts)


def _read_place(place: Path) -> TextCorpus:
    if place.is_dir():
        return _read_folder(place, "short-texts")
    if not place.is_file():
        raise DataError(f"{VARIABLE} names {place}, which is not there", "a folder, a .csv, a .zip or a URL")
    if zipfile.is_zipfile(place):
        return _read_zip(place)
    return _read_single_csv(place.read_bytes(), str(place))


def _fetch_url(url: str) -> Path:
    """Bring what a URL names into the cache: one .csv or .zip, or train.csv, valid.csv and test.csv below it.

    Raises:
        DataError: nothing may be downloaded now, or the server does not give it.

    """
    folder = cache_folder() / "short-texts" / hashlib.sha256(url.encode()).hexdigest()[:12]
    name = Path(urlsplit(url).path).name
    wanted = [name] if name.endswith((".csv", ".csv.gz", ".zip")) else ["train.csv", "valid.csv", "test.csv"]
    missing = [entry for entry in wanted if not (folder / entry).is_file()]
    no_network = why_no_network()
    if no_network and wanted[0] in missing:
        raise DataError(f"{VARIABLE} names {url}, which is not in the cache, and {no_network}")
    for entry in () if no_network else missing:
        try:
            download(url if len(wanted) == 1 else f"{url.rstrip('/')}/{entry}", folder / entry)
        except DownloadError as error:
            if entry == wanted[0] or error.status != 404:  # valid.csv or test.csv may be absent
                raise
    return folder / wanted[0] if len(wanted) == 1 else folder


def load_short_texts() -> TextCorpus:
    """Load the sentences of lab 02.

    The environment variable ``LABS_SHORT_TEXTS`` names the real ones: a folder with train.csv and valid.csv
    (or test.csv), a .csv, a .zip, or a URL of one of these. Without it, lines of 32 to 100 characters from
    Moby-Dick, which come with labkit, take their place.

    Raises:
        DataError: the variable names something that cannot be read.

    """
    chosen = os.environ.get(VARIABLE, "").strip()
    dataset = find_dataset("short-texts")
    if not chosen:
        found = Located(dataset, FIXTURES / dataset.fixture, "fixture", (f"{VARIABLE} is not set",))
        announce(found)
        return _read_folder(found.folder, "moby-dick-lines")
    place = _fetch_url(chosen) if "://" in chosen else Path(chosen).expanduser()
    corpus = _read_place(place)
    announce(Located(dataset, place, "yours"))
    return corpus
