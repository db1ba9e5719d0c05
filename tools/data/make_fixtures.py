"""Make the small samples in ``exercises/labkit/fixtures`` again from the registry packages.

    python tools/data/make_fixtures.py [--check]

The result is the same, byte for byte, on every machine with the same zlib; ``--check`` compares the contents
and writes nothing. The packages go to the cache folder (``LABS_DATA``).
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from collections.abc import Callable, Iterable

import click
import numpy as np
from cut_lines import cut_book
from labkit.data.books import load_moby_dick, load_shakespeare
from labkit.data.catalog import FIXTURES
from labkit.data.digits import load_mnist
from labkit.data.idx import idx_bytes
from labkit.data.locate import fetch
from labkit.data.reviews import read_rotten_tomatoes
from labkit.data.vectors import load_glove

Files = dict[str, bytes]

PLAYS = ("hamlet", "macbeth", "midsummer_nights_dream")
N_WORDS = 5000


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, compresslevel=9, mtime=0)


def _csv(header: list[str], rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def make_mnist() -> Files:
    """The first 200 training and 50 test digits of each class, in their original order."""
    files: Files = {}
    for prefix, (images, labels), each in zip(("train", "t10k"), load_mnist(), (200, 50), strict=True):
        kept = np.sort(np.concatenate([np.flatnonzero(labels == digit)[:each] for digit in range(10)]))
        for suffix, array in (("images-idx3-ubyte.gz", images[kept]), ("labels-idx1-ubyte.gz", labels[kept])):
            files[f"{prefix}-{suffix}"] = _gzip(idx_bytes(array))
    return files


def make_moby_dick() -> Files:
    """The whole book."""
    return {"moby-dick.txt.gz": _gzip(load_moby_dick().encode())}


def make_moby_dick_lines() -> Files:
    """Lines of the book in the form of the short texts; the held-back ones stay outside labkit."""
    parts = cut_book(load_moby_dick())
    return {
        f"{part}.csv.gz": _gzip(_csv(["text"], ([line] for line in parts[part])))
        for part in ("train", "valid")
    }


def make_shakespeare() -> Files:
    """Three plays."""
    works = load_shakespeare()
    return {f"{name}.txt.gz": _gzip(works[name].encode()) for name in PLAYS}


def make_glove() -> Files:
    """The most frequent words, in the text form in which GloVe is published."""
    vectors = load_glove(50, N_WORDS)
    rows = zip(vectors.words, vectors.matrix, strict=True)
    lines = [" ".join([word, *(np.format_float_positional(x, trim="-") for x in row)]) for word, row in rows]
    return {"glove.6B.50d.top5000.txt.gz": _gzip(("\n".join(lines) + "\n").encode())}


def make_rotten_tomatoes() -> Files:
    """All sentences with their labels, in their order: the split is made when they are read."""
    texts = read_rotten_tomatoes(fetch("rotten-tomatoes").folder)
    rows = [[text, str(label)] for text, label in zip(texts.texts, texts.labels, strict=True)]
    return {"sentences.csv.gz": _gzip(_csv(["text", "label"], rows))}


MAKERS: dict[str, tuple[str, Callable[[], Files]]] = {
    "mnist": ("mnist", make_mnist),
    "moby-dick": ("moby-dick", make_moby_dick),
    "moby-dick-lines": ("moby-dick", make_moby_dick_lines),
    "shakespeare": ("shakespeare", make_shakespeare),
    "glove-50d": ("glove-50d", make_glove),
    "rotten-tomatoes": ("rotten-tomatoes", make_rotten_tomatoes),
}


@click.command()
@click.option("--check", is_flag=True, help="Compare with the committed files; write nothing.")
@click.argument("names", nargs=-1, type=click.Choice(list(MAKERS)))
def main(check: bool, names: tuple[str, ...]) -> None:
    """Make the fixtures again (all, or the ones that are named)."""
    different = []
    for name in names or MAKERS:
        dataset, make = MAKERS[name]
        fetch(dataset)
        for file_name, data in make().items():
            path = FIXTURES / name / file_name
            if check:
                if not path.is_file() or gzip.decompress(path.read_bytes()) != gzip.decompress(data):
                    different.append(f"{name}/{file_name}")
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            click.echo(f"{path.relative_to(FIXTURES)}: {len(data):,} bytes")
    if check:
        click.echo(json.dumps({"different": different}))
        sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
