"""Lab 04, notebook ``sentiment_glove``: words, batches, training, files of weights, batch jobs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from labbuild.compile import compile_lab
from labkit.data import WordVectors
from solved_notebook import EXERCISES, modules_of

LAB = EXERCISES / "04-sentiment-counting"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's modules and jobs as a student who has answered has them."""
    target = tmp_path_factory.mktemp("lab04-sentiment")
    for module in compile_lab(LAB).modules:
        (target / module.name).write_text(module.solution, encoding="utf-8")
    shutil.copytree(LAB / "jobs", target / "jobs")
    shutil.copy(LAB / "train_sentiment.py", target)
    return target


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[SimpleNamespace]:
    """The modules ``solution``, ``sentiment_training`` and ``sentiment_vocabulary``, quick profile."""
    with modules_of(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABS_PROFILE", "quick")
        patch.setenv("LABS_OFFLINE", "1")
        import sentiment_training
        import sentiment_vocabulary
        import solution

        vocabulary = sentiment_vocabulary.load_vocabulary(solution.tokenise)
        yield SimpleNamespace(
            solution=solution, training=sentiment_training, words=sentiment_vocabulary, vocabulary=vocabulary
        )


def test_vocabulary_counts_words_that_have_a_vector(lab: SimpleNamespace) -> None:
    """The most frequent words with a vector come first; padding is zero, unknown is the mean."""
    vectors = WordVectors(("good", "bad", "film"), np.arange(6, dtype=np.float32).reshape(3, 2))
    built = lab.words.build_vocabulary([["film", "zzz", "bad"], ["film", "bad", "good"], ["zzz"]], vectors, 2)
    assert built.words == ("bad", "film")
    assert built.index == {"bad": 2, "film": 3}
    assert built.matrix.tolist() == [[0, 0], [3, 4], [2, 3], [4, 5]]
    assert len(built) == 4


def test_tokenise_splits_as_glove_does(lab: SimpleNamespace) -> None:
    """Contractions become GloVe's two words, tags vanish, marks stand alone."""
    assert lab.solution.tokenise("Don't! It's<br />the film's END.") == [
        *("do", "n't", "!", "it", "'s", "the", "film", "'s", "end", "."),
    ]


def test_dataloader_covers_the_official_training_part_once(lab: SimpleNamespace) -> None:
    """Training and validation are the official training part together, a fifth for validation."""
    sizes = {
        split: len(lab.solution.get_dataloader(split, lab.vocabulary).dataset)
        for split in ("train", "val", "test")
    }
    assert sizes["train"] + sizes["val"] == 6824
    assert sizes["val"] == pytest.approx(6824 / 5, abs=2)
    assert sizes["test"] == 1706


def _loaders(lab: SimpleNamespace) -> dict[str, Any]:
    return {
        split: lab.solution.get_dataloader(split, lab.vocabulary, 16, 12, 48) for split in ("train", "val")
    }


def _train(lab: SimpleNamespace, path: Path, epochs_done: int | None = None) -> dict[str, Any]:
    """Train a small RNN for two epochs; stop after ``epochs_done`` by an exception, if given."""
    torch.manual_seed(5)
    model = lab.solution.RNNClassifier(lab.vocabulary.matrix, 6)
    lines: list[str] = []

    def report(line: str) -> None:
        lines.append(line)
        if epochs_done is not None and line.startswith(f"epoch {epochs_done}"):
            raise KeyboardInterrupt

    record: dict[str, Any] = lab.training.train(
        model, _loaders(lab), lab.vocabulary.words, path, epochs=2, report=report
    )
    return {**record, "lines": lines}


def test_train_that_was_stopped_goes_on_where_it_was(lab: SimpleNamespace, tmp_path: Path) -> None:
    """A run stopped after one epoch does only the second one, and its record is complete."""
    path = tmp_path / "stopped.safetensors"
    with pytest.raises(KeyboardInterrupt):
        _train(lab, path, epochs_done=1)
    first = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["epochs"]
    record = _train(lab, path)
    assert record["lines"][0] == "continued after epoch 1"
    assert [epoch["epoch"] for epoch in record["epochs"]] == [1, 2]
    assert record["epochs"][0] == first[0]
    assert record["run"] == "model"
    assert record["result"]["val accuracy"] == max(epoch["val_accuracy"] for epoch in record["epochs"])


def test_train_with_other_settings_starts_again(lab: SimpleNamespace, tmp_path: Path) -> None:
    """A run with another seed does not take up the state of the first."""
    path = tmp_path / "seeds.safetensors"
    _train(lab, path)
    torch.manual_seed(5)
    model = lab.solution.RNNClassifier(lab.vocabulary.matrix, 6)
    lines: list[str] = []
    lab.training.train(
        model, _loaders(lab), lab.vocabulary.words, path, epochs=1, seed=3, report=lines.append
    )
    assert not any("continued" in line for line in lines)


def test_save_and_load_give_the_same_logits(lab: SimpleNamespace, tmp_path: Path) -> None:
    """Weights go through the file with 16 bits, and the words with them."""
    torch.manual_seed(1)
    model = lab.solution.make_model(lab.vocabulary.matrix).eval()
    lab.training.save_model(model, lab.vocabulary.words, tmp_path / "m.safetensors")
    again, words = lab.training.load_model(lab.solution.make_model, tmp_path / "m.safetensors")
    assert words == lab.vocabulary.words
    tokens, lengths = torch.tensor([[5, 9, 3], [7, 2, 0]]), torch.tensor([3, 2])
    with torch.no_grad():
        torch.testing.assert_close(again(tokens, lengths), model(tokens, lengths), atol=2e-3, rtol=1e-2)


def test_load_model_names_what_is_wrong(lab: SimpleNamespace, tmp_path: Path) -> None:
    """A missing file, one without words, and one of another model are told in one sentence."""
    from safetensors.torch import save_file

    make = lab.solution.make_model
    with pytest.raises(ValueError, match="is not there"):
        lab.training.load_model(make, tmp_path / "gone.safetensors")
    save_file({"x": torch.zeros(4, 2)}, tmp_path / "plain.safetensors")
    with pytest.raises(ValueError, match="holds no words"):
        lab.training.load_model(make, tmp_path / "plain.safetensors")
    save_file({"x": torch.zeros(4, 2)}, tmp_path / "other.safetensors", {"words": "a\nb"})
    with pytest.raises(ValueError, match="does not fit make_model"):
        lab.training.load_model(make, tmp_path / "other.safetensors")


def test_evaluate_does_not_depend_on_the_batch_size(lab: SimpleNamespace) -> None:
    """Loss and accuracy are means over reviews, not over batches."""
    torch.manual_seed(2)
    model = lab.solution.LSTMClassifier(lab.vocabulary.matrix, 5)
    found = [
        lab.training.evaluate(model, lab.solution.get_dataloader("val", lab.vocabulary, size, 12, 50))
        for size in (7, 50)
    ]
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def _submit_file() -> dict[str, str]:
    """Return HTCondor's commands, as it reads them: name = value, comments and blank lines left out."""
    lines = (LAB / "jobs" / "train.sub").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    queue = [line for line in kept if line.startswith("queue")]
    assert len(queue) == 1
    assert kept[-1] == queue[0]
    pairs = [re.fullmatch(r"\+?([A-Za-z_]+)\s*=\s*(.+)", line) for line in kept[:-1]]
    assert all(pairs), "a line is neither a comment, nor name = value, nor queue"
    return {pair[1].lower(): pair[2] for pair in pairs if pair} | {"queue": queue[0]}


def test_htcondor_file_starts_the_job_for_each_kind() -> None:
    """The submit file names the job script, asks for what it needs, and queues each kind."""
    commands = _submit_file()
    assert commands["universe"] == "vanilla"
    assert commands["executable"] == "/bin/sh"
    assert commands["arguments"] == "jobs/train.sh $(kind) 10"
    assert (LAB / "jobs" / "train.sh").is_file()
    assert re.fullmatch(r"\d+ ?[GM]B", commands["request_memory"])
    assert re.fullmatch(r"queue kind in \((\w+, )*\w+\)", commands["queue"])
    for name in ("output", "error", "log"):
        assert commands[name].startswith("runs/")


def test_slurm_file_has_an_array_with_one_task_for_each_kind() -> None:
    """The batch script has valid directives before its first command, and as many tasks as kinds."""
    text = (LAB / "jobs" / "train.sbatch").read_text(encoding="utf-8")
    assert text.startswith("#!/bin/sh\n")
    head = text[: text.index("set -eu")]
    directives = dict(re.findall(r"^#SBATCH --([\w-]+)(?:=(\S+))?$", head, re.M))
    assert {"job-name", "array", "cpus-per-task", "mem", "time", "output"} <= set(directives)
    first, last = map(int, directives["array"].split("-"))
    assert len(re.findall(r"kind=\w+", text)) == last - first + 1
    assert re.fullmatch(r"\d\d:\d\d:\d\d", directives["time"])
    assert subprocess.run(["sh", "-n", str(LAB / "jobs" / "train.sbatch")], check=False).returncode == 0


@pytest.mark.skipif(shutil.which("sbatch") is None, reason="SLURM is not installed here")
def test_slurm_accepts_the_batch_script(folder: Path) -> None:
    """`sbatch --test-only` accepts the script."""
    (folder / "runs").mkdir(exist_ok=True)
    done = subprocess.run(
        ["sbatch", "--test-only", "jobs/train.sbatch"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_job_command_of_both_files_trains_on_the_fixture(folder: Path) -> None:
    """The command that HTCondor would start, and the one SLURM's script starts, run the whole way."""
    commands = _submit_file()
    kinds = re.findall(r"\w+", commands["queue"].split(" in ")[1])
    environment = {
        **os.environ,
        "LABS_PROFILE": "quick",
        "LABS_OFFLINE": "1",
        "PYTHON": sys.executable,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(EXERCISES), os.environ.get("PYTHONPATH", "")]),
    }
    arguments = commands["arguments"].replace("$(kind)", kinds[0]).split()
    condor = [commands["executable"], *arguments, "--dry-run"]
    done = subprocess.run(condor, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "test accuracy" in done.stdout
    record = json.loads((folder / "runs" / f"{kinds[0]}.json").read_text(encoding="utf-8"))
    assert len(record["epochs"]) == 1
    # SLURM: the script itself, with a stand-in for the last command that prints what would run.
    script = (folder / "jobs" / "train.sbatch").read_text(encoding="utf-8").replace("exec sh", "echo sh")
    for task, kind in enumerate(kinds):
        environment.update(SLURM_ARRAY_TASK_ID=str(task), SLURM_SUBMIT_DIR=str(folder))
        said = subprocess.run(
            ["sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        assert said.stdout.split() == ["sh", "jobs/train.sh", kind, "10"]


def test_weights_of_the_solution_reach_the_highest_tier(lab: SimpleNamespace) -> None:
    """On reviews made of held-back sentences, the committed weights reach the notebook's highest tier."""
    text = (LAB / "sentiment_glove.md").read_text(encoding="utf-8")
    tiers = [float(limit) for limit in re.findall(r"(0\.\d+): ", re.search(r"TIERS = \{(.*)\}", text)[1])]  # type: ignore[index]
    model, words = lab.training.load_model(lab.solution.make_model, LAB / "sentiment_model.safetensors")
    vocabulary = lab.words.Vocabulary(words, torch.zeros(len(words) + 2, 1))
    _, part = lab.words.load_reviews()
    right = count = 0
    for label in (0, 1):
        texts = [review for review, mark in zip(part.texts, part.labels, strict=True) if mark == label]
        reviews = [" ".join(texts[place::281][:3]) for place in range(280)]
        ids = [torch.tensor(lab.solution.encode(review, vocabulary)) for review in reviews]
        tokens = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True)
        with torch.no_grad():
            logits = model(tokens, torch.tensor([len(row) for row in ids]))
        right += int(((logits > 0) == bool(label)).sum())
        count += len(reviews)
    assert right / count >= max(tiers)


def test_comparison_changes_nothing_but_the_model() -> None:
    """Every record of a comparison has its row, and all recurrent ones the same settings."""
    text = (LAB / "sentiment_glove.md").read_text(encoding="utf-8")
    block = text[text.index("titles = {") :]
    names = re.findall(r'"(glove-[\w-]+)":', block[: block.index("}")])
    paths = {path.stem: path for path in (LAB / "records").glob("glove-*.json")}
    assert set(paths) <= set(names)
    assert {"glove-rnn", "glove-lstm", "glove-averaged"} <= set(paths)
    records = {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items()}
    compared = [record for name, record in records.items() if name != "glove-averaged"]
    for key in ("train_reviews", "max_words", "epochs", "vocabulary", "seed"):
        assert len({record["settings"][key] for record in compared}) == 1, key
    for record in records.values():
        assert len(record["epochs"]) == record["settings"]["epochs"]
        assert 0.5 < record["result"]["test accuracy"] < 0.95
