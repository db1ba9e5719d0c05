"""``labs collect``: an LMS download to a folder of submissions."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from labgrade.errors import GradeError

__all__ = ["collect"]

EXAMPLES = """\b
Examples:
  labs collect moodle.zip --lab 02-recurrent-attention --roster course.csv --dry-run
  labs collect moodle.zip --lab 02-recurrent-attention --roster course.csv --out submissions
  labs collect moodle.zip --lab 01-tensors --out submissions --corrections submissions/collected.csv
  labs grade submissions --lab 02-recurrent-attention
  labs collect moodle.zip --course ~/course --lab ps1 --roster course.csv
"""


@click.command(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("source", metavar="ARCHIVE|FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--lab", required=True, metavar="LAB", help="A folder in nbgrader's source form, or a built lab's name."
)
@click.option(
    "--course",
    metavar="DIR",
    help="An nbgrader course: LAB is its assignment, 'submitted' gets the submissions.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="[default: submissions/LAB]")
@click.option("--roster", type=click.Path(path_type=Path), metavar="CSV", help="Who is in the course.")
@click.option(
    "--id-column", default="", metavar="NAME", help="The roster's column of ids. [default: found by name]"
)
@click.option(
    "--corrections",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The mapping, corrected by a person.",
)
@click.option("--layout", default="", metavar="NAME", help="Do not recognise the layout, take this one.")
@click.option(
    "--groups",
    type=click.Choice(["auto", "roster", "none"]),
    default="auto",
    show_default=True,
    help="Who works together: members' cell and file name; also the roster's team; nobody.",
)
@click.option(
    "--time-zone", default="UTC", show_default=True, metavar="ZONE", help="Of times that name none."
)
@click.option("--due", default="", metavar="DATE", help="Mark what was handed in later.")
@click.option("--dry-run", is_flag=True, help="Show the mapping and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def collect(
    source: Path,
    lab: str,
    course: str | None,
    out: Path | None,
    roster: Path | None,
    id_column: str,
    corrections: Path | None,
    layout: str,
    groups: str,
    time_zone: str,
    due: str,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Bring an LMS download into a folder that `labs grade` takes.

    Recognised: Moodle, Canvas, Blackboard, ILIAS, OLAT/OpenOlat, Gradescope, GitHub Classroom clones,
    nbgrader's submitted and inbound folders, and plain folders of notebooks; zip and tar, packed or not.

    Exit codes: 0 clean, 1 a person should look at the mapping, 2 wrong usage, 3 environment.
    """
    from labgrade.collect.job import CollectOptions

    options = CollectOptions(roster, id_column, corrections, layout, groups, time_zone, due, dry_run)
    try:
        code = _collect(source, lab, course, out, options, as_json=as_json)
    except GradeError as error:
        if as_json:
            _print_json({"failed": {"code": error.code, "message": error.message, "hint": error.hint}})
        click.echo(str(error), err=True)
        code = error.exit_code
    sys.exit(code)


def _collect(
    source: Path, lab: str, course: str | None, out: Path | None, options: object, *, as_json: bool
) -> int:
    from labgrade.collect.job import CollectOptions
    from labgrade.collect.job import collect as run
    from labgrade.collect.mapping import MAPPING_NAME
    from labgrade.collect.show import describe_collection, format_collection
    from labgrade.planning import find_lab, find_submitted

    assert isinstance(options, CollectOptions)
    if course is not None:
        if out is not None:
            raise click.UsageError("--out and --course exclude each other")
        read, record, place = find_submitted(Path(course), lab)
        collection = run(source, read, record, options, place)
    else:
        read = find_lab(lab)
        collection = run(source, read, out or Path("submissions", read.spec.name), options)
    if as_json:
        _print_json(describe_collection(collection))
    else:
        for line in format_collection(collection):
            click.echo(line)
        if collection.out is not None:
            click.echo(f"{len(collection.changed)} folders new or changed in {collection.out}")
            if collection.needs_person:
                mapping = collection.out / MAPPING_NAME
                click.echo(
                    f"look at {mapping}; correct its column 'student' where it is wrong, "
                    f"and run again with --corrections {mapping}"
                )
    return 1 if collection.needs_person else 0


def _print_json(document: object) -> None:
    import msgspec

    click.echo(msgspec.json.encode(document).decode())
