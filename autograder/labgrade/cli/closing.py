"""The end of ``labs grade``: results on the disk, the table, and what changed since the run before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from labgrade.confine import Level
from labgrade.errors import UsageError
from labgrade.job import JobPlan, JobSummary
from labgrade.progress import JsonListener
from labgrade.regrade import Earlier, GradeDiff, compare_results, format_diff
from labgrade.regrade.diff import to_builtins
from labgrade.regrade.text import headline
from labgrade.report import format_table, read_results, write_csv, write_json
from labgrade.report.book import read_gradebook
from labgrade.report.files import write_page
from labgrade.report.reading import RESULTS_NAME
from labgrade.result import GradedSubmission

__all__ = ["close_job", "close_trial", "require_results"]

DIFF_NAME = "regrade.json"
DIFF_PAGE = "regrade.html"


def close_job(plan: JobPlan, summary: JobSummary, events: JsonListener | None, *, is_partial: bool) -> int:
    """Write the results, print the table and what changed, and return the exit code.

    Args:
        plan: of the job.
        summary: how it ended.
        events: where events go instead of text; None without ``--json``.
        is_partial: only some students were asked for; the others stay in the results as they were.

    """
    spec = plan.lab.spec
    path = plan.folder / RESULTS_NAME
    earlier = Earlier(path)
    if earlier.fault:
        click.echo(f"{earlier.fault}\nthe scores are not compared with the earlier ones", err=True)
    planned = {place.student for place in plan.places}
    done = [student for student in summary.students if _is_done(summary, student)]
    carried, walk = earlier.merge(
        done, lambda student: _result(summary, student), lambda student: is_partial or student in planned
    )
    about: dict[str, Any] = {"sandbox": summary.level, "tests": plan.tests, "stopped": summary.stopped}
    write_json(path, spec, walk(), about=about | {"carried": len(carried)}, findings=plan.findings)
    write_csv(plan.folder / "grades.csv", spec, walk())
    if plan.folder == plan.course.root and not (plan.folder / "nbgrader_config.py").exists():
        from labgrade.pages.formgrader import write_settings  # brings the libraries of pages: only once

        write_settings(plan.folder)  # a course has settings of its own
    diff = _compare(plan, earlier, walk()) if summary.graded else None
    earlier.close(keep=bool(diff and diff.changes))
    if diff is not None and diff.changes:
        write_diff(plan.folder, diff)
    look = sum(result.needs_person for result in summary.results())
    unfinished = len(plan.places) - len(done)
    where = {
        "gradebook": plan.course.gradebook_url,
        "autograded": str(plan.course.root / plan.course.autograded),
        "results": str(path),
        "grades": str(plan.folder / "grades.csv"),
        "logs": str(plan.folder / "logs"),
    }
    if (plan.folder / "collected.csv").is_file():
        where["collected"] = str(plan.folder / "collected.csv")
    if diff is not None and diff.changes:
        where["changes"] = str(plan.folder / DIFF_PAGE)
    if events is not None:
        counts = {"graded": summary.graded, "kept": summary.kept, "look": look, "unfinished": unfinished}
        changes = {} if diff is None else {"changes": _counts(diff)}
        seconds = round(summary.seconds, 3)
        events.write({"event": "finished", **counts, **about, **changes, "seconds": seconds, "paths": where})
    else:
        for line in _closing_lines(plan, summary, diff, where, look=look):
            click.echo(line)
        if summary.stopped:
            click.echo(
                f"stopped; {unfinished} are not graded yet: the same command goes on from here", err=True
            )
    return 1 if look or unfinished or plan.findings or summary.stopped else 0


def require_results(plan: JobPlan) -> None:
    """Refuse a trial that has nothing to compare with.

    Raises:
        UsageError: there are no results, or they cannot be read.

    """
    if not (plan.folder / RESULTS_NAME).is_file():
        raise UsageError(
            "no-results",
            "a trial compares with earlier results, and there are none",
            "grade once without --dry-run",
            str(plan.folder / RESULTS_NAME),
        )
    read_results(plan.folder / RESULTS_NAME)


def close_trial(plan: JobPlan, summary: JobSummary, events: JsonListener | None, *, is_partial: bool) -> int:
    """Tell what grading again would change; write nothing but that.

    Args:
        plan: the plan of the real job, whose results and gradebook are compared with.
        summary: how the trial ended.
        events: where events go instead of text; None without ``--json``.
        is_partial: only some students were asked for.

    """
    before = read_results(plan.folder / RESULTS_NAME)
    book = read_gradebook(plan.course.gradebook_url, plan.lab.spec.name)
    found = compare_results(
        before, summary.results(), book, new_digest=plan.lab.spec.digest, is_partial=is_partial, trial=True
    )
    write_diff(plan.folder, found, "trial")
    page = plan.folder / f"trial-{DIFF_PAGE}"
    if events is not None:
        seconds = round(summary.seconds, 3)
        events.write(
            {"event": "tried", "changes": _counts(found), "stopped": summary.stopped, "seconds": seconds,
             "paths": {"changes": str(page)}}
        )  # fmt: skip
    else:
        for line in format_diff(found):
            click.echo(line)
        for finding in plan.findings:  # e.g. that the gradebook's tests count, not those just mended
            click.echo(f"{finding.code} {finding.notebook}/{finding.cell}: {finding.message}")
        click.echo(f"a trial: gradebook, notebooks and results are as they were\nchanges:    {page}")
    if summary.stopped:
        click.echo("stopped; the comparison has only those that were graded", err=True)
    return 1 if found.changes or plan.findings or summary.stopped else 0


def write_diff(folder: Path, diff: GradeDiff, prefix: str = "") -> None:
    """Write a comparison as JSON and as a page."""
    from labgrade.regrade.page import render_diff_page  # templates: 0.15 s that most jobs do not need

    front = f"{prefix}-" if prefix else ""
    write_page(folder / f"{front}{DIFF_NAME}", json.dumps(to_builtins(diff), ensure_ascii=False) + "\n")
    write_page(folder / f"{front}{DIFF_PAGE}", render_diff_page(diff))


def _compare(plan: JobPlan, earlier: Earlier, results: Iterator[GradedSubmission]) -> GradeDiff | None:
    if earlier.results is None:
        return None
    book = read_gradebook(plan.course.gradebook_url, plan.lab.spec.name)
    return compare_results(earlier.results, results, book, new_digest=plan.lab.spec.digest)


def _closing_lines(
    plan: JobPlan, summary: JobSummary, diff: GradeDiff | None, where: dict[str, str], *, look: int
) -> Iterator[str]:
    yield from format_table(plan.lab.spec, summary.results())
    for finding in plan.findings:
        yield f"{finding.code} {finding.notebook}/{finding.cell}: {finding.message}"
    yield ""
    if diff is not None and diff.changes:
        yield from format_diff(diff)
        yield ""
    elif diff is not None and plan.regrade:
        yield headline(diff)
    rate = f", {summary.graded / summary.seconds:.1f} a second" if summary.graded and summary.seconds else ""
    yield f"{summary.graded} graded, {summary.kept} kept from before in {summary.seconds:.1f} s{rate}"
    yield f"confinement: {_describe_level(summary.level)}; tests {plan.tests}"
    for name, place in where.items():
        yield f"{name + ':':<12}{place}"
    if look:
        yield f"{look} of {len(plan.places)} submissions need a person: see the column 'finding'"


def _describe_level(level: str) -> str:
    if not level:
        return "not needed, nothing ran"
    known = set(Level)
    return f"{level} ({Level(level).meaning})" if level in known else level


def _counts(diff: GradeDiff) -> dict[str, int]:
    return {"changed": len(diff.changes), "up": diff.up, "down": diff.down, "same": diff.same}


def _is_done(summary: JobSummary, student: str) -> bool:
    return student in summary.failed or student in summary.journal.marks


def _result(summary: JobSummary, student: str) -> GradedSubmission:
    return summary.failed[student] if student in summary.failed else summary.journal.read(student).result
