"""Lab 02: the given modules, the solution's model, and the fast recurrence of its training."""

import importlib.util
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from labkit.data import BEGIN, END, N_IDS, PAD, TextCorpus, pad_batch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "exercises" / "02-recurrent-attention"


def _load(name: str, folder: Path):
    """Import a file that is in no package, under a name that no other test uses."""
    spec = importlib.util.spec_from_file_location(f"lab02_{name}", folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


rnn_lm = _load("rnn_lm", LAB)
lm_training = _load("lm_training", LAB)
lm_baselines = _load("lm_baselines", LAB)
fast_gru = _load("fast_gru", ROOT / "tools" / "train")
cut_lines = _load("cut_lines", ROOT / "tools" / "data")

SENTENCES = tuple(f"The ship number {number} sails.\n" for number in range(40))
CORPUS = TextCorpus("moby-dick-lines", SENTENCES, SENTENCES[:8])


class Small(rnn_lm.SentenceModel):
    """The solution's model in a size for tests."""

    embedding_size, hidden_size, rows = 8, 12, 64


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Small(lm_training.next_shares(SENTENCES))


@pytest.fixture
def batch():
    return torch.from_numpy(pad_batch(["Call me Ishmael.\n", "No!\n"]))


def test_ids_of_the_module_are_those_of_labkit():
    """`rnn_lm.py` states the ids itself; they are the same."""
    assert (rnn_lm.BEGIN, rnn_lm.END, rnn_lm.PAD, rnn_lm.N_IDS) == (BEGIN, END, PAD, N_IDS)


def test_letters_are_the_characters_of_words():
    """The mask of letters has the apostrophe, digits and letters, and nothing else."""
    from labkit.data import ALPHABET

    inside = {character for character, is_letter in zip(ALPHABET, rnn_lm.LETTERS, strict=False) if is_letter}
    assert inside == set("'0123456789" + "abcdefghijklmnopqrstuvwxyz" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def test_hash_contexts_depends_on_the_past_only(batch):
    """A later id changes no earlier number, and the same past gives the same number."""
    other = batch.clone()
    other[:, 6:] = 7
    first, second = rnn_lm.hash_contexts(batch, 512), rnn_lm.hash_contexts(other, 512)
    assert first.shape == (*batch.shape, 6)
    assert torch.equal(first[:, :6], second[:, :6])
    assert not torch.equal(first[:, 6:], second[:, 6:])
    assert int(first.min()) >= 0
    assert int(first.max()) < 512


def test_model_is_causal_and_reads_each_row_by_itself(model, batch):
    """Later ids and other rows change nothing."""
    model.eval()
    with torch.no_grad():
        whole = model(batch)
        alone = model(batch[1:, :6])
    assert whole.shape == (*batch.shape, N_IDS)
    assert torch.allclose(whole[1, :6], alone[0], atol=1e-5)


def test_sentence_loss_by_hand(batch):
    """For equal logits the loss is ln 98, whatever the padding."""
    loss = rnn_lm.sentence_loss(lambda tokens: torch.zeros(*tokens.shape, N_IDS), batch)
    assert loss.item() == pytest.approx(math.log(98), abs=1e-5)


def test_untrained_model_starts_near_the_shares(model, batch):
    """The bias of the last map makes the untrained model nearly as good as 1-grams."""
    loss = lm_training.evaluate(rnn_lm.sentence_loss, model, SENTENCES)
    assert loss < lm_baselines.ngram_loss(SENTENCES, SENTENCES, 1) + 0.3


def test_evaluate_does_not_depend_on_the_batch_size(model):
    """The mean is over characters, not over batches."""
    losses = [lm_training.evaluate(rnn_lm.sentence_loss, model, SENTENCES, size) for size in (1, 7, 64)]
    assert losses == pytest.approx([losses[0]] * 3, abs=1e-5)


def test_make_batches_hold_every_sentence_once():
    """Shuffled by the seed, nothing lost, the same seed the same order."""
    first, again, other = (lm_training.make_batches(SENTENCES, 16, seed=seed) for seed in (1, 1, 2))
    assert sorted(row.tolist() for part in first for row in part if PAD not in row) == sorted(
        row.tolist() for part in other for row in part if PAD not in row
    )
    assert sum(map(len, first)) == len(SENTENCES)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def _train(path, model, **options):
    lines = []
    defaults = {"epochs": 3, "batch_size": 16, "learning_rate": 1e-2, "report": lines.append}
    history = lm_training.train(rnn_lm.sentence_loss, model, CORPUS, path, **{**defaults, **options})
    return history, lines


def test_train_lowers_the_loss_and_writes_weights_and_record(tmp_path, model):
    """Weights, record and state lie beside each other; the record says what was measured."""
    path = tmp_path / "model.safetensors"
    history, _ = _train(path, model)
    assert history[-1]["valid"] < history[0]["valid"]
    record = json.loads((tmp_path / "model.json").read_text())
    assert record["epochs"] == history
    assert record["settings"]["seed"] == 0
    assert record["machine"]["torch"] == torch.__version__
    loaded = lm_training.load_model(Small(torch.full((98,), 1 / 98)), path)
    best = min(epoch["valid"] for epoch in history)
    assert lm_training.evaluate(rnn_lm.sentence_loss, loaded, CORPUS.valid) == pytest.approx(best, abs=1e-4)


def test_train_stopped_after_an_epoch_goes_on_as_if_nothing_had_happened(tmp_path, model):
    """A run that was killed between epochs ends with the same losses as one that was not."""
    torch.manual_seed(0)
    whole, _ = _train(tmp_path / "whole.safetensors", Small(lm_training.next_shares(SENTENCES)))

    class StopError(Exception):
        pass

    def stop(line):
        raise StopError

    with pytest.raises(StopError):
        _train(tmp_path / "cut.safetensors", model, report=stop)
    rest, lines = _train(tmp_path / "cut.safetensors", Small(lm_training.next_shares(SENTENCES)))
    assert lines[0] == "continued after epoch 1"
    assert [epoch["valid"] for epoch in rest] == pytest.approx([epoch["valid"] for epoch in whole], abs=1e-6)


def test_train_changed_settings_or_model_start_again(tmp_path, model):
    """A record of other settings, or of a model of other shapes, is not continued."""
    path = tmp_path / "model.safetensors"
    _train(path, model, epochs=1)
    history, lines = _train(path, Small(lm_training.next_shares(SENTENCES)), epochs=2)
    assert len(history) == 2
    assert not any(line.startswith("continued") for line in lines)


def test_train_stops_early(tmp_path, model):
    """After `patience` epochs without a lower loss the run ends; the best weights stay."""
    history, lines = _train(tmp_path / "model.safetensors", model, epochs=8, patience=1, learning_rate=3.0)
    assert len(history) < 8
    assert lines[-1].startswith("stopped early")


def test_train_unanswered_module_says_so(tmp_path):
    """A stub is named in one line before anything is trained."""

    class Stub(nn.Module):
        def forward(self, tokens):
            return None

    with pytest.raises(NotImplementedError, match="SentenceModel has no layers yet"):
        _train(tmp_path / "model.safetensors", Stub())


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda path: None, "is not there"),
        (lambda path: torch.save(nn.Linear(2, 2), path.with_suffix(".pt")), "pickled module"),
        (lambda path: torch.save({"w": torch.ones(1)}, path.with_suffix(".pt")), "does not fit the class"),
    ],
)
def test_load_model_unusable_weights_say_why(tmp_path, model, write, says):
    """Missing, pickled and foreign weights each have their sentence."""
    write(tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=says):
        lm_training.load_model(model, tmp_path / "model.safetensors")


