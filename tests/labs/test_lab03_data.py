"""The samples that lab 03 asks for in its quick profile."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from labkit import data


@pytest.fixture
def _cached_imdb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the cache hold an IMDB of four reviews, so that it would be taken."""
    folder = tmp_path / "imdb"
    folder.mkdir()
    rows = [{"t": f"word{i} same", "s": label} for i, label in enumerate((0, 0, 1, 1))]
    (folder / "reviews.json").write_text(json.dumps(rows), encoding="utf-8")
    (folder / "contents.json").write_text(json.dumps({"files": {}}), encoding="utf-8")
    monkeypatch.setenv("LABS_DATA", str(tmp_path))
    monkeypatch.setenv("LABS_OFFLINE", "1")


@pytest.mark.usefixtures("_cached_imdb")
def test_load_imdb_sample_ignores_the_cache() -> None:
    """The sample is the same sentences whether IMDB is at hand or not, and so is its word index."""
    (x_train, _), (x_test, _) = data.load_imdb(num_words=1000, sample=True)
    assert (len(x_train), len(x_test)) == (6824, 1706)
    index = data.load_imdb_word_index(sample=True)
    assert index["the"] == 1
    words = {rank + 3: word for word, rank in index.items()}
    assert all(words[i] for ids in x_train[:20] for i in ids[1:] if i > 3)


@pytest.mark.usefixtures("_cached_imdb")
def test_load_mnist_sample_has_2500_digits() -> None:
    """The sample of digits can be asked for."""
    (images, labels), (test_images, _) = data.load_mnist(sample=True)
    assert images.shape == (2000, 28, 28)
    assert test_images.shape == (500, 28, 28)
    assert np.bincount(labels).tolist() == [200] * 10


@pytest.mark.usefixtures("_cached_imdb")
def test_torchvision_root_sample_is_read_by_torchvision() -> None:
    """torchvision reads the sample without a network."""
    from torchvision import datasets

    assert len(datasets.MNIST(data.torchvision_root(sample=True), train=True, download=True)) == 2000


@pytest.mark.usefixtures("_cached_imdb")
def test_announcement_does_not_name_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A cache in the home folder is shown with ``~``, so that executed notebooks do not name a user."""
    monkeypatch.setenv("HOME", str(tmp_path.parent))
    monkeypatch.setattr("labkit.data.locate._announced", set())
    data.load_imdb_texts()
    said = capsys.readouterr().out
    assert f"~/{tmp_path.name}/imdb" in said
    assert str(tmp_path) not in said
