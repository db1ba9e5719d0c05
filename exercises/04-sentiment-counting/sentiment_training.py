"""Training of a classifier of reviews: epochs, checkpoints, records, files of weights. Given.

Nothing here depends on what your model is made of: it is called as `model(tokens, lengths)` and gives one
logit for each review. A run that was stopped goes on after its last finished epoch when `train` is called
again with the same settings.
"""

import json
import math
import os
import platform
import tempfile
import time
from pathlib import Path

import torch
from labkit import device, progress
from labkit.submit_models import inspect_model
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn import functional


@torch.no_grad()
def evaluate(model, loader):
    """Return (loss, accuracy) over all reviews of a loader, the model in evaluation mode.

    Args:
        model: gives logits, [B], for tokens [B, T] and lengths [B].
        loader: gives batches (tokens, lengths, labels).

    Returns:
        Mean cross-entropy in nats, and the share of reviews whose logit has the right sign.

    """
    was_training = model.training
    model.eval()
    total = right = count = 0
    place = next(model.parameters()).device
    for tokens, lengths, labels in loader:
        logits = model(tokens.to(place), lengths).cpu()  # [B]
        total += float(functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum"))
        right += int(((logits > 0) == (labels > 0.5)).sum())
        count += len(labels)
    model.train(was_training)
    return total / count, right / count


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


def save_model(model, words, path):
    """Write weights in 16 bits, and the words of the ids, as safetensors: numbers and text, no code."""
    tensors = {
        name: (value.half() if value.is_floating_point() else value).detach().contiguous()
        for name, value in model.state_dict().items()
    }
    metadata = {"words": "\n".join(words)}
    write_atomically(path, lambda temporary: save_file(tensors, temporary, metadata))


def load_model(make_model, path):
    """Make a model and put the weights of a file into it.

    Args:
        make_model: of your `solution.py`; called with a matrix of zeros, [V, D].
        path: a file of `save_model`.

    Returns:
        (model in evaluation mode, tuple of its words).

    Raises:
        ValueError: the file is missing, too large, damaged, or not of this model.

    """
    problem = inspect_model(Path(path))
    if problem.problem:
        raise ValueError(f"{path} {problem.problem}; {problem.hint}")
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    if "words" not in metadata:
        raise ValueError(f"{path} holds no words; write it with save_model of sentiment_training.py")
    words = tuple(metadata["words"].split("\n"))
    rows = len(words) + 2
    tables = [value.shape[1] for value in tensors.values() if value.dim() == 2 and len(value) == rows]
    if not tables:
        raise ValueError(f"{path} holds no embedding with {rows:,} rows, one for each id")
    model = make_model(torch.zeros(rows, tables[0]))
    tensors = {n: value.float() if value.is_floating_point() else value for n, value in tensors.items()}
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path} does not fit make_model; train it again. {error}") from None
    return model.eval(), words


