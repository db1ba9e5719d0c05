"""Expectations about what a call does beside giving a value: raising, warning, changing its inputs."""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from labkit.checks.failure import add_note
from labkit.expect.convert import Unconvertible, convert
from labkit.expect.report import fail

__all__ = ["no_warning", "raises", "unchanged"]


@contextlib.contextmanager
def _raises_block(kinds: tuple[type[BaseException], ...], match: str, call: str, read: str) -> Iterator[None]:
    names = " or ".join(kind.__name__ for kind in kinds)
    wanted = names + (f" whose text contains /{match}/" if match else "")
    try:
        yield
    except kinds as error:
        if match and not re.search(match, str(error)):
            fail(call=call, expected=wanted, came_back=f"{type(error).__name__}: {error}", read=read)
        return
    except NotImplementedError:
        raise  # the stub: not attempted
    except Exception as error:
        fail(call=call or None, expected=wanted, came_back=f"{type(error).__name__}: {error}", read=read)
    fail(call=call or None, expected=wanted, came_back="no exception", read=read)


def raises(
    kind: type[BaseException] | tuple[type[BaseException], ...],
    function: Callable[..., Any] | None = None,
    *arguments: Any,
    match: str = "",
    call: str = "",
    read: str = "",
) -> contextlib.AbstractContextManager[None]:
    """Expect an exception, of a ``with`` block or of a call.

    Args:
        kind: the type, or a tuple of types.
        function: what to call; None: the result is for a ``with`` statement.
        arguments: of the call.
        match: regular expression that the exception's text must contain.
        call: what was called, as students should read it.
        read: where to read about it.

    Raises:
        Failure: nothing was raised, or something else.

    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if function is None:
        return _raises_block(kinds, match, call, read)
    with _raises_block(kinds, match, call, read):
        function(*arguments)
    return contextlib.nullcontext()


@contextlib.contextmanager
def no_warning(call: str = "", *, category: type[Warning] = Warning, read: str = "") -> Iterator[None]:
    """Expect that a block gives no warning.

    Args:
        call: what is called in the block.
        category: only warnings of this type count.
        read: where to read about it.

    Raises:
        Failure: it gave one; the message shows its text.

    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if issubclass(warning.category, category):
            came_back = f"{warning.category.__name__}: {str(warning.message).strip()}"
            fail(call=call or None, expected="no warning", came_back=came_back, read=read)


@contextlib.contextmanager
def unchanged(**values: Any) -> Iterator[None]:
    """Note, without costing points, which inputs a block modified in place.

    Args:
        values: name -> array or tensor (or a list of numbers), as passed to the student's function.

    """
    before = {name: _copy(value) for name, value in values.items()}
    yield
    for name, value in values.items():
        kept = before[name]
        now = _copy(value)
        if kept is not None and now is not None and not _identical(kept, now):
            add_note(f"the input `{name}` was modified in place; the caller may still need it")


def _copy(value: Any) -> np.ndarray[Any, Any] | None:
    try:
        return convert(value).array.copy()
    except Unconvertible:
        return None


def _identical(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return one.tobytes() == other.tobytes()
