"""``labs feedback``: a page for each student."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from labgrade.errors import GradeError

__all__ = ["feedback"]

EXAMPLES = """\b
Examples:
  labs feedback graded/02-recurrent-attention
  labs feedback graded/02-recurrent-attention --student ada
  labs feedback --course ~/course ps1 --out pages
"""


@click.command(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("target", required=False)
@click.option("--course", metavar="DIR", help="An nbgrader course; TARGET is then the assignment.")
@click.option(
    "--student", multiple=True, metavar="ID", help="Write this student's page only; may be repeated."
)
@click.option("--out", metavar="DIR", help="Where the pages go. [default: feedback, beside results.json]")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON event a line on stdout.")
def feedback(
    target: str | None, course: str | None, student: tuple[str, ...], out: str | None, as_json: bool
) -> None:
    """Write a page for each student: TARGET is the folder that `labs grade` wrote.

    A page is one HTML file that opens without a network: points, what each check found, the comments and
    points that were given by hand, and the student's own code and outputs. Hidden tests are told by their
    sentence only.

    Exit codes: 0 clean, 1 a page could not be made, 2 wrong usage, 3 environment.
    """
    try:
        code = _write(target, course, student, out, as_json=as_json)
    except GradeError as error:
        if as_json:
            fields = {"code": error.code, "message": error.message, "hint": error.hint, "where": error.where}
            click.echo(json.dumps({"event": "failed", **fields}))
        click.echo(str(error), err=True)
        code = error.exit_code
    sys.exit(code)


def _write(
    target: str | None, course: str | None, students: tuple[str, ...], out: str | None, *, as_json: bool
) -> int:
    from labgrade.feedback import write_feedback
    from labgrade.report.place import find_class

    def tell(student: str, path: Path | None) -> None:
        if as_json and path is not None:
            click.echo(json.dumps({"event": "written", "student": student, "path": str(path)}))

    place = find_class(target, course)
    done = write_feedback(place, out=Path(out) if out else None, students=students, tell=tell)
    for trouble in done.troubles:
        if as_json:
            fields = {"code": trouble.code, "message": trouble.message, "where": trouble.where}
            click.echo(
                json.dumps({"event": "trouble", "student": trouble.student, **fields, "hint": trouble.hint})
            )
        click.echo(str(trouble), err=True)
    if as_json:
        counts = {"written": len(done.written), "troubles": len(done.troubles), "removed": done.removed}
        click.echo(json.dumps({"event": "finished", "lab": done.lab, **counts, "folder": str(done.folder)}))
    else:
        for name in done.removed:
            click.echo(f"removed {name}: no longer current")
        click.echo(f"{len(done.written)} pages in {done.folder}")
        if done.troubles:
            click.echo(f"{len(done.troubles)} students have no page: see above")
    return 1 if done.troubles else 0
