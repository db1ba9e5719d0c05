"""The codec carries plain data exactly, and nothing else."""

from __future__ import annotations

import math
import random
import struct
import time
from collections import Counter, OrderedDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from labgrade.wire import CodecError, Decoder, Encoder
from labgrade.wire.tags import MAX_DEPTH, MAX_NODES, MAX_RAW_BYTES


def pack(value):
    header, buffers = Encoder().encode(value)
    return header, b"".join(bytes(memoryview(part).cast("B")) if len(part) else b"" for part in buffers)


def cross(value):
    return Decoder().decode(*pack(value))


def same(left, right) -> bool:
    """Equality of type, structure and bits."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack("d", left) == struct.pack("d", right)
    if isinstance(left, complex):
        return same(left.real, right.real) and same(left.imag, right.imag)
    if isinstance(left, (list, tuple, deque)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return same(list(left.keys()), list(right.keys())) and same(list(left.values()), list(right.values()))
    return bool(left == right)


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.complex_numbers() | st.text() | st.binary()
)
VALUES = st.recursive(
    SCALARS | st.fractions() | st.just(...) | st.just(NotImplemented),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers(), st.text()), inner)
        | st.sets(st.integers() | st.text())
        | st.frozensets(st.integers())
        | st.lists(inner).map(deque)
    ),
    max_leaves=20,
)


@given(VALUES)
@settings(max_examples=80, deadline=None)
def test_codec_plain_values_cross_exactly(value):
    """Every plain value arrives with the same type and the same bits."""
    assert same(cross(value), value)


@given(st.lists(st.integers()) | st.lists(st.floats(), min_size=33) | st.lists(st.text(), min_size=33))
@settings(max_examples=50, deadline=None)
def test_codec_long_lists_cross_exactly(value):
    """Lists that are sent packed arrive as they were."""
    assert same(cross(value), value)


DTYPES = (
    hnp.boolean_dtypes()
    | hnp.integer_dtypes(endianness="?")
    | hnp.unsigned_integer_dtypes(endianness="?")
    | hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64))
    | hnp.complex_number_dtypes(endianness="?", sizes=(64, 128))
    | hnp.unicode_string_dtypes(endianness="?", max_len=5)
    | hnp.byte_string_dtypes(max_len=5)
    | hnp.datetime64_dtypes(endianness="?")
    | hnp.timedelta64_dtypes(endianness="?")
)


@given(hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0, max_dims=4)))
@settings(max_examples=80, deadline=None)
def test_codec_arrays_cross_exactly(array):
    """Arrays keep dtype, byte order, shape (0-d and empty too) and bits."""
    for view in (array, array.T, array[..., ::-1] if array.ndim else array):
        arrived = cross(view)
        assert type(arrived) is np.ndarray
        assert (arrived.dtype, arrived.shape) == (view.dtype, view.shape)
        assert arrived.tobytes() == view.tobytes()
        assert arrived.flags.writeable


def test_codec_fortran_order_is_kept():
    """An array in Fortran order arrives in Fortran order."""
    arrived = cross(np.asfortranarray(np.arange(6).reshape(2, 3)))
    assert arrived.flags.f_contiguous
    assert not arrived.flags.c_contiguous


@pytest.mark.parametrize(
    "value", [np.float32(1.5), np.int8(-3), np.bool_(True), np.str_("x"), np.complex64(1j)]
)
def test_codec_array_scalars_keep_their_type(value):
    """NumPy scalars arrive as the same NumPy scalars."""
    arrived = cross(value)
    assert type(arrived) is type(value)
    assert arrived == value


TENSORS = {
    "scalar": torch.tensor(1.5),
    "empty": torch.zeros(0, 3),
    "bfloat16": torch.tensor([1.0, float("nan"), -0.0], dtype=torch.bfloat16),
    "float16": torch.randn(3).half(),
    "float8": torch.randn(4).to(torch.float8_e4m3fn),
    "int64": torch.arange(6).reshape(2, 3),
    "uint16": torch.tensor([1, 65535], dtype=torch.uint16),
    "bool": torch.tensor([True, False]),
    "complex": torch.randn(3, dtype=torch.complex64),
    "transposed": torch.arange(6.0).reshape(2, 3).T,
    "strided": torch.arange(10.0)[::2],
    "expanded": torch.ones(1, 3).expand(4, 3),
    "conjugate": torch.tensor([1 + 2j]).conj(),
}


@pytest.mark.parametrize("name", TENSORS)
def test_codec_tensors_cross_exactly(name):
    """Tensors keep dtype, shape and bits, whatever their strides."""
    tensor = TENSORS[name]
    arrived = cross(tensor)
    assert type(arrived) is torch.Tensor
    assert (arrived.dtype, arrived.shape) == (tensor.dtype, tensor.shape)
    plain = tensor.resolve_conj().contiguous().reshape(-1).view(torch.uint8)
    assert torch.equal(arrived.contiguous().reshape(-1).view(torch.uint8), plain)


def test_codec_parameter_arrives_with_its_gradient():
    """A parameter stays one, and brings the gradient it has."""
    weight = torch.nn.Parameter(torch.ones(2))
    (weight * 3).sum().backward()
    arrived = cross(weight)
    assert type(arrived) is torch.nn.Parameter
    assert arrived.requires_grad
    assert arrived.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    "value",
    [
        torch.Size([2, 3]),
        torch.float32,
        torch.device("cpu"),
        np.dtype(">i4"),
        np.float32,
        int,
        range(1, 9, 2),
        slice(1, None),
        OrderedDict(a=1),
        Counter("aab"),
        Decimal("1.50"),
        Fraction(1, 3),
        10**400,
        "\ud800 lone",
        bytearray(b"x"),
        b"y" * 10_000,
        "é" * 10_000,
        {(1, 2): "x"},
    ],
)
def test_codec_other_plain_types_cross(value):
    """Types that are plain enough arrive as themselves."""
    arrived = cross(value)
    assert type(arrived) is type(value)
    assert arrived == value


def test_codec_defaultdict_loses_its_factory():
    """The entries of a defaultdict cross, what makes new ones does not."""
    arrived = cross(defaultdict(list, a=[1]))
    assert arrived == {"a": [1]}
    assert arrived.default_factory is None


class EqualToAll(float):
    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


class LyingArray(np.ndarray):
    pass


class LyingTensor(torch.Tensor):
    pass


@pytest.mark.parametrize(
    "value",
    [
        EqualToAll(1),
        type("MyStr", (str,), {})("x"),
        type("MyList", (list,), {})(),
        np.zeros(2).view(LyingArray),
        torch.zeros(2).as_subclass(LyingTensor),
        np.array([object()]),
        np.zeros(2, dtype=[("a", "i4")]),
        object(),
        len,
        torch.zeros(2).to_sparse(),
        torch.zeros(2, device="meta"),
    ],
)
def test_codec_anything_else_is_refused(value):
    """A subclass, an object, a function: none is plain data."""
    with pytest.raises(CodecError):
        Encoder().encode(value)


def test_codec_tensor_subclass_cannot_run_code_while_it_is_encoded():
    """An encoder for everything never calls what a subclass overrides."""

    class Loud(torch.Tensor):
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            raise AssertionError("called")

    value = torch.zeros(2).as_subclass(Loud)
    header, _ = Encoder(opaque=lambda thing: None).encode([value])
    assert Decoder().decode(header, b"") == [None]


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        nested(MAX_DEPTH + 2),
        [None] * (MAX_NODES + 1),
        bytes(MAX_RAW_BYTES + 1),
        1 << 200_000,
        ["xx"] * 400_000 + [1],
    ],
    ids=["deep", "many", "large", "long number", "many texts"],
)
def test_codec_too_much_is_refused_by_the_sender(value):
    """Depth, count and size have caps."""
    with pytest.raises(CodecError):
        Encoder().encode(value)


def test_codec_a_list_within_itself_is_refused():
    """A cycle ends in an error, not in an endless message."""
    value = []
    value.append(value)
    with pytest.raises(CodecError):
        Encoder().encode(value)


def test_codec_colliding_keys_are_refused_beyond_a_number():
    """A sender who knows how Python hashes numbers cannot make a dictionary that takes minutes to build."""
    header, raw = pack([complex(i, 0) for i in range(20_000)])
    import msgspec
    from labgrade.wire.tags import Tag

    node = msgspec.msgpack.decode(header)
    message = msgspec.msgpack.encode([Tag.SET, node[1]])
    with pytest.raises(CodecError):
        Decoder().decode(message, raw)


SEEDS = [
    (1, "ok", [1, 2.5, "text", None, True, b"raw"]),
    {"state": torch.randn(3, 2), "list": list(range(50)), "names": ["a", "b"] * 20},
    [np.arange(6.0).reshape(2, 3), np.array("x"), np.float32(2), torch.ones(2, dtype=torch.bfloat16)],
    (
        torch.nn.Parameter(torch.ones(2)),
        slice(1, 2),
        range(3),
        {1, 2},
        frozenset("ab"),
        1 << 80,
        1j,
        Fraction(1, 2),
    ),
    [
        np.array(["ab", "c"]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        deque([1], 2),
        Counter("aa"),
        Decimal("1.5"),
    ],
]


def mutate(rng, header, raw):
    header, raw = bytearray(header), bytearray(raw)
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        part = header if rng.random() < 0.85 or not raw else raw
        kind = rng.random()
        at = rng.randrange(len(part)) if part else 0
        if kind < 0.55 and part:
            part[at] = rng.randrange(256)
        elif kind < 0.7:
            part[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 6)))
        elif kind < 0.85:
            del part[at : at + rng.randrange(1, 6)]
        elif kind < 0.95 and part:
            end = min(len(part), at + rng.randrange(1, 20))
            part[at:at] = part[at:end]
        else:
            part[at:at] = rng.choice(
                (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\x91" * 90)
            )
    return bytes(header), bytes(raw)


def fuzz(number, seed):
    """Decode mutated messages; return how many were refused, and the slowest decode."""
    rng = random.Random(seed)
    packed = [pack(value) for value in SEEDS]
    refused, slowest = 0, 0.0
    for _ in range(number):
        message = mutate(rng, *rng.choice(packed))
        started = time.thread_time()
        try:
            Decoder().decode(*message)
        except CodecError:
            refused += 1
        slowest = max(slowest, time.thread_time() - started)
    return refused, slowest


def test_codec_mutated_messages_raise_only_codec_error():
    """Whatever the bytes are, decoding gives a value or CodecError, quickly."""
    refused, slowest = fuzz(20_000, 1)
    assert refused > 10_000
    assert slowest < 2.0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_codec_a_million_mutations_raise_only_codec_error():
    """A million mutated messages give values or CodecError, within bounded time and memory."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused, slowest = fuzz(1_000_000, 2)
    grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(f"{refused} refused, slowest {slowest * 1e3:.1f} ms, grown {grown_mib:.0f} MiB")
    assert refused > 500_000
    assert slowest < 2.0
    assert grown_mib < 64


def test_codec_nan_in_a_float_list_keeps_its_bits():
    """Packed floats keep NaN and the sign of zero."""
    arrived = cross([float("nan"), -0.0, math.inf] * 20)
    assert math.isnan(arrived[0])
    assert math.copysign(1, arrived[1]) == -1
    assert arrived[2] == math.inf
