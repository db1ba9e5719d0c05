"""``labs export``: grades in the form that an LMS takes."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from labgrade.errors import GradeError

__all__ = ["export"]

EXAMPLES = """\b
Examples:
  labs export graded/01-tensors --to canvas --sheet Grades.csv
  labs export graded/01-tensors --to moodle --sheet worksheet.csv --feedback graded/01-tensors/feedback
  labs export graded/01-tensors --to csv --anonymous
  labs export --course ~/course ps1 --to json --out grades
"""


@click.command(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("target", required=False)
@click.option("--course", metavar="DIR", help="An nbgrader course; TARGET is then the assignment.")
@click.option(
    "--to",
    required=True,
    type=click.Choice(["canvas", "moodle", "olat", "gradescope", "csv", "json"]),
    help="The format.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="[default: 'export' beside the results]"
)
@click.option("--sheet", type=click.Path(path_type=Path), metavar="FILE", help="The LMS's own grade sheet.")
@click.option("--column", default="", metavar="NAME", help="Its column to fill. [default: found by name]")
@click.option(
    "--feedback", type=click.Path(path_type=Path), metavar="DIR", help="Also a zip of these feedback pages."
)
@click.option(
    "--open",
    "how_open",
    type=click.Choice(["refuse", "blank"]),
    default="refuse",
    show_default=True,
    help="What to do where a person has not given points yet.",
)
@click.option("--decimal", type=click.Choice(["point", "comma"]), default="point", show_default=True)
@click.option("--passed", type=float, metavar="POINTS", help="For OLAT: points from which one has passed.")
@click.option(
    "--anonymous", is_flag=True, help="Ids that tell nobody who it is; who is who stays beside the results."
)
@click.option("--key", type=click.Path(path_type=Path), metavar="FILE", help="Key of the anonymous ids.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def export(
    target: str | None,
    course: str | None,
    to: str,
    out: Path | None,
    sheet: Path | None,
    column: str,
    feedback: Path | None,
    how_open: str,
    decimal: str,
    passed: float | None,
    anonymous: bool,
    key: Path | None,
    as_json: bool,
) -> None:
    """Write the grades of a class. TARGET: the folder that `labs grade` wrote, or a course's assignment.

    Points that were given in the formgrader come first. A grade that is not known is never written as 0.

    Exit codes: 0 clean, 1 a person must look, 2 wrong usage, 3 environment.
    """
    from labgrade.export.job import export_class
    from labgrade.export.options import ExportOptions
    from labgrade.report.place import find_class

    options = ExportOptions(sheet, column, feedback, decimal == "comma", passed)
    try:
        place = find_class(target, course)
        done = export_class(
            place,
            to,
            out or place.folder / "export",
            options,
            leaves_open=how_open == "blank",
            key=key,
            anonymous=anonymous,
        )
    except GradeError as error:
        if as_json:
            _print_json({"failed": {"code": error.code, "message": error.message, "hint": error.hint}})
        click.echo(str(error), err=True)
        sys.exit(error.exit_code)
    if as_json:
        _print_json(
            {
                "paths": [str(path) for path in done.paths],
                "written": done.written,
                "left_out": list(done.left_out),
                "findings": list(done.findings),
            }
        )
    else:
        for finding in done.findings:
            place_text = f" {finding.notebook}/{finding.cell}:" if finding.cell else ""
            click.echo(f"{finding.code}{place_text} {finding.message}")
        for path in done.paths[:20]:
            click.echo(str(path))
        more = f", {len(done.left_out)} without a grade yet" if done.left_out else ""
        click.echo(f"{done.written} grades written{more}")
    sys.exit(1 if done.needs_person else 0)


def _print_json(document: object) -> None:
    import msgspec

    click.echo(msgspec.json.encode(document).decode())
