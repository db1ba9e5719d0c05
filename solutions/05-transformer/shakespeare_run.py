"""Plays to ids, and the training loop of `shakespeare`. Given: read and use it.

The loop calls your `Transformer` and your `perplexity`. A run that was stopped goes on where it was when
`train` is called again with the same settings; one that is finished is not run again.
"""

import json
import math
import os
import platform
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch
from labkit import progress
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformer import Transformer, causal_mask
from word_model import make_sequences, perplexity, tokenize

UNKNOWN = 0
VALID_PLAYS = ("macbeth", "twelfth_night")  # a tragedy and a comedy to choose by
TEST_PLAYS = ("midsummer_nights_dream", "julius_caesar")  # and two that nothing is chosen by


def split_by_play(works):
    """Split whole works into training, validation and test, so that no scene is in two of them.

    Args:
        works: title -> text, of `labkit.data.load_shakespeare()`.

    Returns:
        Three texts. With the three plays of the sample: Hamlet, Macbeth, A Midsummer Night's Dream.

    """
    parts = {"train": [], "valid": [], "test": []}
    for title, text in works.items():
        part = "valid" if title in VALID_PLAYS else "test" if title in TEST_PLAYS else "train"
        parts[part].append(text)
    return tuple("\n\n\n".join(texts) for texts in parts.values())


class Vocabulary:
    """The most frequent tokens and their ids; all other tokens share the id 0, "unknown".

    Args:
        tokens: of the training text.
        size: V, with the unknown.

    """

    def __init__(self, tokens, size):
        counts = Counter(tokens)
        # Equal counts in the order of the alphabet, so that the ids do not depend on anything else.
        ranked = sorted(counts, key=lambda token: (-counts[token], token))[: size - 1]
        self.tokens = ["<unknown>", *ranked]
        self.ids = {token: place for place, token in enumerate(self.tokens) if place != UNKNOWN}

    def __len__(self):
        """Return V."""
        return len(self.tokens)

    def encode(self, tokens):
        """Return the ids of tokens: [M] int64."""
        return torch.tensor([self.ids.get(token, UNKNOWN) for token in tokens])

    def decode(self, ids):
        """Return the text of ids."""
        return "".join(self.tokens[place] for place in ids)


def one_cycle(share):
    """Return the part of the peak learning rate after a share (0 to 1) of the steps: up, then down."""
    if share < 0.1:
        return 0.01 + share / 0.1
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (share - 0.1) / 0.9))


def write_atomically(path, write):
    """Let `write(temporary path)` make a file, and move it into place when it is complete."""
    path = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    try:
        write(temporary)
        os.chmod(temporary, 0o644)  # the temporary file was private
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def save_weights(model, path):
    """Write the weights of a model as safetensors, in 16 bits."""
    tensors = {name: value.detach().half().contiguous() for name, value in model.state_dict().items()}
    write_atomically(path, lambda temporary: save_file(tensors, temporary))


def load_weights(model, path):
    """Put the weights of a file into a model, and set it to evaluation mode.

    Raises:
        ValueError: the file does not fit the model.

    """
    tensors = {name: value.float() for name, value in load_file(path).items()}
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(
            f"{path} does not fit your Transformer; train it again, or compare names and sizes. {error}"
        ) from None
    return model.eval()


