"""The steps from a freshly forked child to a confined student process, in their order.

What each step guards against stands in docs/threat-model.md.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from labgrade.confine import credentials, landlock, namespaces, process, rlimits, rootfs, seccomp
from labgrade.confine.level import ConfineError, Features, Level
from labgrade.confine.policy import PRIVATE_WORK_DIR, Policy

__all__ = ["Plan", "check", "choose_level", "confine", "make_plan", "warm"]

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
class Plan:
    """What will be done, decided before anything is.

    Args:
        level: what will be reached.
        policy: what the child may use.
        user_namespace: a user namespace is needed for the other namespaces.
        slot_uid: the child gets the user id of its slot.
        keep_read_capability: the slot's user could not read the interpreter, so the right to read files and
            search folders stays; it opens nothing that the file system or Landlock does not show.
        may_fork: processes may be made.

    """

    level: Level
    policy: Policy
    user_namespace: bool
    slot_uid: bool
    keep_read_capability: bool
    may_fork: bool

    @property
    def child_uid(self) -> int:
        """The user id that the child will have, in the caller's user namespace."""
        return credentials.slot_uid(self.policy.slot) if self.slot_uid else os.geteuid()


@cache
def _interpreter_is_barred(with_parents: bool) -> bool:
    return bool(credentials.unreadable_for_others(credentials.interpreter_paths(), with_parents))


@cache
def _counts_processes_in_user_namespaces() -> bool:
    """Whether the limit on processes counts only those in the same user namespace (Linux 5.14)."""
    found = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return found is not None and (int(found[1]), int(found[2])) >= (5, 14)


def make_plan(policy: Policy, features: Features, level: Level) -> Plan:
    """Decide how a level is reached."""
    slot_uid = features.slot_uids and level is not Level.OFF
    # In a private file system what leads to the interpreter is new; elsewhere the whole path counts.
    barred = slot_uid and _interpreter_is_barred(level is not Level.FULL)
    counted = slot_uid or (level is Level.FULL and _counts_processes_in_user_namespaces())
    # Without a PID namespace nothing ends a tree for certain when the grader itself is killed.
    may_fork = policy.allow_fork and (counted if level is Level.FULL else level is not Level.NO_NAMESPACES)
    return Plan(level, policy, features.user_namespace, slot_uid, barred, may_fork)


def check(plan: Plan) -> None:
    """Refuse what cannot be confined as the policy says.

    Raises:
        ConfineError: a hidden path would be readable, or the process has threads.

    """
    if plan.level is Level.NO_NAMESPACES:
        policy = plan.policy
        for shown in (*policy.readonly_paths, *policy.writable_paths, policy.work_dir):
            above = os.path.realpath(shown).rstrip("/") if shown else ""
            for secret in policy.hidden_paths:
                if above and (os.path.realpath(secret) + "/").startswith(above + "/"):
                    raise ConfineError("hidden-path", f"{secret} lies inside {shown}, which the child reads")
    if sys.platform == "linux" and process.count_threads() != 1:
        raise ConfineError("threads", "the process has more than one thread; only one would be confined")


def _set_environment(policy: Policy, work_dir: str) -> None:
    os.environ.clear()
    os.environ.update(policy.environment)
    if work_dir:
        os.environ.update(HOME=work_dir, TMPDIR=work_dir)
    os.chdir(work_dir or "/")
    tempfile.tempdir = None  # it may have been looked up before


def _landlock_rules(plan: Plan, work_dir: str) -> landlock.Rules:
    policy = plan.policy
    if plan.level is Level.FULL:
        work = (work_dir, *policy.writable_paths, "/tmp", "/dev/shm")  # noqa: S108 - of the child's own
        return landlock.Rules(("/",), work, rootfs.DEVICES, policy.allow_exec, policy.private_network)
    read = (*policy.readonly_paths, *rootfs.SYSTEM_FILES, rootfs.CPU_FOLDER, *_PROC_FILES)
    work = (*((work_dir,) if work_dir else ()), *policy.writable_paths)
    return landlock.Rules(read, work, rootfs.DEVICES, policy.allow_exec)


def _seccomp_rules(plan: Plan) -> seccomp.Rules:
    alone = plan.level is not Level.FULL
    return seccomp.Rules(
        allow_fork=plan.may_fork,
        allow_exec=plan.policy.allow_exec,
        allow_network=plan.policy.private_network and plan.level is Level.FULL,
        allow_locks=plan.policy.allow_locks,
        only_signal=os.getpid() if alone else None,
        freeze_metadata=alone and not plan.slot_uid,
        refuse_truncate=landlock.abi() < 3,
    )


def _offer_to_memory_killer() -> None:
    """When memory is short, this process goes before the grader's own."""
    with suppress(OSError):  # a container may not show the file; nothing depends on it
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def warm(plan: Plan) -> None:
    """Compute once, before forking, what every child of this plan would compute again."""
    if plan.level is Level.FULL:
        rootfs.lay_out(plan.policy.readonly_paths, plan.policy.writable_paths)
        seccomp.assemble(_seccomp_rules(plan))
    landlock.abi()


def confine(plan: Plan, alive_fd: int, nest_user_namespace: bool = False) -> None:
    """Do the student process's own part: nothing of what it gives up can be had back.

    Args:
        plan: what to reach; at level ``full`` the namespaces have been left already.
        alive_fd: reading end of a pipe whose only writer is the parent; closed.
        nest_user_namespace: take a further user namespace, which counts this child's processes alone.

    Raises:
        ConfineError: a step was refused.

    """
    policy, level = plan.policy, plan.level
    _offer_to_memory_killer()
    gid = credentials.slot_uid(policy.slot) if plan.slot_uid else os.getegid()
    work_dir = policy.work_dir
    if level is Level.FULL:
        work_dir = PRIVATE_WORK_DIR
        try:
            rootfs.build(policy, plan.child_uid, gid)
        except OSError as error:
            raise ConfineError("file-system", str(error)) from error
        namespaces.name_host("student")
        if policy.private_network:
            namespaces.raise_loopback()
        if nest_user_namespace:
            namespaces.enter_user_namespace()
    _set_environment(policy, work_dir)
    if level is not Level.OFF:
        counted = plan.slot_uid or (level is Level.FULL and _counts_processes_in_user_namespaces())
        rlimits.apply(policy, rlimits.address_space_mib(), limit_processes=counted)
    if plan.slot_uid:
        for path in policy.writable_paths:
            credentials.give_to_slot(path, policy.slot)
        credentials.become_slot(policy.slot, keep_capabilities=True)
    if plan.slot_uid or level.reaches(Level.NO_NAMESPACES):
        keep = credentials.CAP_DAC_READ_SEARCH if plan.keep_read_capability else None
        credentials.drop_capabilities(keep, through_exec=policy.allow_exec)
    process.die_with_parent()  # here, since changed credentials make the kernel forget it
    process.exit_if_closed(alive_fd)
    os.close(alive_fd)
    if level.reaches(Level.NO_NAMESPACES):
        landlock.restrict(_landlock_rules(plan, work_dir))
        seccomp.install(_seccomp_rules(plan))
