"""Lab 03: the given modules that make batches, drop words, keep trainings and measure the baseline."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from solved_notebook import EXERCISES, modules_of
from torch import nn

LAB = EXERCISES / "03-sequence-models"


@pytest.fixture(scope="module")
def given() -> Iterator[SimpleNamespace]:
    """The given modules."""
    with modules_of(LAB):
        import keep_training
        import review_batches
        import word_dropout

        yield SimpleNamespace(keep=keep_training, batches=review_batches, words=word_dropout)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


class _Reviews:
    """Reviews of given lengths; the id of every word is the number of its review plus one."""

    def __init__(self, lengths: list[int]) -> None:
        self.data = torch.zeros(len(lengths), max(lengths) + 4, 1, dtype=torch.int64)
        for number, length in enumerate(lengths):
            self.data[number, :length] = number + 1

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.data[i], torch.tensor(float(i))


def test_batches_hold_every_review_once_and_no_column_of_padding(given: SimpleNamespace) -> None:
    """Every review comes once, with its label; each batch is as long as its longest review."""
    lengths = [int(n) for n in torch.randint(1, 30, (101,), generator=torch.Generator().manual_seed(1))]
    seen = []
    for reviews, labels in given.batches.make_batches(_Reviews(lengths), 8, shuffle=True):
        assert reviews.shape[1] == max(lengths[int(i)] for i in labels)
        assert reviews[:, 0, 0].tolist() == [int(i) + 1 for i in labels]
        assert labels.dtype == torch.float32
        seen += labels.tolist()
    assert sorted(seen) == list(range(101))


def test_batches_have_reviews_of_similar_length_and_another_order_each_time(given: SimpleNamespace) -> None:
    """Within a window, lengths of a batch are neighbours; shuffling changes the batches."""
    lengths = list(range(1, 65))
    loader = given.batches.make_batches(_Reviews(lengths), 8, shuffle=True)
    first, second = ([tuple(labels.tolist()) for _, labels in loader] for _ in range(2))
    assert all(max(batch) - min(batch) == 7 for batch in first)
    assert first != second
    calm = given.batches.make_batches(_Reviews(lengths), 8, shuffle=False)
    assert [labels.tolist() for _, labels in calm] == [list(range(i, i + 8)) for i in range(0, 64, 8)]


def test_drop_words_replaces_a_share_while_training_and_nothing_else(given: SimpleNamespace) -> None:
    """Padding stays, evaluation changes nothing, and about the asked share becomes unknown."""
    torch.manual_seed(0)
    drop = given.words.DropWords(0.25)
    ids = torch.full((40, 50), 7)
    ids[:, 30:] = 0
    read = drop(ids)
    assert (read[:, 30:] == 0).all()
    assert set(read[:, :30].unique().tolist()) == {2, 7}
    assert (read[:, :30] == 2).float().mean().item() == pytest.approx(0.25, abs=0.05)
    assert torch.equal(drop.eval()(ids), ids)
    assert (ids[:, :30] == 7).all()


def _trial(keep: ModuleType, stop_after: int = 99, name: str = "try", **settings: Any) -> dict[str, Any]:
    """Train a small model for four epochs, or stop it on the way."""
    torch.manual_seed(5)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    done = 0

    def one_epoch() -> dict[str, float]:
        nonlocal done
        if done == stop_after:
            raise KeyboardInterrupt
        done += 1
        x = torch.randn(8, 3)
        loss = (model(x) - x.sum(dim=1, keepdim=True)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss.item(), "rate": optimizer.param_groups[0]["lr"]}

    record: dict[str, Any] = keep.train_and_keep(
        name, model, optimizer, one_epoch, 4, {"notebook": "n", **settings}, report=lambda line: None
    )
    record["weights"] = model.state_dict()["weight"].clone()
    record["trained now"] = done
    return record


def _figures(record: dict[str, Any]) -> list[tuple[float, float]]:
    return [(epoch["loss"], epoch["rate"]) for epoch in record["epochs"]]


def test_stopped_training_ends_like_one_that_was_not_stopped(given: SimpleNamespace, place: Path) -> None:
    """A run that was stopped after two epochs goes on where it was, with the same figures and weights."""
    whole = _trial(given.keep, name="whole")
    with pytest.raises(KeyboardInterrupt):
        _trial(given.keep, stop_after=2)
    resumed = _trial(given.keep)
    assert resumed["trained now"] == 2
    assert _figures(resumed) == _figures(whole)
    assert torch.equal(resumed["weights"], whole["weights"])
    rates = [rate for _, rate in _figures(whole)]
    assert rates[0] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)


def test_finished_training_is_taken_from_its_files(given: SimpleNamespace, place: Path) -> None:
    """A finished run is not trained again; other settings are another run."""
    first = _trial(given.keep, size=1)
    again = _trial(given.keep, size=1)
    assert again["trained now"] == 0
    assert _figures(again) == _figures(first)
    torch.testing.assert_close(again["weights"], first["weights"], atol=1e-3, rtol=1e-3)  # kept in 16 bits
    assert _trial(given.keep, size=2)["trained now"] == 4
    assert sorted(path.name for path in (place / "runs").iterdir()) == ["try.json", "try.safetensors"]


def test_committed_run_is_found_and_never_written(given: SimpleNamespace, place: Path) -> None:
    """Record and weights in the lab's folders serve too, and adding a result leaves them alone."""
    _trial(given.keep, size=1)
    for folder, suffix in (("records", "json"), ("weights", "safetensors")):
        (place / folder).mkdir()
        (place / "runs" / f"try.{suffix}").rename(place / folder / f"try.{suffix}")
    found = _trial(given.keep, size=1)
    assert found["trained now"] == 0
    text = (place / "records" / "try.json").read_text()
    given.keep.add_result(found, test_accuracy=0.5)
    assert (place / "records" / "try.json").read_text() == text


