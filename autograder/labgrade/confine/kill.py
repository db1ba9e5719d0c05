"""Ending a whole process tree, so that nothing of it is left."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from labgrade.confine.linux import has_syscalls, prctl

__all__ = ["adopt_orphans", "kill_descendants", "list_children"]

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> bool:
    """Become the parent of every descendant whose parent dies; tell whether the system can."""
    if not has_syscalls():
        return False
    prctl(_PR_SET_CHILD_SUBREAPER, 1)
    return True


def list_children(pid: int) -> list[int]:
    """Return the direct children of a process, of all its threads; empty if it is gone."""
    children: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with suppress(FileNotFoundError, ProcessLookupError):
                text = Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii")
                children += map(int, text.split())
    return children


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def kill_descendants(patience_s: float = 2.0) -> bool:
    """Kill every descendant of this process, which called :func:`adopt_orphans` before they were made.

    Killing once does not do: a tree that keeps forking would be ahead. Each round kills this process's
    children, and the orphans that this makes become its children.

    Args:
        patience_s: give up after this time.

    Returns:
        Whether none is left.

    """
    deadline = time.monotonic() + patience_s
    while True:
        _reap()
        children = list_children(os.getpid())
        if not children:
            return True
        if time.monotonic() > deadline:
            return False
        for child in children:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.001)
