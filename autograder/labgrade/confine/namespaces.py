"""Leaving the machine's namespaces: files, processes, network, IPC, host name, cgroups."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from pathlib import Path

from labgrade.confine.level import ConfineError
from labgrade.confine.linux import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    call,
    mount,
    unshare,
)
from labgrade.confine.process import set_dumpable

__all__ = [
    "INSIDE_ID",
    "enter_user_namespace",
    "leave",
    "leave_all_but_processes",
    "name_host",
    "raise_loopback",
    "show_own_processes",
]

INSIDE_ID = 1000
"""The user and group id that an ordinary user's child has inside its user namespace."""

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_SLAVE = 2, 4, 8, 0x4000, 0x80000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1
_WITHOUT_USER = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP


def _map_ids(uid: int, gid: int) -> None:
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny", encoding="ascii")  # the kernel's condition for the next line
    (own / "gid_map").write_text(f"{INSIDE_ID} {gid} 1", encoding="ascii")
    (own / "uid_map").write_text(f"{INSIDE_ID} {uid} 1", encoding="ascii")


def enter_user_namespace(with_processes: bool = False) -> None:
    """Enter a new user namespace, with one id mapped and all rights in it (and none outside it).

    Args:
        with_processes: also a PID namespace that belongs to it, which begins with the next fork, and a mount
            namespace, so that its ``/proc`` can be shown (see :func:`show_own_processes`).

    Raises:
        ConfineError: the kernel or an administrator does not allow it.

    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        set_dumpable()
        unshare(CLONE_NEWUSER | (CLONE_NEWPID | CLONE_NEWNS if with_processes else 0))
        _map_ids(uid, gid)
    except OSError as error:
        raise ConfineError("namespaces", str(error)) from error


def leave_all_but_processes() -> None:
    """Enter new namespaces, in a process that is the first of a PID namespace already.

    Raises:
        ConfineError: the kernel or an administrator does not allow it.

    """
    try:
        unshare(_WITHOUT_USER & ~CLONE_NEWPID)
    except OSError as error:
        raise ConfineError("namespaces", str(error)) from error


def leave(with_user_namespace: bool) -> None:
    """Enter new namespaces; the PID namespace begins with the next fork.

    Args:
        with_user_namespace: also a user namespace, which gives an ordinary user the right to the others.

    Raises:
        ConfineError: the kernel or an administrator does not allow it.

    """
    uid, gid = os.geteuid(), os.getegid()
    try:
        if with_user_namespace:
            set_dumpable()
            unshare(CLONE_NEWUSER | _WITHOUT_USER)
            _map_ids(uid, gid)
        else:
            unshare(_WITHOUT_USER)
    except OSError as error:
        raise ConfineError("namespaces", str(error)) from error


def show_own_processes() -> None:
    """Put this PID namespace's own ``/proc`` in place of the machine's, in a mount namespace of its own.

    Raises:
        ConfineError: the kernel refused.

    """
    try:
        mount("", "/", "", _MS_REC | _MS_SLAVE)  # what is mounted outside later is still seen
        mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    except OSError as error:
        raise ConfineError("namespaces", f"/proc: {error}") from error


def raise_loopback() -> None:
    """Switch the loopback interface of the new network namespace on; it is the only one there.

    Raises:
        ConfineError: the kernel refused.

    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            name = struct.pack("16sh14x", b"lo", 0)
            flags = struct.unpack_from("h", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, name), 16)[0]
            fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))
    except OSError as error:
        raise ConfineError("namespaces", f"loopback: {error}") from error


def name_host(name: str) -> None:
    """Set the host name of the new UTS namespace, so that the machine's is not seen."""
    try:
        call("sethostname", name.encode("ascii"), len(name))
    except OSError as error:
        raise ConfineError("namespaces", str(error)) from error
