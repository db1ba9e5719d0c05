"""The sentences of lab 02: ids, cleaning, and every place they can come from."""

import csv
import io
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labkit.data import (
    ALPHABET,
    BEGIN,
    END,
    N_IDS,
    PAD,
    clean_sentence,
    decode,
    encode,
    load_short_texts,
    pad_batch,
)
from labkit.data import locate as locating
from labkit.data.download import download
from labkit.data.errors import DataError, DownloadError


def _csv(*sentences: str) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["text"], *([sentence] for sentence in sentences)])
    return text.getvalue().encode()


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LABS_DATA", str(tmp_path / "cache"))
    for name in ("LABS_SHORT_TEXTS", "LABS_OFFLINE", "LABS_PROFILE", "NBGRADER_EXECUTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(locating, "_announced", set())


def test_alphabet_has_95_characters_and_three_more_ids():
    """A newline and printable ASCII without the double quote, sorted; BEGIN, END, PAD follow."""
    assert len(ALPHABET) == 95
    assert list(ALPHABET) == sorted(ALPHABET)
    assert '"' not in ALPHABET
    assert (BEGIN, END, PAD, N_IDS) == (95, 96, 97, 98)


def test_clean_sentence_non_ascii_becomes_space():
    """What is not ASCII becomes a space, a double quote a single one; a newline ends the sentence."""
    assert clean_sentence('“No” – said\nhe, "now" é') == " No    said he, 'now'\n"


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=120))
def test_clean_sentence_any_text_can_be_encoded(text):
    """Whatever is cleaned can be encoded, and comes back from its ids."""
    sentence = clean_sentence(text)
    assert decode(encode(sentence)) == sentence
    assert clean_sentence(sentence) == sentence


def test_encode_unknown_character_is_named():
    """A character outside the alphabet is not silently dropped."""
    with pytest.raises(ValueError, match="'é' is not one of the 95"):
        encode("é")


def test_pad_batch_puts_begin_end_and_pad():
    """BEGIN, the characters, END, then PAD up to the longest."""
    batch = pad_batch(["ab\n", "a\n"])
    a, b, newline = encode("ab\n")
    assert batch.tolist() == [[BEGIN, a, b, newline, END], [BEGIN, a, newline, END, PAD]]
    assert batch.dtype.name == "int64"
    assert pad_batch([]).shape == (0, 0)


def test_load_short_texts_without_variable_is_the_stand_in(capsys):
    """The committed lines are used, and a line says so."""
    corpus = load_short_texts()
    assert corpus.is_stand_in
    assert len(corpus.train) == 14185
    assert corpus.train[0].endswith("\n")
    assert "in place of the headlines (LABS_SHORT_TEXTS is not set)" in capsys.readouterr().out


def test_load_short_texts_folder_with_train_and_valid(monkeypatch, tmp_path):
    """A folder with train.csv, valid.csv and test.csv is taken as it is."""
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.csv").write_bytes(_csv(f"a {name} sentence", "another, with a comma"))
    monkeypatch.setenv("LABS_SHORT_TEXTS", str(tmp_path))
    corpus = load_short_texts()
    assert corpus.name == "short-texts"
    assert corpus.train == ("a train sentence\n", "another, with a comma\n")
    assert corpus.valid[0] == "a valid sentence\n"
    assert corpus.test[0] == "a test sentence\n"


def test_load_short_texts_without_valid_holds_some_back(monkeypatch, tmp_path):
    """With train.csv and test.csv only, a twentieth of train is held back; the test part stays apart."""
    sentences = [f"sentence number {number}" for number in range(1000)]
    (tmp_path / "train.csv").write_bytes(_csv(*sentences))
    (tmp_path / "test.csv").write_bytes(_csv("held out"))
    monkeypatch.setenv("LABS_SHORT_TEXTS", str(tmp_path))
    corpus = load_short_texts()
    assert len(corpus.train) + len(corpus.valid) == 1000
    assert 20 < len(corpus.valid) < 90
    assert corpus.test == ("held out\n",)


