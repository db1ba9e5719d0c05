"""The few system calls that Python does not offer, each raising OSError with its own name."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

from labgrade.confine.syscall_table import number

__all__ = [
    "CLONE_NEWCGROUP",
    "CLONE_NEWIPC",
    "CLONE_NEWNET",
    "CLONE_NEWNS",
    "CLONE_NEWPID",
    "CLONE_NEWUSER",
    "CLONE_NEWUTS",
    "call",
    "has_syscalls",
    "mount",
    "prctl",
    "setns",
    "unshare",
]

CLONE_NEWNS = 0x0002_0000
CLONE_NEWCGROUP = 0x0200_0000
CLONE_NEWUTS = 0x0400_0000
CLONE_NEWIPC = 0x0800_0000
CLONE_NEWUSER = 0x1000_0000
CLONE_NEWPID = 0x2000_0000
CLONE_NEWNET = 0x4000_0000


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def has_syscalls() -> bool:
    """Whether this is a Linux whose system call numbers are known."""
    from labgrade.confine.syscall_table import machine

    return sys.platform == "linux" and machine() != ""


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def _argument(value: int | bytes | ctypes.Array[ctypes.c_char] | ctypes.Structure | None) -> object:
    if value is None:
        return ctypes.c_void_p(None)
    if isinstance(value, bool | int):
        return ctypes.c_ulong(value & 0xFFFF_FFFF_FFFF_FFFF)
    if isinstance(value, bytes):
        return ctypes.c_char_p(value)
    return ctypes.byref(value)


def call(name: str, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | ctypes.Structure | None) -> int:
    """Make a system call by name.

    Args:
        name: a name of the table.
        arguments: numbers, byte strings (given as pointers), ctypes structures (by reference), or None.

    Returns:
        What the call returned, 0 or more.

    Raises:
        OSError: the call failed, or this architecture does not have it.

    """
    wanted = number(name)
    if wanted is None:
        raise OSError(38, f"{name}: not on this architecture")
    syscall = _libc().syscall
    syscall.restype = ctypes.c_long
    return _checked(syscall(ctypes.c_long(wanted), *map(_argument, arguments)), name)


def prctl(option: int, *arguments: int) -> int:
    """Call ``prctl`` with up to four numbers."""
    padded = (*arguments, 0, 0, 0, 0)[:4]
    return call("prctl", option, *padded)


def unshare(flags: int) -> None:
    """Leave the namespaces named by ``flags``."""
    call("unshare", flags)


def setns(fd: int, flags: int) -> None:
    """Enter the namespace that a descriptor of ``/proc/…/ns`` names."""
    call("setns", fd, flags)


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Call ``mount``; ``kind`` and ``options`` may be empty."""
    call(
        "mount",
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() if kind else None,
        flags,
        options.encode() if options else None,
    )
