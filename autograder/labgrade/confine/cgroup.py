"""Limits for a whole process tree, where the grader may write to the cgroup file system.

Version 1 (memory and pids hierarchies) and version 2 (one hierarchy with both controllers).
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Box", "Place", "find", "make", "make_box", "sweep"]

_PREFIX = "labgrade-"
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where boxes can be made.

    Args:
        version: ``v1`` or ``v2``.
        memory: folder of the memory controller under which boxes are made.
        pids: the same of the pids controller; the same folder in version 2.

    """

    version: str
    memory: Path
    pids: Path

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders, each once."""
        return tuple(dict.fromkeys((self.memory, self.pids)))


def _own_paths() -> dict[str, str]:
    """Return controller -> path of this process's cgroup; the unified hierarchy has the name ""."""
    paths: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            paths[controller] = path
    return paths


def _mounts() -> dict[str, Path]:
    """Return controller -> mount point; the unified hierarchy has the name ""."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.split(" ", 2)
        point = Path(left.split(" ")[4])
        if kind == "cgroup2":
            found.setdefault("", point)
        elif kind == "cgroup":
            for controller in options.split(" ")[-1].split(","):
                found.setdefault(controller, point)
    return found


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK) and os.access(folder / "cgroup.procs", os.W_OK)


def find() -> Place | None:
    """Return where boxes can be made, or None."""
    try:
        own, mounts = _own_paths(), _mounts()
    except (OSError, ValueError):
        return None
    if {"memory", "pids"} <= own.keys() & mounts.keys():
        memory = mounts["memory"] / own["memory"].lstrip("/")
        pids = mounts["pids"] / own["pids"].lstrip("/")
        if _writable(memory) and _writable(pids):
            return Place("v1", memory, pids)
    if "" in own and "" in mounts:
        unified = mounts[""] / own[""].lstrip("/")
        with suppress(OSError):
            given = (unified / "cgroup.subtree_control").read_text(encoding="ascii").split()
            if {"memory", "pids"} <= set(given) and _writable(unified):
                return Place("v2", unified, unified)
    return None


@dataclass(frozen=True, slots=True)
class Box:
    """One cgroup, made for one process tree.

    Args:
        version: ``v1`` or ``v2``.
        folders: its folders, one for each hierarchy.
        entrances: open descriptors of ``cgroup.procs``, for a process that will not see the files any more.

    """

    version: str
    folders: tuple[Path, ...]
    entrances: tuple[int, ...] = field(default=())

    def join(self, pid: int = 0) -> None:
        """Move a process (0: the calling one) into the box; what it forks later is born there."""
        for fd in self.entrances:
            os.write(fd, str(pid).encode("ascii"))

    def close(self) -> None:
        """Close the descriptors."""
        for fd in self.entrances:
            os.close(fd)

    def count_memory_kills(self) -> int:
        """Return how often the kernel killed for want of memory in this box."""
        name = "memory.oom_control" if self.version == "v1" else "memory.events"
        try:
            text = (self.folders[0] / name).read_text(encoding="ascii")
        except OSError:
            return 0
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill "))

    def kill(self) -> None:
        """Kill everything in the box."""
        killer = self.folders[0] / "cgroup.kill"
        if killer.exists():
            killer.write_text("1", encoding="ascii")
            return
        with suppress(FileNotFoundError):
            for word in (self.folders[0] / "cgroup.procs").read_text(encoding="ascii").split():
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(int(word), signal.SIGKILL)

    def remove(self, patience_s: float = 1.0) -> bool:
        """Kill what is left and remove the box; tell whether it is gone."""
        deadline = time.monotonic() + patience_s
        while not all(_remove(folder) for folder in self.folders):
            if time.monotonic() > deadline:
                return False
            self.kill()
            time.sleep(0.002)
        return True


def _remove(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _limit(place: Place, folders: tuple[Path, ...], memory_mib: int, processes: int) -> None:
    memory, pids = folders[0], folders[-1]
    if place.version == "v1":
        (memory / "memory.limit_in_bytes").write_text(str(memory_mib * _MIB), encoding="ascii")
        with suppress(OSError):  # there only where swap is accounted
            (memory / "memory.memsw.limit_in_bytes").write_text(str(memory_mib * _MIB), encoding="ascii")
    else:
        (memory / "memory.max").write_text(str(memory_mib * _MIB), encoding="ascii")
        with suppress(OSError):
            (memory / "memory.swap.max").write_text("0", encoding="ascii")
            (memory / "memory.oom.group").write_text("1", encoding="ascii")
    (pids / "pids.max").write_text(str(processes), encoding="ascii")


def make(place: Place, memory_mib: int, processes: int) -> Box:
    """Make a box with limits.

    Args:
        place: see :func:`find`.
        memory_mib: limit of the whole tree, files in tmpfs included.
        processes: limit of processes and threads of the whole tree.

    Returns:
        The box. Whoever made it removes it.

    Raises:
        OSError: the kernel refused; nothing is left behind.

    """
    name = f"{_PREFIX}{os.getpid()}-{time.monotonic_ns()}"
    folders = tuple(folder / name for folder in place.folders)
    entrances: list[int] = []
    try:
        for folder in folders:
            folder.mkdir()
        _limit(place, folders, memory_mib, processes)
        entrances += [os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC) for folder in folders]
    except OSError:
        for fd in entrances:
            os.close(fd)
        for folder in folders:
            _remove(folder)
        raise
    return Box(place.version, folders, tuple(entrances))


def make_box(memory_mib: int, processes: int) -> Box | None:
    """Make a box for a warmed process and all its children, where this machine lets the grader do so.

    Joining costs some milliseconds, so a box for each child would cost more than the child: one box around
    the warmed process protects the machine, and each child's own limits protect its neighbours.

    Args:
        memory_mib: of the whole tree: what the warmed process takes, plus the budget of all places.
        processes: processes and threads of the whole tree.

    Returns:
        The box; ``join`` it with the warmed process's id right after that was started, ``remove`` it when it
        has ended. None where the cgroup file system is not writable.

    """
    sweep()
    place = find()
    return make(place, memory_mib, processes) if place else None


def sweep() -> int:
    """Remove boxes whose maker is no longer alive; return how many folders went."""
    place = find()
    removed = 0
    for parent in place.folders if place else ():
        for folder in parent.glob(f"{_PREFIX}*"):
            maker = folder.name.removeprefix(_PREFIX).partition("-")[0]
            if maker.isdigit() and not os.path.exists(f"/proc/{maker}"):
                removed += _remove(folder)
    return removed
