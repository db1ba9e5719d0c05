"""Train the toy task of lab 05 at its graded size on many seeds, rightly and wrongly, and write the tables.

    OMP_NUM_THREADS=1 nice python tools/train/calibrate_palindromes.py --seeds 12

What was measured already is kept in the tables and not measured again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import torch

__all__ = ["main"]

LAB = Path(__file__).resolve().parents[2] / "exercises" / "05-transformer"
# As in the hidden test of question `next-token`.
SETTINGS: dict[str, Any] = {
    "model": [10, 32, 2, 64, 2, 0.0],
    "half": 6,
    "n_symbols": 10,
    "steps": 120,
    "batch_size": 64,
    "learning_rate": 1e-2,
}
N = 2 * 6 - 1
LIMITS = {
    "second-half": ("accuracy on the second half, causal mask", "higher", 0.99),
    "first-half": ("accuracy on the first half, causal mask", "lower", 0.15),
    "no-mask": ("accuracy on the first half, no mask", "higher", 0.9),
}
Mask = torch.Tensor | None


def _causal(offset: int = 0) -> torch.Tensor:
    return torch.ones(N, N, dtype=torch.bool).tril(offset)


def _train(seed: int, mask: Mask, change: Callable[[Any], None]) -> tuple[float, float]:
    """Train a model that was changed, and return its accuracy on the two halves of fresh sequences."""
    import palindromes
    import transformer
    from labkit import seed as set_seed

    set_seed(seed)
    model = transformer.Transformer(*SETTINGS["model"])
    change(model)
    keys = ("half", "n_symbols", "steps", "batch_size", "learning_rate")
    palindromes.train_palindromes(model, mask, **{key: SETTINGS[key] for key in keys}, seed=seed)
    first = torch.randint(10, (400, 6), generator=torch.Generator().manual_seed(99))
    fresh = torch.cat([first, first.flip(1)], dim=1)
    with torch.no_grad():
        right = (model(fresh[:, :-1], mask).argmax(dim=-1) == fresh[:, 1:]).float().mean(dim=0)
    return right[:5].mean().item(), right[5:].mean().item()


def _nothing(model: Any) -> None:
    """The solution."""


def _first_block_only(model: Any) -> None:
    """The mask reaches the first block only."""
    for block in model.blocks[1:]:
        plain = block.forward
        block.forward = lambda X, mask=None, plain=plain: plain(X)


def _no_positions(model: Any) -> None:
    """The positional encoding is cancelled before the first block."""
    import transformer

    first = model.blocks[0].forward
    places = transformer.positional_encoding(N, model.d_model)
    model.blocks[0].forward = lambda X, mask=None: first(X - places, mask)


def _always_masked(model: Any) -> None:
    """A causal mask acts although none was given."""
    for block in model.blocks:
        plain = block.forward
        block.forward = lambda X, mask=None, plain=plain: plain(X, _causal())


def _plans() -> dict[str, dict[str, tuple[Mask, Callable[[Any], None], int]]]:
    """Return for each table: name of the variant -> mask, change, and which half is looked at."""
    window = _causal() & ~_causal(-5)
    return {
        "second-half": {
            "solution": (_causal(), _nothing, 1),
            "the positional encoding was not added": (_causal(), _no_positions, 1),
            "the mask hides what is more than four positions back": (window, _nothing, 1),
        },
        "first-half": {
            "solution": (_causal(), _nothing, 0),
            "no mask": (None, _nothing, 0),
            "the mask lets the next position be seen": (_causal(1), _nothing, 0),
            "the mask reaches the first block only": (_causal(), _first_block_only, 0),
        },
        "no-mask": {
            "solution": (None, _nothing, 0),
            "a causal mask acts although none was given": (None, _always_masked, 0),
        },
    }


@click.command()
@click.option("--seeds", default=12, show_default=True)
def main(seeds: int) -> None:
    """Measure what is missing in the tables, seed by seed."""
    sys.path.insert(0, str(LAB))
    import shakespeare_run as lab

    torch.set_num_threads(1)
    known: dict[tuple[Any, ...], tuple[float, float]] = {}
    for name, variants in _plans().items():
        path = LAB / "records" / f"thresholds-next-token-{name}.json"
        figure, better, limit = LIMITS[name]
        table: dict[str, Any] = {
            "lab": "05-transformer",
            "question": "next-token",
            "figure": figure,
            "better": better,
            "limit": limit,
            "solution": {},
            "mutants": {variant: {} for variant in variants if variant != "solution"},
            "settings": SETTINGS,
        }
        if path.is_file():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["settings"] == SETTINGS:
                table |= {"solution": found["solution"], "mutants": table["mutants"] | found["mutants"]}
        for variant, (mask, change, part) in variants.items():
            values = table["solution"] if variant == "solution" else table["mutants"][variant]
            for seed in range(seeds):
                if str(seed) not in values:
                    key = (seed, None if mask is None else mask.sum().item(), change)
                    if key not in known:
                        known[key] = _train(seed, mask, change)
                    values[str(seed)] = round(known[key][part], 4)
            click.echo(f"{name}, {variant}: {min(values.values()):.3f} to {max(values.values()):.3f}")
            table["machine"] = lab.describe_machine()
            text = json.dumps(table, indent=1) + "\n"
            lab.write_atomically(path, lambda target, text=text: Path(target).write_text(text, "utf-8"))


if __name__ == "__main__":
    main()
