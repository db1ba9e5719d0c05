"""Functions of a test that the student's code calls: run here, with an answer for over there."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

from labgrade.wire import Encoder, ProtocolError

__all__ = ["answer_callback"]


def answer_callback(
    callbacks: Sequence[Callable[..., Any]],
    number: int,
    payload: Any,
    to_node: Callable[[Any], list[Any]],
) -> tuple[bytes, Sequence[Any]]:
    """Call the function that is asked for, and return the message that says what came of it.

    Args:
        callbacks: that were given away, by their number.
        number: of the request.
        payload: number of the function, arguments.
        to_node: encodes what is no plain data.

    Raises:
        ProtocolError: there is no such function.

    """
    index, args, kwargs = payload
    if type(index) is not int or not 0 <= index < len(callbacks):
        raise ProtocolError("there is no such function")
    try:
        value = callbacks[index](*args, **kwargs)
        return Encoder(to_node).encode((number, "returned", ("value", value)))
    except Exception as error:  # it is the student's code that called: the error goes to it
        name = next(k.__name__ for k in type(error).__mro__ if vars(builtins).get(k.__name__) is k)
        return Encoder().encode((number, "returned", ("raise", (name, str(error)[:2000]))))
