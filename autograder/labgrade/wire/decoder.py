"""Bytes back to plain values: whatever they are, a value or CodecError comes of them, and soon."""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
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

__all__ = ["Decoder"]


class Decoder:
    """Turns one message into a value.

    Args:
        resolve: called with the node of a handle (tag first); returns the value, or raises CodecError.

    """

    def __init__(self, resolve: Callable[[list[Node]], Any] | None = None) -> None:
        self._resolve = resolve
        self._raw = memoryview(b"")
        self._position = 0
        self._nodes = 0

    def decode(self, header: bytes | memoryview, raw: bytes | bytearray | memoryview) -> Any:
        """Return the value of one message.

        Raises:
            CodecError: and nothing else, whatever the bytes are.

        """
        if len(header) > MAX_HEADER_BYTES or len(raw) > MAX_RAW_BYTES:
            raise CodecError("the message is too large")
        self._raw, self._position, self._nodes = memoryview(raw), 0, 0
        try:
            node = msgspec.msgpack.decode(header)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, OverflowError) as error:
            raise CodecError(f"not a message: {error}") from None
        value = self.value(node, 0)
        if self._position != len(self._raw):
            raise CodecError("bytes are left over")
        return value

    def value(self, node: Node, depth: int) -> Any:
        """Return the value of one node."""
        kind = type(node)
        if kind in _BARE:
            return node
        if kind is not list or not node or type(node[0]) is not int or depth > MAX_DEPTH + 1:
            raise CodecError("the structure of the message is wrong")
        tag = node[0]
        decode = _DECODERS.get(tag) or arrays.DECODERS.get(tag)
        if decode is not None:
            try:
                return decode(self, node, depth)
            except CodecError:
                raise
            except (ValueError, TypeError, OverflowError, IndexError, ArithmeticError, RuntimeError) as error:
                raise CodecError(f"wrong contents for {Tag(tag).name}: {error}") from None
        if self._resolve is None or tag not in _HANDLES:
            raise CodecError(f"there is no kind {tag}")
        return self._resolve(node)

    def take(self, size: Any) -> memoryview:
        """Return the next ``size`` raw bytes."""
        if type(size) is not int or not 0 <= size <= len(self._raw) - self._position:
            raise CodecError("a length is wrong")
        start = self._position
        self._position += size
        return self._raw[start : self._position]

    def count(self, number: int) -> None:
        """Count values against the cap."""
        self._nodes += number
        if self._nodes > MAX_NODES:
            raise CodecError("too many values")

    def items(self, node: Node, depth: int) -> list[Any]:
        """Return the values of a list of nodes."""
        if type(node) is not list:
            raise CodecError("a list was expected")
        self.count(len(node))
        if set(map(type, node)) <= _BARE:
            return node
        return [self.value(part, depth + 1) for part in node]


_BARE = frozenset({type(None), bool, int, float, str, bytes})
_HANDLES = frozenset({Tag.HANDLE, Tag.REFERENCE, Tag.CALLBACK, Tag.PUBLIC, Tag.REMOTE_TENSOR})
# Hashes of these types are known to whoever sends them, so many equal ones could be made on purpose.
_MAX_GUESSABLE_KEYS = 16_384


def _decode_int(decoder: Decoder, node: list[Node], depth: int) -> int:
    text = node[1]
    if type(text) is not str or len(text) > MAX_INT_BITS // 4 + 8:
        raise CodecError("a wrong integer")
    return int(text, 16)


def _decode_str(decoder: Decoder, node: list[Node], depth: int) -> str:
    return str(decoder.take(node[1]), "utf-8", "surrogatepass")


def _decode_bytes(decoder: Decoder, node: list[Node], depth: int) -> bytes | bytearray:
    kind, size = node[1], node[2]
    return bytearray(decoder.take(size)) if kind == "bytearray" else bytes(decoder.take(size))


