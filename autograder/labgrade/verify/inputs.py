"""Sends the arguments of a question, and remembers which of them can be differentiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labgrade.wire import Encoder
from labgrade.wire.tags import Tag

__all__ = ["InputEncoder"]


class InputEncoder(Encoder):
    """Notes each tensor that needs a gradient, in the order in which the other side decodes them."""

    def __init__(self, opaque: Callable[[Any], list[Any]], noted: list[Any]) -> None:
        super().__init__(opaque)
        self._noted = noted

    def node(self, value: Any, depth: int) -> Any:
        """Return the node of one value; see :class:`labgrade.wire.Encoder`."""
        node = super().node(value, depth)
        if type(node) is list and node[0] == Tag.TENSOR and node[3] & 1:
            self._noted.append(value)
        return node
