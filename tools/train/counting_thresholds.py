"""Make the table behind the limit of lab 04's question `net` from the records of its runs.

python tools/train/counting_thresholds.py exercises/04-sentiment-counting/records
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

__all__ = ["MUTANTS", "main", "make_table"]

LIMIT = 0.99
MUTANTS = {
    "wrong-no-positions": "no positional encoding",
    "no-norm": "no layer norm, and the solution's small first numbers",
}
"""Name of a kind -> what is wrong with it."""


def make_table(folder: Path) -> dict[str, Any]:
    """Return the highest accuracy within 4,500 steps, for every seed of the solution and of the mutants."""
    records = {
        name: json.loads((folder / f"counting-{name}.json").read_text(encoding="utf-8"))
        for name in ("pre-norm", *MUTANTS)
    }
    best = {
        name: {str(run["seed"]): run["best_accuracy"] for run in record["epochs"]}
        for name, record in records.items()
    }
    return {
        "lab": "04-sentiment-counting",
        "question": "net",
        "figure": "highest accuracy on 4,000 fresh samples within 4,500 steps",
        "better": "higher",
        "limit": LIMIT,
        "solution": best["pre-norm"],
        "mutants": {sentence: best[name] for name, sentence in MUTANTS.items()},
        "settings": records["pre-norm"]["settings"],
        "machine": records["pre-norm"]["machine"],
    }


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(folder: Path) -> None:
    """Write `thresholds-net.json` into the FOLDER of records."""
    text = json.dumps(make_table(folder), indent=1) + "\n"
    (folder / "thresholds-net.json").write_text(text, encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()
