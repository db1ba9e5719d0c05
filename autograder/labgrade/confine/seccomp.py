"""The system calls that a student's code has no use for are refused.

A deny-list: what is not named here is allowed, except calls newer than the table, which get ENOSYS. File
access is Landlock's and the mount namespace's work; what stands here is what those two do not cover.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from labgrade.confine import bpf
from labgrade.confine.bpf import Program
from labgrade.confine.level import ConfineError
from labgrade.confine.linux import prctl
from labgrade.confine.syscall_table import LAST_KNOWN, machine, number

__all__ = ["Rules", "assemble", "available", "build", "install"]

_AUDIT_ARCHITECTURE = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_X32_BIT = 0x4000_0000
_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_PR_GET_SECCOMP = 21
_MODE_FILTER = 2

_CLONE_THREAD = 0x0001_0000
# NEWTIME NEWNS NEWCGROUP NEWUTS NEWIPC NEWUSER NEWPID NEWNET, and PARENT, which would make a sibling
_CLONE_REFUSED = 0x7E02_0080 | 0x0000_8000
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK, _NETLINK_ROUTE = 1, 2, 10, 16, 0
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _F_SETLEASE, _F_NOTIFY = 8, 10, 15, 1024, 1026
_LOCK_COMMANDS = (5, 6, 7, 36, 37, 38)  # GETLK SETLK SETLKW and OFD_GETLK OFD_SETLK OFD_SETLKW
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
# SET_PDEATHSIG (or the tree would outlive the grader), SET_MM, SET_PTRACER, SET_SECCOMP
_PRCTL_REFUSED = (1, 35, 0x59616D61, _PR_SET_SECCOMP)

# Refused always: the reason, and the calls.
_NEVER = {
    "looks into or steers other processes": (
        "ptrace process_vm_readv process_vm_writev process_madvise process_mrelease kcmp pidfd_getfd "
        "move_pages migrate_pages"
    ),
    "makes objects that outlive the process": (
        "add_key request_key keyctl shmget shmat shmctl shmdt semget semop semtimedop semctl "
        "msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr"
    ),
    "opens a large part of the kernel that no student needs": (
        "bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register "
        "io_setup io_submit io_destroy io_cancel io_getevents io_pgetevents vmsplice personality modify_ldt"
    ),
    "takes memory outside the sized file system": "memfd_create memfd_secret",
    "changes what the process sees": (
        "mount umount2 pivot_root chroot open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick "
        "mount_setattr statmount listmount unshare setns sethostname setdomainname"
    ),
    "opens files by number, past every rule about paths": "name_to_handle_at open_by_handle_at",
    "signals others through files that all can read": (
        "fanotify_init fanotify_mark inotify_init inotify_init1 inotify_add_watch cachestat"
    ),
    "takes more than its share of the machine": (
        "sched_setaffinity sched_setattr setpriority ioprio_set mbind set_mempolicy set_mempolicy_home_node"
    ),
    "changes the rules themselves": (
        "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_set_self_attr"
    ),
    "administers the machine": (
        "quotactl quotactl_fd acct swapon swapoff reboot syslog vhangup ustat sysfs uselib lookup_dcookie "
        "nfsservctl _sysctl init_module finit_module delete_module create_module query_module "
        "get_kernel_syms kexec_load kexec_file_load iopl ioperm settimeofday clock_settime adjtimex "
        "clock_adjtime file_setattr"
    ),
}
_EXEC = ("execve", "execveat")
_SOCKETS = ("socket", "socketpair", "bind", "listen", "accept", "accept4", "connect")
_OTHERS = ("pidfd_open", "pidfd_send_signal", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tkill")
# Succeed and do nothing: libraries (ZeroMQ) set what is set already and stop if that fails.
_PRETENDED = ("sched_setscheduler", "sched_setparam")
_METADATA = {
    # Landlock does not rule over these: on files of the same user they would work anywhere.
    "changes modes, owners, times and attributes": (
        "chmod fchmod fchmodat fchmodat2 chown lchown fchown fchownat utime utimes futimesat utimensat "
        "setxattr lsetxattr fsetxattr setxattrat removexattr lremovexattr fremovexattr removexattrat"
    ),
}


def _names(table: dict[str, str]) -> list[str]:
    return [name for names in table.values() for name in names.split()]


@dataclass(frozen=True, slots=True)
class Rules:
    """The choices in the filter.

    Args:
        allow_fork: processes (never namespaces) may be made, and AF_UNIX sockets, which Python's
            multiprocessing uses between them.
        allow_exec: programs may be started.
        allow_network: internet sockets may be made (in a network namespace that leads nowhere).
        allow_locks: files may be locked.
        only_signal: the only process id that may be signalled; None where a PID namespace limits that.
        freeze_metadata: calls that change modes, owners, times and attributes of files succeed
            and do nothing.
        refuse_truncate: refuse truncation by path (Landlock before version 3 does not rule over it).

    """

    allow_fork: bool = False
    allow_exec: bool = False
    allow_network: bool = False
    allow_locks: bool = False
    only_signal: int | None = None
    freeze_metadata: bool = False
    refuse_truncate: bool = False


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _numbers(names: Iterable[str], architecture: str) -> list[int]:
    found = (number(name, architecture) for name in names)
    return [value for value in found if value is not None]


def _when_low(index: int, values: Iterable[int], then: int, otherwise: int | None = None) -> Program:
    """Answer ``then`` if an argument is one of the values, else ``otherwise``, or fall through."""
    body = Program()
    body.add(bpf.LOAD, bpf.argument_low(index))
    for value in values:
        body.add(bpf.JUMP_IF_EQUAL, value, 0, 1)
        body.add(bpf.RETURN, then)
    if otherwise is not None:
        body.add(bpf.RETURN, otherwise)
    return body


def _when_bits(index: int, bits: int, then: int, otherwise: int | None = None) -> Program:
    body = Program()
    body.add(bpf.LOAD, bpf.argument_low(index))
    body.add(bpf.JUMP_IF_SET, bits, 0, 1)
    body.add(bpf.RETURN, then)
    if otherwise is not None:
        body.add(bpf.RETURN, otherwise)
    return body


def _allow_families(families: Iterable[int], with_routes: bool) -> Program:
    refuse, allow = bpf.errno_verdict(errno.EPERM), bpf.ALLOW
    body = _when_low(0, families, allow)
    if with_routes:  # libraries list the interfaces
        body.add(bpf.JUMP_IF_EQUAL, _AF_NETLINK, 1, 0)
        body.add(bpf.RETURN, refuse)
        body.extend(_when_low(2, [_NETLINK_ROUTE], allow))
    body.add(bpf.RETURN, refuse)
    return body


def build(rules: Rules, architecture: str) -> Program:
    """Write the filter.

    Args:
        rules: the choices.
        architecture: ``x86_64`` or ``aarch64``.

    Returns:
        The program, ready to assemble.

    """
    refuse, allow = bpf.errno_verdict(errno.EPERM), bpf.ALLOW

    def numbered(name: str) -> int:
        value = number(name, architecture)
        if value is None:
            raise KeyError(f"{name} is not a system call of {architecture}")
        return value

    program = Program()
    program.add(bpf.LOAD, bpf.ARCHITECTURE_OFFSET)
    program.add(bpf.JUMP_IF_EQUAL, _AUDIT_ARCHITECTURE[architecture], 1, 0)
    program.add(bpf.RETURN, bpf.KILL_PROCESS)
    program.add(bpf.LOAD, bpf.NUMBER_OFFSET)
    if architecture == "x86_64":
        program.add(bpf.JUMP_IF_GREATER_OR_EQUAL, _X32_BIT, 0, 1)
        program.add(bpf.RETURN, bpf.KILL_PROCESS)
    program.add(bpf.JUMP_IF_GREATER_OR_EQUAL, LAST_KNOWN + 1, 0, 1)
    program.add(bpf.RETURN, bpf.errno_verdict(errno.ENOSYS))

    denied = _names(_NEVER)
    if not rules.allow_exec:
        denied += _EXEC
    if not rules.allow_locks:
        denied.append("flock")
    if rules.refuse_truncate:
        denied.append("truncate")
    if rules.only_signal is not None:
        denied += _OTHERS
    if rules.allow_fork:
        families = (_AF_UNIX, _AF_INET, _AF_INET6) if rules.allow_network else (_AF_UNIX,)
        program.for_call(numbered("socket"), _allow_families(families, rules.allow_network))
        program.for_call(numbered("socketpair"), _when_low(0, [_AF_UNIX], allow, refuse))
        program.for_call(numbered("clone"), _when_bits(0, _CLONE_REFUSED, refuse, allow))
    else:
        denied += ["fork", "vfork", *_SOCKETS]
        spare = Program()  # threads only, and none that carries namespaces
        spare.extend(_when_bits(0, _CLONE_REFUSED, refuse))
        spare.extend(_when_bits(0, _CLONE_THREAD, allow, refuse))
        program.for_call(numbered("clone"), spare)
    # The flags of clone3 lie in memory, where a filter cannot look; libraries fall back to clone.
    program.verdict_for_calls([numbered("clone3")], bpf.errno_verdict(errno.ENOSYS))
    program.verdict_for_calls(_numbers(denied, architecture), refuse)
    program.verdict_for_calls(_numbers(_PRETENDED, architecture), bpf.errno_verdict(0))
    if rules.freeze_metadata:
        program.verdict_for_calls(_numbers(_names(_METADATA), architecture), bpf.errno_verdict(0))
    locks = () if rules.allow_locks else _LOCK_COMMANDS
    commands = [*locks, _F_SETOWN, _F_SETSIG, _F_SETLEASE, _F_NOTIFY, _F_SETOWN_EX]
    program.for_call(numbered("fcntl"), _when_low(1, commands, refuse, allow))
    program.for_call(numbered("ioctl"), _when_low(1, [_TIOCSTI, _TIOCLINUX], refuse, allow))
    program.for_call(numbered("prctl"), _when_low(0, _PRCTL_REFUSED, refuse, allow))
    if rules.only_signal is not None:
        # 0 in prlimit64 is the caller itself; another's limits could be lowered by the same user.
        program.for_call(numbered("prlimit64"), _when_low(0, [0, rules.only_signal], allow, refuse))
        for name in ("kill", "tgkill"):
            program.for_call(numbered(name), _when_low(0, [rules.only_signal], allow, refuse))
    program.add(bpf.RETURN, allow)
    return program


def available() -> bool:
    """Whether this kernel has seccomp filters and this architecture a table."""
    if not machine():
        return False
    try:
        prctl(_PR_GET_SECCOMP)
    except OSError:
        return False
    return os.path.exists("/proc/sys/kernel/seccomp/actions_avail")


@cache
def assemble(rules: Rules) -> bytes:
    """Return the filter for this machine as the kernel reads it; computed once for each value.

    Raises:
        ConfineError: no table for this architecture.

    """
    architecture = machine()
    if not architecture:
        raise ConfineError("seccomp", "system call numbers of this architecture are not known")
    return build(rules, architecture).assemble()


def install(rules: Rules) -> int:
    """Install the filter for the calling thread, for good.

    Args:
        rules: the choices.

    Returns:
        The number of instructions.

    Raises:
        ConfineError: no table for this architecture, or the kernel refused.

    """
    code = assemble(rules)
    count = len(code) // 8
    try:
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        record = _FilterProgram(count, code)
        prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(record))
    except OSError as error:
        raise ConfineError("seccomp", str(error)) from error
    return count
