"""Expectations about values: close, equal, true, answered, tiers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from labkit.checks.explain import describe_value
from labkit.checks.failure import Failure, NotAttempted
from labkit.checks.marks import Tiers
from labkit.checks.model import CheckError, Fact
from labkit.expect.compare import find_difference
from labkit.expect.convert import Unconvertible, convert, name_type
from labkit.expect.report import fail, find_variant, first_variant, refuse_placeholder

__all__ = ["answered", "close", "equal", "loss_below", "tiers", "true"]

_NO_RETURN = "the function gives None: is a `return` missing?"


def close(
    actual: Any,
    expected: Any,
    call: str = "",
    *,
    tol: float = 1e-5,
    variants: Mapping[str, Any] | None = None,
    drop_axes: bool = True,
    read: str = "",
) -> None:
    """Expect numbers near a reference.

    Shape, kind of number and finiteness are looked at before the values. Lists, NumPy arrays and torch
    tensors are compared with each other by value; a tuple of one is taken for its content.

    Args:
        actual: what came back.
        expected: the reference.
        call: what was called, as students should read it; "" takes the text of the first argument.
        tol: absolute and relative tolerance at once: |actual − expected| ≤ tol + tol·|expected|.
        variants: known mistakes: name (a sentence without a full stop) -> what the mistake gives, or a
            function without arguments that computes it. Looked at only after a failure; the first that
            matches is named.
        drop_axes: leave out axes of length 1 that the reference does not have.
        read: where to read about it.

    Raises:
        Failure: they are not near.
        NotAttempted: ``actual`` is still ``...``.

    """
    refuse_placeholder(actual, call)
    reference = convert(expected)
    if type(actual) in (tuple, list) and len(actual) == 1 and type(expected) not in (tuple, list):
        refuse_placeholder(actual[0], call)
        if not drop_axes:  # else its axis of length 1 is left out below, unless the reference has one there
            actual = actual[0]
    try:
        converted = convert(actual)
    except Unconvertible as problem:
        cause = _NO_RETURN if actual is None else _cause_of_type(actual, expected, tol)
        fail(call=call, expected=reference.describe(), came_back=str(problem), cause=cause, read=read)
    difference = find_difference(converted, reference, tol, drop_axes)
    if difference is None:
        return
    variant, notes = find_variant(actual, expected, variants, tol)
    fail(
        call=call,
        expected=difference.expected,
        came_back=difference.came_back,
        cause=variant or difference.cause,
        read=read,
        notes=notes,
    )


def equal(
    actual: Any, expected: Any, call: str = "", *, variants: Mapping[str, Any] | None = None, read: str = ""
) -> None:
    """Expect exactly this value: text, whole numbers, True/False, None, or containers of them.

    Lists and tuples with the same content count as equal, and so do 3 and 3.0; True and 1 do not.

    Args:
        actual: what came back.
        expected: the reference, of plain types.
        call: what was called; "" takes the text of the first argument.
        variants: known mistakes: name -> value, or a function without arguments that gives it.
        read: where to read about it.

    Raises:
        Failure: it is something else.
        NotAttempted: ``actual`` is still ``...``.

    """
    refuse_placeholder(actual, call)
    if _equal(actual, expected):
        return
    cause, notes = first_variant(variants, lambda value: _equal(actual, value))
    fail(
        call=call,
        expected=describe_value(expected) or repr(expected),
        came_back=describe_value(actual) or name_type(actual),
        cause=cause or (_NO_RETURN if actual is None else _cause_of_inequality(actual, expected)),
        read=read,
        notes=notes,
    )


def true(value: Any, sentence: str, *, call: str = "", cause: str = "", read: str = "") -> None:
    """Expect that something holds.

    Args:
        value: True, or an array or tensor of one True.
        sentence: what must hold, as students should read it.
        call: what was called, if that helps.
        cause: a likely reason for the failure.
        read: where to read about it.

    Raises:
        Failure: it does not hold; any value but True counts as that.
        NotAttempted: ``value`` is still ``...``.

    """
    refuse_placeholder(value, call)
    if value is True:
        return
    try:
        converted = convert(value)
    except Unconvertible as problem:
        came_back = str(problem)
    else:
        if converted.array.dtype.kind == "b" and converted.array.size == 1:
            if converted.array.all():
                return
            came_back = "this does not hold"
        else:
            came_back = f"{converted.describe()}, not True or False"
    facts = [Fact("called", call)] if call else []
    facts += [Fact("expected", sentence), Fact("came back", came_back)]
    if read:
        facts.append(Fact("read", read))
    raise Failure(tuple(facts), cause)


def answered(value: Any, name: str = "") -> None:
    """Expect that an answer was given at all: not None, not ``...``, not an empty text.

    Args:
        value: the student's answer.
        name: its name in the notebook.

    Raises:
        NotAttempted: it is still the placeholder.

    """
    empty = value is None or value is ... or (type(value) is str and not value.strip())
    if empty:
        what = f"`{name}` is" if name else "the answer is"
        raise NotAttempted((Fact("", f"{what} still empty: put your answer there"),))


def tiers(
    value: Any, thresholds: Mapping[float, float], *, lower_is_better: bool = True, what: str = "the value"
) -> Tiers:
    """Give points by threshold. The test returns what this gives.

    Args:
        value: what was measured; a number.
        thresholds: threshold -> points, e.g. ``{2.5: 5, 2.0: 8, 1.5: 10}``. The most points are the full
            share of the test; the others are the same part of the share as here.
        lower_is_better: True: a value below a threshold meets it. False: a value above it does.
        what: the name of the value in messages.

    Returns:
        The tiers reached, for the test to return.

    Raises:
        Failure: the value is not a finite number.
        CheckError: the thresholds are not in order of points.

    """
    ordered = sorted(thresholds.items(), reverse=lower_is_better)
    worth = [points for _, points in ordered]
    if not worth or worth != sorted(worth) or worth[0] < 0 or worth[-1] <= 0:
        raise CheckError(
            "tiers: a harder threshold must not give fewer points, and the hardest must give some"
        )
    refuse_placeholder(value)
    number = _number(value)
    if number is None or not math.isfinite(number):
        came_back = "not a finite number" if number is not None else _describe(value)
        fail(call=what, expected="a finite number", came_back=came_back)
    reached = sum(number < limit if lower_is_better else number > limit for limit, _ in ordered)
    return Tiers(number, tuple(ordered), reached, lower_is_better, what)


def loss_below(value: Any, thresholds: Mapping[float, float], *, what: str = "the loss") -> Tiers:
    """Give points by a loss: :func:`tiers` with lower values better. The test returns what this gives."""
    return tiers(value, thresholds, lower_is_better=True, what=what)


def _number(value: Any) -> float | None:
    try:
        array = convert(value).array
    except Unconvertible:
        return None
    if array.size != 1 or array.dtype.kind not in "iuf":
        return None
    return float(array.reshape(()).item())


def _describe(value: Any) -> str:
    try:
        return convert(value).describe()
    except Unconvertible as problem:
        return str(problem)


def _plain(value: Any) -> Any:
    """Return containers as lists and dicts and arrays as nested lists, so that == calls nobody's method."""
    kind = type(value)
    if kind in (str, bytes, int, float, complex, bool, type(None)):
        return value
    if kind in (list, tuple):
        return [_plain(item) for item in value]
    if kind.__name__ == "Size" and kind.__module__ == "torch":
        return [int(item) for item in tuple(value)]
    if kind is dict:
        return {_key(key): _plain(item) for key, item in value.items()}
    if kind in (set, frozenset):
        return {"a set": sorted(repr(_plain(item)) for item in value)}
    converted = convert(value)
    return converted.array.tolist()


