"""What the warm process is told when it starts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

__all__ = ["Settings"]


class Settings(msgspec.Struct, frozen=True):
    """What the warm process is told when it starts.

    Args:
        preload: modules to import.
        sandbox: ``auto`` (the strongest level there is), ``strict`` (the full level or nothing), ``off``.
        floor: the level below which ``auto`` refuses, as :class:`labgrade.confine.Level` names it.
        start: ``fork`` children from a warm process, or ``spawn`` a program for each.
        memory_mib: see :class:`labgrade.model.Limits`, as all below.
        cpu_s: CPU seconds.
        file_mib: largest file.
        scratch_mib: size of the work folder.
        processes: processes and threads.

    """

    preload: Sequence[str] = ()
    sandbox: str = "auto"
    floor: str = "no-namespaces"
    start: str = "fork"
    memory_mib: int = 2048
    cpu_s: int = 600
    file_mib: int = 64
    scratch_mib: int = 256
    processes: int = 64