@pytest.mark.parametrize("packed", [False, True])
def test_load_short_texts_single_file_is_split(monkeypatch, tmp_path, packed):
    """One CSV, or a zip with one CSV, is split by the hash of the sentences."""
    raw = _csv(*(f"sentence number {number}" for number in range(1000)))
    path = tmp_path / "dataset.csv"
    path.write_bytes(raw)
    if packed:
        path = tmp_path / "dataset.zip"
        with zipfile.ZipFile(path, "w") as bundle:
            bundle.writestr("folder/dataset.csv", raw)
    monkeypatch.setenv("LABS_SHORT_TEXTS", str(path))
    corpus = load_short_texts()
    assert {len(corpus.train) + len(corpus.valid) + len(corpus.test)} == {1000}
    assert 150 < len(corpus.test) < 250
    assert not set(corpus.train) & set(corpus.test)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"line\nno header\n", "no column 'text'"), (b"text\n\xff\xfe\n", "not UTF-8")],
)
def test_load_short_texts_wrong_file_is_named(monkeypatch, tmp_path, content, says):
    """A file of another form gives a sentence with its name."""
    (tmp_path / "train.csv").write_bytes(content)
    monkeypatch.setenv("LABS_SHORT_TEXTS", str(tmp_path))
    with pytest.raises(DataError, match=says):
        load_short_texts()


def test_load_short_texts_missing_place_is_named(monkeypatch, tmp_path):
    """A path that is not there is an error: the stand-in is never taken by mistake."""
    monkeypatch.setenv("LABS_SHORT_TEXTS", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere, which is not there"):
        load_short_texts()


class _Handler(SimpleHTTPRequestHandler):
    """Serves files; understands Range; can hang up in the middle once."""

    cut_after: int | None = None
    requests: list[str | None] = []  # noqa: RUF012 - reset by the fixture

    def log_message(self, *args):
        """Say nothing."""

    def do_GET(self):
        path = self.translate_path(self.path)
        try:
            data = Path(path).read_bytes()
        except OSError:
            self.send_error(404)
            return
        wanted = self.headers.get("Range")
        type(self).requests.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if self.cut_after is not None:
            self.wfile.write(data[start : start + self.cut_after])
            type(self).cut_after = None
            return
        self.wfile.write(data[start:])


@pytest.fixture
def server(tmp_path):
    """A web server on this machine, and the folder it serves."""
    folder = tmp_path / "served"
    folder.mkdir()
    _Handler.cut_after, _Handler.requests = None, []
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}", folder
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_download_cut_connection_is_continued(server, tmp_path):
    """A broken download leaves a .part and no file; the next call asks for the rest only."""
    url, folder = server
    data = bytes(range(256)) * 4000
    (folder / "a.bin").write_bytes(data)
    _Handler.cut_after = 100_000
    with pytest.raises(DownloadError, match="it continues"):
        download(f"{url}/a.bin", tmp_path / "a.bin")
    assert not (tmp_path / "a.bin").exists()
    assert (tmp_path / "a.bin.part").stat().st_size == 100_000
    download(f"{url}/a.bin", tmp_path / "a.bin")
    assert (tmp_path / "a.bin").read_bytes() == data
    assert _Handler.requests == [None, "bytes=100000-"]
    assert not (tmp_path / "a.bin.part").exists()


def test_download_missing_file_gives_the_status(server, tmp_path):
    """The server's answer is in the message."""
    with pytest.raises(DownloadError, match="404") as caught:
        download(f"{server[0]}/none.csv", tmp_path / "none.csv")
    assert caught.value.status == 404


def test_download_other_scheme_is_refused(tmp_path):
    """A file: address is not fetched."""
    with pytest.raises(DownloadError, match="only http and https"):
        download("file:///etc/hostname", tmp_path / "x")


def test_load_short_texts_url_is_fetched_once(monkeypatch, server):
    """A base URL gives train.csv and valid.csv; a second load reads the cache, network cut."""
    url, folder = server
    (folder / "train.csv").write_bytes(_csv("from the network"))
    (folder / "valid.csv").write_bytes(_csv("to choose by"))
    monkeypatch.setenv("LABS_SHORT_TEXTS", url)
    assert load_short_texts().train == ("from the network\n",)
    monkeypatch.setenv("LABS_OFFLINE", "1")
    asked = len(_Handler.requests)
    assert load_short_texts().valid == ("to choose by\n",)
    assert len(_Handler.requests) == asked


def test_load_short_texts_url_offline_says_so(monkeypatch):
    """Without a cached copy and without the network, the message names both."""
    monkeypatch.setenv("LABS_SHORT_TEXTS", "https://texts.invalid/train.csv")
    monkeypatch.setenv("LABS_OFFLINE", "1")
    with pytest.raises(DataError, match=r"not in the cache, and LABS_OFFLINE is set"):
        load_short_texts()