class Run:
    """One training run: what has been done, and how to go on with it.

    Args:
        model: its weights are changed.
        optimizer: of its parameters.
        path: of the weights; the state of the run lies beside it in `<name>.run.pt` and `<name>.json`.
        record: what is known before the first epoch; its `settings` must be equal for a run to go on.

    """

    def __init__(self, model, optimizer, path, record):
        self.model, self.optimizer = model, optimizer
        self.record = {**record, "epochs": []}
        self.state_path = Path(path).with_suffix(".run.pt")
        self.record_path = Path(path).with_suffix(".json")

    @property
    def history(self):
        """One dict for each epoch."""
        return self.record["epochs"]

    def resume(self):
        """Take up the state of an earlier call with the same settings; True if there was one."""
        if not (self.state_path.is_file() and self.record_path.is_file()):
            return False
        record = json.loads(self.record_path.read_text(encoding="utf-8"))
        state = torch.load(self.state_path, weights_only=True)
        same = all(record[key] == self.record[key] for key in ("settings", "parameters"))
        if not same or state["epochs"] != len(record["epochs"]):
            return False
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        self.record["epochs"] = record["epochs"]
        return True

    def save(self):
        """Write record and state; each file whole or not at all."""
        text = json.dumps(self.record, indent=1) + "\n"
        write_atomically(self.record_path, lambda name: Path(name).write_text(text, encoding="utf-8"))
        state = {
            "epochs": len(self.history),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        write_atomically(self.state_path, lambda name: torch.save(state, name))


def train(
    model,
    loaders,
    words,
    path,
    *,
    epochs,
    learning_rate=2e-3,
    name="model",
    seed=0,
    note=None,
    report=print,
):
    """Train a classifier, and keep the weights of the epoch with the highest validation accuracy in `path`.

    Args:
        model: fresh; gives logits, [B], for tokens [B, T] and lengths [B].
        loaders: {"train": …, "val": …} and, if the test accuracy is wanted at the end, "test".
        words: of the vocabulary; they are stored with the weights.
        path: of the weights, ending in `.safetensors`.
        epochs: passes through the training reviews.
        learning_rate: the highest one; it rises over the first tenth of the steps, then falls along a cosine.
        name: of the run, for the record.
        seed: of dropout and of what your model draws.
        note: further settings for the record, as a dict.
        report: called with one line of text after each epoch.

    Returns:
        The record: settings, one dict for each epoch, result, machine.

    Raises:
        FloatingPointError: the loss is no longer a number.

    """
    steps = epochs * len(loaders["train"])
    model.to(device())
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=learning_rate)
    record = {
        "lab": "04-sentiment-counting",
        "notebook": "sentiment_glove",
        "run": name,
        "settings": {"epochs": epochs, "learning_rate": learning_rate, "seed": seed, **(note or {})},
        "parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
    torch.manual_seed(seed)
    run = Run(model, optimizer, path, record)
    if run.resume():
        report(f"continued after epoch {len(run.history)}")
    run.record["machine"] = describe_machine()
    for epoch in range(len(run.history), epochs):
        started = time.process_time()
        train_loss, train_accuracy = _train_epoch(
            model, loaders["train"], optimizer, learning_rate, epoch, steps
        )
        loss, accuracy = evaluate(model, loaders["val"])
        if not math.isfinite(train_loss + loss):
            raise FloatingPointError(f"the loss became {train_loss}: lower the learning rate and train again")
        best = max((done["val_accuracy"] for done in run.history), default=0.0)
        run.history.append(
            {
                "epoch": epoch + 1,
                "train_loss": train_loss,
                "train_accuracy": train_accuracy,
                "val_loss": loss,
                "val_accuracy": accuracy,
                "cpu_minutes": (time.process_time() - started) / 60,
            }
        )
        if accuracy > best:
            save_model(model, words, path)
        run.save()
        report(
            f"epoch {epoch + 1}/{epochs}: loss {train_loss:.3f} (validation {loss:.3f}), "
            f"accuracy {train_accuracy:.3f} (validation {accuracy:.3f})"
        )
    run.record["result"] = {"val accuracy": max(done["val_accuracy"] for done in run.history)}
    if "test" in loaders:
        chosen, _ = load_model(lambda _: model, path)
        run.record["result"]["test accuracy"] = evaluate(chosen, loaders["test"])[1]
    run.save()
    return run.record


def _train_epoch(model, loader, optimizer, learning_rate, epoch, steps):
    """Go through the batches once; return mean loss and accuracy while training."""
    model.train()
    place = next(model.parameters()).device
    total = right = count = 0
    for number, (tokens, lengths, labels) in enumerate(progress(loader, f"epoch {epoch + 1}")):
        share = (epoch * len(loader) + number) / steps
        warm = min(1.0, 0.1 + share / 0.1)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * share)))
        labels = labels.to(place)
        logits = model(tokens.to(place), lengths)  # [B]
        loss = functional.binary_cross_entropy_with_logits(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # recurrent gradients explode now and then
        optimizer.step()
        total += loss.item() * len(labels)
        right += int(((logits > 0) == (labels > 0.5)).sum())
        count += len(labels)
    return total / count, right / count


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