def test_load_model_state_dict_of_torch_is_read(tmp_path, model):
    """A state dict with the same name that ends in .pt is taken where there is no safetensors file."""
    torch.save(model.state_dict(), tmp_path / "model.pt")
    assert not lm_training.load_model(
        Small(torch.full((98,), 1 / 98)), tmp_path / "model.safetensors"
    ).training


def test_write_atomically_failing_writer_leaves_the_old_file(tmp_path):
    """A writer that fails leaves what was there, and no rest."""
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(name):
        Path(name).write_text("half")
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - the writer's own
        lm_training.write_atomically(path, fail)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.txt"]


def test_ngram_loss_by_hand():
    """One sentence "aa\\n": a after BEGIN, a after a, newline after a, END after newline."""
    train = ("aa\n",)
    smooth = 0.1
    after_a = (1 + smooth) / (2 + smooth * 96)
    sure = (1 + smooth) / (1 + smooth * 96)
    expected = -(2 * math.log(after_a) + 2 * math.log(sure)) / 4
    assert lm_baselines.ngram_loss(train, train, 2) == pytest.approx(expected)
    shares = [(2 + smooth) / (4 + smooth * 96)] * 2 + [(1 + smooth) / (4 + smooth * 96)] * 2
    assert lm_baselines.ngram_loss(train, train, 1) == pytest.approx(-np.log(shares).mean())


def test_table_of_baselines_is_in_order():
    """Guessing first, then counting with ever longer contexts, then gzip."""
    names = [name for name, _ in lm_baselines.table_of_baselines(SENTENCES, SENTENCES, (1, 2))]
    assert names == [
        "guessing: all 96 outcomes alike",
        "counting: 1-gram",
        "counting: 2-gram",
        "packing: gzip",
    ]


def test_run_gru_equals_torch_forwards_and_backwards():
    """The fast recurrence gives the states and all gradients of `nn.GRU`, to rounding."""
    torch.manual_seed(1)
    size_b, size_t, size_i, size_h = 3, 7, 5, 4
    gru = nn.GRU(size_i, size_h, batch_first=True).double()
    x = torch.randn(size_b, size_t, size_i, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(size_b, size_t, size_h, dtype=torch.float64)
    parameters = [x, *gru.parameters()]
    reference = gru(x)[0]
    wanted = torch.autograd.grad((reference * weight).sum(), parameters)
    gates = nn.functional.linear(x.transpose(0, 1), gru.weight_ih_l0, gru.bias_ih_l0)
    states = fast_gru.run_gru(gates, gru.weight_hh_l0, gru.bias_hh_l0).transpose(0, 1)
    given = torch.autograd.grad((states * weight).sum(), parameters)
    assert torch.allclose(states, reference, atol=1e-12)
    assert all(torch.allclose(a, b, atol=1e-10) for a, b in zip(given, wanted, strict=True))


def test_cut_book_gives_lines_of_32_to_100_characters():
    """Short sentences are joined, long ones cut; headings are left out; no line comes twice."""
    long = "word " * 60
    paragraphs = (
        "CHAPTER 1. Loomings.",
        "Call me Ishmael. Some years ago I went to sea.",
        f"{long}.",
        "“Quoted” — dashed, and long enough to stay.",
    )
    text = "\n\n".join(paragraphs)
    lines = [line for part in cut_lines.cut_book(text).values() for line in part]
    assert "Call me Ishmael. Some years ago I went to sea." in lines
    assert "Quoted - dashed, and long enough to stay." in lines
    assert all(32 <= len(line) <= 100 for line in lines)
    assert len(lines) == len(set(lines))
    assert not any("Loomings" in line for line in lines)
