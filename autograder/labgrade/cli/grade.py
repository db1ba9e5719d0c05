"""``labs grade``: a folder of submissions, or an nbgrader course, to grades."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import click

from labgrade.config import CONFIG_NAME, Options, read_options
from labgrade.errors import GradeError

__all__ = ["grade"]

EXAMPLES = """\b
Examples:
  labs grade submissions --lab 02-recurrent-attention --out graded
  labs grade moodle.zip --lab 02-recurrent-attention --roster course.csv --out graded
  labs grade submissions --lab 02-recurrent-attention --notebook cells
  labs grade --course ~/course ps1
  labs grade --course ~/course ps1 --student ada --student alan --regrade
  labs grade --course ~/course ps1 --dry-run
"""


@click.command(epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("target")
@click.option(
    "--lab",
    metavar="LAB",
    help="The lab: a folder in nbgrader's source form, or a name in build/nbgrader/source.",
)
@click.option("--course", metavar="DIR", help="An nbgrader course; TARGET is then the assignment.")
@click.option("--out", metavar="DIR", help="Where gradebook, notebooks and results go. [default: graded/LAB]")
@click.option("--student", multiple=True, metavar="ID", help="Grade this student only; may be repeated.")
@click.option(
    "--notebook",
    multiple=True,
    metavar="NAME",
    help="Grade this notebook of the lab only; may be repeated. Goes with --lab.",
)
@click.option("--roster", metavar="CSV", help="Who is in the course, if TARGET is the download of an LMS.")
@click.option("--corrections", metavar="FILE", help="The mapping of that download, corrected by a person.")
@click.option("--jobs", type=int, metavar="N", help="Worker processes. [default: one for each core]")
@click.option(
    "--sandbox",
    type=click.Choice(["auto", "strict", "off"]),
    help="How student code is confined. [default: auto]",
)
@click.option(
    "--floor",
    type=click.Choice(["full", "no-namespaces", "limits-only"]),
    help="Refuse to grade where confinement is weaker. [default: no-namespaces]",
)
@click.option(
    "--start",
    type=click.Choice(["auto", "fork", "spawn"]),
    help="How each submission's process is made. [default: auto, spawn on macOS]",
)
@click.option("--tests", type=click.Choice(["apart", "in-kernel"]), help="Where tests run. [default: apart]")
@click.option(
    "--timeout", type=float, metavar="S", help="Seconds for a cell. [default: the course's, else 30]"
)
@click.option(
    "--submission-timeout", type=float, metavar="S", help="Seconds for a submission. [default: 600]"
)
@click.option("--memory", type=int, metavar="MIB", help="Memory for a submission. [default: 2048]")
@click.option("--regrade", is_flag=True, default=None, help="Grade again what is graded already.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Grade on trial: tell which scores would change, and leave everything as it is.",
)
@click.option(
    "--config",
    "config_path",
    metavar="FILE",
    help=f"Options in TOML. [default: {CONFIG_NAME}, if there is one]",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON event a line on stdout.")
def grade(
    target: str,
    lab: str | None,
    course: str | None,
    config_path: str | None,
    roster: str | None,
    corrections: str | None,
    dry_run: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Grade submissions: TARGET is a folder of submissions (with --lab) or an assignment (with --course).

    With --lab, TARGET may also be what an LMS gives: an archive, or the folder it was unpacked to. It is
    collected into DIR/submissions first; `labs collect --help` tells more.

    Every submission ends with a grade or a named reason. A job that is stopped goes on when it is run again.

    Exit codes: 0 clean, 1 a person must look, 2 wrong usage, 3 environment.
    """
    try:
        download = (roster, corrections)
        code = _grade(target, lab, course, config_path, given, download, dry_run=dry_run, as_json=as_json)
    except GradeError as error:
        _report_fault(error, as_json=as_json)
        code = error.exit_code
    except KeyboardInterrupt:
        click.echo("stopped before anything was graded", err=True)
        code = 1
    sys.exit(code)


def _grade(
    target: str,
    lab: str | None,
    course: str | None,
    config_path: str | None,
    given: dict[str, Any],
    download: tuple[str | None, str | None],
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    from labgrade.cli.closing import close_job, close_trial, require_results
    from labgrade.job import run_job
    from labgrade.regrade.trial import trial_plan

    if (lab is None) == (course is None):
        raise click.UsageError("name a lab with --lab, or a course with --course")
    if lab is None and any(download):
        raise click.UsageError("--roster and --corrections go with --lab and the download of an LMS")
    options = read_options(_config_file(config_path, course), given)
    plan = _plan(target, lab, course, options, download)
    if dry_run:
        require_results(plan)
    with trial_plan(plan) if dry_run else nullcontext(plan) as running:
        with _listener(as_json=as_json) as listener:
            summary = run_job(running, listener)
        try:
            close = close_trial if dry_run else close_job
            events = listener if as_json else None
            return close(plan, summary, events, is_partial=bool(options.student))
        finally:
            summary.journal.close()


def _plan(
    target: str,
    lab: str | None,
    course: str | None,
    options: Options,
    download: tuple[str | None, str | None],
) -> Any:
    from labgrade.collect.job import CollectOptions
    from labgrade.planning import plan_course, plan_folder

    if course is not None:
        return plan_course(Path(course), target, options)
    assert lab is not None
    roster, corrections = (Path(text) if text else None for text in download)
    collecting = CollectOptions(roster=roster, corrections=corrections) if any(download) else None
    return plan_folder(Path(target), lab, options, collecting)


def _config_file(config_path: str | None, course: str | None) -> Path | None:
    if config_path is not None:
        return Path(config_path)
    for folder in ([Path(course)] if course else []) + [Path()]:
        if (folder / CONFIG_NAME).is_file():
            return folder / CONFIG_NAME
    return None


def _listener(*, as_json: bool) -> AbstractContextManager[Any]:
    from labgrade.progress import BarListener, JsonListener, LineListener

    if as_json:
        return nullcontext(JsonListener())
    return BarListener() if sys.stderr.isatty() else nullcontext(LineListener())


def _report_fault(error: GradeError, *, as_json: bool) -> None:
    if as_json:
        from labgrade.progress import JsonListener

        fields = {"code": error.code, "message": error.message, "hint": error.hint, "where": error.where}
        JsonListener().write({"event": "failed", **fields})
    click.echo(str(error), err=True)
