"""Writes docs/results.md from the records of runs: ``make results``.

    python tools/results/make_results.py [--check]

With --check nothing is written, and the exit code is 1 if the page is not what the records say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path

import click
from records import RecordError, Run, Threshold, read_records

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "results.md"
HEAD = """\
# Results

Made by `make results` from the records in `exercises/*/records`, which trainings and calibrations write;
nothing here is typed by hand. Minutes are CPU minutes of training and validation together. {machines}
"""
THRESHOLDS = """\
## Thresholds

Each limit on a loss or an accuracy was set with the lab's solution on several seeds, at the size that is
trained while grading. The nearest mistake is the wrong answer that came closest to the limit: its range and
that of the solution do not meet.

| lab | question | figure | limit | solution, worst to best | seeds | nearest mistake | its range |
|---|---|---|---|---|---|---|---|
"""


@click.command()
@click.option("--check", is_flag=True, help="Only say whether the page is what the records say.")
def main(*, check: bool) -> None:
    """Write docs/results.md from the records of the labs."""
    try:
        page = format_page(*read_records(ROOT / "exercises"))
    except RecordError as error:
        raise click.ClickException(str(error)) from None
    if not check:
        PAGE.write_text(page, encoding="utf-8")
        click.echo(f"wrote {PAGE.relative_to(ROOT)}")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page:
        click.echo("docs/results.md is not what the records say: run `make results`", err=True)
        sys.exit(1)


def format_page(runs: Iterable[Run], thresholds: Iterable[Threshold]) -> str:
    """Return the page as Markdown, one table of runs for each lab and one table of thresholds."""
    runs, thresholds = list(runs), list(thresholds)
    parts = [HEAD.format(machines=_describe_machines([run.machine for run in runs]))]
    for lab, of_lab in groupby(runs, key=lambda run: run.lab):
        lines = ["| run | result | epochs | minutes | parameters | seed |", "|---|---|---|---|---|---|"]
        lines += [_format_run(run) for run in of_lab]
        parts.append(f"## {lab}\n\n" + "\n".join(lines) + "\n")
    if thresholds:
        parts.append(THRESHOLDS + "\n".join(_format_threshold(each) for each in thresholds) + "\n")
    return "\n".join(parts)


def _format_run(run: Run) -> str:
    result = "<br>".join(f"{name} {_format_number(value)}" for name, value in run.result.items())
    parameters = "" if run.parameters is None else f"{run.parameters:,}"
    seed = "" if run.seed is None else str(run.seed)
    return f"| {run.title} | {result} | {run.epochs} | {run.cpu_minutes:.1f} | {parameters} | {seed} |"


def _format_threshold(threshold: Threshold) -> str:
    lower = threshold.better == "lower"
    solution = sorted(threshold.solution.values(), reverse=lower)
    sign = "≤" if lower else "≥"
    cells = [
        threshold.lab,
        f"`{threshold.question}`",
        threshold.figure,
        f"{sign} {_format_number(threshold.limit)}",
        f"{_format_number(solution[0])} to {_format_number(solution[-1])}",
        str(len(solution)),
    ]
    if threshold.mutants:
        pick = min if lower else max
        nearest = pick(threshold.mutants, key=lambda says: pick(threshold.mutants[says].values()))
        values = sorted(threshold.mutants[nearest].values(), reverse=lower)
        cells += [nearest, f"{_format_number(values[0])} to {_format_number(values[-1])}"]
    else:
        cells += ["", ""]
    return "| " + " | ".join(cells) + " |"


def _format_number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) >= 10 else f"{value:.4g}"


def _describe_machines(machines: Iterable[Mapping[str, object]]) -> str:
    kinds = sorted(
        {
            f"{m['processor']}, {m['threads']} thread{'s' if m['threads'] != 1 else ''}, "
            f"torch {m['torch']}, Python {m['python']}"
            for m in machines
        }
    )
    return f"Machine{'s' if len(kinds) > 1 else ''}: {'; '.join(kinds)}." if kinds else ""


if __name__ == "__main__":
    main()
