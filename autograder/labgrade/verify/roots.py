"""The names under which the trusted side found objects of the student's."""

from __future__ import annotations

from typing import Any

from labgrade.verify.proxy import Proxy, reference_of, type_name_of

__all__ = ["Roots"]

Place = tuple[int, int]
"""Epoch and number of an object."""


class Roots:
    """Objects that were found by a name; in a process that was started again they are found by it again."""

    def __init__(self) -> None:
        self._found: dict[Place, tuple[str, str]] = {}

    def note(self, proxy: Proxy, name: str, module: str) -> None:
        """Remember that an object was found by a name in a module of the student's ("": the notebook)."""
        self._found[reference_of(proxy)] = (name, module)

    def note_again(self, place: Place, question: tuple[Any, ...]) -> None:
        """Remember where an object of a former process comes from."""
        self._found[place] = (question[1][0][0], question[1][1])

    def question(self, place: Place) -> tuple[Any, ...] | None:
        """Return what to ask to find the object again; None if it has no name."""
        found = self._found.get(place)
        return None if found is None else ("find", ([found[0]], found[1]))

    def name_of(self, proxy: Proxy) -> str:
        """Return the name by which the object was found, or what its process calls it."""
        found = self._found.get(reference_of(proxy))
        return found[0] if found is not None else type_name_of(proxy)

    def module_of(self, proxy: Proxy) -> str:
        """Return the student's module in which the object was found, "" for the notebook."""
        return self._found.get(reference_of(proxy), ("", ""))[1]

    def counted_as(self, args: tuple[Any, ...]) -> str:
        """Return the name by which a question is counted: of what is asked, as the trusted side knows it.

        Args:
            args: of the question; the first is the object, if it is about one.

        """
        if not args or type(args[0]) is not Proxy:
            return "the modules that are imported"
        name = self.name_of(args[0])
        # Objects call their class as they like: only names that were looked up here count for themselves.
        is_known = any(name == known for known, _ in self._found.values())
        return name if is_known else "an object"
