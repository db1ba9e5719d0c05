"""Compares two arrays: shape, kind of number, finiteness, then values. Pure: arrays in, a description out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from labkit.expect.convert import Converted, name_kind

__all__ = ["Difference", "align_shape", "find_difference"]

Array = npt.NDArray[Any]
_MAX_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Difference:
    """How two arrays differ.

    Args:
        what: ``shape``, ``dtype``, ``finite`` or ``values``: the first of these that differs.
        expected: what should have come back.
        came_back: what came back instead.
        cause: a cause that the numbers themselves show, "" if none.

    """

    what: str
    expected: str
    came_back: str
    cause: str = ""


def align_shape(array: Array, shape: tuple[int, ...]) -> Array | None:
    """Return an array in the reference's shape, leaving out axes of length 1 that it does not have.

    Args:
        array: any shape.
        shape: of the reference.

    Returns:
        A view with that shape; None if leaving out axes of length 1 does not lead there.

    """
    position = 0
    for size in array.shape:
        if position < len(shape) and size == shape[position]:
            position += 1
        elif size != 1:
            return None
    return array.reshape(shape) if position == len(shape) else None


def find_difference(actual: Converted, expected: Converted, tol: float, drop_axes: bool) -> Difference | None:
    """Return how two values differ; None if they agree.

    Args:
        actual: what came back.
        expected: the reference.
        tol: both the absolute and the relative tolerance; whole numbers and True/False are compared exactly.
        drop_axes: leave out axes of length 1 that the reference does not have.

    """
    array = actual.array
    if drop_axes:
        aligned = align_shape(array, expected.shape)
        array = array if aligned is None else aligned
    if tuple(array.shape) != expected.shape:
        return Difference(
            "shape", expected.describe(), actual.describe(), _cause_of_shape(array, expected.array)
        )
    if actual.dtype and expected.dtype and not _same_kind(array.dtype, expected.array.dtype):
        return Difference(
            "dtype",
            f"{expected.describe()} ({name_kind(expected.array.dtype)})",
            f"{actual.describe()} ({name_kind(array.dtype)})",
        )
    return _compare_finite(actual, array, expected) or _compare_values(actual, array, expected, tol)


def _same_kind(actual: np.dtype[Any], expected: np.dtype[Any]) -> bool:
    families = {"b": "b", "i": "i", "u": "i", "f": "f", "c": "c"}
    return families[actual.kind] == families[expected.kind]


def _compare_finite(actual: Converted, array: Array, expected: Converted) -> Difference | None:
    wrong_nan = np.isnan(array) & ~np.isnan(expected.array)
    # An infinity of the right sign in the right place is right.
    wrong_inf = np.isinf(array) & (array != expected.array)
    for wrong, name, cause in (
        (
            wrong_nan,
            "NaN (not a number)",
            "0/0, the logarithm of a negative number, or a softmax over −inf only",
        ),
        (wrong_inf, "infinite", "a division by 0, log(0), or exp of a large number"),
    ):
        if wrong.any():
            count, first = int(wrong.sum()), _index(np.argwhere(wrong)[0])
            where = f"{count} of {array.size} values are {name}" + (
                f", the first at {first}" if array.ndim else ""
            )
            wanted = f"{expected.describe()}, finite there"
            return Difference(
                "finite", wanted, f"{actual.describe()}; {where}", f"{name.split()[0]} comes from {cause}"
            )
    return None


def _compare_values(actual: Converted, array: Array, expected: Converted, tol: float) -> Difference | None:
    reference = expected.array
    if array.dtype.kind in "biu" and reference.dtype.kind in "biu":
        wrong = array != reference
    else:
        wrong = ~_near(array, reference, tol)
    if not wrong.any():
        return None
    if not reference.ndim:
        wanted, came = reference.item(), array.item()
        return Difference(
            "values", _number(wanted), f"{_number(came)} (off by {_number(abs(came - wanted))})"
        )
    first = tuple(np.argwhere(wrong)[0])
    with np.errstate(all="ignore"):
        error = np.abs(_wide(array) - _wide(reference))
        finite = error[np.isfinite(error)]
        scale = np.abs(_wide(reference))
        relative = (error / scale)[np.isfinite(error) & (scale > 0)]
    largest = f"largest error {_number(finite.max())}" if finite.size else "the errors are not finite"
    if relative.size:
        largest += f" absolute, {_number(relative.max())} relative"
    came_back = (
        f"{actual.describe()}; {int(wrong.sum())} of {array.size} values differ, first at {_index(first)}: "
        f"{_number(array[first].item())} instead of {_number(reference[first].item())}; {largest}"
    )
    wanted = expected.describe()
    if reference.size <= _MAX_SHOWN and reference.ndim <= 2:
        wanted += f": {_show(reference)}"
        came_back += f"\nit is {_show(array)}"
    return Difference("values", wanted, came_back, _cause_of_values(array, reference, tol))


def _near(array: Array, reference: Array, tol: float) -> npt.NDArray[np.bool_]:
    with np.errstate(all="ignore"):
        near = np.abs(_wide(array) - _wide(reference)) <= tol + tol * np.abs(_wide(reference))
    same = (array == reference) | (np.isnan(array) & np.isnan(reference))
    return np.asarray(near | same)


def _wide(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _cause_of_shape(array: Array, reference: Array) -> str:
    if array.ndim == reference.ndim and sorted(array.shape) == sorted(reference.shape):
        return "the axes are in a different order"
    if array.ndim == 0 and reference.ndim:
        return "a sum or mean over all axes was taken where some axes should stay"
    if array.ndim == reference.ndim + 1 and array.shape[1:] == reference.shape:
        return f"there is one axis too many in front, of length {array.shape[0]}"
    if array.ndim == reference.ndim - 1 and reference.shape[1:] == array.shape:
        return f"the first axis, of length {reference.shape[0]}, is missing"
    return ""


def _cause_of_values(array: Array, reference: Array, tol: float) -> str:
    if (
        array.dtype.kind not in "iuf"
        or reference.dtype.kind not in "iuf"
        or not np.isfinite(_wide(array)).all()
    ):
        return ""
    square = array.ndim >= 2 and array.shape[-1] == array.shape[-2] > 1
    if square and _near(np.swapaxes(array, -1, -2), reference, tol).all():
        return "the last two axes are swapped (transposed)"
    scale = float(np.abs(_wide(reference)).max())
    if array.size > 1 and scale > tol:
        largest = np.unravel_index(np.abs(_wide(reference)).argmax(), reference.shape)
        factor = float(array[largest] / reference[largest])
        if abs(factor) > tol and _near(_wide(array), _wide(reference) * factor, 10 * tol).all():
            return (
                "the sign is wrong everywhere"
                if abs(factor + 1) < 1e-3
                else f"everything is {factor:.4g} times what it should be"
            )
        offset = float(array[largest] - reference[largest])
        if _near(_wide(array), _wide(reference) + offset, 10 * tol).all():
            return f"the same number, {offset:.4g}, is added everywhere"
    return ""


def _index(position: Any) -> str:
    return f"[{', '.join(str(int(part)) for part in position)}]"


def _number(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, complex):
        return f"{value:.5g}"
    return f"{float(value):.5g}"


def _show(array: Array) -> str:
    return np.array2string(array, precision=4, separator=", ", suppress_small=True).replace("\n", "")