def _decode_packed(code: str) -> Callable[[Decoder, list[Node], int], list[Any]]:
    def decode(decoder: Decoder, node: list[Node], depth: int) -> list[Any]:
        raw = decoder.take(node[1])
        decoder.count(len(raw) // 8)
        numbers = array(code)
        numbers.frombytes(raw)
        return numbers.tolist()

    return decode


def _decode_strings(decoder: Decoder, node: list[Node], depth: int) -> list[str]:
    lengths = array("q")
    size = node[1]
    if type(size) is not int or size > 8 * MAX_NODES:
        raise CodecError("too many values")
    lengths.frombytes(decoder.take(size))
    decoder.count(len(lengths))
    data = bytes(decoder.take(node[2]))
    texts, position = [], 0
    for length in lengths:
        if not 0 <= length <= len(data) - position:
            raise CodecError("a length is wrong")
        texts.append(str(data[position : position + length], "utf-8", "surrogatepass"))
        position += length
    if position != len(data):
        raise CodecError("bytes are left over")
    return texts


def _decode_keys(decoder: Decoder, node: Node, depth: int, *, packed: bool) -> list[Any]:
    keys = decoder.value(node, depth + 1) if packed else decoder.items(node, depth)
    if type(keys) is not list:
        raise CodecError("a list was expected")
    if len(keys) > _MAX_GUESSABLE_KEYS and not set(map(type, keys)) <= {str, bytes, int}:
        raise CodecError(f"more than {_MAX_GUESSABLE_KEYS} keys that are not text or whole numbers")
    return keys


def _decode_mapping(make: Callable[[Any], Any]) -> Callable[[Decoder, list[Node], int], Any]:
    def decode(decoder: Decoder, node: list[Node], depth: int) -> Any:
        keys = _decode_keys(decoder, node[1], depth, packed=True)
        values = decoder.value(node[2], depth + 1)
        if type(values) is not list or len(values) != len(keys):
            raise CodecError("keys and values do not match")
        return make(zip(keys, values, strict=True))

    return decode


def _decode_deque(decoder: Decoder, node: list[Node], depth: int) -> deque[Any]:
    return deque(decoder.items(node[1], depth), node[2])


def _decode_numbers(
    make: Callable[..., Any], kinds: tuple[type, ...]
) -> Callable[[Decoder, list[Node], int], Any]:
    def decode(decoder: Decoder, node: list[Node], depth: int) -> Any:
        parts = [decoder.value(part, depth + 1) for part in node[1:]]
        if not all(type(part) in kinds for part in parts):
            raise CodecError("numbers were expected")
        return make(*parts)

    return decode


def _decode_decimal(decoder: Decoder, node: list[Node], depth: int) -> Decimal:
    if type(node[1]) is not str or len(node[1]) > 4096:
        raise CodecError("a wrong decimal")
    try:
        return Decimal(node[1])
    except InvalidOperation:
        raise CodecError("a wrong decimal") from None


def _decode_type(decoder: Decoder, node: list[Node], depth: int) -> type:
    kind = PLAIN_TYPES.get(node[1]) if type(node[1]) is str else None
    if kind is None:
        raise CodecError("there is no such type")
    return kind


_DECODERS: dict[int, Callable[[Decoder, list[Node], int], Any]] = {
    Tag.INT: _decode_int,
    Tag.STR: _decode_str,
    Tag.BYTEARRAY: _decode_bytes,
    Tag.COMPLEX: _decode_numbers(complex, (float,)),
    Tag.ELLIPSIS: lambda decoder, node, depth: ...,
    Tag.NOT_IMPLEMENTED: lambda decoder, node, depth: NotImplemented,
    Tag.LIST: lambda decoder, node, depth: decoder.items(node[1], depth),
    Tag.TUPLE: lambda decoder, node, depth: tuple(decoder.items(node[1], depth)),
    Tag.SET: lambda decoder, node, depth: set(_decode_keys(decoder, node[1], depth, packed=False)),
    Tag.FROZENSET: lambda decoder, node, depth: frozenset(
        _decode_keys(decoder, node[1], depth, packed=False)
    ),
    Tag.DICT: _decode_mapping(dict),
    Tag.ORDERED_DICT: _decode_mapping(OrderedDict),
    Tag.COUNTER: _decode_mapping(lambda pairs: Counter(dict(pairs))),
    Tag.DEFAULT_DICT: _decode_mapping(lambda pairs: defaultdict(None, pairs)),
    Tag.DEQUE: _decode_deque,
    Tag.RANGE: _decode_numbers(range, (int,)),
    Tag.SLICE: lambda decoder, node, depth: slice(*(decoder.value(part, depth + 1) for part in node[1:4])),
    Tag.FLOATS: _decode_packed("d"),
    Tag.INTS: _decode_packed("q"),
    Tag.STRINGS: _decode_strings,
    Tag.FRACTION: _decode_numbers(Fraction, (int,)),
    Tag.DECIMAL: _decode_decimal,
    Tag.TYPE: _decode_type,
}
