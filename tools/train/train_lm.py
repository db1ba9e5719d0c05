"""Train a language model of lab 02 on one core, and keep a record that the notebook can show.

    LABS_SHORT_TEXTS=… OMP_NUM_THREADS=1 nice python tools/train/train_lm.py context-gru --epochs 10 --out DIR

Run it again with the same arguments and it goes on after the last epoch that was finished.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import torch
from labkit.data import load_short_texts
from models import KINDS, lm_training, make_model, make_optimizers, rnn_lm

__all__ = ["main"]


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--size", "sizes", multiple=True, help="NAME=VALUE, a size of the model; repeatable.")
@click.option("--epochs", default=10, show_default=True)
@click.option("--batch-size", default=64, show_default=True)
@click.option("--learning-rate", default=3e-3, show_default=True)
@click.option("--patience", default=3, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--half", is_flag=True, help="Store the weights in 16 bits.")
@click.option("--name", default="", help="Name of the files; the kind if not given.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder of weights, state and record."
)
def main(
    kind: str,
    sizes: tuple[str, ...],
    epochs: int,
    batch_size: int,
    learning_rate: float,
    patience: int,
    seed: int,
    half: bool,
    name: str,
    out: Path,
) -> None:
    """Train a model of a KIND on the short texts, or on the stand-in where they are not at hand."""
    out.mkdir(parents=True, exist_ok=True)
    torch.set_flush_denormal(True)  # tiny numbers of the optimizer cost a CPU much time
    chosen = {key: float(value) for key, _, value in (size.partition("=") for size in sizes)}
    corpus = load_short_texts()
    torch.manual_seed(seed)
    try:
        model = make_model(kind, lm_training.next_shares(corpus.train), chosen)
    except KeyError as error:
        raise click.UsageError(str(error.args[0])) from None
    history = lm_training.train(
        rnn_lm.sentence_loss,
        model,
        corpus,
        out / f"{name or kind}.safetensors",
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        patience=patience,
        seed=seed,
        half=half,
        make_optimizers=make_optimizers,
        note={"kind": kind, "sizes": chosen},
        report=lambda line: click.echo(line),
    )
    best = min(history, key=lambda epoch: epoch["valid"])
    minutes = sum(epoch["cpu_minutes"] for epoch in history)
    click.echo(json.dumps({"valid": best["valid"], "epoch": best["epoch"], "cpu_minutes": minutes}))


if __name__ == "__main__":
    main()
