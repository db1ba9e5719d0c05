"""The numbers that mark the kinds of values on the wire, and the caps that both sides keep."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

__all__ = [
    "MAX_DEPTH",
    "MAX_HEADER_BYTES",
    "MAX_INT_BITS",
    "MAX_NODES",
    "MAX_RAW_BYTES",
    "PLAIN_TYPES",
    "CodecError",
    "Node",
    "Tag",
]

Node = Any
"""What msgpack holds: None, bool, int, float, str, bytes, or a list that begins with a tag."""

MAX_RAW_BYTES = 32 * 1024 * 1024
"""Array and text bytes of one message."""
MAX_HEADER_BYTES = 1024 * 1024
"""Structure of one message. One byte of it can become 64 bytes of empty list, hence the low cap."""
MAX_NODES = 1_000_000
"""Values in one message, elements of lists included, elements of arrays not."""
MAX_DEPTH = 64
MAX_INT_BITS = 1 << 17


class CodecError(Exception):
    """A value cannot cross, or what came is not a message of ours."""


class Tag(IntEnum):
    """First element of a node that is not a bare None, bool, int, float, str or bytes."""

    INT = 1
    STR = 2
    BYTEARRAY = 3
    COMPLEX = 4
    ELLIPSIS = 5
    NOT_IMPLEMENTED = 6
    LIST = 10
    TUPLE = 11
    SET = 12
    FROZENSET = 13
    DICT = 14
    ORDERED_DICT = 15
    COUNTER = 16
    DEFAULT_DICT = 17
    DEQUE = 18
    RANGE = 19
    SLICE = 20
    FLOATS = 21
    INTS = 22
    STRINGS = 23
    FRACTION = 24
    DECIMAL = 25
    ARRAY = 30
    SCALAR = 31
    TENSOR = 32
    DTYPE = 33
    TORCH_DTYPE = 34
    SIZE = 35
    DEVICE = 36
    TYPE = 37
    HANDLE = 50
    REFERENCE = 51
    CALLBACK = 52
    PUBLIC = 53
    REMOTE_TENSOR = 54


_PLAIN: tuple[type[Any], ...] = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    list,
    tuple,
    dict,
    set,
    frozenset,
    range,
)
PLAIN_TYPES: dict[str, type[Any]] = {kind.__name__: kind for kind in (*_PLAIN, slice, object, type(None))}
"""Types that may be named on the wire; each is the same harmless type on both sides."""
