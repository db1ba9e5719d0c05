"""IMDB as lists of word ids, with the signature of ``keras.datasets.imdb``."""

from __future__ import annotations

import contextlib
import io
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from labkit.data.cache import cache_folder, read_contents
from labkit.data.errors import DataError
from labkit.data.locate import why_no_network
from labkit.data.own_way import short_timeout
from labkit.data.reviews import LabelledTexts, load_imdb_texts

__all__ = ["encode_reviews", "load_imdb", "load_imdb_word_index", "rank_words", "split_words"]

Reviews = tuple[npt.NDArray[Any], npt.NDArray[np.int64]]

# What Keras' Tokenizer takes for space; the apostrophe stays inside words.
_NOT_A_WORD = re.compile("[" + re.escape('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n') + "]")


def split_words(text: str) -> list[str]:
    """Split a review into lower-case words as Keras did: punctuation is space, an apostrophe is a letter."""
    return _NOT_A_WORD.sub(" ", text.lower()).split(" ") if text else []


def _words(text: str) -> list[str]:
    return [word for word in split_words(text) if word]


def rank_words(texts: Iterable[str]) -> dict[str, int]:
    """Number the words by how often they occur: 1 is the most frequent; equal counts by first place."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(_words(text))
    return {word: rank for rank, (word, _) in enumerate(counts.most_common(), 1)}


def encode_reviews(
    texts: Iterable[str],
    word_index: dict[str, int],
    *,
    num_words: int | None = None,
    skip_top: int = 0,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> list[list[int]]:
    """Turn reviews into lists of ids by Keras' rules.

    Args:
        texts: raw reviews.
        word_index: word -> rank from 1; other words are left out, as in Keras' data.
        num_words: ids from this one on become ``oov_char``.
        skip_top: ids below this one become ``oov_char``.
        start_char: put before each review; None for nothing.
        oov_char: for words beyond the limits; None drops them.
        index_from: added to each rank, so that 0 is free for padding.

    """
    limit = num_words if num_words is not None else max(word_index.values(), default=0) + index_from + 1
    encoded = []
    for text in texts:
        ids = [word_index[word] + index_from for word in _words(text) if word in word_index]
        if start_char is not None:
            ids = [start_char, *ids]
        if oov_char is not None:
            ids = [index if skip_top <= index < limit else oov_char for index in ids]
        else:
            ids = [index for index in ids if skip_top <= index < limit]
        encoded.append(ids)
    return encoded


_keras_failed: set[str] = set()
"""Files that Keras could not fetch: it is asked once in a process."""


def _from_keras(file: str, load: Callable[[Any], Any]) -> Any | None:
    """Let ``load(keras.datasets.imdb)`` read a file of Keras; None where that cannot be had.

    Keras is asked if the file is in its own cache, or may be fetched and was not tried in vain before.
    """
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    is_there = (home / "datasets" / file).is_file()
    if not is_there and (file in _keras_failed or why_no_network()):
        return None
    os.environ.setdefault("KERAS_BACKEND", "torch")
    try:
        from keras.datasets import imdb
    except ImportError:
        return None
    try:
        # Keras announces each attempt on standard output; what was used is said by announce.
        with short_timeout(), contextlib.redirect_stdout(io.StringIO()):
            return load(imdb)
    except Exception as error:  # Keras raises a bare Exception when a URL cannot be had
        _keras_failed.add(file)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        print(f"Keras could not fetch {file} ({reason}).")
        return None


def load_imdb_word_index(*, sample: bool = False) -> dict[str, int]:
    """Return Keras' word index (word -> rank), or a ranking of the training reviews in its place.

    Args:
        sample: the ranking that belongs to ``load_imdb(sample=True)``.

    """
    keras_index = None if sample else _keras_word_index()
    return keras_index if keras_index is not None else rank_words(load_imdb_texts(sample=sample)[0].texts)


def _keras_word_index() -> dict[str, int] | None:
    index: dict[str, int] | None = _from_keras("imdb_word_index.json", lambda imdb: imdb.get_word_index())
    return index


def load_imdb(
    path: str = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
    *,
    sample: bool = False,
) -> tuple[Reviews, Reviews]:
    """Load IMDB as ``keras.datasets.imdb.load_data`` does, from Keras where it can be had.

    Else the ids are made from the raw reviews, by Keras' rules: 0 padding, 1 start, 2 unknown, then words by
    frequency. With Keras' own word index they are Keras' ids; with the ranking that is built here from the
    training reviews they differ, and a line says so. The order of the reviews differs from Keras' anyway.

    Args:
        path: name of Keras' file in its own cache.
        num_words: keep ids below this one.
        skip_top: drop ids below this one.
        maxlen: leave out reviews longer than this.
        seed: of the shuffle.
        start_char: id put before each review.
        oov_char: id of a word beyond the limits; None drops it.
        index_from: first rank is this plus 1.
        sample: take the sentences from Rotten Tomatoes in any case, for a run that is alike everywhere.

    Returns:
        ``(x_train, y_train), (x_test, y_test)``: object arrays of lists of int, and int64 labels.

    Raises:
        DataError: ``maxlen`` leaves no review.

    """
    if Path(path).name != path:
        raise DataError(f"path={path!r} is not a plain name", "Keras takes a name in its own cache")
    options = {
        "num_words": num_words,
        "skip_top": skip_top,
        "start_char": start_char,
        "oov_char": oov_char,
        "index_from": index_from,
    }
    from_keras = None if sample else _load_from_keras(path, maxlen=maxlen, seed=seed, **options)
    if from_keras is not None:
        return from_keras
    train, test = load_imdb_texts(sample=sample)
    word_index = None if sample else _keras_word_index()
    if word_index is None:
        word_index = rank_words(train.texts)
        print("Word ids are ranks in these training reviews: they differ from the ids in Keras' own files.")
    draw = np.random.RandomState(seed)  # Keras' generator
    parts = []
    for part in (train, test):
        ids = encode_reviews(part.texts, word_index, **options)  # type: ignore[arg-type]
        parts.append(_shuffle(ids, part, draw, maxlen))
    return parts[0], parts[1]


def _load_from_keras(path: str, **options: Any) -> tuple[Reviews, Reviews] | None:
    has_raw = read_contents(cache_folder() / "imdb") is not None
    if has_raw:  # no reason to go to the network
        _keras_failed.add(path)
    loaded: tuple[Reviews, Reviews] | None = _from_keras(
        path, lambda imdb: imdb.load_data(path=path, **options)
    )
    if loaded is not None:
        print("IMDB: from Keras.")
    return loaded


def _shuffle(
    ids: list[list[int]], part: LabelledTexts, draw: np.random.RandomState, maxlen: int | None
) -> Reviews:
    order = draw.permutation(len(ids))
    kept = [i for i in order if maxlen is None or len(ids[i]) <= maxlen]
    if not kept:
        raise DataError(f"maxlen={maxlen} leaves no review", "choose a larger maxlen")
    x = np.empty(len(kept), dtype=object)
    x[:] = [ids[i] for i in kept]
    return x, np.array([part.labels[i] for i in kept], dtype=np.int64)
