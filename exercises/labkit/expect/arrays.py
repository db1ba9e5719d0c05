"""Expectations about arrays as such: shape, finiteness, probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from labkit.expect.convert import Converted, Unconvertible, convert
from labkit.expect.report import fail, refuse_placeholder

__all__ = ["finite", "probabilities", "shape"]


def shape(
    value: Any,
    expected: Sequence[int | None],
    call: str = "",
    *,
    axes: str = "",
    cause: str = "",
    read: str = "",
) -> None:
    """Expect an array or tensor of this shape. Every axis counts; none is left out.

    Args:
        value: what came back.
        expected: sizes; None where any size is right.
        call: what was called; "" takes the text of the first argument.
        axes: names of the axes for the message, e.g. ``"batch time hidden"``.
        cause: a likely reason for the failure.
        read: where to read about it.

    Raises:
        Failure: it has another shape, or none.
        NotAttempted: ``value`` is still ``...``.

    """
    converted = _converted(value, call, f"shape {_write(expected, axes)}", read)
    sizes = converted.shape
    if len(sizes) == len(expected) and all(
        want in (None, size) for size, want in zip(sizes, expected, strict=True)
    ):
        return
    if not cause and len(sizes) == len(expected) and sorted(sizes) == sorted(size or -1 for size in expected):
        cause = "the axes are in a different order"
    fail(
        call=call,
        expected=f"shape {_write(expected, axes)}",
        came_back=converted.describe(),
        cause=cause,
        read=read,
    )


def finite(value: Any, call: str = "", *, read: str = "") -> None:
    """Expect numbers without NaN and without infinities.

    Args:
        value: what came back.
        call: what was called; "" takes the text of the first argument.
        read: where to read about it.

    Raises:
        Failure: some are not finite; the message counts them.
        NotAttempted: ``value`` is still ``...``.

    """
    converted = _converted(value, call, "finite numbers", read)
    wrong = ~np.isfinite(converted.array)
    if not wrong.any():
        return
    nan = int(np.isnan(converted.array).sum())
    infinite = int(wrong.sum()) - nan
    first = [int(part) for part in np.argwhere(wrong)[0]]
    counts = f"{nan} NaN and {infinite} infinite of {converted.array.size} values"
    came_back = f"{converted.describe()}; {counts}, first at {first}"
    cause = "a division by 0, log(0), or a softmax over −inf only"
    fail(call=call, expected="finite numbers", came_back=came_back, cause=cause, read=read)


def probabilities(rows: Any, call: str = "", *, axis: int = -1, tol: float = 1e-4, read: str = "") -> None:
    """Expect probabilities: no value below 0, and sums of 1 along an axis.

    Args:
        rows: what came back, decimals of any shape with at least one axis.
        call: what was called; "" takes the text of the first argument.
        axis: along which the sums are taken.
        tol: how far a sum may be from 1, and a value below 0.
        read: where to read about it.

    Raises:
        Failure: they are not; the message says at which place.
        NotAttempted: ``rows`` is still ``...``.

    """
    wanted = f"numbers from 0 to 1 that sum to 1 along axis {axis}"
    converted = _converted(rows, call, wanted, read)
    array = converted.array
    if not array.ndim or not -array.ndim <= axis < array.ndim:
        fail(call=call, expected=wanted, came_back=converted.describe(), read=read)
    finite(rows, call, read=read)
    if (array < -tol).any():
        first = [int(part) for part in np.argwhere(array < -tol)[0]]
        came_back = f"{float(array[tuple(first)]):.4g} at {first}, which is below 0"
        fail(call=call, expected=wanted, came_back=came_back, cause="raw scores without a softmax", read=read)
    sums = array.sum(axis=axis, dtype=np.float64)
    wrong = np.abs(sums - 1) > tol
    if not wrong.any():
        return
    other = [
        axis_
        for axis_ in range(array.ndim)
        if axis_ != axis % array.ndim and np.allclose(array.sum(axis_), 1, atol=tol)
    ]
    cause = f"the sums are 1 along axis {other[0]}: the softmax ran over the wrong axis" if other else ""
    came_back = f"{converted.describe()}; {int(wrong.sum())} of {wrong.size} sums are not 1, e.g. "
    came_back += f"{float(np.atleast_1d(sums)[np.atleast_1d(wrong)][0]):.4g}"
    fail(call=call, expected=wanted, came_back=came_back, cause=cause, read=read)


def _converted(value: Any, call: str, wanted: str, read: str) -> Converted:
    refuse_placeholder(value, call)
    if type(value) is tuple and len(value) == 1:
        value = value[0]
    try:
        return convert(value)
    except Unconvertible as problem:
        cause = "the function gives None: is a `return` missing?" if value is None else ""
        fail(call=call, expected=wanted, came_back=str(problem), cause=cause, read=read)


def _write(sizes: Sequence[int | None], axes: str) -> str:
    text = ", ".join("any" if size is None else str(size) for size in sizes)
    text = f"({text},)" if len(sizes) == 1 else f"({text})"
    return f"{text} = ({', '.join(axes.split())})" if axes else text
