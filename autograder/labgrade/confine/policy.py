"""What a confined child may use: the one value that callers make."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from dataclasses import dataclass, field
from pathlib import Path

from labgrade.confine.level import Level

__all__ = ["FIRST_SLOT_UID", "PRIVATE_WORK_DIR", "Policy", "readable_by_default"]

FIRST_SLOT_UID = 61_184
"""Slot 0 runs as this user id; slot n as this plus n. The range is systemd's DynamicUser range."""

PRIVATE_WORK_DIR = "/home/student"
"""Where a child works when it has a file system of its own."""


def _site_folders() -> list[str]:
    folders = [*site.getsitepackages(), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    # Other folders of sys.path (an editable install, PYTHONPATH) may hold a course's answers: they are left
    # out.
    folders += [entry for entry in sys.path if Path(entry).name in {"site-packages", "dist-packages"}]
    return folders


def _package_folder(name: str) -> list[str]:
    from importlib.util import find_spec

    spec = find_spec(name)
    return list(spec.submodule_search_locations or []) if spec else []


def readable_by_default() -> tuple[str, ...]:
    """List the folders that a Python child needs to read: interpreter, packages, system libraries, labkit.

    Returns:
        Existing absolute paths without symbolic links, none inside another.

    """
    wanted = [sys.prefix, sys.exec_prefix, sys.base_prefix, sys.base_exec_prefix, *_site_folders()]
    wanted += ["/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", *_package_folder("labkit")]
    real = sorted({os.path.realpath(path) for path in wanted if os.path.isdir(path)})
    kept: list[str] = []
    for path in real:
        if path == "/":
            continue  # a prefix of "/" is covered by the other entries
        if not any(path == above or path.startswith(above + "/") for above in kept):
            kept.append(path)
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class Policy:
    """What one confined child may use.

    Args:
        memory_mib: address space above what the process holds when it is confined, and the limit of
            the cgroup (where there is one) for the whole tree.
        cpu_s: CPU seconds of each process.
        file_mib: largest file that may be written.
        scratch_mib: size of the private file system, work folder included (level ``full``).
        scratch_files: files and folders in it (level ``full``).
        processes: processes and threads at the same time.
        open_files: descriptors of each process.
        readonly_paths: what may be read (see :func:`readable_by_default`).
        writable_paths: folders of the machine in which the child may make, change and remove files; they are
            shared with whoever else can reach them, so give one to each child (a kernel's sockets lie
            there). A child with a user id of its own becomes the owner of each and of the files in it.
        hidden_paths: what must stay unreadable even if it lies inside one of ``readonly_paths``; covered
            at level ``full``, a reason to refuse at ``no-namespaces``.
        work_dir: an existing folder that the child may write, used at levels below ``full``; "" for none.
        floor: below this level :func:`enter` refuses.
        ceiling: no stronger level is tried (tests, and machines where an administrator wants it so).
        allow_fork: the child may make processes (``DataLoader`` workers); honoured only at ``full`` and
            below ``no-namespaces``, since without a PID namespace a process could outlive its tree.
        allow_exec: the child may start programs (kernels that are not forked from the zygote).
        private_network: the child gets a network of its own that holds nothing but its loopback (level
            ``full``);
            without it there are no network sockets at all. Kernels need it between their own threads.
        allow_locks: files may be locked (a database on disk); whoever can open the same files notices.
        slot: which of the grader's places this is; gives the user id when the grader is root.
        environment: the child's whole environment, without HOME and TMPDIR, which follow the work folder.

    """

    memory_mib: int = 2048
    cpu_s: int = 600
    file_mib: int = 64
    scratch_mib: int = 256
    scratch_files: int = 20_000
    processes: int = 64
    open_files: int = 256
    readonly_paths: tuple[str, ...] = field(default_factory=readable_by_default)
    writable_paths: tuple[str, ...] = ()
    hidden_paths: tuple[str, ...] = ()
    work_dir: str = ""
    floor: Level = Level.NO_NAMESPACES
    ceiling: Level = Level.FULL
    allow_fork: bool = False
    allow_exec: bool = False
    private_network: bool = False
    allow_locks: bool = False
    slot: int = 0
    environment: tuple[tuple[str, str], ...] = (
        ("LANG", "C.UTF-8"),
        ("PATH", "/usr/bin:/bin"),
        ("USER", "student"),
        ("LOGNAME", "student"),
    )
