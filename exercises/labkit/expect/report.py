"""Builds the failure of an expectation: what was called, expected, came back, a cause, where to read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from labkit.checks.failure import Failure, NotAttempted
from labkit.checks.frames import expression_at
from labkit.checks.model import Fact
from labkit.expect.compare import find_difference
from labkit.expect.convert import Unconvertible, convert

__all__ = ["fail", "find_variant", "first_variant", "refuse_placeholder"]

_HERE = str(Path(__file__).resolve().parent)
_MAX_CALL = 200


def fail(
    *,
    call: str | None,
    expected: str,
    came_back: str,
    cause: str = "",
    read: str = "",
    notes: tuple[str, ...] = (),
) -> NoReturn:
    """Raise the failure, its facts in reading order.

    Args:
        call: what was called; "" takes the text of the first argument at the place that called ``expect``,
            None leaves the line out.
        expected: what should have come back.
        came_back: what came back.
        cause: the known mistake it resembles.
        read: where to read about it.
        notes: for the author of the test.

    Raises:
        Failure: always.

    """
    called = _first_argument() if call == "" else call
    facts = [Fact("called", called)] if called else []
    facts += [Fact("expected", expected), Fact("came back", came_back)]
    if read:
        facts.append(Fact("read", read))
    raise Failure(tuple(facts), cause, notes)


def refuse_placeholder(value: Any, call: str = "") -> None:
    """Raise :class:`NotAttempted` if a value is still ``...``."""
    if value is ...:
        what = call or _first_argument()
        where = f" in `{what}`" if what else ""
        raise NotAttempted((Fact("", f"a `...` still stands where your answer should be{where}"),))


def find_variant(
    actual: Any, expected: Any, variants: Mapping[str, Any] | None, tol: float
) -> tuple[str, tuple[str, ...]]:
    """Return the first known mistake that gives what came back, and notes about variants that raised.

    Args:
        actual: what came back.
        expected: the reference.
        variants: name of the mistake -> what it gives, or a function without arguments that computes it.
        tol: as in the comparison.

    """

    def matches(value: Any) -> bool:
        converted = convert(value)
        same = find_difference(converted, convert(actual), tol, drop_axes=True) is None
        # A variant that agrees with the reference on these inputs explains nothing.
        return same and find_difference(converted, convert(expected), tol, drop_axes=True) is not None

    return first_variant(variants, matches)


def first_variant(
    variants: Mapping[str, Any] | None, matches: Callable[[Any], bool]
) -> tuple[str, tuple[str, ...]]:
    """Return the first variant that matches, "" if none does, and notes about those that raised."""
    notes: list[str] = []
    for name, variant in (variants or {}).items():
        try:
            if matches(_value_of(variant)):
                return name, tuple(notes)
        except Unconvertible:
            continue
        except Exception as error:  # an author's slip in a variant must not cost the student the message
            notes.append(f"the variant “{name}” could not be computed: {type(error).__name__}: {error}")
    return "", tuple(notes)


def _value_of(variant: Any) -> Any:
    return variant() if callable(variant) else variant


def _first_argument() -> str:
    """Return the source of the first argument of the ``expect`` call under way, "" if it cannot be told."""
    import ast

    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None:
        return ""
    try:
        tree = ast.parse(expression_at(frame.f_code, frame.f_lasti), mode="eval")
    except SyntaxError:
        return ""
    if not isinstance(tree.body, ast.Call) or not tree.body.args:
        return ""
    text = ast.unparse(tree.body.args[0])
    if isinstance(tree.body.args[0], ast.Constant):
        return ""
    return text if len(text) <= _MAX_CALL else f"{text[:_MAX_CALL]} …"
