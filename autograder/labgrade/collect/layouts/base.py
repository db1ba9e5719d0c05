"""What a recogniser gets and gives: names in, claims out; no file is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labgrade.collect.model import Claim

__all__ = ["Context", "Layout"]


@dataclass(frozen=True, slots=True)
class Context:
    """What is known of the lab and the source when names are read.

    Args:
        lab: the assignment id.
        notebooks: names of the lab's notebooks, without suffix.
        files: names of all files that students hand in, with suffix.
        is_archive: the names come from an archive, which may have a folder around everything.

    """

    lab: str
    notebooks: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    is_archive: bool = True


@dataclass(frozen=True, slots=True)
class Layout:
    """A way in which submissions are laid out.

    Args:
        name: short, stable, as in the mapping.
        title: for people.
        sign: what the names show that this layout is recognised by.
        read: names of the members -> what each says; None for a name that does not fit.
        keeps_timestamp: ``timestamp.txt`` is the collector's, not the student's.
        describe: name of a member that describes the others, "" if there is none.

    """

    name: str
    title: str
    sign: str
    read: Callable[[Sequence[str], Context], list[Claim | None]]
    keeps_timestamp: bool = False
    describe: str = ""
