"""NumPy arrays and scalars, torch tensors, dtypes and sizes, as nodes of a message.

Neither library is imported here: a value of theirs can exist only where they are loaded already, and a
process that must decode them loads them first.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labgrade.wire.tags import CodecError, Tag

if TYPE_CHECKING:
    from labgrade.wire.decoder import Decoder
    from labgrade.wire.encoder import Encoder

__all__ = ["DECODERS", "encode"]

_KINDS = frozenset("biufcSUmM")
_MAX_DIMENSIONS = 32
_MAX_DTYPE_TEXT = 32
# Wire name -> bytes of one element. Quantised and sub-byte types cannot cross.
_TORCH_SIZES = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
    "float8_e4m3fn": 1,
    "float8_e5m2": 1,
}


def encode(encoder: Encoder, value: Any) -> list[Any] | None:
    """Return the node of an array-like value of exact type, None for anything else."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if type(value) is numpy.ndarray:
            return _encode_array(encoder, value)
        if isinstance(value, numpy.generic):
            return _encode_scalar(value, numpy)
        if isinstance(value, numpy.dtype) and value.kind in _KINDS:
            return [Tag.DTYPE, value.str, False]
        if isinstance(value, type) and issubclass(value, numpy.generic) and value.__module__ == "numpy":
            return _encode_scalar_type(value, numpy)
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "Tensor"):
        if type(value) is torch.Tensor or type(value) is torch.nn.Parameter:
            return _encode_tensor(encoder, value, torch)
        if type(value) is torch.Size:
            return [Tag.SIZE, list(value)]
        if type(value) is torch.dtype:
            return [Tag.TORCH_DTYPE, str(value).removeprefix("torch.")]
        if type(value) is torch.device:
            return [Tag.DEVICE, str(value)]
    return None


def _encode_array(encoder: Encoder, value: Any) -> list[Any] | None:
    dtype = value.dtype
    if dtype.kind not in _KINDS or dtype.metadata or len(dtype.str) > _MAX_DTYPE_TEXT:
        return None
    if value.flags.c_contiguous:
        order, data = "C", value
    elif value.flags.f_contiguous:
        order, data = "F", value.T
    else:
        order, data = "C", value.copy(order="C")
    size = value.nbytes
    # Types that memoryview does not know (datetime64, big-endian, float16) are still bytes.
    raw = data.reshape(-1).view("u1").data if size else b""
    return [Tag.ARRAY, dtype.str, list(value.shape), order, encoder.add_raw(raw, size)]


def _encode_scalar(value: Any, numpy: Any) -> list[Any] | None:
    dtype = value.dtype
    if type(value) is not dtype.type or dtype.kind not in _KINDS or len(dtype.str) > _MAX_DTYPE_TEXT:
        return None
    data = value.tobytes()
    return [Tag.SCALAR, dtype.str, data] if len(data) <= 65_536 else None


def _encode_scalar_type(value: Any, numpy: Any) -> list[Any] | None:
    try:
        dtype = numpy.dtype(value)
    except TypeError:  # an abstract one, such as np.floating
        return None
    return [Tag.DTYPE, dtype.str, True] if dtype.kind in _KINDS and dtype.type is value else None


def _encode_tensor(encoder: Encoder, value: Any, torch: Any) -> list[Any] | None:
    # Whatever a subclass overrides must not run while the bytes are read.
    with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():
        name = str(value.dtype).removeprefix("torch.")
        if name not in _TORCH_SIZES or value.layout is not torch.strided or value.device.type == "meta":
            return None
        plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
        size = plain.numel() * _TORCH_SIZES[name]
        raw = plain.reshape(-1).view(torch.uint8).numpy().data if size else b""
        flags = int(value.requires_grad) | 2 * int(type(value) is torch.nn.Parameter)
        node = [Tag.TENSOR, name, list(value.shape), flags, encoder.add_raw(raw, size)]
        gradient: Any = value.grad if flags & 1 and value.is_leaf else None
        if type(gradient) is torch.Tensor:
            node.append(_encode_tensor(encoder, torch.Tensor.detach(gradient), torch))
        return node


def _shape(node: Any) -> tuple[int, ...]:
    if type(node) is not list or len(node) > _MAX_DIMENSIONS:
        raise CodecError("a wrong shape")
    if not all(type(size) is int and 0 <= size < 1 << 40 for size in node):
        raise CodecError("a wrong shape")
    return tuple(node)


def _numpy() -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        raise CodecError("NumPy is not loaded here")
    return numpy


def _torch() -> Any:
    torch = sys.modules.get("torch")
    if torch is None:
        raise CodecError("torch is not loaded here")
    return torch


def _dtype(text: Any) -> Any:
    if type(text) is not str or len(text) > _MAX_DTYPE_TEXT or len(text) < 3 or text[0] not in "<>|=":
        raise CodecError("a wrong dtype")
    if text[1] not in _KINDS or not all(c.isalnum() or c in "[]" for c in text[2:]):
        raise CodecError("a wrong dtype")
    dtype = _numpy().dtype(text)
    if dtype.str != text or dtype.kind not in _KINDS or dtype.itemsize > 1 << 24:
        raise CodecError("a wrong dtype")
    return dtype


