"""``labs submit``: make the one file to hand in."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from labkit.submit import hand_in
from labkit.submit_models import MODEL_LIMIT_MIB

__all__ = ["submit"]


@click.command()
@click.argument("notebook", required=False, type=click.Path(path_type=Path))
@click.option(
    "--file", "files", multiple=True, type=click.Path(path_type=Path), help="A further file to hand in."
)
@click.option(
    "--limit-mib", default=MODEL_LIMIT_MIB, show_default=True, help="Largest file of weights, in MiB."
)
@click.option(
    "--run/--no-run", default=True, help="First run the notebooks in a copy of the folder. [default: run]"
)
@click.option("--json", "as_json", is_flag=True, help="The receipt as one JSON document.")
def submit(
    notebook: Path | None, files: tuple[Path, ...], limit_mib: float, run: bool, as_json: bool
) -> None:
    """Check a lab's notebooks and files, and write the one zip to hand in.

    NOTEBOOK is a notebook; without it, all graded notebooks of the current folder are taken. They are run
    from top to bottom first, in the quick profile and in a copy of the folder: nothing in yours changes.

    \b
    Examples:
      labs submit
      labs submit --no-run
      labs submit sentences.ipynb --file sentence_model.safetensors

    Exit codes: 0 written and nothing to remark, 1 written with remarks or not written, 2 wrong usage.
    """
    if notebook is not None and not notebook.is_file():
        raise click.UsageError(f"{notebook} is not there")
    receipt = hand_in(notebook, [file.resolve() for file in files], limit_mib=limit_mib, run=run)
    click.echo(json.dumps(receipt.to_json(), indent=1) if as_json else str(receipt))
    sys.exit(1 if receipt.remarks else 0)