def test_record_has_what_the_table_of_results_needs(given: SimpleNamespace, place: Path) -> None:
    """The record names lab, notebook, run, settings, epochs with minutes, machine, and the result added."""
    record = _trial(given.keep, size=1)
    for ours in ("weights", "trained now"):
        del record[ours]
    given.keep.add_result(record, test_accuracy=0.98765432)
    kept = json.loads((place / "runs" / "try.json").read_text())
    assert (kept["lab"], kept["notebook"], kept["run"]) == ("03-sequence-models", "n", "try")
    assert kept["settings"] | {"size": 1, "seed": 0, "learning_rate": 0.1} == kept["settings"]
    assert kept["parameters"] == 4
    assert all(epoch["cpu_minutes"] >= 0 for epoch in kept["epochs"])
    assert kept["result"] == {"test accuracy": 0.98765}
    assert {"processor", "threads", "torch", "python"} <= set(kept["machine"])


def test_training_that_diverges_says_so(given: SimpleNamespace, place: Path) -> None:
    """A loss that is not finite stops the run, and nothing is kept of it."""
    diverge: Callable[[], dict[str, float]] = lambda: {"loss": float("nan")}  # noqa: E731
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        given.keep.train_and_keep("bad", model, optimizer, diverge, 2, report=lambda line: None)
    assert list((place / "runs").iterdir()) == []


def test_bag_of_words_learns_which_words_matter() -> None:
    """Reviews told apart by one word are told apart; labels without any relation are not."""
    with modules_of(LAB):
        from bag_of_words import bag_of_words_accuracy

        reviews = [[5, 6, 7 + (i % 2), 9 + i % 5] for i in range(60)]
        labels = [i % 2 for i in range(60)]
        assert bag_of_words_accuracy(reviews[:40], labels[:40], reviews[40:], labels[40:]) == (1.0, 1.0)
        none = [(i // 2) % 2 for i in range(60)]
        assert bag_of_words_accuracy(reviews[:40], none[:40], reviews[40:], none[40:])[1] < 0.8
