"""Pictures of figures that look alike, kept while a class is graded.

A class of a thousand hands in a thousand times the figures of the given cells, each of which takes longer to
draw than all other cells together. The grader draws those once, from the lab's own text, and hangs them here
in each student's process. A figure that equals one of them, number by number, is not drawn again.
"""

from __future__ import annotations

import hashlib
import pickle  # only to write: nothing is ever read back
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.transforms import TransformNode

from labkit.checks.frames import is_loose

__all__ = ["Gallery", "fingerprint", "gallery"]

_MOST_BYTES = 4 << 20


class Gallery:
    """Finished pictures by the fingerprint of what they show.

    Args:
        pictures: fingerprint -> PNG file.
        keeps: new pictures are added: true only where the lab's own text runs.

    """

    def __init__(self, pictures: Mapping[str, bytes] | None = None, *, keeps: bool = False) -> None:
        self.pictures = dict(pictures or {})
        self._keeps = keeps
        self._is_used = keeps or bool(self.pictures)
        self._bytes = 0
        self._since = next(reversed(sys.modules))

    def fingerprint(self, *parts: Any) -> str:
        """Return what identifies a picture; "" if nothing here could be it.

        Args:
            parts: all that decides how it looks, besides matplotlib's settings.

        """
        return fingerprint(*parts, since=self._since) if self._is_used else ""

    def find(self, mark: str) -> bytes | None:
        """Return the picture with a fingerprint."""
        return self.pictures.get(mark) if mark else None

    def show(self, mark: str, draw: Callable[[], bytes | None]) -> bytes | None:
        """Return the picture with a fingerprint, drawn if it is not here."""
        found = self.find(mark)
        if found is None:
            found = draw()
            if mark and found and self._keeps and self._bytes + len(found) <= _MOST_BYTES:
                self.pictures[mark] = found
                self._bytes += len(found)
        return found


_open = Gallery()


def gallery(new: Gallery | None = None) -> Gallery:
    """Return the gallery of this process, after putting a new one in its place if there is one."""
    global _open  # one for a process, like the figures it shows
    if new is not None:
        _open = new
    return _open


def fingerprint(*parts: Any, since: str = "") -> str:
    """Return a digest of figures and values and of matplotlib's settings.

    Args:
        parts: figures, arrays, texts.
        since: the last module that was imported before any code of a student's.

    Returns:
        The digest; "" where the looks depend on code of a notebook's or of a module beside it, or on
        something that cannot be written down.

    """
    try:
        with _without_addresses():
            data = pickle.dumps((dict(mpl.rcParams), *parts), protocol=5)
    except Exception:  # whatever an object says to being written down: then it is drawn
        return ""
    if any(name.encode() in data for name in ("__main__", *filter(_is_own, _later(since)))):
        return ""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@contextmanager
def _without_addresses() -> Iterator[None]:
    """Leave out by which memory addresses transforms know each other: they are not the same twice."""
    kind: Any = TransformNode
    usual = kind.__getstate__
    kind.__getstate__ = lambda self: {**self.__dict__, "_parents": {}}
    try:
        yield
    finally:
        kind.__getstate__ = usual


def _later(since: str) -> Iterator[str]:
    """Yield the modules that were imported after one of them: they stand in the order of their import."""
    # Not one name more than needed: each that is looked at costs a forked process a page of memory.
    for name in reversed(sys.modules):
        if name == since:
            return
        yield name


def _is_own(name: str) -> bool:
    origin = getattr(sys.modules.get(name), "__file__", None)
    return origin is None or is_loose(str(origin))
