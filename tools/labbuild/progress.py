"""A progress bar on stderr while notebooks are executed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress_bar"]


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Show one bar for each notebook that runs.

    Yields:
        A function to be called with (what runs, cells done, cells in all).

    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def report(what: str, done: int, known: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=known)
            bars.update(tasks[what], completed=done, total=known)

        yield report
