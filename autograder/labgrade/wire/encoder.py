"""Plain values to bytes and back: exact types only, capped, and decoding can run nothing.

A message is a msgpack *header* (the structure) and the *raw* bytes of its arrays and long lists, in the
order of their nodes. What is not plain data goes through ``opaque`` (encoding) and ``resolve``
(decoding), which make and find handles; without them such a value is an error.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec

from labgrade.wire import arrays
from labgrade.wire.tags import (
    MAX_DEPTH,
    MAX_HEADER_BYTES,
    MAX_INT_BITS,
    MAX_NODES,
    MAX_RAW_BYTES,
    PLAIN_TYPES,
    CodecError,
    Node,
    Tag,
)

__all__ = ["Encoder"]

_PACKED_FROM = 32
_INT64 = range(-(1 << 63), 1 << 63)
_SCALARS = frozenset({type(None), bool, float})


def _type_name(kind: Any) -> str:
    return str(type.__dict__["__name__"].__get__(kind))


class Encoder:
    """Turns values into one message.

    Args:
        opaque: called for a value that is not plain data; returns its node, or raises CodecError.

    """

    def __init__(self, opaque: Callable[[Any], Node] | None = None) -> None:
        self._opaque = opaque
        self._buffers: list[Any] = []
        self._raw_bytes = 0
        self._nodes = 0

    def encode(self, value: Any) -> tuple[bytes, list[Any]]:
        """Return the header and the raw buffers of one value.

        Raises:
            CodecError: the value is too large, too deep, or holds something that cannot cross.

        """
        self._buffers, self._raw_bytes, self._nodes = [], 0, 0
        node = self.node(value, 0)
        try:
            header = msgspec.msgpack.encode(node)
        except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError, OverflowError, TypeError) as error:
            raise CodecError(f"this value cannot be sent: {error}") from None
        if len(header) > MAX_HEADER_BYTES:
            raise CodecError(f"a value with {self._nodes} parts is too large to be sent")
        return header, self._buffers

    def node(self, value: Any, depth: int) -> Node:
        """Return the node of one value inside a message."""
        kind = type(value)
        if kind in _SCALARS:
            return value
        if depth > MAX_DEPTH:
            raise CodecError(f"a value nested more than {MAX_DEPTH} deep (or within itself) cannot be sent")
        encode = _ENCODERS.get(kind)
        if encode is not None:
            return encode(self, value, depth)
        node = arrays.encode(self, value)
        if node is not None:
            return node
        if kind is type and PLAIN_TYPES.get(_type_name(value)) is value:
            return [Tag.TYPE, _type_name(value)]
        if self._opaque is not None:
            return self._opaque(value)
        raise CodecError(f"a value of type {kind.__name__} cannot be sent")

    def add_raw(self, buffer: Any, size: int) -> int:
        """Append raw bytes to the message and return their number."""
        self._raw_bytes += size
        if self._raw_bytes > MAX_RAW_BYTES:
            raise CodecError(f"more than {MAX_RAW_BYTES >> 20} MiB cannot be sent at once")
        self._buffers.append(buffer)
        return size

    def _count(self, number: int) -> None:
        self._nodes += number
        if self._nodes > MAX_NODES:
            raise CodecError(f"more than {MAX_NODES} values cannot be sent at once")

    def items(self, values: Iterable[Any], depth: int) -> list[Node]:
        """Return the nodes of the parts of a container."""
        sized = list(values)
        self._count(len(sized))
        if set(map(type, sized)) <= _SCALARS:
            return sized
        return [self.node(value, depth + 1) for value in sized]


def _encode_int(encoder: Encoder, value: int, depth: int) -> Node:
    if value in _INT64:
        return value
    if value.bit_length() > MAX_INT_BITS:
        raise CodecError(f"an integer of more than {MAX_INT_BITS} bits cannot be sent")
    return [Tag.INT, hex(value)]


def _encode_str(encoder: Encoder, value: str, depth: int) -> Node:
    if len(value) > 4096:
        data = value.encode("utf-8", "surrogatepass")
        return [Tag.STR, encoder.add_raw(data, len(data))]
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:  # a lone surrogate: msgpack has no way to write it
            data = value.encode("utf-8", "surrogatepass")
            return [Tag.STR, encoder.add_raw(data, len(data))]
    return value


def _encode_bytes(encoder: Encoder, value: bytes, depth: int) -> Node:
    if len(value) <= 4096:
        return value
    return [Tag.BYTEARRAY, "bytes", encoder.add_raw(value, len(value))]


def _encode_bytearray(encoder: Encoder, value: bytearray, depth: int) -> Node:
    return [Tag.BYTEARRAY, "bytearray", encoder.add_raw(bytes(value), len(value))]


def _encode_list(encoder: Encoder, value: list[Any], depth: int) -> Node:
    if len(value) >= _PACKED_FROM:
        packed = _pack(encoder, value)
        if packed is not None:
            return packed
    return [Tag.LIST, encoder.items(value, depth)]


def _pack(encoder: Encoder, value: list[Any]) -> Node:
    kinds = set(map(type, value))
    if len(kinds) != 1:
        return None
    kind = kinds.pop()
    encoder._count(len(value))
    if kind is float:
        return [Tag.FLOATS, encoder.add_raw(array("d", value).tobytes(), 8 * len(value))]
    if kind is int and min(value) in _INT64 and max(value) in _INT64:
        return [Tag.INTS, encoder.add_raw(array("q", value).tobytes(), 8 * len(value))]
    if kind is str:
        texts = [text.encode("utf-8", "surrogatepass") for text in value]
        lengths = array("q", map(len, texts)).tobytes()
        joined = b"".join(texts)
        return [
            Tag.STRINGS,
            encoder.add_raw(lengths, len(lengths)),
            encoder.add_raw(joined, len(joined)),
        ]
    encoder._nodes -= len(value)
    return None


def _sequence(tag: Tag) -> Callable[[Encoder, Any, int], Node]:
    def encode(encoder: Encoder, value: Any, depth: int) -> Node:
        return [tag, encoder.items(value, depth)]

    return encode


def _mapping(tag: Tag) -> Callable[[Encoder, Any, int], Node]:
    def encode(encoder: Encoder, value: Any, depth: int) -> Node:
        return [
            tag,
            encoder.node(list(value.keys()), depth + 1),
            encoder.node(list(value.values()), depth + 1),
        ]

    return encode


def _encode_deque(encoder: Encoder, value: deque[Any], depth: int) -> Node:
    return [Tag.DEQUE, encoder.items(value, depth), value.maxlen]


def _attributes(tag: Tag, *names: str) -> Callable[[Encoder, Any, int], Node]:
    def encode(encoder: Encoder, value: Any, depth: int) -> Node:
        return [tag, *(encoder.node(getattr(value, name), depth + 1) for name in names)]

    return encode


_ENCODERS: dict[type, Callable[[Encoder, Any, int], Node]] = {
    int: _encode_int,
    str: _encode_str,
    bytes: _encode_bytes,
    bytearray: _encode_bytearray,
    complex: _attributes(Tag.COMPLEX, "real", "imag"),
    type(...): lambda encoder, value, depth: [Tag.ELLIPSIS],
    type(NotImplemented): lambda encoder, value, depth: [Tag.NOT_IMPLEMENTED],
    list: _encode_list,
    tuple: _sequence(Tag.TUPLE),
    set: _sequence(Tag.SET),
    frozenset: _sequence(Tag.FROZENSET),
    dict: _mapping(Tag.DICT),
    OrderedDict: _mapping(Tag.ORDERED_DICT),
    Counter: _mapping(Tag.COUNTER),
    # The factory could be anything: what arrives has the entries and no factory.
    defaultdict: _mapping(Tag.DEFAULT_DICT),
    type({}.keys()): lambda encoder, value, depth: [Tag.LIST, encoder.items(value, depth)],
    type({}.values()): lambda encoder, value, depth: [Tag.LIST, encoder.items(value, depth)],
    type({}.items()): lambda encoder, value, depth: [Tag.LIST, encoder.items(value, depth)],
    deque: _encode_deque,
    range: _attributes(Tag.RANGE, "start", "stop", "step"),
    slice: _attributes(Tag.SLICE, "start", "stop", "step"),
    Fraction: _attributes(Tag.FRACTION, "numerator", "denominator"),
    Decimal: lambda encoder, value, depth: [Tag.DECIMAL, str(value)],
}
