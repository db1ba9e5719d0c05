"""What this machine can do, found by doing it once in a child that ends at once."""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import replace
from functools import cache

from labgrade.confine import cgroup, credentials, landlock, seccomp
from labgrade.confine.level import ConfineError, Feature, Features, Level
from labgrade.confine.linux import has_syscalls
from labgrade.confine.middle import enter_level
from labgrade.confine.policy import Policy

__all__ = ["available", "describe"]

_LONGEST_MESSAGE = 4000


def _fork() -> int:
    with warnings.catch_warnings():
        # Python 3.12 and later warn when a process with threads forks. The trial only makes system calls.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _try_level(level: Level, features: Features) -> str:
    """Confine a child at this level; return "" if it got there, else what stopped it."""
    report_read, report_write = os.pipe2(os.O_CLOEXEC)
    said_read, said_write = os.pipe2(os.O_CLOEXEC)
    policy = Policy(memory_mib=64, scratch_mib=1, cpu_s=5, allow_fork=False, readonly_paths=("/usr",))
    pid = _fork()
    if pid == 0:
        try:
            enter_level(policy, features, level, report_write, (said_write,))
            os.write(said_write, b"ok")
        except ConfineError as error:
            os.write(said_write, str(error).encode()[:_LONGEST_MESSAGE])
        except BaseException as error:
            os.write(said_write, repr(error).encode()[:_LONGEST_MESSAGE])
        finally:
            os._exit(0)
    os.close(report_write)
    os.close(said_write)
    with os.fdopen(said_read, "rb") as stream:
        said = stream.read().decode(errors="replace")
    os.close(report_read)
    os.waitpid(pid, 0)
    return "" if said == "ok" else said or "the trial ended without a word"


def _try_namespaces(base: Features) -> tuple[bool, bool, str]:
    """Try namespaces: (they work, a user namespace is needed, what stopped them)."""
    said = ""
    for with_user in (False, True) if base.is_root else (True,):
        # With a user namespace there is one id only: the slot's user id would not be mapped.
        said = _try_level(
            Level.FULL, replace(base, user_namespace=with_user, slot_uids=base.slot_uids and not with_user)
        )
        if not said:
            return True, with_user, ""
    return False, False, said


def _collect() -> Features:
    is_linux = has_syscalls()
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    abi = landlock.abi()
    has_seccomp = is_linux and seccomp.available()
    place = cgroup.find() if is_linux else None
    slot_uids = is_linux and credentials.can_change_user(0)
    base = Features(Level.LIMITS_ONLY, abi, is_root, slot_uids, False, place.version if place else "", ())

    spaces, with_user, said_full = False, False, "not tried: it needs Landlock and seccomp"
    said_base = ""
    if abi and has_seccomp:
        said_base = _try_level(Level.NO_NAMESPACES, base)
        spaces, with_user, said_full = _try_namespaces(base)
    level = (
        Level.FULL if spaces else Level.NO_NAMESPACES if abi and has_seccomp and not said_base else base.level
    )
    if with_user:
        slot_uids = False
    features: tuple[Feature, ...] = (
        Feature(
            "landlock",
            abi > 0,
            f"version {abi}" if abi else "not there",
            "" if abi else "a Linux kernel of 5.13 or later with landlock among its security modules (lsm=)",
        ),
        Feature(
            "seccomp",
            has_seccomp,
            "filters can be installed" if has_seccomp else "not there",
            "" if has_seccomp else "a Linux kernel with CONFIG_SECCOMP_FILTER on x86_64 or aarch64",
        ),
        Feature(
            "namespaces",
            spaces,
            ("with a user namespace" if with_user else "as root") if spaces else said_full,
            ""
            if spaces
            else "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
            "kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces), or grade as root",
        ),
        Feature(
            "user id per place",
            slot_uids,
            "each child has its own" if slot_uids else "the grader's own (nothing of it is mapped but that)",
        ),
        Feature(
            "cgroup",
            place is not None,
            f"{place.version}: around programs that are started confined; forked children are watched"
            if place
            else "not writable: memory is limited for each process, and watched for several",
            ""
            if place
            else "run the grader in a delegated scope: systemd-run --user --scope -p Delegate=yes",
        ),
    )
    if said_base:
        features += (Feature("trial", False, said_base),)
    return replace(base, level=level, slot_uids=slot_uids, user_namespace=with_user, features=features)


@cache
def available() -> Features:
    """Find out what this machine can do now.

    Children are made, confined and ended; nothing is left behind. The answer is kept for the life of the
    process, and inherited by forked children: a zygote should ask once before it forks.

    Returns:
        The strongest level that a trial reached, and each feature with its state.

    """
    return _collect()


def describe() -> tuple[Feature, ...]:
    """Return the level reached and each feature, for a person (``labs doctor``)."""
    features = available()
    full = features.level is Level.FULL
    mend = "" if full else "see the lines below" if sys.platform == "linux" else "grade on Linux"
    is_enough = features.level.reaches(Level.NO_NAMESPACES)
    if not is_enough:
        mend += f"; labs grade refuses this unless --floor {features.level!s} is given"
    state = f"{features.level!s}: {features.level.meaning}"
    level = Feature("confinement", is_enough, state, mend)
    return (level, *features.features)
