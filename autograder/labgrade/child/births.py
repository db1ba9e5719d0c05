"""How the warm process makes a child: confined as far as the machine allows, or refused."""

from __future__ import annotations

import os
import resource
from collections.abc import Collection
from typing import Any

from labgrade.child.settings import Settings
from labgrade.child.start import detach
from labgrade.confine import ConfineError, Level, Nursery, Policy, available, end_hogs
from labgrade.confine.credentials import slot_uid
from labgrade.confine.process import die_with_parent
from labgrade.confine.rlimits import address_space_mib, apply
from labgrade.confine.steps import choose_level
from labgrade.confine.supervise import explain_end

__all__ = ["Births", "confine_here", "make_policy"]

_SLOTS = 4_096
"""So many user ids are given to children in turn, where the grader may: no two at the same time share one."""


def make_policy(settings: Settings, folder: str = "", slot: int = 0) -> Policy:
    """Return the policy for a child.

    Args:
        settings: of the warm process.
        folder: where it works if it cannot have a file system of its own.
        slot: which user id it gets.

    """
    return Policy(
        memory_mib=settings.memory_mib,
        cpu_s=settings.cpu_s,
        file_mib=settings.file_mib,
        scratch_mib=settings.scratch_mib,
        processes=settings.processes,
        work_dir=folder,
        floor={"strict": Level.FULL, "off": Level.OFF}.get(settings.sandbox) or Level(settings.floor),
        ceiling=Level.OFF if settings.sandbox == "off" else Level.FULL,
        allow_fork=True,  # DataLoader's workers; counted by RLIMIT_NPROC and ended with the PID namespace
        slot=slot,
        environment=(
            ("LANG", "C.UTF-8"),
            ("LOGNAME", "student"),
            ("MPLBACKEND", os.environ.get("MPLBACKEND", "agg")),
            ("OMP_NUM_THREADS", "1"),
            ("PATH", "/usr/bin:/bin"),
            ("USER", "student"),
        ),
    )


def confine_here(policy: Policy, level: Level, descriptors: list[int]) -> None:
    """Limit this very process, on machines that have no more than limits.

    Args:
        policy: its budget.
        level: ``limits-only`` or ``off``.
        descriptors: that it keeps.

    """
    detach(descriptors)
    os.environ.clear()
    os.environ.update(policy.environment, HOME=policy.work_dir, TMPDIR=policy.work_dir)
    os.chdir(policy.work_dir)
    if level is not Level.OFF:
        apply(policy, address_space_mib(), limit_processes=False)


class Births:
    """Makes children.

    Args:
        settings: of the warm process.
        level: of confinement that every child reaches.
        nursery: makes them, where the level has one.

    """

    def __init__(self, settings: Settings, level: Level, nursery: Nursery | None) -> None:
        self._settings = settings
        self.level = level
        self._nursery = nursery
        self._is_child = False
        # Another grader on this machine starts elsewhere in the range.
        self._slot = os.getpid() * 61 % _SLOTS
        # Process ids cannot tell a child from its parent: each may be number 1 of its namespace.
        os.register_at_fork(after_in_child=self._note_fork)

    def _note_fork(self) -> None:
        self._is_child = True

    def _give_folder(self, folder: str, policy: Policy) -> None:
        """Let the user of the child's slot write its work folder, where there is no private file system."""
        if self.level is Level.NO_NAMESPACES and available().slot_uids:
            os.chown(folder, slot_uid(policy.slot), slot_uid(policy.slot))

    def end_hogs(self, children: Collection[int]) -> list[int]:
        """End children whose processes together hold more memory than one submission may; return which."""
        if self._nursery is None:
            return []
        return end_hogs(children, self._settings.memory_mib + self._settings.scratch_mib)

    def explain_end(self, code: int, usage: resource.struct_rusage, is_hog: bool) -> str:
        """Return the cause of a child's end, as :class:`labgrade.confine.supervise.Ended` names it."""
        return explain_end(code, usage, make_policy(self._settings), memory=is_hog).cause

    @classmethod
    def prepare(cls, settings: Settings) -> Births:
        """Find out what the machine can do.

        Raises:
            ConfineError: less than the settings ask for.

        """
        # An environment variable of matplotlib's that warm() sets later; children get it by their policy.
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
        policy = make_policy(settings)
        if settings.sandbox == "off":
            return cls(settings, Level.OFF, None)
        level = choose_level(policy, available())
        if level.reaches(Level.NO_NAMESPACES) and settings.start == "fork":
            nursery = Nursery(policy)
            return cls(settings, nursery.level, nursery)
        return cls(settings, level, None)

    def prepare_place(self, folder: str) -> Policy:
        """Return the policy for the next child, and let its user write its work folder."""
        # The kernel counts processes by user: with a shared id one student's would be missing to another.
        self._slot = (self._slot + 1) % _SLOTS
        policy = make_policy(self._settings, folder, self._slot)
        self._give_folder(folder, policy)
        return policy

    def fork_child(self, request: dict[str, Any], descriptors: list[int]) -> int:
        """Fork a child.

        Args:
            request: ``folder``: where it works if it has no file system of its own.
            descriptors: that it keeps.

        Returns:
            Its process id; 0 in the child, confined.

        Raises:
            ConfineError: no child could be made.

        """
        policy = self.prepare_place(request["folder"])
        if self._nursery is not None:
            self._is_child = False
            try:
                return self._nursery.fork(policy, descriptors)
            except ConfineError:
                if self._is_child:
                    # Half confined: it must end. The connection that closes tells the grader.
                    os._exit(71)
                raise
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            die_with_parent(parent)
            confine_here(policy, self.level, descriptors)
        return pid
