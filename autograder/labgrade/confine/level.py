"""What confinement can be reached, and the error that says why it was not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["ConfineError", "Feature", "Features", "Level"]


class Level(StrEnum):
    """How much stands between a student's code and the machine, strongest first."""

    FULL = "full"
    """Namespaces, a private file system, Landlock, seccomp and resource limits."""
    NO_NAMESPACES = "no-namespaces"
    """Landlock, seccomp and resource limits; the file system is the machine's own."""
    LIMITS_ONLY = "limits-only"
    """Resource limits and a session of its own: accidents are stopped, a student who tries is not."""
    OFF = "off"
    """Nothing."""

    @property
    def rank(self) -> int:
        """A number that grows with strength, from 0."""
        return _ORDER.index(self)

    @property
    def meaning(self) -> str:
        """What it holds off, in a few words."""
        return _MEANINGS[self]

    def reaches(self, floor: Level) -> bool:
        """Whether this level is at least ``floor``."""
        return self.rank >= floor.rank


_MEANINGS = {
    Level.FULL: "students' code reaches nothing of this machine",
    Level.NO_NAMESPACES: "students' code reads and writes nothing outside its folder",
    Level.LIMITS_ONLY: "accidents are stopped; a student who tries reaches the grader's files",
    Level.OFF: "students' code runs with all rights of the grader",
}
_ORDER = (Level.OFF, Level.LIMITS_ONLY, Level.NO_NAMESPACES, Level.FULL)


class ConfineError(RuntimeError):
    """The wanted confinement could not be reached.

    Args:
        cause: stable, documented name, e.g. ``below-floor``.
        message: what was tried and what the system answered.

    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(f"{cause}: {message}")
        self.cause = cause
        self.message = message


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that confinement is made of, as found on this machine.

    Args:
        name: e.g. ``landlock``.
        works: whether it can be used now.
        state: what was found, in words.
        mend: what to do to get it; "" if nothing is needed or nothing can be done.

    """

    name: str
    works: bool
    state: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Features:
    """What this machine can do now.

    Args:
        level: the strongest level that a trial reached.
        landlock_abi: version of Landlock, 0 if there is none.
        is_root: the effective user is 0.
        slot_uids: a user id of its own can be given to each child.
        user_namespace: needed (and possible) to get the other namespaces.
        cgroup: ``v1``, ``v2`` or "": where memory and processes can be limited for a whole tree.
        features: all of it, one by one, for a person.

    """

    level: Level
    landlock_abi: int
    is_root: bool
    slot_uids: bool
    user_namespace: bool
    cgroup: str
    features: tuple[Feature, ...]
