"""Show a report in a terminal: the table, the findings, a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from labbuild.check.codes import Weight
from labbuild.check.report import LabReport, table_of

__all__ = ["print_report", "progress_bar"]


@contextmanager
def progress_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show on stderr how many of a lab's runs are done; nothing where stderr is no terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, known: bar.update(task, completed=done, total=known)


def print_report(report: LabReport, *, verbose: bool, console: Console | None = None) -> None:
    """Print one lab: its table, what is wrong, and one line that says whether it may be released."""
    console = console or Console()
    if report.questions:
        console.print(table_of(report))
    if verbose:
        for question in report.questions:
            for variant in question.variants:
                mark = "ok" if variant.is_right else "WRONG"
                line = (
                    f"  {mark:5} {question.id}: {variant.kind} {variant.name!r}: {variant.points:g} points. "
                )
                console.print(escape(line + variant.message), soft_wrap=True, highlight=False)
    notes = [finding for finding in report.findings if finding.weight is Weight.NOTE]
    for finding in (*report.blockers, *(notes if verbose else ())):
        console.print(escape(finding.render()), soft_wrap=True, highlight=False)
    verdict = (
        f"{report.name}: {len(report.blockers)} blockers" if report.blockers else f"{report.name}: sound"
    )
    rest = f", {len(notes)} notes" + (" (shown with -v)" if notes and not verbose else "")
    console.print(f"{verdict}{rest}, {report.seconds:.1f} s", highlight=False)
