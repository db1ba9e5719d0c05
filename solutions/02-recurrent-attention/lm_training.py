"""Training of the language model: batches, validation, checkpoints, early stopping. Given: read and use it.

Nothing here depends on what your model is made of: it calls your `sentence_loss`, which calls it. A run that
was stopped goes on where it was when `train` is called again with the same settings.
"""

import json
import math
import os
import platform
import random
import tempfile
import time
from pathlib import Path

import torch
from labkit import data, progress
from labkit.submit_models import inspect_model
from safetensors.torch import load_file, save_file

LN2 = math.log(2)


def make_batches(sentences, batch_size, seed=None):
    """Return padded batches of sentences of similar length, so that little of the work is padding.

    Args:
        sentences: cleaned sentences.
        batch_size: sentences in a batch.
        seed: of the shuffle; None keeps all sentences in order of length (for evaluation).

    Returns:
        A list of int64 tensors [B, T]: BEGIN, characters, END, PAD.

    """
    draw = random.Random(seed)  # noqa: S311 - a shuffle, not a secret
    order = list(sentences)
    if seed is not None:
        draw.shuffle(order)
    window = len(order) if seed is None else 40 * batch_size  # sorted by length within a window only
    groups = []
    for start in range(0, len(order), window):
        near = sorted(order[start : start + window], key=len)
        groups += [near[i : i + batch_size] for i in range(0, len(near), batch_size)]
    if seed is not None:
        draw.shuffle(groups)
    return [torch.from_numpy(data.pad_batch(group)) for group in groups]


def count_targets(batch):
    """Return how many ids of a batch are predicted: all but the first of each row and PAD."""
    return int((batch[:, 1:] != data.PAD).sum())


def next_shares(sentences):
    """Return how often each id comes next in the sentences, as a share: float32 [98], sums to 1."""
    counts = torch.zeros(data.N_IDS)
    for batch in make_batches(sentences, 512):
        counts += torch.bincount(batch[:, 1:].flatten(), minlength=data.N_IDS)
    counts[data.PAD] = 0
    return counts / counts.sum()


def first_loss(loss, model, batch):
    """Return the loss of one batch as a number; say so in one line where `rnn_lm.py` is not answered.

    Raises:
        NotImplementedError: the model has no layers, or the loss gives nothing.

    """
    if not any(True for _ in model.parameters()):
        raise NotImplementedError("SentenceModel has no layers yet: write it in rnn_lm.py")
    value = loss(model, batch)
    if value is None:
        raise NotImplementedError("sentence_loss gives None: write it (and `forward`) in rnn_lm.py")
    return torch.as_tensor(value).detach().item()


@torch.no_grad()
def evaluate(loss, model, sentences, batch_size=128):
    """Return the loss in nats per character over all sentences, the model in evaluation mode.

    Args:
        loss: `loss(model, batch)` gives the mean over a batch's targets, as `sentence_loss` does.
        model: a `SentenceModel`.
        sentences: cleaned sentences.
        batch_size: sentences in a batch; the result does not depend on it.

    """
    was_training = model.training
    model.eval()
    total = targets = 0
    for batch in make_batches(sentences, batch_size):
        count = count_targets(batch)
        total += float(loss(model, batch)) * count
        targets += count
    model.train(was_training)
    return total / targets


def one_cycle(share):
    """Return the part of the peak learning rate after a share (0 to 1) of the steps: up, then down."""
    if share < 0.2:
        return 0.1 + 0.9 * share / 0.2
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (share - 0.2) / 0.8))


