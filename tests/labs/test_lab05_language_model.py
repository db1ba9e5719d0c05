"""Lab 05, what is given: counting, the split, the training loop, records, thresholds, figures."""

from __future__ import annotations

import importlib
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from labbuild.compile import compile_lab

LAB = Path(__file__).resolve().parents[2] / "exercises" / "05-transformer"
THRESHOLDS = sorted((LAB / "records").glob("thresholds-*.json"))
TINY = {
    "model": {
        "vocabulary_size": 12,
        "d_model": 8,
        "n_heads": 2,
        "hidden_size": 8,
        "n_layers": 1,
        "dropout": 0.1,
    },
    "epochs": 3,
    "batch_size": 4,
    "learning_rate": 1e-2,
    "weight_decay": 0.01,
    "schedule": "one cycle",
    "seed": 0,
}


@pytest.fixture(scope="module")
def modules() -> Iterator[dict[str, ModuleType]]:
    """The lab's modules, with the solution's answers."""
    before, path = set(sys.modules), list(sys.path)
    sys.path.insert(0, str(LAB))
    names = ("shakespeare_run", "word_counts", "word_model", "torch_copies", "transformer")
    yield {name: importlib.import_module(name) for name in names}
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(LAB)):
            del sys.modules[name]


def test_ngram_probabilities_sum_to_one_after_every_context(modules: dict[str, ModuleType]) -> None:
    """After known, rare and unseen contexts, over all orders."""
    ids = np.random.default_rng(0).integers(0, 9, 400) ** 2 // 9
    for order in (1, 2, 3):
        model = modules["word_counts"].NgramModel(ids, order, 10)
        for context in ([], [3], [1, 2], [9, 9], [0, 9]):
            assert model.next_probabilities(context).sum() == pytest.approx(1)


def test_ngram_probabilities_of_a_text_are_those_of_its_contexts(modules: dict[str, ModuleType]) -> None:
    """The quick way for a whole text gives what each context gives."""
    ids = np.random.default_rng(1).integers(0, 7, 300)
    model = modules["word_counts"].NgramModel(ids[:200], 3, 7)
    text = ids[200:230]
    whole = model.probabilities(text)
    single = [model.next_probabilities(text[:place])[text[place]] for place in range(1, len(text))]
    np.testing.assert_allclose(whole, single)


def test_kneser_ney_lower_order_counts_contexts(modules: dict[str, ModuleType]) -> None:
    """A token that is frequent in one context only is unlikely after an unseen one."""
    # 1 always follows 0, very often; 2 follows many others, seldom.
    ids = np.array([0, 1] * 50 + [3, 2, 4, 2, 5, 2, 6, 2])
    after_unseen = modules["word_counts"].NgramModel(ids, 2, 8).next_probabilities([7])
    assert after_unseen[2] > after_unseen[1]
    by_count = modules["word_counts"].NgramModel(ids, 1, 8).next_probabilities([])
    assert by_count[1] > by_count[2]


def test_ngrams_too_long_for_their_numbers_are_refused(modules: dict[str, ModuleType]) -> None:
    """Six tokens of a large vocabulary do not fit into 63 bits."""
    with pytest.raises(ValueError, match="63 bits"):
        modules["word_counts"].NgramModel(np.arange(10), 6, 4096)


def test_spelling_costs_nothing_where_all_is_known_and_more_for_longer_words(
    modules: dict[str, ModuleType],
) -> None:
    """Unknown tokens only are spelled."""
    spell = modules["word_counts"].spelling_nats
    train = ["love", "dove", "glove", "move", "the", "the"]
    assert spell(train, ["the", "the"], {"the"}) == 0
    assert 0 < spell(train, ["love", "the"], {"the"}) < spell(train, ["love", "xylophone"], {"the"})


def test_split_by_play_holds_whole_plays_back(modules: dict[str, ModuleType]) -> None:
    """No play is in two parts; poems and all other plays are for training."""
    works = {
        name: f"<{name}>"
        for name in ("hamlet", "julius_caesar", "macbeth", "midsummer_nights_dream", "sonnets")
    }
    train, valid, test = modules["shakespeare_run"].split_by_play(works)
    assert [re.findall("<(.*?)>", part) for part in (train, valid, test)] == [
        ["hamlet", "sonnets"],
        ["macbeth"],
        ["julius_caesar", "midsummer_nights_dream"],
    ]


