"""The middle process: it waits for the student's process, watches its memory, cleans up and reports.

It belongs to the grader (it holds nothing but what the zygote held) and stands outside the child's
namespaces.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from labgrade.confine.cgroup import Box
from labgrade.confine.kill import adopt_orphans, kill_descendants, list_children
from labgrade.confine.level import Level
from labgrade.confine.policy import Policy
from labgrade.confine.steps import Plan

__all__ = [
    "WATCHED_SIGNALS",
    "Ended",
    "Started",
    "end_hogs",
    "explain_end",
    "prepare",
    "supervise",
    "uses_too_much",
    "write_report",
]

WATCHED_SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
"""Blocked in the middle process before it forks, so that none is lost."""

_LOOK_EVERY_S = 0.1
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Started:
    """First line of the report.

    Args:
        pid: of the student's process, as the grader sees it.
        level: what was reached.
        uid: the user id it runs as, outside any user namespace.
        cgroup: ``v1``, ``v2`` or "".

    """

    pid: int
    level: str
    uid: int
    cgroup: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Last line of the report.

    Args:
        code: exit code, or minus the number of the signal.
        cause: ``exited``, ``ended`` (the grader asked), ``memory``, ``cpu``, ``forbidden-call`` (a foreign
            system call interface), ``crashed`` (a signal of the process's own making) or ``killed``.
        cpu_s: CPU seconds, user and system.
        peak_mib: largest resident set.

    """

    code: int
    cause: str
    cpu_s: float
    peak_mib: float


def write_report(fd: int, event: Started | Ended) -> None:
    """Write one line of JSON; a reader that has gone away is no error."""
    line = json.dumps({"event": type(event).__name__.lower(), **asdict(event)}) + "\n"
    with suppress(BrokenPipeError):
        os.write(fd, line.encode("ascii"))


def _tree(pid: int) -> list[int]:
    found, pending = [], [pid]
    while pending:
        found.append(pending.pop())
        pending += list_children(found[-1])
    return found


def _resident_mib(pids: list[int]) -> float:
    """Sum the resident sets without what files back: an upper bound, shared pages count for each."""
    pages = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError, IndexError):
            words = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
            pages += int(words[1]) - int(words[2])
    return pages * resource.getpagesize() / _MIB


def _proportional_mib(pids: list[int]) -> float:
    """Sum each process's share of its anonymous and shared memory: exact, and slower."""
    kib = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
                if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                    kib += int(line.split()[1])
    return kib / 1024


def uses_too_much(pid: int, limit_mib: int) -> bool:
    """Whether a process and its descendants together hold more memory than the limit."""
    pids = _tree(pid)
    return _resident_mib(pids) > limit_mib and _proportional_mib(pids) > limit_mib


def end_hogs(pids: Iterable[int], limit_mib: int) -> list[int]:
    """Kill those students' trees that hold too much memory together.

    A single process cannot: its address space is limited. To be called from time to time by the process that
    made them, where no cgroup limits each tree.

    Args:
        pids: students' processes, children of the caller.
        limit_mib: what one tree may hold.

    Returns:
        Those that were killed.

    """
    ended = []
    for pid in pids:
        if list_children(pid) and uses_too_much(pid, limit_mib):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            ended.append(pid)
    return ended


def explain_end(
    code: int, usage: resource.struct_rusage, policy: Policy, *, asked: bool = False, memory: bool = False
) -> Ended:
    """Say why a student's process ended.

    Args:
        code: exit code, or minus the number of the signal.
        usage: as ``os.wait4`` gave it.
        policy: its budget.
        asked: the grader ended it.
        memory: it was ended because it took too much memory.

    Returns:
        The end, with its cause.

    """
    cpu_s = usage.ru_utime + usage.ru_stime
    if memory:
        cause = "memory"
    elif asked:
        cause = "ended"
    elif code >= 0:
        cause = "exited"
    elif code == -signal.SIGXCPU or (code == -signal.SIGKILL and cpu_s >= policy.cpu_s):
        cause = "cpu"
    elif code == -signal.SIGSYS:
        cause = "forbidden-call"
    else:
        cause = "killed" if code in (-signal.SIGKILL, -signal.SIGTERM) else "crashed"
    return Ended(code, cause, round(cpu_s, 3), round(usage.ru_maxrss / 1024, 1))


def _wait(pid: int, policy: Policy, watch_memory: bool) -> tuple[int, resource.struct_rusage, bool, bool]:
    """Wait for the end; SIGTERM to this process asks for it now, SIGINT is passed on."""
    asked = too_much = False
    look_at = time.monotonic() + _LOOK_EVERY_S
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), usage, asked, too_much
        if watch_memory:
            arrived = signal.sigtimedwait(WATCHED_SIGNALS, _LOOK_EVERY_S)
        else:
            arrived = signal.sigwaitinfo(WATCHED_SIGNALS)
        if arrived is not None and arrived.si_signo == signal.SIGTERM:
            asked = True
            os.kill(pid, signal.SIGKILL)
        elif arrived is not None and arrived.si_signo == signal.SIGINT:
            os.kill(pid, signal.SIGINT)
        if watch_memory and time.monotonic() >= look_at:
            look_at = time.monotonic() + _LOOK_EVERY_S
            if uses_too_much(pid, policy.memory_mib + policy.scratch_mib):
                too_much = True
                os.kill(pid, signal.SIGKILL)


def supervise(pid: int, plan: Plan, uid: int, box: Box | None, report_fd: int) -> int:
    """Stay until the student's process has ended and nothing is left of it.

    Args:
        pid: the student's process, a child of this one.
        plan: what was reached, and its budget.
        uid: the user id it runs as.
        box: its cgroup, if any.
        report_fd: where the two lines of the report go.

    Returns:
        The exit code for this process: the child's, or 128 plus the number of the signal.

    """
    write_report(report_fd, Started(pid, str(plan.level), uid, box.version if box else ""))
    # One process's memory is limited by its address space; several together need a look from outside.
    watch_memory = box is None and plan.may_fork
    code, usage, asked, too_much = _wait(pid, plan.policy, watch_memory)
    if plan.level is not Level.FULL:
        kill_descendants()
    memory_kills = box.count_memory_kills() if box else 0
    if box:
        box.remove()
    ended = explain_end(code, usage, plan.policy, asked=asked, memory=too_much or memory_kills > 0)
    write_report(report_fd, ended)
    return code if code >= 0 else 128 - code


def prepare(level: Level) -> None:
    """Make this process ready to supervise, before it forks."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED_SIGNALS)
    if level is not Level.FULL:
        adopt_orphans()
