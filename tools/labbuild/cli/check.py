"""``labs check``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from labbuild.cli.environment import explain_environment

__all__ = ["check"]


_EXAMPLES = """\b
Examples:
  labs check                                  every lab in exercises/
  labs check exercises/02-recurrent-attention
  labs check -v 02-recurrent-attention        every variant, and notes
  labs check --json | jq '.labs[].findings'

\b
Exit codes: 0 sound (notes may be shown), 1 something stands in the way of a release, 2 wrong usage,
3 environment.
"""


@click.command(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("-v", "--verbose", is_flag=True, help="Show each variant, and notes as well.")
def check(paths: tuple[Path, ...], as_json: bool, verbose: bool) -> None:
    """Prove that labs are sound before they are released.

    For every graded question: the solution gets full points, the untouched notebook gets none, every mutant
    in variants.toml loses points, every alternative keeps them. No line of an answer or of a hidden test can
    be read by students; links and images lead somewhere; the student notebook runs without the answers.

    PATH is a lab's folder or one source file; default every lab in exercises/.
    """
    with explain_environment("labs check"):
        is_sound = _check(paths, as_json=as_json, verbose=verbose)
    sys.exit(0 if is_sound else 1)


def _check(paths: tuple[Path, ...], *, as_json: bool, verbose: bool) -> bool:
    from labbuild.check.report import report_as_json
    from labbuild.check.soundness import check_lab
    from labbuild.check.terminal import print_report, progress_bar
    from labbuild.lab_paths import find_labs

    labs = find_labs(paths)
    reports = []
    for path in labs:
        with progress_bar(path.name) as progress:
            report = check_lab(path, progress)
        reports.append(report)
        if not as_json:
            print_report(report, verbose=verbose)
    is_sound = not any(report.blockers for report in reports)
    if as_json:
        click.echo(
            json.dumps({"sound": is_sound, "labs": [report_as_json(report) for report in reports]}, indent=2)
        )
    return is_sound