def _key(key: Any) -> Any:
    if type(key) in (str, bytes, int, float, bool, type(None)):
        return key
    if type(key) is tuple:
        return tuple(_key(part) for part in key)
    raise Unconvertible(f"a dict with keys that are not plain ({type(key).__name__})")


def _equal(actual: Any, expected: Any) -> bool:
    try:
        return _same(_plain(actual), _plain(expected))
    except Unconvertible:
        return False


def _same(actual: Any, expected: Any) -> bool:
    if isinstance(actual, bool) != isinstance(expected, bool):
        return False
    if isinstance(actual, list) and isinstance(expected, list):
        return len(actual) == len(expected) and all(map(_same, actual, expected))
    if isinstance(actual, dict) and isinstance(expected, dict):
        return actual.keys() == expected.keys() and all(_same(actual[key], expected[key]) for key in expected)
    return bool(actual == expected)


def _cause_of_type(actual: Any, expected: Any, tol: float) -> str:
    if type(actual) in (tuple, list):
        for position, part in enumerate(actual):
            try:
                if find_difference(convert(part), convert(expected), tol, drop_axes=True) is None:
                    return f"part {position} of the {type(actual).__name__} is what was asked for"
            except Unconvertible:
                continue
    if callable(actual):
        return "a function was given back without being called: are the parentheses missing?"
    return ""


def _cause_of_inequality(actual: Any, expected: Any) -> str:
    if type(actual) is str and type(expected) is str:
        if actual.strip().casefold() == expected.strip().casefold():
            return "only capitals or spaces at the ends differ"
    elif type(actual) is str and type(expected) in (int, float, bool) and actual.strip() == str(expected):
        return "it is a text; leave out the quotes"
    elif type(actual) in (list, tuple) and type(expected) in (list, tuple) and _same_parts(actual, expected):
        return "the right parts in another order"
    return ""


def _same_parts(actual: Any, expected: Any) -> bool:
    try:
        return sorted(map(repr, _plain(actual))) == sorted(map(repr, _plain(expected)))
    except Unconvertible:
        return False