def describe_machine():
    """Return what a reader needs to compare minutes: processor, threads, versions."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def find_finished(settings, path, run):
    """Return the record of a finished run with these settings whose weights are at hand, or None.

    The record lies beside the weights, or, for ours, in the folder `records`.
    """
    for place in (path.with_suffix(".json"), path.parent / "records" / f"{run}.json"):
        if path.is_file() and place.is_file():
            record = json.loads(place.read_text(encoding="utf-8"))
            if record["settings"] == settings and len(record["epochs"]) == settings["epochs"]:
                return record
    return None


def train(settings, train_sequences, valid_sequences, path, *, run="", report=print):
    """Train a `Transformer`, and keep the weights with the lowest validation perplexity in `path`.

    Args:
        settings: `model` (arguments of `Transformer`), `epochs`, `batch_size`, `learning_rate` (the highest),
            `weight_decay`, `schedule` ("one cycle" or "constant") and `seed`. If the length of the cycle was
            changed on the way, `planned_epochs` has it for every epoch.
        train_sequences: [N, n + 1] int64.
        valid_sequences: the same of other plays.
        path: of the weights, ending in `.safetensors`; record and state of the run lie beside it.
        run: name for the record.
        report: called with one line of text after each epoch.

    Returns:
        The history: one dict for each epoch, with the perplexity of training (a mean over the epoch, with
        dropout) and of validation, and minutes of the processor.

    """
    path = Path(path)
    state_path, record_path = path.with_suffix(".run.pt"), path.with_suffix(".json")
    settings = {**settings, "sequences": len(train_sequences), "length": train_sequences.shape[1] - 1}
    torch.manual_seed(settings["seed"])
    model = Transformer(**settings["model"])
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": settings["weight_decay"]},
        {"params": others, "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings["learning_rate"], betas=(0.9, 0.99))
    done = find_finished(settings, path, run)
    if done is not None:
        report(f"{path.name} is trained already, {done['result']['best epoch']} epochs; nothing to do")
        return done["epochs"]
    record = {
        "lab": "05-transformer",
        "notebook": "shakespeare",
        "run": run or path.stem,
        "settings": settings,
        "parameters": sum(p.numel() for p in model.parameters()),
        "epochs": [],
    }
    if state_path.is_file() and record_path.is_file():
        found = json.loads(record_path.read_text(encoding="utf-8"))
        state = torch.load(state_path, weights_only=True)
        if found["settings"] == settings and state["epochs"] == len(found["epochs"]):
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            torch.set_rng_state(state["random"])
            record = found
            report(f"continued after epoch {state['epochs']}")
    history, mask = record["epochs"], causal_mask(train_sequences.shape[1] - 1)
    for epoch in range(len(history), settings["epochs"]):
        started = time.process_time()
        planned = settings.get("planned_epochs", [settings["epochs"]] * settings["epochs"])[epoch]
        order = torch.randperm(len(train_sequences))
        batches = order.split(settings["batch_size"])
        model.train()
        total = 0.0
        for step, rows in enumerate(progress(batches, f"epoch {epoch + 1}")):
            share = (epoch + step / len(batches)) / planned
            factor = one_cycle(share) if settings["schedule"] == "one cycle" else 1.0
            for group in optimizer.param_groups:
                group["lr"] = settings["learning_rate"] * factor
            chosen = train_sequences[rows]  # [B, n + 1]
            guesses = model(chosen[:, :-1], mask).flatten(0, 1)  # [B * n, V]
            loss = functional.cross_entropy(guesses, chosen[:, 1:].flatten())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item() * len(rows)
        train_minutes = (time.process_time() - started) / 60
        figures = {
            "epoch": epoch + 1,
            "train": math.exp(total / len(train_sequences)),
            "valid": perplexity(model, valid_sequences),
            "cpu_minutes": train_minutes,
        }
        history.append(figures)
        if figures["valid"] == min(entry["valid"] for entry in history):
            save_weights(model, path)
        best = min(history, key=lambda entry: entry["valid"])
        record["result"] = {
            "valid perplexity": best["valid"],
            "best epoch": best["epoch"],
            "valid perplexity at the end": figures["valid"],
            "train perplexity at the end": figures["train"],
        }
        record["machine"] = describe_machine()
        text = json.dumps(record, indent=1) + "\n"
        write_atomically(record_path, lambda name, text=text: Path(name).write_text(text, encoding="utf-8"))
        state = {
            "epochs": len(history),
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        write_atomically(state_path, lambda name, state=state: torch.save(state, name))
        report(
            f"epoch {epoch + 1}/{settings['epochs']}: perplexity {figures['train']:.1f} in training, "
            f"{figures['valid']:.1f} on the validation plays, {train_minutes:.1f} CPU minutes"
        )
    return history


# What the figures of the notebook come from; the notebook's own training in full profile uses the first one.
SHAKESPEARE = {
    "model": {
        "vocabulary_size": 4096,
        "d_model": 128,
        "n_heads": 4,
        "hidden_size": 512,
        "n_layers": 3,
        "dropout": 0.0,
    },
    "epochs": 2,
    "planned_epochs": [4, 3],  # how many epochs the cycle was planned for: the run was shortened on the way
    "batch_size": 16,
    "learning_rate": 2e-3,
    "weight_decay": 0.05,
    "schedule": "one cycle",
    "seed": 0,
}
LENGTH = 96  # positions that the model reads at once, about 48 words
# Overlap against none: Hamlet alone, a small model, a learning rate that stays, so that a curve has its own
# shape.
OVERLAP = {
    "model": {
        "vocabulary_size": 2048,
        "d_model": 64,
        "n_heads": 4,
        "hidden_size": 256,
        "n_layers": 2,
        "dropout": 0.0,
    },
    "epochs": 12,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "weight_decay": 0.01,
    "schedule": "constant",
    "seed": 0,
}
OVERLAP_LENGTH, OVERLAP_STRIDE = 64, 16


def overlapping_sequences(ids, length, stride):
    """Cut a text into sequences that begin every `stride` ids: [N, length + 1] int64."""
    return ids.unfold(0, length + 1, stride)


def plan_runs(run, works):
    """List the trainings of a run.

    Args:
        run: "shakespeare" or "overlap".
        works: of `labkit.data.load_shakespeare()`.

    Returns:
        List of (name, settings, (training sequences, validation sequences)).

    """
    if run == "shakespeare":
        train_tokens, valid_tokens = (tokenize(text) for text in split_by_play(works)[:2])
        vocabulary = Vocabulary(train_tokens, SHAKESPEARE["model"]["vocabulary_size"])
        ids = (vocabulary.encode(train_tokens), vocabulary.encode(valid_tokens))
        return [("shakespeare", SHAKESPEARE, tuple(make_sequences(part, LENGTH) for part in ids))]
    train_tokens, valid_tokens = tokenize(works["hamlet"]), tokenize(works["macbeth"])
    vocabulary = Vocabulary(train_tokens, OVERLAP["model"]["vocabulary_size"])
    ids = vocabulary.encode(train_tokens)
    valid = make_sequences(vocabulary.encode(valid_tokens), OVERLAP_LENGTH)
    return [
        ("no-overlap", OVERLAP, (make_sequences(ids, OVERLAP_LENGTH), valid)),
        ("overlap", OVERLAP, (overlapping_sequences(ids, OVERLAP_LENGTH, OVERLAP_STRIDE), valid)),
    ]
