"""Build again on every save."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import click
from watchfiles import Change
from watchfiles import watch as watch_files

__all__ = ["changed_labs", "watch"]

# What editors and tools write beside the sources; a change of one of these is no save.
_IGNORED_FOLDERS = frozenset({"__pycache__", ".ipynb_checkpoints", ".git", ".labs-cache"})
_IGNORED_SUFFIXES = (".pyc", ".swp", ".swx", ".tmp", ".new", "~", ".ipynb")


def watch(
    paths: Sequence[Path],
    build: Callable[[list[Path]], object],
    stop: threading.Event | None = None,
) -> None:
    """Wait for saves and build what was saved, until Ctrl-C.

    Args:
        paths: lab folders and source files.
        build: called with the labs and files of which something changed.
        stop: ends the waiting when set; for tests.

    """
    folders = {path.resolve() if path.is_dir() else path.resolve().parent for path in paths}
    click.echo("watching for changes; Ctrl-C ends this", err=True)
    batches = watch_files(
        *sorted(folders), watch_filter=_is_save, stop_event=stop, raise_interrupt=False, debounce=300, step=50
    )
    for batch in batches:
        changed = changed_labs(paths, (Path(name) for _, name in batch))
        if changed:
            build(changed)


def changed_labs(paths: Sequence[Path], changed: Iterable[Path]) -> list[Path]:
    """Return the paths to build for some changed files.

    Args:
        paths: lab folders and source files, as given.
        changed: absolute paths of files.

    Returns:
        Each folder that holds a changed file; each file that changed, or whose twin or neighbours of the same
        stem did.

    """
    files = list(changed)
    found = []
    for path in paths:
        home = path.resolve()
        if path.is_dir():
            is_changed = any(file.is_relative_to(home) for file in files)
        else:
            is_changed = any(file.with_suffix("") == home.with_suffix("") for file in files)
        if is_changed:
            found.append(path)
    return found


def _is_save(_change: Change, name: str) -> bool:
    path = Path(name)
    return not (_IGNORED_FOLDERS & set(path.parts)) and not path.name.endswith(_IGNORED_SUFFIXES)