def test_vocabulary_keeps_the_most_frequent_tokens(modules: dict[str, ModuleType]) -> None:
    """Ids by frequency, then by the alphabet; all else is 0."""
    vocabulary = modules["shakespeare_run"].Vocabulary(["b", "a", "c", "b", "a", "d"], 4)
    assert vocabulary.tokens == ["<unknown>", "a", "b", "c"]
    assert vocabulary.encode(["c", "d", "a", "<unknown>"]).tolist() == [3, 0, 1, 0]
    assert vocabulary.decode([1, 2, 3]) == "abc"


def _sequences(modules: dict[str, ModuleType]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(12, (160,), generator=torch.Generator().manual_seed(0))
    make = modules["word_model"].make_sequences
    return make(ids[:120], 6), make(ids[120:], 6)


def test_training_that_was_stopped_ends_as_one_that_was_not(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an interruption in the third epoch, `train` goes on after the second, to the same weights."""
    run = modules["shakespeare_run"]
    sequences = _sequences(modules)
    whole = run.train(TINY, *sequences, tmp_path / "whole.safetensors", report=lambda line: None)
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        if line.startswith("epoch 2"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run.train(TINY, *sequences, tmp_path / "parts.safetensors", report=stop)
    parts = run.train(TINY, *sequences, tmp_path / "parts.safetensors", report=lines.append)
    assert "continued after epoch 2" in lines
    for key in ("train", "valid"):
        assert [epoch[key] for epoch in parts] == [epoch[key] for epoch in whole]
    one, other = (run.load_file(tmp_path / f"{name}.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_finished_training_is_not_repeated_and_other_settings_are(
    modules: dict[str, ModuleType], tmp_path: Path
) -> None:
    """A record with the same settings and its weights are taken as they are."""
    run, lines = modules["shakespeare_run"], []
    settings = {**TINY, "epochs": 1}
    path = tmp_path / "model.safetensors"
    first = run.train(settings, *_sequences(modules), path, report=lines.append)
    again = run.train(settings, *_sequences(modules), path, report=lines.append)
    assert again == first
    assert "trained already" in lines[-1]
    other = run.train({**settings, "seed": 1}, *_sequences(modules), path, report=lines.append)
    assert other != first


def test_weights_that_do_not_fit_are_refused_in_words(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    """Another size is a message, not a traceback of torch's."""
    run, Transformer = modules["shakespeare_run"], modules["transformer"].Transformer
    run.save_weights(Transformer(**TINY["model"]), tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match="does not fit your Transformer"):
        run.load_weights(Transformer(**{**TINY["model"], "d_model": 16}), tmp_path / "a.safetensors")


def test_solution_agrees_with_torch_on_random_sizes(modules: dict[str, ModuleType]) -> None:
    """Block and PyTorch's layer, 24 times: within 1e-5."""
    copies, Block = modules["torch_copies"], modules["transformer"].Block
    rng = np.random.default_rng(5)
    for number in range(24):
        heads, d_k, hidden, B, n = (int(size) for size in rng.integers(1, 7, 5))
        norm_first = bool(number % 2)
        layer = copies.torch_block(heads * d_k, heads, hidden, norm_first, number)
        block = Block(heads * d_k, heads, hidden, 0.3, norm_first).eval()
        block.load_state_dict(copies.state_of_block(layer))
        X = torch.randn(B, n, heads * d_k, generator=torch.Generator().manual_seed(number))
        mask = modules["transformer"].causal_mask(n)
        with torch.no_grad():
            assert (block(X, mask) - copies.run_block(layer, X, mask)).abs().max() < 1e-5


def test_thresholds_are_there_for_the_three_figures() -> None:
    """Three tables, one for each trained figure of question `next-token`."""
    assert len(THRESHOLDS) == 3


@pytest.mark.parametrize("path", THRESHOLDS, ids=lambda path: path.stem)
def test_threshold_parts_solution_and_mutants(path: Path) -> None:
    """On ten seeds or more, every solution passes, every mutant misses, and the notebook has this limit."""
    table = json.loads(path.read_text(encoding="utf-8"))
    higher = table["better"] == "higher"

    def passes(value: float) -> bool:
        return value >= table["limit"] if higher else value <= table["limit"]

    assert len(table["solution"]) >= 10
    assert all(passes(value) for value in table["solution"].values())
    for name, values in table["mutants"].items():
        assert len(values) >= 10
        assert not any(passes(value) for value in values.values()), name
    text = (LAB / "build.md").read_text(encoding="utf-8")
    line = re.search(r"SECOND_HALF_AT_LEAST, FIRST_HALF_AT_MOST, UNMASKED_AT_LEAST = (.*)", text)
    assert line
    limits = dict(zip(("second-half", "first-half", "no-mask"), map(float, line[1].split(", ")), strict=True))
    assert limits[path.stem.removeprefix("thresholds-next-token-")] == table["limit"]
    steps = re.search(r"n_symbols=10, steps=(\d+)", text)
    assert steps
    assert int(steps[1]) == table["settings"]["steps"]


def test_record_of_the_long_run_is_that_of_the_settings(modules: dict[str, ModuleType]) -> None:
    """What the notebook would train is what was trained; the best epoch beats trigrams on validation."""
    run = modules["shakespeare_run"]
    record = json.loads((LAB / "records" / "shakespeare.json").read_text(encoding="utf-8"))
    settings: dict[str, Any] = dict(record["settings"])
    assert settings.pop("length") == run.LENGTH
    settings.pop("sequences")
    assert settings == run.SHAKESPEARE
    assert len(record["epochs"]) == settings["epochs"]
    assert record["result"]["valid perplexity"] == min(epoch["valid"] for epoch in record["epochs"])
    model = modules["transformer"].Transformer(**settings["model"])
    assert record["parameters"] == sum(p.numel() for p in model.parameters())
    run.load_weights(model, LAB / "shakespeare_model.safetensors")
    assert (LAB / "shakespeare_model.safetensors").stat().st_size < 8e6


def test_records_of_overlap_are_comparable(modules: dict[str, ModuleType]) -> None:
    """The same settings with and without overlap, four times the sequences."""
    one, other = (
        json.loads((LAB / "records" / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("no-overlap", "overlap")
    )
    assert one["settings"]["sequences"] * 4 == pytest.approx(other["settings"]["sequences"], rel=0.01)
    assert one["settings"] | {"sequences": 0} == other["settings"] | {"sequences": 0}
    assert len(one["epochs"]) == len(other["epochs"]) == modules["shakespeare_run"].OVERLAP["epochs"]


def test_model_answers_and_marking_notes_are_in_the_solution_only() -> None:
    """Every hand-graded question has a model answer and marking notes; students see neither."""
    lab = compile_lab(LAB)
    by_hand = {"theory": 4, "shakespeare": 1}
    for notebook in lab.notebooks:
        solution, student = (
            "\n".join("".join(cell["source"]) for cell in version["cells"])
            for version in (notebook.solution, notebook.student)
        )
        for text in ("**Model answer.**", "**Marking.**"):
            assert solution.count(text) == by_hand.get(notebook.name, 0)
            assert text not in student
    theory = next(notebook for notebook in lab.notebooks if notebook.name == "theory")
    text = "\n".join("".join(cell["source"]) for cell in theory.solution["cells"])
    assert "Swapped numbers" in text
    assert re.search(r"512/h\$ \| 512 \| 128 \| 64 \| 32 \| 16 \|", text)


def test_figures_are_described() -> None:
    """Every figure is used, has a title and a description, and an alternative text in the notebook."""
    texts = "".join((LAB / f"{name}.md").read_text(encoding="utf-8") for name in ("theory", "build"))
    for path in (LAB / "figures").glob("*.svg"):
        alt = re.search(rf"!\[([^\]]*)\]\(figures/{re.escape(path.name)}\)", texts)
        assert alt
        assert len(alt[1]) > 80
        drawing = path.read_text(encoding="utf-8")
        assert "<title" in drawing
        assert "<desc" in drawing


def test_bound_of_the_toy_task_is_what_the_text_says() -> None:
    """Equation (9) with m = 6 and S = 10."""
    assert 5 / 11 * math.log(10) == pytest.approx(1.047, abs=5e-4)
