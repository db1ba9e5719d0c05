"""Confinement of student code: what the machine can do, and how a forked child gives up everything else.

See docs/threat-model.md for what is promised at each level and which test shows it.
"""

from __future__ import annotations

from collections.abc import Iterable

from labgrade.confine.cgroup import Box, make_box, sweep
from labgrade.confine.folders import make_work_dir, remove_tree
from labgrade.confine.homes import Home, make_home, sweep_homes
from labgrade.confine.launch import wrap_command
from labgrade.confine.level import ConfineError, Feature, Features, Level
from labgrade.confine.middle import enter_level
from labgrade.confine.nursery import Nursery
from labgrade.confine.policy import PRIVATE_WORK_DIR, Policy, readable_by_default
from labgrade.confine.probe import available, describe
from labgrade.confine.steps import choose_level
from labgrade.confine.supervise import end_hogs

__all__ = [
    "PRIVATE_WORK_DIR",
    "Box",
    "ConfineError",
    "Feature",
    "Features",
    "Home",
    "Level",
    "Nursery",
    "Policy",
    "available",
    "describe",
    "end_hogs",
    "enter",
    "make_box",
    "make_home",
    "make_work_dir",
    "readable_by_default",
    "remove_tree",
    "sweep",
    "sweep_homes",
    "wrap_command",
]


def enter(
    policy: Policy,
    report_fd: int,
    *,
    keep_fds: Iterable[int] = (),
    parent_pid: int | None = None,
) -> Level:
    """Confine the calling process, which was forked for this a moment ago and has one thread.

    A second fork happens inside: the call returns only in the student's process. The process that called
    becomes the middle one: it stands outside the student's namespaces, waits, cleans up, writes the report
    and exits with the student's code (128 + n after signal n). SIGINT to it is passed on, SIGTERM ends the
    student's tree in order; after SIGKILL of the middle process, or the death of its parent, the kernel ends
    the tree.

    Args:
        policy: what the student's code may use.
        report_fd: a descriptor only for the middle process: one JSON line ``started`` (pid, level, uid,
            cgroup) and one line ``ended`` (code, cause, cpu_s, peak_mib); see
            :mod:`labgrade.confine.supervise`.
        keep_fds: descriptors that the student's process keeps; of 0, 1 and 2 those not named become
            ``/dev/null``.
        parent_pid: process id of the zygote, taken before it forked: a child that finds another parent ends
            at once.

    Returns:
        The level reached, which is at least ``policy.floor``. The current folder is the work folder, and the
        environment is the policy's.

    Raises:
        ConfineError: the floor cannot be reached, or a step that worked in the trial was refused now. The
            process must then end: it may be half confined.

    """
    features = available()
    level = choose_level(policy, features)
    enter_level(policy, features, level, report_fd, keep_fds, parent_pid)
    return level
