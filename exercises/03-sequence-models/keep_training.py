"""A training that keeps its state after every epoch and goes on where it was stopped. Given: read and use it.

Nothing here knows what is trained: a function trains one epoch and gives its figures. Files, beside the
notebook: `runs/NAME.pt` (state of a run that goes on), `runs/NAME.json` and `runs/NAME.safetensors` (record,
weights of a finished one).
"""

import json
import math
import os
import platform
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

KEPT = (("runs", "runs"), ("records", "weights"))
"""Where a finished run may lie: (folder of its record, folder of its weights). Yours come first."""


def train_and_keep(name, model, optimizer, one_epoch, epochs, settings=None, seed=0, report=print):
    """Train a model epoch by epoch; take up a run of the same name and settings where it was.

    The learning rate falls from epoch to epoch along half a cosine: most of the gain comes while it is small.

    Args:
        name: of the run and its files.
        model: its weights are changed; at the end they are those of the last epoch.
        optimizer: its learning rates are taken for the highest ones.
        one_epoch: trains one epoch and returns a dict of figures.
        epochs: how many.
        settings: facts for the record. A run with other settings is not taken up.
        seed: of everything random in the run.
        report: called with one line of text for each epoch.

    Returns:
        The record: a dict with lab, notebook, run, settings, parameters, epochs, machine; after
        `add_result` also result. `record["epochs"]` has the figures of each epoch.

    """
    torch.manual_seed(seed)
    record = _start_record(name, model, optimizer, epochs, settings or {}, seed)
    finished = _find_finished(name, record, model)
    if finished:
        report(f"{name}: taken from {finished['kept_in']}, {_count(finished)}")
        return finished
    peaks = [group["lr"] for group in optimizer.param_groups]
    folder = Path("runs")
    folder.mkdir(exist_ok=True)
    state_path = folder / f"{name}.pt"
    if _resume(state_path, record, model, optimizer):
        report(f"{name}: continued, {_count(record)}")
    record["machine"] = describe_machine()
    for epoch in range(len(record["epochs"]), epochs):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * epoch / epochs)))
        started = time.process_time()
        figures = one_epoch()
        minutes = (time.process_time() - started) / 60
        if not all(math.isfinite(value) for value in figures.values()):
            raise FloatingPointError(f"{name}: epoch {epoch + 1} gave {figures}: lower the learning rate")
        record["epochs"].append({"epoch": epoch + 1, **figures, "cpu_minutes": round(minutes, 4)})
        shown = ", ".join(f"{figure} {value:.3f}" for figure, value in figures.items())
        report(f"{name} {epoch + 1}/{epochs}: {shown}, {minutes:.1f} min")
        state = {
            "record": json.dumps(record),
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "random": torch.get_rng_state(),
        }
        _write(state_path, lambda path, state=state: torch.save(state, path))
    weights = {key: _halve(value) for key, value in model.state_dict().items()}
    _write(folder / f"{name}.safetensors", lambda path: save_file(weights, path))
    _write_record(folder / f"{name}.json", record)
    state_path.unlink(missing_ok=True)  # the finished run lies in the other two files
    return {**record, "kept_in": "runs"}


def add_result(record, **figures):
    """Put the figures of a finished run, such as its accuracy on the test set, into its record."""
    result = {name.replace("_", " "): round(float(value), 5) for name, value in figures.items()}
    if record.get("result") == result:
        return
    record["result"] = result
    if record["kept_in"] == "runs":
        text = {key: value for key, value in record.items() if key != "kept_in"}
        _write_record(Path("runs") / f"{record['run']}.json", text)


def minutes_of(record):
    """Return the CPU minutes of a run, training and validation together."""
    return sum(epoch["cpu_minutes"] for epoch in record["epochs"])


def describe_machine():
    """Return what a reader needs to compare minutes: processor, threads, versions."""
    processor = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
        processor = models[0] if models else processor
    return {
        "processor": processor,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _start_record(name, model, optimizer, epochs, settings, seed):
    rate = optimizer.param_groups[0]["lr"]
    return {
        "lab": "03-sequence-models",
        "notebook": settings.get("notebook", ""),
        "run": name,
        "settings": {
            **{key: value for key, value in settings.items() if key != "notebook"},
            "epochs": epochs,
            "optimizer": type(optimizer).__name__,
            "learning_rate": rate,
            "seed": seed,
        },
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "epochs": [],
    }


def _is_same_run(one, other):
    return all(one.get(key) == other.get(key) for key in ("settings", "parameters"))


def _find_finished(name, record, model):
    """Return the record of a finished run with these settings, its weights put into the model; else None."""
    for records, weights in KEPT:
        paths = Path(records) / f"{name}.json", Path(weights) / f"{name}.safetensors"
        if not all(path.is_file() for path in paths):
            continue
        found = json.loads(paths[0].read_text(encoding="utf-8"))
        if _is_same_run(found, record) and len(found["epochs"]) == record["settings"]["epochs"]:
            tensors = load_file(paths[1])
            if _shapes(tensors) == _shapes(model.state_dict()):
                model.load_state_dict(tensors)
                return {**found, "kept_in": weights}
    return None


def _resume(path, record, model, optimizer):
    """Put a stopped run into record, model and optimizer; True if there was one with these settings."""
    if not path.is_file():
        return False
    state = torch.load(path, weights_only=True)
    found = json.loads(state["record"])
    if not _is_same_run(found, record) or _shapes(state["model"]) != _shapes(model.state_dict()):
        return False
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    torch.set_rng_state(state["random"])
    record["epochs"] = found["epochs"]
    return True


def _shapes(tensors):
    return {name: tuple(value.shape) for name, value in tensors.items()}


def _halve(value):
    """Store numbers in 16 bits: half the size, and the same answers to three digits."""
    return value.half().contiguous() if value.is_floating_point() else value.contiguous()


def _count(record):
    done = len(record["epochs"])
    return f"{done} epoch{'s' if done != 1 else ''} done in {minutes_of(record):.1f} CPU minutes"


def _write_record(path, record):
    _write(path, lambda name: Path(name).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8"))


def _write(path, write):
    """Let `write(temporary path)` make a file, and move it into place when it is whole."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    os.close(handle)
    try:
        write(temporary)
        os.chmod(temporary, 0o644)  # the temporary file was private
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