def adamw(model, learning_rate):
    """Return the usual optimizer, with weight decay on matrices only."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    return [torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.99))]


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


def save_model(model, path, half=False):
    """Write the weights of a model as safetensors; `half` stores them in 16 bits, at half the size."""
    tensors = {name: value.detach().contiguous() for name, value in model.state_dict().items()}
    if half:
        tensors = {
            name: value.half() if value.is_floating_point() else value for name, value in tensors.items()
        }
    write_atomically(path, lambda temporary: save_file(tensors, temporary))


def load_model(model, path):
    """Put the weights of a file into a model, and set it to evaluation mode.

    Args:
        model: a fresh `SentenceModel`.
        path: a `.safetensors` file; where it is not there, a state dict of `torch.save` with the same name
            that ends in `.pt` or `.pth` is taken.

    Returns:
        The model.

    Raises:
        NotImplementedError: the model has no layers.
        ValueError: the file is missing, too large, damaged, not plain weights, or not of this model.

    """
    if not any(True for _ in model.parameters()):
        raise NotImplementedError("SentenceModel has no layers yet: write it in rnn_lm.py")
    candidates = [Path(path).with_suffix(suffix) for suffix in (Path(path).suffix, ".pt", ".pth")]
    found = next((candidate for candidate in candidates if candidate.is_file()), Path(path))
    problem = inspect_model(found)
    if problem.problem:
        raise ValueError(f"{found} {problem.problem}; {problem.hint}")
    is_safetensors = found.suffix == ".safetensors"
    tensors = load_file(found) if is_safetensors else torch.load(found, map_location="cpu", weights_only=True)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{found} does not fit the class; train it again. {error}") from None
    return model.eval()


class Run:
    """One training run: what has been done, and how to go on with it.

    Args:
        model: a `SentenceModel`; its weights are changed.
        optimizers: from `make_optimizers`.
        path: of the weights; the state of the run lies beside it in `<name>.run.pt` and `<name>.json`.
        settings: what must be the same for a run to be continued.

    """

    def __init__(self, model, optimizers, path, settings):
        self.model, self.optimizers, self.path = model, optimizers, Path(path)
        self.record = {"settings": settings, "epochs": []}
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["peak"] = group["lr"]
        self.state_path = self.path.with_suffix(".run.pt")
        self.record_path = self.path.with_suffix(".json")

    @property
    def history(self):
        """One dict for each epoch: loss of training and validation in nats, minutes, learning rate."""
        return self.record["epochs"]

    @property
    def best(self):
        """The lowest validation loss so far, infinity before the first epoch."""
        return min((epoch["valid"] for epoch in self.history), default=math.inf)

    @property
    def epochs_since_best(self):
        """How many epochs ago the lowest validation loss was reached."""
        losses = [epoch["valid"] for epoch in self.history]
        return len(losses) - 1 - losses.index(min(losses)) if losses else 0

    def resume(self):
        """Take up the state of an earlier call with the same settings; True if there was one."""
        if not (self.state_path.is_file() and self.record_path.is_file()):
            return False
        record = json.loads(self.record_path.read_text(encoding="utf-8"))
        if record["settings"] != self.record["settings"]:
            return False
        state = torch.load(self.state_path, weights_only=True)
        shapes = {name: value.shape for name, value in self.model.state_dict().items()}
        if {name: value.shape for name, value in state["model"].items()} != shapes:
            return False  # the model was changed since
        if state["epochs"] != len(record["epochs"]):
            return False  # stopped between writing the two files
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        torch.set_rng_state(state["random"])
        self.record = record
        return True

    def save(self, half=False):
        """Write record, state and, if this epoch is the best, the weights; each file whole or not at all."""
        if self.history[-1]["valid"] == self.best:
            save_model(self.model, self.path, half)
        text = json.dumps(self.record, indent=1) + "\n"
        write_atomically(self.record_path, lambda name: Path(name).write_text(text, encoding="utf-8"))
        state = {
            "epochs": len(self.history),
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "random": torch.get_rng_state(),
        }
        write_atomically(self.state_path, lambda name: torch.save(state, name))


def train(
    loss,
    model,
    corpus,
    path,
    *,
    epochs,
    batch_size=64,
    learning_rate=3e-3,
    patience=3,
    max_batches=None,
    seed=0,
    half=False,
    make_optimizers=adamw,
    note=None,
    report=print,
):
    """Train a model, and keep the weights of the epoch with the lowest validation loss in `path`.

    Args:
        loss: `sentence_loss` of your `rnn_lm.py`.
        model: a fresh `SentenceModel`.
        corpus: of `labkit.data.load_short_texts()`.
        path: of the weights, ending in `.safetensors`.
        epochs: passes through the training sentences.
        batch_size: sentences in a batch.
        learning_rate: the highest; it rises for a fifth of the steps and then falls to a hundredth.
        patience: stop after so many epochs without a lower validation loss.
        max_batches: use only so many batches of an epoch, and of validation (to try things out).
        seed: of the shuffle and of dropout.
        half: store the weights in 16 bits.
        make_optimizers: `make_optimizers(model, learning_rate)` gives a list of optimizers.
        note: further facts for the record, as a dict.
        report: called with one line of text after each epoch.

    Returns:
        The history: one dict for each epoch, with train and valid loss in nats per character.

    """
    first_loss(loss, model, make_batches(corpus.valid[:1], 1)[0])  # better now than after a minute
    settings = {
        "corpus": corpus.name,
        "sentences": len(corpus.train),
        "parameters": sum(p.numel() for p in model.parameters()),
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "patience": patience,
        "max_batches": max_batches,
        "seed": seed,
        **(note or {}),
    }
    run = Run(model, make_optimizers(model, learning_rate), path, settings)
    torch.manual_seed(seed)
    if run.resume():
        report(f"continued after epoch {len(run.history)}")
    run.record["machine"] = describe_machine()
    valid = corpus.valid[: max_batches * batch_size] if max_batches else corpus.valid
    for epoch in range(len(run.history), epochs):
        if run.epochs_since_best >= patience:
            report(f"stopped early: no better epoch in {patience}")
            break
        started, cpu_started = time.perf_counter(), time.process_time()
        batches = make_batches(corpus.train, batch_size, seed * 1000 + epoch)[:max_batches]
        train_loss = train_epoch(loss, run, batches, epoch, epochs)
        valid_loss = evaluate(loss, model, valid)
        if not math.isfinite(train_loss + valid_loss):
            raise FloatingPointError(f"the loss became {train_loss}: lower the learning rate and train again")
        run.history.append(
            {
                "epoch": epoch + 1,
                "train": train_loss,
                "valid": valid_loss,
                "cpu_minutes": (time.process_time() - cpu_started) / 60,
                "wall_minutes": (time.perf_counter() - started) / 60,
            }
        )
        run.save(half)
        mark = " (best)" if valid_loss == run.best else ""
        report(
            f"epoch {epoch + 1}/{epochs}: train {train_loss:.4f}, validation {valid_loss:.4f} nats "
            f"= {valid_loss / LN2:.3f} bits per character{mark}"
        )
    return run.history


def train_epoch(loss, run, batches, epoch, epochs):
    """Go through the batches once; return the mean training loss in nats per character."""
    model, parameters = run.model, [p for p in run.model.parameters() if not getattr(p, "is_table", False)]
    model.train()
    total = targets = 0
    for step, batch in enumerate(progress(batches, f"epoch {epoch + 1}")):
        factor = one_cycle((epoch + step / len(batches)) / epochs)
        for optimizer in run.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
            optimizer.zero_grad(set_to_none=True)
        value = loss(model, batch)
        value.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)  # one bad batch must not throw the weights far away
        for optimizer in run.optimizers:
            optimizer.step()
        count = count_targets(batch)
        total += value.item() * count
        targets += count
    return total / targets


def describe_machine():
    """Return what a reader needs to compare minutes: processor, threads, versions."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        processor = next(
            (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), processor
        )
    return {
        "processor": processor,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
