"""Lab 04, notebook ``counting``: the network that learns, its records and its thresholds."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from solved_notebook import EXERCISES, SolvedNotebook, modules_of

LAB = EXERCISES / "04-sentiment-counting"
TOOLS = EXERCISES.parent / "tools" / "train"


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SolvedNotebook]:
    """The notebook's answers and the checks that train nothing."""
    import matplotlib

    matplotlib.use("Agg")
    folder = tmp_path_factory.mktemp("lab04")
    with modules_of(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABS_PROFILE", "quick")
        notebook = SolvedNotebook(LAB.name, "counting", folder)
        notebook.run("TAG", "import json", "class ", "def ", skip=("#!", "TEST", "def test_net", "records"))
        yield notebook


@pytest.fixture(scope="module")
def trainer() -> Iterator[ModuleType]:
    """The program that made the records."""
    with modules_of(TOOLS), modules_of(LAB):
        import train_counting

        yield train_counting
        sys.modules.pop("train_counting", None)


def test_counting_solution_gets_all_points_but_for_training(solved: SolvedNotebook) -> None:
    """The checks of samples, attention, heads and encoder layer give their full points."""
    points = {result.question: (result.points, result.max_points) for result in solved.results}
    assert set(points) == {"sample", "attention", "multi-head", "encoding-layer"}
    assert all(got == most for got, most in points.values())


def test_counting_points_are_those_of_the_table() -> None:
    """Manual questions give 0.5, 1 and 0.5 points, and every row of the table has the points of its cell."""
    text = (LAB / "counting.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([\w-]+)` \| [^|]+ \| ([\d.]+) \|", text, re.M))
    cells = dict(re.findall(r"#!TAG (?:ANSWER|TEST) ([\w-]+) points=([\d.]+)", text))
    assert rows == cells
    assert [cells[name] for name in ("parallel", "qkv", "why-heads")] == ["0.5", "1", "0.5"]


def test_counting_trainer_net_is_the_solution(solved: SolvedNotebook, trainer: ModuleType) -> None:
    """The network of the records, kind ``pre-norm``, computes what the notebook's `Net` does."""
    ours, theirs = trainer.CountingNet(trainer.KINDS["pre-norm"]), solved.names["Net"]()
    state = ours.state_dict()
    renamed = {}
    for name in theirs.state_dict():
        source = name.removeprefix("layers.0.")
        renamed[name] = state[
            "last_norm" + source.removeprefix("norm") if re.match(r"norm\.", source) else source
        ]
    theirs.load_state_dict(renamed)
    sequences, _ = solved.names["get_data_sample"](9)
    torch.testing.assert_close(theirs(sequences), ours(sequences))


def test_counting_first_weights_have_the_same_spread(solved: SolvedNotebook, trainer: ModuleType) -> None:
    """Both start with numbers of the same size in every part."""
    torch.manual_seed(0)
    ours, theirs = trainer.CountingNet(trainer.KINDS["pre-norm"]), solved.names["Net"]()
    for mine, other in (
        (ours.embedding.weight, theirs.embedding.weight),
        (ours.positions, theirs.positions),
        (ours.query, theirs.query),
        (ours.decoder.to_key.weight, theirs.decoder.to_key.weight),
        (ours.attention.to_value.weight, theirs.layers[0].attention.to_value.weight),
    ):
        assert 0.7 < (mine.std() / other.std()).detach().item() < 1.4


def test_counting_weights_count_right(solved: SolvedNotebook) -> None:
    """The weights in the folder are right on at least 99 % of 4,000 samples, also alone."""
    net = solved.names["load_net"](solved.names["Net"](), LAB / "counting_net.safetensors")
    torch.manual_seed(123)
    sequences, labels = solved.names["get_data_sample"](4000)
    assert solved.names["measure_accuracy"](net, sequences, labels) >= 0.99
    assert int(net(torch.tensor([[1, 2, 1, 4, 2, 1, 1]])).argmax()) - 5 == 2


def test_counting_load_net_names_what_is_wrong(solved: SolvedNotebook, tmp_path: Path) -> None:
    """A missing file and weights of another network are told in one sentence."""
    load_net, net = solved.names["load_net"], solved.names["Net"]
    with pytest.raises(ValueError, match="is not there"):
        load_net(net(), tmp_path / "gone.safetensors")
    with pytest.raises(ValueError, match="does not fit Net"):
        load_net(net(2), LAB / "counting_net.safetensors")


def _record(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((LAB / "records" / name).read_text(encoding="utf-8"))
    return found


def test_counting_thresholds_part_solution_and_mutants() -> None:
    """Every seed of the solution passes the limit of the notebook, every seed of a mutant misses it."""
    table = _record("thresholds-net.json")
    limit = table["limit"]
    assert table["better"] == "higher"
    assert len(table["solution"]) >= 10
    assert all(value >= limit for value in table["solution"].values())
    assert table["mutants"]
    assert all(value < limit for seeds in table["mutants"].values() for value in seeds.values())
    text = (LAB / "counting.md").read_text(encoding="utf-8")
    assert f"accuracy >= {limit}" in text
    assert f"{limit}: 1.0" in text


def test_counting_solution_needs_at_most_4500_steps_from_every_seed() -> None:
    """The record of the solution: every seed is at 0.99 within 4,500 steps."""
    runs = _record("counting-pre-norm.json")["epochs"]
    assert len(runs) >= 10
    assert all(run["steps"] is not None and run["steps"] <= 4500 for run in runs)


def test_counting_record_of_places_says_what_the_text_says() -> None:
    """Without a norm no run leaves 46 %, the others do; a small query is the fastest."""
    runs = {run["kind"]: run for run in _record("counting-places.json")["epochs"]}
    without = [run for run in runs.values() if run["place"] == "none"]
    assert len(without) == 2
    assert all(0.4 < run["best_accuracy"] < 0.465 for run in without)
    assert all(run["best_accuracy"] > 0.85 for run in runs.values() if run["place"] != "none")
    fastest = min(runs.values(), key=lambda run: run["steps"] or 9999)
    assert fastest["query_std"] == 0.1
    assert all(run["best_accuracy"] == max(accuracy for _, accuracy in run["curve"]) for run in runs.values())
