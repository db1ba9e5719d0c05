"""What a freshly forked child does about the process it came from: descriptors, session, parent's death."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable
from contextlib import suppress

from labgrade.confine.level import ConfineError
from labgrade.confine.linux import has_syscalls, prctl

__all__ = [
    "become_session_leader",
    "close_descriptors",
    "count_threads",
    "die_with_parent",
    "exit_if_closed",
    "reset_signals",
    "set_dumpable",
]

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4


def count_threads() -> int:
    """Return the number of threads of this process; 1 where the system does not tell."""
    try:
        return len(os.listdir("/proc/self/task"))
    except FileNotFoundError:
        return 1


def close_descriptors(keep: Iterable[int]) -> None:
    """Close every descriptor that is not named; 0, 1 and 2 become ``/dev/null`` unless they are."""
    kept = sorted(set(keep))
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    for standard in (0, 1, 2):
        if standard not in kept:
            os.dup2(null, standard)
    start = 3
    for fd in [fd for fd in kept if fd >= 3]:
        os.closerange(start, fd)
        start = fd + 1
    os.closerange(start, os.sysconf("SC_OPEN_MAX"))


def become_session_leader() -> None:
    """Leave the grader's session: no terminal, no signals meant for its process group."""
    with suppress(PermissionError):  # it leads a session already
        os.setsid()


def reset_signals() -> None:
    """Give signals that a grader may have changed their default meaning back."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD, signal.SIGXFSZ):
        # SIGPIPE and SIGXFSZ stay ignored, as Python itself sets them: they become exceptions.
        ignored = number in (signal.SIGPIPE, signal.SIGXFSZ)
        signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def set_dumpable() -> None:
    """Let the process write its own id maps: one that is not dumpable does not own its ``/proc/self``."""
    prctl(_PR_SET_DUMPABLE, 1)


def die_with_parent(parent_pid: int | None = None) -> None:
    """Ask the kernel to kill this process when its parent dies. Forgotten at each change of credentials.

    Args:
        parent_pid: if given and no longer the parent, the process ends at once; cannot be used for the
            first process of a PID namespace, whose parent has no number there.

    Raises:
        ConfineError: the kernel refused.

    """
    if not has_syscalls():
        return
    try:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except OSError as error:
        raise ConfineError("parent-death-signal", str(error)) from error
    if parent_pid is not None and os.getppid() != parent_pid:
        os._exit(1)


def exit_if_closed(read_fd: int) -> None:
    """End the process if the other end of a pipe is closed: its only writer, the parent, is dead."""
    poller = select.poll()
    poller.register(read_fd, select.POLLIN)
    if any(event & (select.POLLHUP | select.POLLERR) for _, event in poller.poll(0)):
        os._exit(1)
