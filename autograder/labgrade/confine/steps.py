"""From a freshly forked child to a confined student process.

The order matters; what each step guards against stands in docs/threat-model.md.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass

from labgrade.confine import (
    cgroup,
    credentials,
    landlock,
    namespaces,
    process,
    rlimits,
    rootfs,
    seccomp,
    supervise,
)
from labgrade.confine.level import ConfineError, Features, Level
from labgrade.confine.policy import PRIVATE_WORK_DIR, Policy

__all__ = ["choose_level", "enter_level"]

# What libraries read about the machine when there is no private /proc.
_PROC_FILES = (
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/kernel/random/boot_id",
)


def choose_level(policy: Policy, features: Features) -> Level:
    """Return the strongest level that the machine can do and the policy wants.

    Raises:
        ConfineError: that is below the policy's floor (cause ``below-floor``).

    """
    level = min(features.level, policy.ceiling, key=lambda level: level.rank)
    if not level.reaches(policy.floor):
        missing = "; ".join(f"{item.name}: {item.state}" for item in features.features if not item.works)
        raise ConfineError(
            "below-floor", f"this machine reaches {level!s}, the floor is {policy.floor!s} ({missing})"
        )
    return level


@dataclass(frozen=True, slots=True)
class _Plan:
    """What will be done, decided before anything is."""

    level: Level
    policy: Policy
    user_namespace: bool
    slot_uid: bool
    keep_read_capability: bool
    cgroup: bool

    @property
    def may_fork(self) -> bool:
        # Without a PID namespace nothing ends a tree for certain when the grader itself is killed.
        return self.policy.allow_fork and self.level is not Level.NO_NAMESPACES


def _needs_read_capability(level: Level, slot_uid: bool) -> bool:
    """Whether the interpreter lies where the slot's user may not look (for example in root's home).

    In a private file system only the folders' own modes count, since what leads to them is new; without one
    the whole path does.
    """
    if not slot_uid:
        return False
    with_parents = level is not Level.FULL
    return bool(credentials.unreadable_for_others(credentials.interpreter_paths(), with_parents))


def _plan(policy: Policy, features: Features, level: Level) -> _Plan:
    slot_uid = features.slot_uids and level is not Level.OFF
    return _Plan(
        level=level,
        policy=policy,
        user_namespace=features.user_namespace,
        slot_uid=slot_uid,
        keep_read_capability=_needs_read_capability(level, slot_uid),
        cgroup=bool(features.cgroup) and level is not Level.OFF,
    )


def _check(plan: _Plan) -> None:
    if sys.platform == "linux" and process.count_threads() != 1:
        raise ConfineError("threads", "the process has more than one thread; only one would be confined")
    if plan.level is Level.NO_NAMESPACES:
        for secret in plan.policy.hidden_paths:
            for shown in (*plan.policy.readonly_paths, plan.policy.work_dir):
                real, above = os.path.realpath(secret), os.path.realpath(shown) if shown else ""
                if above and (real == above or real.startswith(above.rstrip("/") + "/")):
                    raise ConfineError(
                        "hidden-path", f"{secret} lies inside {shown}, which the child must be able to read"
                    )


def _set_environment(policy: Policy, work_dir: str) -> None:
    os.environ.clear()
    os.environ.update(policy.environment)
    if work_dir:
        os.environ.update(HOME=work_dir, TMPDIR=work_dir)
        os.chdir(work_dir)
    else:
        os.chdir("/")
    tempfile.tempdir = None  # it may have been looked up before


def _landlock_rules(plan: _Plan, work_dir: str) -> landlock.Rules:
    policy = plan.policy
    if plan.level is Level.FULL:
        work = (work_dir, "/tmp", "/dev/shm")  # noqa: S108 - of the child's own
        return landlock.Rules(("/",), work, rootfs.DEVICES, policy.allow_exec)
    read = (*policy.readonly_paths, *rootfs.SYSTEM_FILES, rootfs.CPU_FOLDER, *_PROC_FILES)
    return landlock.Rules(read, (work_dir,) if work_dir else (), rootfs.DEVICES, policy.allow_exec)


def _seccomp_rules(plan: _Plan) -> seccomp.Rules:
    alone = plan.level is not Level.FULL
    return seccomp.Rules(
        allow_fork=plan.may_fork,
        allow_exec=plan.policy.allow_exec,
        only_signal=os.getpid() if alone else None,
        freeze_metadata=alone and not plan.slot_uid,
        refuse_truncate=landlock.abi() < 3,
    )


def _confine(plan: _Plan, box: cgroup.Box | None, alive_fd: int, report_fd: int) -> None:
    """Do the student process's own part: nothing of what it gives up can be had back."""
    policy, level = plan.policy, plan.level
    signal.pthread_sigmask(signal.SIG_UNBLOCK, supervise.WATCHED_SIGNALS)
    if box:
        box.join()
        box.close()
    if plan.slot_uid:
        uid = gid = credentials.slot_uid(policy.slot)
    else:
        uid, gid = os.geteuid(), os.getegid()
    work_dir = policy.work_dir
    if level is Level.FULL:
        work_dir = PRIVATE_WORK_DIR
        try:
            rootfs.build(policy, uid, gid)
        except OSError as error:
            raise ConfineError("file-system", str(error)) from error
        namespaces.name_host("student")
    _set_environment(policy, work_dir)
    if level is not Level.OFF:
        rlimits.apply(
            policy, rlimits.address_space_mib(), limit_processes=level is Level.FULL or plan.slot_uid
        )
    if plan.slot_uid:
        credentials.become_slot(policy.slot, keep_capabilities=True)
    if plan.slot_uid or level.reaches(Level.NO_NAMESPACES):
        keep = credentials.CAP_DAC_READ_SEARCH if plan.keep_read_capability else None
        credentials.drop_capabilities(keep, through_exec=policy.allow_exec)
    process.die_with_parent()  # here, since changed credentials make the kernel forget it
    process.exit_if_closed(alive_fd)
    os.close(alive_fd)
    os.close(report_fd)
    if level.reaches(Level.NO_NAMESPACES):
        landlock.restrict(_landlock_rules(plan, work_dir))
        seccomp.install(_seccomp_rules(plan))


