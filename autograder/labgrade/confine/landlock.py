"""Landlock: the process gives up all access to files but the named ones, for itself and its descendants.

Source: Linux ``Documentation/userspace-api/landlock.rst``. The version (ABI) is asked at run time; rights
that the kernel does not know are left out, and :func:`handled_rights` tells which those are.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from labgrade.confine.level import ConfineError
from labgrade.confine.linux import call, has_syscalls, prctl

__all__ = ["Rules", "abi", "handled_rights", "restrict"]

_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
REMOVE_DIR = 1 << 4
REMOVE_FILE = 1 << 5
MAKE_CHAR = 1 << 6
MAKE_DIR = 1 << 7
MAKE_REG = 1 << 8
MAKE_SOCK = 1 << 9
MAKE_FIFO = 1 << 10
MAKE_BLOCK = 1 << 11
MAKE_SYM = 1 << 12
REFER = 1 << 13
TRUNCATE = 1 << 14
IOCTL_DEV = 1 << 15

_ALL_VERSION_1 = (1 << 13) - 1
_ADDED_BY_VERSION = {2: REFER, 3: TRUNCATE, 5: IOCTL_DEV}
_NETWORK_FROM, _NETWORK = 4, 0b11  # bind and connect of TCP
_SCOPE_FROM, _SCOPE = 6, 0b11  # abstract UNIX sockets and signals

READ = READ_FILE | READ_DIR
_OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
# No device nodes: a student has no use for them, even where mknod is possible.
_WORK = READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM
WORK = _WORK | REFER | TRUNCATE


class _RulesetAttr(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


@dataclass(frozen=True, slots=True)
class Rules:
    """What remains allowed; paths that do not exist are skipped.

    Args:
        read: files and folders that may be read.
        work: folders in which everything but device nodes may be made, changed and removed.
        devices: single files that may be read and written.
        may_execute: programs under ``read`` may be started.
        may_use_network: TCP ports may be bound and connected to (in a network that leads nowhere).

    """

    read: tuple[str, ...] = ()
    work: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    may_execute: bool = False
    may_use_network: bool = False


@cache
def abi() -> int:
    """Return the kernel's Landlock version; 0 if there is none or it is switched off."""
    if not has_syscalls():
        return 0
    try:
        return call("landlock_create_ruleset", None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def handled_rights(version: int) -> int:
    """Return the file rights that a kernel with this Landlock version can take away."""
    return _ALL_VERSION_1 | sum(bit for since, bit in _ADDED_BY_VERSION.items() if version >= since)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # what cannot be reached needs no rule
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _OF_FILES
        call("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, _PathBeneathAttr(rights, fd), 0)
    finally:
        os.close(fd)


def _allow_all(ruleset: int, paths: Iterable[str], rights: int) -> None:
    for path in paths:
        _allow(ruleset, path, rights)


def restrict(rules: Rules) -> int:
    """Apply the rules to the calling thread, for good.

    Args:
        rules: what remains allowed.

    Returns:
        The Landlock version used.

    Raises:
        ConfineError: the kernel has no Landlock, or refused.

    """
    version = abi()
    if version < 1:
        raise ConfineError("landlock", "the kernel has no Landlock (5.13 or later, switched on)")
    handled = handled_rights(version)
    network = _NETWORK if version >= _NETWORK_FROM and not rules.may_use_network else 0
    attr = _RulesetAttr(handled, network, _SCOPE if version >= _SCOPE_FROM else 0)
    size = 24 if version >= _SCOPE_FROM else 16 if version >= _NETWORK_FROM else 8
    read = READ | EXECUTE if rules.may_execute else READ
    try:
        ruleset = call("landlock_create_ruleset", attr, size, 0)
        try:
            _allow_all(ruleset, rules.read, read & handled)
            _allow_all(ruleset, rules.work, (WORK | EXECUTE if rules.may_execute else WORK) & handled)
            _allow_all(ruleset, rules.devices, (READ_FILE | WRITE_FILE | TRUNCATE | IOCTL_DEV) & handled)
            prctl(_PR_SET_NO_NEW_PRIVS, 1)
            call("landlock_restrict_self", ruleset, 0)
        finally:
            os.close(ruleset)
    except OSError as error:
        raise ConfineError("landlock", str(error)) from error
    return version
