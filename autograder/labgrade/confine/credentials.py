"""Who the child is: a user id of its own under root, no group but its own, no capability."""

from __future__ import annotations

import ctypes
import os
import stat
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from labgrade.confine.level import ConfineError
from labgrade.confine.linux import call, prctl
from labgrade.confine.policy import FIRST_SLOT_UID

__all__ = [
    "CAP_DAC_READ_SEARCH",
    "become_slot",
    "can_change_user",
    "drop_capabilities",
    "give_to_slot",
    "interpreter_paths",
    "slot_uid",
    "unreadable_for_others",
]

_PR_CAPBSET_DROP = 24
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 2, 4
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x2008_0522
_CAP_SETGID, _CAP_SETUID = 6, 7
CAP_DAC_READ_SEARCH = 2


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = tuple(
        (f"{name}_{half}", ctypes.c_uint32)
        for half in ("low", "high")
        for name in ("effective", "permitted", "inheritable")
    )


def slot_uid(slot: int) -> int:
    """Return the user and group id of a slot."""
    return FIRST_SLOT_UID + slot


def _id_is_mapped(kind: str, wanted: int) -> bool:
    try:
        lines = Path(f"/proc/self/{kind}_map").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return False
    ranges = [tuple(map(int, line.split())) for line in lines]
    return any(inside <= wanted < inside + count for inside, _, count in ranges)


def _effective_capabilities() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def can_change_user(slot: int) -> bool:
    """Whether this process may take the slot's user and group id."""
    if os.geteuid() != 0:
        return False
    needed = 1 << _CAP_SETUID | 1 << _CAP_SETGID
    uid = slot_uid(slot)
    return (
        _effective_capabilities() & needed == needed
        and _id_is_mapped("uid", uid)
        and _id_is_mapped("gid", uid)
    )


def interpreter_paths() -> tuple[str, ...]:
    """Return a sample of what Python reads while it runs: prefixes, library folders, one file in each."""
    folders = [sys.prefix, sys.base_prefix, *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib"))]
    folders += [sysconfig.get_path(name) for name in ("purelib", "platlib")]
    files = [module.__file__ for module in (os, ctypes) if module.__file__]
    return tuple(dict.fromkeys(os.path.realpath(path) for path in (*folders, *files) if os.path.exists(path)))


def unreadable_for_others(paths: Iterable[str], with_parents: bool) -> tuple[str, ...]:
    """List what stands in the way of another user's reading files and folders.

    Args:
        paths: what must be readable.
        with_parents: also look at the folders that lead there (when there is no private file system).

    Returns:
        The paths that bar the way, at most one for each path asked for.

    """
    barred = []
    for path in paths:
        parents = [str(parent) for parent in reversed(Path(path).parents)] if with_parents else []
        closed = [parent for parent in parents if not os.stat(parent).st_mode & stat.S_IXOTH]
        mode = os.stat(path).st_mode
        wanted = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
        if mode & wanted != wanted:
            closed.append(path)
        barred += closed[:1]
    return tuple(dict.fromkeys(barred))


def _set_capabilities(mask: int, inheritable: int) -> None:
    call("capset", _Header(_CAPABILITY_VERSION_3, 0), _Data(mask, mask, inheritable, 0, 0, 0))


def drop_capabilities(keep: int | None = None, through_exec: bool = False) -> None:
    """Give up every capability, or all but one, and the means to get them back.

    Args:
        keep: number of the only capability that stays; None for none.
        through_exec: it must also stay when a program is started.

    Raises:
        ConfineError: the kernel refused.

    """
    try:
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
        for capability in range(64):
            if capability == keep:
                continue
            try:
                prctl(_PR_CAPBSET_DROP, capability)
            except OSError:
                break  # EINVAL: past the last one; EPERM: without CAP_SETPCAP none can be gained either
        mask = 0 if keep is None else 1 << keep  # the one that is ever kept has a number below 32
        _set_capabilities(mask, mask if through_exec else 0)
        if keep is not None and through_exec:
            prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, keep)
    except OSError as error:
        raise ConfineError("capabilities", str(error)) from error


def give_to_slot(folder: str, slot: int) -> None:
    """Make the slot's user the owner of a folder and of the regular files in it (not of folders below).

    Raises:
        ConfineError: the system refused.

    """
    uid = slot_uid(slot)
    try:
        with os.scandir(folder) as entries:
            files = [entry.path for entry in entries if entry.is_file(follow_symlinks=False)]
        for path in (folder, *files):
            os.chown(path, uid, uid, follow_symlinks=False)
    except OSError as error:
        raise ConfineError("writable-path", str(error)) from error


def become_slot(slot: int, keep_capabilities: bool = False) -> int:
    """Become the slot's user: groups, group id, user id, in this order.

    Args:
        slot: see :func:`slot_uid`.
        keep_capabilities: they stay permitted until :func:`drop_capabilities` says which.

    Returns:
        The user id.

    Raises:
        ConfineError: the kernel refused.

    """
    uid = slot_uid(slot)
    try:
        if keep_capabilities:
            prctl(_PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        raise ConfineError("user-id", f"{uid}: {error}") from error
    return uid
