"""Progress bars that show only when something takes long and somebody is watching."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

__all__ = ["is_watched", "progress"]

_Item = TypeVar("_Item")
_DELAY_S = 2.0


def progress(
    items: Iterable[_Item], title: str = "", *, total: int | None = None, unit: str = "it"
) -> Iterator[_Item]:
    """Go through items and show a bar once that has taken two seconds.

    Nothing is shown where nobody watches: output to a file, grading, automatic runs. In a notebook the bar
    is text on stdout, which every front end shows and which no grader takes for an error.

    Args:
        items: what to go through.
        title: what is being done, in front of the bar.
        total: how many there are, where ``len(items)`` cannot tell.
        unit: what one item is, e.g. ``"batch"``.

    Yields:
        The items.

    """
    if not is_watched():
        yield from items
        return
    from tqdm import tqdm

    bar: Any = tqdm(
        items,
        desc=title or None,
        total=total,
        unit=unit,
        delay=_DELAY_S,
        file=sys.stdout,
        leave=False,
        mininterval=0.25,
        dynamic_ncols=not _is_notebook(),
        ncols=88 if _is_notebook() else None,
    )
    try:
        yield from bar
    finally:
        bar.close()


def is_watched() -> bool:
    """Tell whether somebody is likely to be watching: a terminal, or a notebook not run by a machine."""
    if os.environ.get("NBGRADER_EXECUTION") or os.environ.get("LABS_QUIET") or os.environ.get("CI"):
        return False
    return _is_notebook() or sys.stdout.isatty()


def _is_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and type(shell).__name__ in ("ZMQInteractiveShell", "Shell")
