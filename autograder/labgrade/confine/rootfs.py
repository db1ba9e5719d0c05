"""A file system of the child's own: what it may read, bound read-only, and a small tmpfs for the rest."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import PurePosixPath

from labgrade.confine.linux import call, mount
from labgrade.confine.policy import PRIVATE_WORK_DIR, Policy

__all__ = ["CPU_FOLDER", "DEVICES", "SYSTEM_FILES", "Layout", "build", "lay_out", "links_on_the_way"]

DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/etc/fonts")
CPU_FOLDER = "/sys/devices/system/cpu"

_BASE = "/tmp"  # noqa: S108 - only a place to mount on, in a mount namespace that nobody else sees
_SHARED = ("/tmp", "/dev/shm")  # noqa: S108 - of the child's own
_FOLDERS = ("/etc", "/proc", *_SHARED)
_DESCRIPTORS = (
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
)
_TOP_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = {
    "passwd": "root:x:0:0:root:/:/bin/false\nstudent:x:{uid}:{gid}:student:{home}:/bin/false\n",
    "group": "root:x:0:\nstudent:x:{gid}:\n",
    "hosts": "127.0.0.1 localhost\n",
    "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}

_AT_FDCWD = -100
_AT_EMPTY_PATH, _AT_RECURSIVE = 0x1000, 0x8000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV, _ATTR_NOEXEC = 1, 2, 4, 8
_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000
_MNT_DETACH = 2


class _MountAttr(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _clone_tree(path: str, attributes: int) -> int:
    """Take a copy of the mounts under a path, with stricter attributes, not yet attached anywhere."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE
    fd = call("open_tree", _AT_FDCWD, os.fsencode(path), flags)
    attr = _MountAttr(attributes, 0, 0, 0)
    call("mount_setattr", fd, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, attr, ctypes.sizeof(attr))
    return fd


def _attach(fd: int, target: str) -> None:
    call("move_mount", fd, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
    os.close(fd)


@dataclass(frozen=True, slots=True)
class Layout:
    """What a private file system will show.

    Args:
        links: (where, what it says) of each symbolic link.
        trees: (path, is a folder, mount attributes), a folder before what lies in it.
        folders: every folder that must be made for them, parents first.

    """

    links: tuple[tuple[str, str], ...]
    trees: tuple[tuple[str, bool, int], ...]
    folders: tuple[str, ...]


def links_on_the_way(path: str) -> list[tuple[str, str]]:
    """List the symbolic links that lead to a path, as (where it is, what it says), outermost first."""
    found: list[tuple[str, str]] = []
    pending, done = [part for part in path.split("/") if part], ""
    while pending and len(found) < 40:
        here = f"{done}/{pending.pop(0)}"
        try:
            said = os.readlink(here)
        except OSError:
            done = here
            continue
        found.append((here, said))
        whole = os.path.normpath(os.path.join(os.path.dirname(here), said, *pending))
        pending, done = [part for part in whole.split("/") if part], ""
    return found


@cache
def lay_out(readonly_paths: tuple[str, ...], writable_paths: tuple[str, ...] = ()) -> Layout:
    """Look at the machine once and decide what a private file system will show.

    Args:
        readonly_paths: what the child may read; paths that do not exist are left out.
        writable_paths: folders of the machine that it may also change.

    Returns:
        The layout; computed once for each value.

    """
    shown = _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV
    wanted = {os.path.realpath(path): shown for path in readonly_paths if os.path.exists(path)}
    for path in (*SYSTEM_FILES, CPU_FOLDER):
        real = os.path.realpath(path)
        if os.path.exists(real) and not any(real.startswith(above + "/") for above in wanted):
            wanted[real] = shown | _ATTR_NOEXEC
    wanted |= {os.path.realpath(path): _ATTR_NOSUID | _ATTR_NODEV | _ATTR_NOEXEC for path in writable_paths}
    wanted |= {path: _ATTR_NOSUID | _ATTR_NOEXEC for path in DEVICES if os.path.exists(path)}
    trees = tuple((path, os.path.isdir(path), wanted[path]) for path in sorted(wanted))
    links = dict(
        link
        for path in (*readonly_paths, *writable_paths, *_TOP_LINKS, *SYSTEM_FILES)
        for link in links_on_the_way(path)
    )
    covered = tuple(path + "/" for path, is_folder, _ in trees if is_folder)
    links = {place: said for place, said in links.items() if not place.startswith(covered)}
    folders = {PRIVATE_WORK_DIR, *_FOLDERS} | {path for path, is_folder, _ in trees if is_folder}
    for path in [*folders, *links, *wanted]:
        folders |= {str(parent) for parent in PurePosixPath(path).parents}
    return Layout(tuple(links.items()), trees, tuple(sorted(folders - {"/"} - links.keys())))


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(text)


def _hide(paths: Iterable[str]) -> None:
    for path in paths:
        target = _BASE + os.path.realpath(path)
        if os.path.isdir(target):
            mount(
                "tmpfs", target, "tmpfs", _MS_RDONLY | _MS_NOSUID | _MS_NODEV, "size=4k,nr_inodes=2,mode=555"
            )
        elif os.path.exists(target):
            _attach(_clone_tree(_BASE + "/dev/null", _ATTR_NOSUID), target)


def build(policy: Policy, uid: int, gid: int) -> None:
    """Make the file system and move into it; the calling process needs namespaces of its own.

    Args:
        policy: what to show, and how much room to give.
        uid: who will own the work folder.
        gid: its group.

    Raises:
        OSError: the kernel refused a step.

    """
    layout = lay_out(policy.readonly_paths, policy.writable_paths)
    mount("", "/", "", _MS_REC | _MS_PRIVATE)
    os.chdir("/")
    # All are taken before the new root covers the folder on which it is mounted.
    trees = [(path, is_folder, _clone_tree(path, flags)) for path, is_folder, flags in layout.trees]
    room = f"size={policy.scratch_mib}m,nr_inodes={policy.scratch_files},mode=755"
    mount("tmpfs", _BASE, "tmpfs", _MS_NOSUID | _MS_NODEV, room)
    os.umask(0o022)
    for folder in layout.folders:
        os.mkdir(_BASE + folder, 0o755)
    for place, said in layout.links:
        os.symlink(said, _BASE + place)
    for path, is_folder, fd in trees:
        if not is_folder:
            os.close(os.open(_BASE + path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
        _attach(fd, _BASE + path)
    _hide(policy.hidden_paths)
    for shared in _SHARED:
        os.chmod(_BASE + shared, 0o1777)  # noqa: S103 - of the child's own, as everywhere
    for name, text in _ETC.items():
        _write(f"{_BASE}/etc/{name}", text.format(uid=uid, gid=gid, home=PRIVATE_WORK_DIR))
    for name, said in _DESCRIPTORS:
        os.symlink(said, f"{_BASE}/dev/{name}")
    mount("proc", _BASE + "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    os.chown(_BASE + PRIVATE_WORK_DIR, uid, gid)
    os.chmod(_BASE + PRIVATE_WORK_DIR, 0o700)

    os.chdir(_BASE)
    call("pivot_root", b".", b".")
    call("umount2", b".", _MNT_DETACH)
    os.chdir("/")
