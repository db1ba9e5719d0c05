"""``labs new``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from labbuild.cli.environment import explain_environment

__all__ = ["new"]

_EXAMPLES = """\b
Examples:
  labs new 06-convolution                  exercises/06-convolution
  labs new week3 --in my-course --title "Filters"

\b
Exit codes: 0 made, 1 it is there already, 2 wrong usage, 3 environment.
"""


@click.command(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name")
@click.option(
    "--in",
    "home",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("exercises"),
    show_default=True,
    help="Folder that the lab goes into.",
)
@click.option("--title", default="", help="What the lab is called; made from NAME by default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def new(name: str, home: Path, title: str, as_json: bool) -> None:
    """Start a small working lab.

    It has a notebook with its percent twin, a companion module, three questions (two with tests, one graded
    by hand), mutants and alternatives. It builds and passes `labs check` as it is: change it piece by piece.
    """
    from labbuild.new import NewLabError, create_lab

    try:
        with explain_environment("labs new"):
            files = create_lab(name, home, title)
    except NewLabError as error:
        click.echo(f"labs new: {error}", err=True)
        sys.exit(1)
    folder = home / name
    if as_json:
        click.echo(json.dumps({"lab": name, "folder": str(folder), "files": [str(file) for file in files]}))
        return
    for file in files:
        click.echo(f"made  {file}")
    click.echo(f"next: labs check {folder}    labs build {folder}", err=True)
