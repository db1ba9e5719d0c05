"""GloVe word vectors."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from labkit.data.cache import cache_folder
from labkit.data.catalog import FIXTURES, find_dataset
from labkit.data.errors import DataError
from labkit.data.locate import Located, announce, locate

__all__ = ["WordVectors", "load_glove"]


@dataclass(frozen=True)
class WordVectors:
    """Words and their vectors, most frequent word first.

    Args:
        words: V words, lower case.
        matrix: float32 [V, dim].
        is_sample: whether these are the committed 5,000 words only.

    """

    words: tuple[str, ...]
    matrix: npt.NDArray[np.float32]
    is_sample: bool = False
    index: dict[str, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.index.update((word, row) for row, word in enumerate(self.words))

    def __contains__(self, word: str) -> bool:
        return word in self.index

    def __len__(self) -> int:
        return len(self.words)

    def __getitem__(self, word: str) -> npt.NDArray[np.float32]:
        """Return the vector of a word; KeyError if there is none."""
        row: npt.NDArray[np.float32] = self.matrix[self.index[word]]
        return row

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.matrix.shape[1])


@contextmanager
def _open_text(path: Path, dim: int) -> Iterator[IO[str]]:
    """Open GloVe's text form: plain, gzipped, or the member for this dimension of the published zip."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as bundle:
            names = [name for name in bundle.namelist() if name.endswith(f"{dim}d.txt")]
            if not names:
                raise DataError(f"{path} holds no vectors of {dim} dimensions")
            with bundle.open(names[0]) as raw:
                yield io.TextIOWrapper(raw, encoding="utf-8")
    elif path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8") as file:
            yield file
    else:
        with path.open(encoding="utf-8") as file:
            yield file


def _read_text_vectors(path: Path, dim: int, max_words: int | None) -> WordVectors:
    """Read lines of a word and ``dim`` numbers.

    Raises:
        DataError: a line has another number of columns.

    """
    words: list[str] = []
    rows: list[npt.NDArray[np.float32]] = []
    with _open_text(path, dim) as lines:
        for number, line in enumerate(lines, 1):
            if max_words is not None and len(words) >= max_words:
                break
            parts = line.rstrip("\n").rsplit(" ", dim)
            if len(parts) != dim + 1:
                raise DataError(f"{path}:{number}: expected a word and {dim} numbers")
            words.append(parts[0])
            rows.append(np.array(parts[1:], dtype=np.float32))
    return WordVectors(tuple(words), np.stack(rows) if rows else np.zeros((0, dim), np.float32))


def _read_package(folder: Path, max_words: int | None) -> WordVectors:
    """Read the registry package's matrix and its table of words."""
    try:
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise DataError("reading the words of GloVe needs pyarrow", "pip install 'seqlabs[data]'") from error
    words = parquet.read_table(folder / "glove_6B_index.parquet").column("index").to_pylist()
    matrix = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r", allow_pickle=False)
    return WordVectors(tuple(words[:max_words]), np.array(matrix[:max_words], dtype=np.float32))


def _your_file(dim: int) -> Path | None:
    """Return the published file, if the reader has put it into the cache folder."""
    names = (f"glove.6B.{dim}d.txt", f"glove.6B.{dim}d.txt.gz", f"glove.6B.{dim}d.zip", "glove.6B.zip")
    folders = (cache_folder() / "glove", cache_folder())
    return next((folder / name for folder in folders for name in names if (folder / name).is_file()), None)


def load_glove(dim: int = 50, max_words: int | None = None) -> WordVectors:
    """Load GloVe 6B vectors.

    50 dimensions come from a registry package or, as a sample of 5,000 words, with labkit. Other dimensions
    are read from the published ``glove.6B.<dim>d.txt`` or ``glove.6B.zip`` in the cache's folder ``glove``.

    Args:
        dim: 50, 100, 200 or 300.
        max_words: keep the most frequent ones only.

    Raises:
        DataError: vectors of this dimension are not at hand, or the file is damaged.

    """
    yours = _your_file(dim)
    if yours is not None:
        announce(Located(find_dataset("glove-50d"), yours.parent, "yours"))
        return _read_text_vectors(yours, dim, max_words)
    if dim != 50:
        raise DataError(
            f"GloVe vectors of {dim} dimensions are not at hand",
            f"put glove.6B.{dim}d.txt or glove.6B.zip into {cache_folder() / 'glove'}, or use dim=50",
        )
    found = locate("glove-50d")
    announce(found)
    if found.is_sample:
        sample = _read_text_vectors(FIXTURES / "glove-50d" / "glove.6B.50d.top5000.txt.gz", 50, max_words)
        return WordVectors(sample.words, sample.matrix, is_sample=True)
    return _read_package(found.folder, max_words)
