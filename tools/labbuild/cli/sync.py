"""``labs sync``: bring a Markdown source and its percent twin together."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Literal, cast

import click

from labbuild.cli.build import labs_of_course
from labbuild.diagnostics import render, to_json
from labbuild.sync import PairResult, find_pairs, sync_pair

__all__ = ["sync"]

_EXAMPLES = """\b
Examples:
  labs sync                                     all labs in exercises/
  labs sync exercises/02-recurrent-attention    one lab
  labs sync --from py exercises/01-tensors/tensors.md   the script is right
  labs sync --check                             only say what would be written

\b
Exit codes: 0 the twins agree, 1 they do not (or, with --check, did not), 2 wrong usage, 3 environment.
"""


@click.command(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--from", "right", type=click.Choice(["md", "py"]), help="The twin that is right, when both were edited."
)
@click.option("--check", "only_check", is_flag=True, help="Write nothing; exit 1 if the twins differ.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def sync(paths: tuple[Path, ...], right: str | None, only_check: bool, as_json: bool) -> None:
    """Bring Markdown sources and their percent twins together, both ways.

    PATH is a lab's folder or one of two twins. Which twin was edited is decided by content, not by file time.
    A notebook without a twin gets one.
    """
    suffix = cast(Literal[".md", ".py"], f".{right}") if right else None
    stems = find_pairs(paths or labs_of_course())
    try:
        results = [sync_pair(stem, suffix, only_check=only_check) for stem in stems]
    except OSError as error:
        click.echo(f"labs sync cannot read or write {error.filename}: {error.strerror}", err=True)
        sys.exit(3)
    _show(results, as_json=as_json)
    open_ends = {"refused", "would write"}
    sys.exit(1 if any(result.state in open_ends for result in results) else 0)


def _show(results: list[PairResult], *, as_json: bool) -> None:
    for result in results:
        for diagnostic in result.diagnostics:
            click.echo(render(diagnostic), err=True)
    if as_json:
        pairs = [
            {
                "pair": str(result.stem),
                "state": result.state,
                "written": str(result.written) if result.written else None,
                "diagnostics": [to_json(diagnostic) for diagnostic in result.diagnostics],
            }
            for result in results
        ]
        click.echo(json.dumps({"pairs": pairs}, indent=1))
        return
    for result in results:
        click.echo(f"{result.state:<11} {result.written or result.stem}")
