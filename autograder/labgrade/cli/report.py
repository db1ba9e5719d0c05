"""``labs report``: the results of a class as one page."""

from __future__ import annotations

import json
import sys
import webbrowser
from datetime import datetime
from pathlib import Path

import click

from labgrade.errors import GradeError

__all__ = ["report"]

EXAMPLES = """\b
Examples:
  labs report graded/02-recurrent-attention --open
  labs report --course ~/course ps1 --out ps1.html
  labs report graded/02-recurrent-attention --similar
  labs report graded/02-recurrent-attention --json
"""


@click.command(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("target", required=False)
@click.option("--course", metavar="DIR", help="An nbgrader course; TARGET is then the assignment.")
@click.option("--out", metavar="FILE", help="Where the page goes. [default: report.html beside the results]")
@click.option("--roster", metavar="CSV", help="Who is in the course, to name who has handed in nothing.")
@click.option("--similar", is_flag=True, help="Also compare the students' answers with each other.")
@click.option("--lab", metavar="LAB", default="", help="The lab, for --similar. [default: by its name]")
@click.option("--open", "is_opened", is_flag=True, help="Open the page in the browser.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document on stdout.")
def report(
    target: str | None,
    course: str | None,
    out: str | None,
    lab: str,
    roster: str | None,
    *,
    similar: bool,
    is_opened: bool,
    as_json: bool,
) -> None:
    """Write a page about the class. TARGET: the folder that `labs grade` wrote, or a course's assignment.

    Without TARGET it is the one folder in graded/. The page is one file that works offline.

    Exit codes: 0 clean, 1 a person must look, 2 wrong usage, 3 environment.
    """
    try:
        code = _report(
            target, course, out, roster, lab if similar else None, is_opened=is_opened, as_json=as_json
        )
    except GradeError as error:
        if as_json:
            fields = {"code": error.code, "message": error.message, "hint": error.hint, "where": error.where}
            click.echo(json.dumps({"failed": fields}, ensure_ascii=False))
        click.echo(str(error), err=True)
        code = error.exit_code
    sys.exit(code)


def _report(
    target: str | None,
    course: str | None,
    out: str | None,
    roster: str | None,
    similar: str | None,
    *,
    is_opened: bool,
    as_json: bool,
) -> int:
    from labgrade.report.book import read_gradebook
    from labgrade.report.classpage import find_feedback, render_class_page
    from labgrade.report.classview import view_class
    from labgrade.report.files import write_page
    from labgrade.report.parts import changes_part, compare_answers, similar_part
    from labgrade.report.people import read_people
    from labgrade.report.place import find_class
    from labgrade.report.reading import read_results
    from labgrade.report.summary import format_similar, format_summary, summarise

    place = find_class(target, course)
    page = Path(out) if out else place.folder / "report.html"
    results = read_results(place.results)
    book = read_gradebook(place.gradebook_url, results.lab)
    view = view_class(results, book, read_people(place.folder, Path(roster) if roster else None))
    parts = [part for part in [changes_part(place, results, book)] if part is not None]
    found = None
    if similar is not None:
        found = compare_answers(place, results, book, similar)
        parts.append(similar_part(found))
    feedback = find_feedback(place.feedback, page.absolute())
    written = datetime.now().astimezone()
    write_page(page, render_class_page(view, feedback=feedback, written=written, parts=parts))
    if as_json:
        click.echo(json.dumps(summarise(view, page, found), ensure_ascii=False))
    else:
        for line in (*format_summary(view, page), *format_similar(found)):
            click.echo(line)
    if is_opened and not webbrowser.open(page.absolute().as_uri()):
        click.echo(f"no browser was found: open {page.absolute()} in one", err=True)
    must_look = any(one.needs_person for one in view.standings) or view.lab_findings
    return 1 if must_look or view.about.get("stopped") else 0