def _decode_array(decoder: Decoder, node: list[Any], depth: int) -> Any:
    numpy = _numpy()
    dtype, shape, order = _dtype(node[1]), _shape(node[2]), node[3]
    raw = decoder.take(node[4])
    if math.prod(shape) * dtype.itemsize != len(raw) or order not in ("C", "F"):
        raise CodecError("an array's size does not match its shape")
    if dtype.itemsize == 0:
        return numpy.zeros(shape, dtype) if math.prod(shape) <= 1 << 20 else _refuse("an array of nothing")
    # A copy of its own: the message's memory is not kept, and tests may write into what they got.
    flat = numpy.frombuffer(bytearray(raw), numpy.uint8).view(dtype) if raw else numpy.empty(0, dtype)
    _check_text(flat, dtype, numpy)
    return flat.reshape(shape, order=order)


def _check_text(flat: Any, dtype: Any, numpy: Any) -> None:
    """Refuse code points that do not exist: NumPy would find out only when the element is used."""
    if dtype.kind != "U" or not flat.size:
        return
    codes = flat.view(numpy.uint32)
    if not dtype.isnative:
        codes = codes.byteswap()
    if int(codes.max()) > 0x10FFFF:
        raise CodecError("text with a character that does not exist")


def _decode_scalar(decoder: Decoder, node: list[Any], depth: int) -> Any:
    numpy = _numpy()
    dtype, data = _dtype(node[1]), node[2]
    if type(data) is not bytes or (dtype.itemsize and len(data) != dtype.itemsize):
        raise CodecError("a wrong number")
    if not dtype.itemsize:
        return dtype.type()
    flat = numpy.frombuffer(data, numpy.uint8).view(dtype)
    _check_text(flat, dtype, numpy)
    return flat[0]


def _decode_dtype(decoder: Decoder, node: list[Any], depth: int) -> Any:
    dtype = _dtype(node[1])
    return dtype.type if node[2] is True else dtype


def _decode_tensor(decoder: Decoder, node: list[Any], depth: int) -> Any:
    torch = _torch()
    name, shape, flags = node[1], _shape(node[2]), node[3]
    if name not in _TORCH_SIZES or type(flags) is not int or not 0 <= flags <= 3:
        raise CodecError("a wrong tensor")
    raw = decoder.take(node[4])
    if math.prod(shape) * _TORCH_SIZES[name] != len(raw):
        raise CodecError("a tensor's size does not match its shape")
    dtype = getattr(torch, name, None)
    if dtype is None:
        raise CodecError(f"this torch has no {name}")
    flat = torch.frombuffer(bytearray(raw), dtype=dtype) if raw else torch.empty(0, dtype=dtype)
    if name == "bool" and raw:
        # Bytes other than 0 and 1 are no truth values; torch's kernels rely on that.
        flat = flat.view(torch.uint8) != 0
    tensor = flat.reshape(shape)
    may_need_grad = dtype.is_floating_point or dtype.is_complex
    if flags and not may_need_grad and flags & 1:
        raise CodecError("a wrong tensor")
    if flags & 2:
        tensor = torch.nn.Parameter(tensor, requires_grad=bool(flags & 1))
    elif flags & 1:
        tensor.requires_grad_(True)
    if len(node) > 5 and node[5] is not None:
        gradient = decoder.value(node[5], depth + 1)
        if type(gradient) is not torch.Tensor or not flags & 1:
            raise CodecError("a wrong gradient")
        tensor.grad = gradient  # torch itself checks shape and dtype
    return tensor


def _decode_torch_dtype(decoder: Decoder, node: list[Any], depth: int) -> Any:
    torch = _torch()
    dtype = getattr(torch, node[1], None) if type(node[1]) is str and node[1].isidentifier() else None
    if type(dtype) is not torch.dtype:
        raise CodecError("a wrong dtype")
    return dtype


def _decode_size(decoder: Decoder, node: list[Any], depth: int) -> Any:
    return _torch().Size(_shape(node[1]))


def _decode_device(decoder: Decoder, node: list[Any], depth: int) -> Any:
    if node[1] not in ("cpu", "meta") and not (type(node[1]) is str and node[1].startswith("cuda")):
        raise CodecError("a wrong device")
    return _torch().device(node[1])


def _refuse(what: str) -> Any:
    raise CodecError(f"{what} cannot be sent")


DECODERS: dict[int, Callable[[Decoder, list[Any], int], Any]] = {
    Tag.ARRAY: _decode_array,
    Tag.SCALAR: _decode_scalar,
    Tag.DTYPE: _decode_dtype,
    Tag.TENSOR: _decode_tensor,
    Tag.TORCH_DTYPE: _decode_torch_dtype,
    Tag.SIZE: _decode_size,
    Tag.DEVICE: _decode_device,
}
