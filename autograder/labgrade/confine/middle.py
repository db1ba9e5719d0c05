"""Two forks: the middle process makes the namespaces, and stays to wait, clean up and report.

For processes that are not made by a :class:`labgrade.confine.Nursery`.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable

from labgrade.confine import cgroup, namespaces, process, rlimits, steps, supervise
from labgrade.confine.level import ConfineError, Features, Level
from labgrade.confine.policy import Policy

__all__ = ["enter_level"]


def _make_box(policy: Policy) -> cgroup.Box:
    cgroup.sweep()  # what middle processes left that were killed themselves
    place = cgroup.find()
    if place is None:
        raise ConfineError("cgroup", "it was writable before and is not any more")
    try:
        # Files in the private file system count too.
        return cgroup.make(place, policy.memory_mib + policy.scratch_mib, policy.processes)
    except OSError as error:
        raise ConfineError("cgroup", str(error)) from error


def _enter_here(plan: steps.Plan, report_fd: int) -> None:
    """Apply limits in the process itself, on systems without the means for more."""
    if plan.policy.work_dir:
        os.chdir(plan.policy.work_dir)
    if plan.level is not Level.OFF:
        rlimits.apply(plan.policy, rlimits.address_space_mib(), limit_processes=False)
    supervise.write_report(report_fd, supervise.Started(os.getpid(), str(plan.level), os.geteuid(), ""))
    os.close(report_fd)


def enter_level(
    policy: Policy,
    features: Features,
    level: Level,
    report_fd: int,
    keep_fds: Iterable[int] = (),
    parent_pid: int | None = None,
) -> None:
    """Confine the calling process at exactly this level; returns only in the student's process.

    Args:
        policy: what it may use.
        features: what the machine can do.
        level: what to reach.
        report_fd: where the middle process writes its two lines.
        keep_fds: descriptors that the student's process keeps.
        parent_pid: the process that forked this one; if it is no longer the parent, this one ends.

    Raises:
        ConfineError: a step was refused. Raised in the middle process before the second fork, in the
            student's process after it; the process must end then.

    """
    plan = steps.make_plan(policy, features, level)
    kept = tuple(keep_fds)
    steps.check(plan)
    process.close_descriptors((*kept, report_fd))
    process.become_session_leader()
    process.reset_signals()
    if sys.platform != "linux":
        _enter_here(plan, report_fd)
        return
    process.die_with_parent(parent_pid)
    box = _make_box(policy) if features.cgroup and level is not Level.OFF else None
    if level is Level.FULL:
        namespaces.leave(plan.user_namespace)
        process.die_with_parent(parent_pid)  # a new user namespace changes credentials
    supervise.prepare(level)
    uid = plan.child_uid
    alive_fd, hold_fd = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        process.die_with_parent()
        os.close(hold_fd)
        os.close(report_fd)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, supervise.WATCHED_SIGNALS)
        if box:
            box.join()
            box.close()
        steps.confine(plan, alive_fd)
        return
    code = 1
    try:
        os.close(alive_fd)
        for fd in kept:
            os.close(fd)
        code = supervise.supervise(pid, plan, uid, box, report_fd)
    finally:
        os._exit(code)
