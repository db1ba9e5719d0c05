"""Resource limits of one process, by ``setrlimit``."""

from __future__ import annotations

import resource
from pathlib import Path

from labgrade.confine.level import ConfineError
from labgrade.confine.policy import Policy

__all__ = ["address_space_mib", "apply"]

_MIB = 1024 * 1024


def address_space_mib() -> int:
    """Return the size of this process's address space in MiB; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except FileNotFoundError:
        return 0
    return pages * resource.getpagesize() // _MIB


def _lower(name: str, value: int) -> None:
    kind = getattr(resource, name, None)
    if kind is None:
        return  # not on this system (Linux has all of them)
    _, hard = resource.getrlimit(kind)
    wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(kind, (wanted, wanted))
    except (OSError, ValueError) as error:
        raise ConfineError("rlimit", f"{name}={wanted}: {error}") from error


def apply(policy: Policy, held_mib: int, limit_processes: bool) -> None:
    """Lower this process's limits, soft and hard, for good.

    Args:
        policy: the budget.
        held_mib: address space held before (see :func:`address_space_mib`); 0 leaves the address space alone.
        limit_processes: False where the kernel would count all processes of a user who has others: the
            number of threads is then limited by the address space that their stacks take.

    Raises:
        ConfineError: the system refused.

    """
    _lower("RLIMIT_CORE", 0)
    if held_mib:
        # Not RLIMIT_DATA: it misses shared memory.
        _lower("RLIMIT_AS", (held_mib + policy.memory_mib) * _MIB)
    _lower("RLIMIT_CPU", policy.cpu_s)
    _lower("RLIMIT_FSIZE", policy.file_mib * _MIB)
    _lower("RLIMIT_NOFILE", policy.open_files)
    _lower("RLIMIT_MSGQUEUE", 0)
    _lower("RLIMIT_MEMLOCK", 8 * _MIB)
    if limit_processes:
        _lower("RLIMIT_NPROC", policy.processes)
