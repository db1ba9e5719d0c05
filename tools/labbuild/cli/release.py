"""``labs release``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from labbuild.cli.environment import explain_environment

__all__ = ["release"]

_EXAMPLES = """\b
Examples:
  labs release                                      every lab in exercises/, into build/release/
  labs release 02-recurrent-attention --out public  one lab
  labs release --execute                            students see the plots of the cells that need no answer

\b
Exit codes: 0 written, 1 `labs check` found a blocker (nothing of that lab is written), 2 wrong usage,
3 environment.
"""


@click.command(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("labs", nargs=-1, metavar="[LAB]...", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/release"),
    show_default=True,
    help="Folder of the release.",
)
@click.option(
    "--execute", is_flag=True, help="Run the cells that need no answer, so that their outputs show."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def release(labs: tuple[Path, ...], out: Path, execute: bool, as_json: bool) -> None:
    """Make the bundle to hand out: for each lab a folder and a zip, with labkit and a manifest of hashes.

    A bundle holds the student notebooks, companion modules and given files of a lab, and nothing else. Every
    lab goes through `labs check` first; what that finds in the way of a release is shown, and the lab is left
    out.
    """
    with explain_environment("labs release"):
        is_complete = _release(labs, out, execute=execute, as_json=as_json)
    sys.exit(0 if is_complete else 1)


def _release(labs: tuple[Path, ...], out: Path, *, execute: bool, as_json: bool) -> bool:
    from labbuild.check.terminal import print_report, progress_bar
    from labbuild.execute import ExecutionFailedError
    from labbuild.lab_paths import find_labs
    from labbuild.release import release_lab

    results = []
    for path in find_labs(labs):
        if not path.is_dir():
            raise click.UsageError(f"{path} is a single file; a release needs a lab's folder")
        with progress_bar(path.name) as progress:
            try:
                result = release_lab(path, out, execute=execute, progress=progress)
            except ExecutionFailedError as error:
                click.echo(str(error), err=True)
                return False
        results.append(result)
        if as_json:
            continue
        if result.bundle is None:
            print_report(result.report, verbose=False)
            click.echo(f"not released: {path.name}")
        else:
            bundle = result.bundle
            click.echo(f"released  {bundle.archive}  sha256 {bundle.sha256[:16]}…  {len(bundle.files)} files")
    if as_json:
        click.echo(json.dumps({"out": str(out), "labs": [result.as_json() for result in results]}, indent=1))
    return all(result.bundle for result in results)
