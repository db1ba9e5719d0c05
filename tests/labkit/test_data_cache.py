"""The cache never holds half a folder, and knows when a file was changed."""

import json
from pathlib import Path

import pytest
from labkit.data.cache import CONTENTS, cache_folder, read_contents, store_folder, verify_folder
from labkit.data.errors import DataError


def _write(name: str, text: str):
    def fill(folder: Path) -> None:
        (folder / name).write_text(text)

    return fill


def test_store_folder_complete_is_found_again(tmp_path):
    """A stored folder lists its files with size and SHA-256, and where they come from."""
    store_folder(tmp_path / "set", _write("a.txt", "hello"), "a test")
    contents = read_contents(tmp_path / "set")
    assert contents["origin"] == "a test"
    assert contents["files"]["a.txt"]["bytes"] == 5
    assert verify_folder(tmp_path / "set") == []


def test_store_folder_interrupted_leaves_nothing(tmp_path):
    """A fill that fails half-way leaves no folder and no rest of one."""

    def fill(folder: Path) -> None:
        (folder / "a.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store_folder(tmp_path / "set", fill, "a test")
    assert list(tmp_path.iterdir()) == []


def test_store_folder_twice_replaces_the_old_one(tmp_path):
    """Storing again replaces what was there, whole."""
    store_folder(tmp_path / "set", _write("a.txt", "one"), "first")
    store_folder(tmp_path / "set", _write("b.txt", "two"), "second")
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["b.txt", CONTENTS]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_read_contents_file_cut_short_is_not_complete(tmp_path):
    """A folder with a file of another size than noted counts as absent."""
    store_folder(tmp_path / "set", _write("a.txt", "hello"), "a test")
    (tmp_path / "set" / "a.txt").write_text("hel")
    assert read_contents(tmp_path / "set") is None


def test_verify_folder_changed_byte_is_named(tmp_path):
    """A changed byte of the same length is found by its SHA-256."""
    store_folder(tmp_path / "set", _write("a.txt", "hello"), "a test")
    (tmp_path / "set" / "a.txt").write_text("hallo")
    assert "a.txt" in verify_folder(tmp_path / "set")[0]


def test_verify_folder_without_contents_is_named(tmp_path):
    """A folder whose list cannot be read is reported, not trusted."""
    (tmp_path / CONTENTS).write_text("{")
    assert "cannot be read" in verify_folder(tmp_path)[0]


def test_store_folder_read_only_place_says_what_to_do(tmp_path):
    """A cache folder that cannot be made gives a sentence with a hint."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="LABS_DATA"):
        store_folder(tmp_path / "file" / "cache" / "set", _write("a", "b"), "a test")


def test_cache_folder_variable_wins(monkeypatch, tmp_path):
    """LABS_DATA chooses the folder; without it, it lies under the home folder."""
    monkeypatch.setenv("LABS_DATA", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("LABS_DATA")
    assert cache_folder().parts[-2:] == (".cache", "seqlabs")


def test_contents_is_json_with_a_final_newline(tmp_path):
    """The list can be read by people and other programs."""
    store_folder(tmp_path / "set", _write("a.txt", "x"), "a test")
    text = (tmp_path / "set" / CONTENTS).read_text()
    assert text.endswith("}\n")
    assert json.loads(text)["files"]["a.txt"]["sha256"].startswith("2d711642")
