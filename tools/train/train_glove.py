"""Train a classifier of reviews of lab 04 on one core, and keep a record that the notebook can show.

    OMP_NUM_THREADS=1 nice python tools/train/train_glove.py lstm --epochs 4 --out DIR

Run it again with the same arguments and it goes on after the last epoch that was finished.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
import torch

LAB = Path(__file__).resolve().parents[2] / "exercises" / "04-sentiment-counting"
sys.path.insert(0, str(LAB))

# The lab's own modules, from its folder.
import sentiment_training  # noqa: E402
import sentiment_vocabulary  # noqa: E402
import solution  # noqa: E402

__all__ = ["KINDS", "main"]

KINDS = {
    "rnn": lambda matrix, size: solution.RNNClassifier(matrix, size),
    "bi-rnn": lambda matrix, size: solution.RNNClassifier(matrix, size, bidirectional=True),
    "lstm": lambda matrix, size: solution.LSTMClassifier(matrix, size),
    "bi-lstm": lambda matrix, size: solution.LSTMClassifier(matrix, size, bidirectional=True),
    "gru": lambda matrix, size: solution.GRUClassifier(matrix, size),
    "bi-gru": lambda matrix, size: solution.GRUClassifier(matrix, size, bidirectional=True),
    "lstm-tuned": lambda matrix, size: solution.LSTMClassifier(matrix, size, frozen=False),
    # One-hot inputs: a vector for each word that starts at random and is learned from the reviews.
    "lstm-one-hot": lambda matrix, size: solution.LSTMClassifier(
        torch.cat([matrix[:1], 0.3 * torch.randn(len(matrix) - 1, matrix.shape[1])]), size, frozen=False
    ),
    "averaged": lambda matrix, size: solution.AveragingClassifier(matrix, size),
}
"""Name of a kind -> what makes its model from the vectors [V, D] and the hidden size."""


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--hidden-size", default=64, show_default=True)
@click.option("--epochs", default=4, show_default=True)
@click.option("--batch-size", default=64, show_default=True)
@click.option("--max-words", default=120, show_default=True, help="Reviews are cut to so many words.")
@click.option("--reviews", default=None, type=int, help="Training reviews; all 20,000 if not given.")
@click.option("--test-reviews", default=None, type=int, help="Test reviews; all 25,000 if not given.")
@click.option("--words", default=20_000, show_default=True, help="Size of the vocabulary.")
@click.option("--learning-rate", default=2e-3, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder of weights, state and record."
)
def main(
    kind: str,
    hidden_size: int,
    epochs: int,
    batch_size: int,
    max_words: int,
    reviews: int | None,
    test_reviews: int | None,
    words: int,
    learning_rate: float,
    seed: int,
    out: Path,
) -> None:
    """Train a model of a KIND on IMDB, or on Rotten Tomatoes' sentences where it is not at hand."""
    out.mkdir(parents=True, exist_ok=True)
    torch.set_flush_denormal(True)  # tiny numbers of the optimizer cost a CPU much time
    vocabulary = sentiment_vocabulary.load_vocabulary(solution.tokenise, words)
    limits = {"train": reviews, "val": None, "test": test_reviews}
    loaders = {
        split: solution.get_dataloader(split, vocabulary, batch_size, max_words, limit, seed)
        for split, limit in limits.items()
    }
    torch.manual_seed(seed)
    model = KINDS[kind](vocabulary.matrix, hidden_size)
    record = sentiment_training.train(
        model,
        loaders,
        vocabulary.words,
        out / f"glove-{kind}.safetensors",
        epochs=epochs,
        learning_rate=learning_rate,
        name=f"glove-{kind}",
        seed=seed,
        note={
            "kind": kind,
            "hidden_size": hidden_size,
            "batch_size": batch_size,
            "max_words": max_words,
            "vocabulary": len(vocabulary),
            "train_reviews": len(loaders["train"].dataset),
            "val_reviews": len(loaders["val"].dataset),
            "test_reviews": len(loaders["test"].dataset),
        },
        report=lambda line: click.echo(line),
    )
    minutes = sum(epoch["cpu_minutes"] for epoch in record["epochs"])
    click.echo(json.dumps({"run": record["run"], **record["result"], "cpu_minutes": minutes}))


if __name__ == "__main__":
    main()
