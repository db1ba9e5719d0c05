"""Turns what came back into a plain NumPy array, calling no method that a student could have written."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Converted", "Unconvertible", "convert", "name_kind"]

Array = npt.NDArray[Any]
_MAX_DEPTH = 16


class Unconvertible(Exception):  # noqa: N818 - says what the value is, and is always caught
    """The value is not numbers; the text says what it is instead."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A value as an array.

    Args:
        array: the numbers; bfloat16 as float32.
        kind: what it was: ``tensor``, ``array``, ``number``, ``list`` or ``tuple``.
        dtype: the name of the dtype it had; "" for numbers, lists and tuples, which have none of their own.

    """

    array: Array
    kind: str
    dtype: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return tuple(self.array.shape)

    def describe(self) -> str:
        """Return e.g. ``tensor of shape (2, 3), float32``."""
        if self.kind == "number":
            return f"the number {self.array.item()!r}"
        dtype = f", {self.dtype}" if self.dtype else ""
        return f"{self.kind} of shape {self.shape}{dtype}"


def convert(value: Any) -> Converted:
    """Return a value as an array, detached and copied to the CPU where need be.

    Args:
        value: a number, a NumPy array or scalar, a torch tensor, or lists and tuples of these.

    Raises:
        Unconvertible: it is something else, or its rows have different lengths.

    """
    return _convert(value, 0)


def name_kind(dtype: np.dtype[Any]) -> str:
    """Return the family of a dtype in words."""
    return {
        "b": "True/False",
        "i": "whole numbers",
        "u": "whole numbers",
        "f": "decimals",
        "c": "complex",
    }.get(dtype.kind, str(dtype))


def _convert(value: Any, depth: int) -> Converted:
    if depth > _MAX_DEPTH:
        raise Unconvertible("lists nested too deeply")
    kind = type(value)
    if kind in (bool, int, float, complex):
        return Converted(_require_numbers(np.asarray(value)), "number")
    if isinstance(value, np.generic):
        return Converted(_require_numbers(np.asarray(value)), "number", value.dtype.name)
    if isinstance(value, np.ndarray):
        plain = np.asarray(value)
        return Converted(_require_numbers(plain), "array", plain.dtype.name)
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return _from_tensor(torch, value)
    if kind in (list, tuple):
        return _from_sequence(value, depth)
    raise Unconvertible(name_type(value))


def name_type(value: Any) -> str:
    """Return what a value is, in a few words, without asking the value itself."""
    if value is None:
        return "None"
    if value is ...:
        return "... (the placeholder)"
    if type(value) is str:
        return f"the text {value[:60]!r}" + ("…" if len(value) > 60 else "")
    if type(value) is dict:
        return f"a dict with {len(value)} entries"
    if type(value) in (set, frozenset):
        return f"a set of {len(value)}"
    name = type(value).__name__[:80]
    if name == "Proxy" or hasattr(type(value), "__labkit_probe__"):
        return "an object that is not plain data (a function, a module, a generator …)"
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return f"{article} {name}"


def _from_tensor(torch: Any, value: Any) -> Converted:
    # A subclass could answer for itself; inside this block torch does not ask it.
    with torch._C.DisableTorchFunctionSubclass():
        plain = torch.Tensor.detach(value)
        dtype = str(plain.dtype).removeprefix("torch.")
        if plain.layout is not torch.strided:
            plain = plain.to_dense()
        if plain.is_quantized:
            plain = plain.dequantize()
        if plain.dtype in (
            torch.bfloat16,
            getattr(torch, "float8_e4m3fn", None),
            getattr(torch, "float8_e5m2", None),
        ):
            plain = plain.to(torch.float32)
        plain = plain.cpu().resolve_conj().resolve_neg()
        return Converted(_require_numbers(plain.numpy()), "tensor", dtype)


def _from_sequence(value: list[Any] | tuple[Any, ...], depth: int) -> Converted:
    kind = type(value).__name__
    if not value:
        return Converted(np.zeros(0), kind)
    parts = [_convert(item, depth + 1) for item in value]
    shapes = {part.shape for part in parts}
    if len(shapes) > 1:
        shown = ", ".join(str(part.shape) for part in parts[:4]) + (", …" if len(parts) > 4 else "")
        raise Unconvertible(f"a {kind} of {len(parts)} parts with different shapes: {shown}")
    dtypes = {part.dtype for part in parts}
    return Converted(np.stack([part.array for part in parts]), kind, dtypes.pop() if len(dtypes) == 1 else "")


def _require_numbers(array: Array) -> Array:
    if array.dtype.kind not in "biufc":
        raise Unconvertible(f"an array of {array.dtype.name}, which are not numbers")
    return array
