"""Train the word model of lab 05 on one core, and keep a record that the notebook can show.

    OMP_NUM_THREADS=1 nice python tools/train/train_shakespeare.py shakespeare --out DIR
    OMP_NUM_THREADS=1 nice python tools/train/train_shakespeare.py overlap --out DIR

It uses the lab's own modules with their answers. Run a command again with the same arguments and it goes on
after the last epoch that was finished.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click
import torch
from labkit.data import load_shakespeare

__all__ = ["main"]

LAB = Path(__file__).resolve().parents[2] / "exercises" / "05-transformer"


@click.command()
@click.argument("run", type=click.Choice(["shakespeare", "overlap"]))
@click.option("--settings", "changes", default="{}", help="JSON of settings to change, for trials.")
@click.option("--name", default="", help="Name of the files; that of the run if not given.")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Folder of weights, state and record."
)
def main(run: str, changes: str, name: str, out: Path) -> None:
    """Train a RUN of the notebook `shakespeare` with the settings that the notebook has."""
    sys.path.insert(0, str(LAB))
    import shakespeare_run as lab  # the lab's own modules, with its solution

    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # tiny numbers of the optimizer cost a CPU much time
    for title, settings, sequences in lab.plan_runs(run, load_shakespeare()):
        chosen: dict[str, Any] = _merge(settings, json.loads(changes))
        lab.train(chosen, *sequences, out / f"{name or title}.safetensors", run=title, report=click.echo)


def _merge(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with some of them changed; those of the model one by one."""
    return {**settings, **changes, "model": {**settings["model"], **changes.get("model", {})}}


if __name__ == "__main__":
    main()