def _make_box(policy: Policy) -> cgroup.Box | None:
    place = cgroup.find()
    if place is None:
        raise ConfineError("cgroup", "it was writable before and is not any more")
    try:
        # Files in the private file system count too.
        return cgroup.make(place, policy.memory_mib + policy.scratch_mib, policy.processes)
    except OSError as error:
        raise ConfineError("cgroup", str(error)) from error


def _enter_here(plan: _Plan, report_fd: int) -> None:
    """Apply limits in the process itself, on systems without the means for more."""
    _set_environment(plan.policy, plan.policy.work_dir)
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
        ConfineError: a step was refused. Raised in the middle process before the second fork,
            in the student's process after it; the process must end then.

    """
    plan = _plan(policy, features, level)
    kept = tuple(keep_fds)
    _check(plan)
    process.close_descriptors((*kept, report_fd))
    process.become_session_leader()
    process.reset_signals()
    if sys.platform != "linux":
        _enter_here(plan, report_fd)
        return
    process.die_with_parent(parent_pid)
    box = _make_box(policy) if plan.cgroup else None
    if level is Level.FULL:
        namespaces.leave(plan.user_namespace)
        process.die_with_parent(parent_pid)  # a new user namespace changes credentials
    supervise.prepare(level)
    uid = credentials.slot_uid(policy.slot) if plan.slot_uid else os.geteuid()
    alive_fd, hold_fd = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        process.die_with_parent()
        os.close(hold_fd)
        _confine(plan, box, alive_fd, report_fd)
        return
    code = 1
    try:
        os.close(alive_fd)
        for fd in kept:
            os.close(fd)
        code = supervise.supervise(pid, policy, level, uid, box, report_fd)
    finally:
        os._exit(code)
