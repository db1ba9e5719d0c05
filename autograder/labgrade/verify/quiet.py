"""Waits for a request that was interrupted to come to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labgrade.wire import (
    Channel,
    ChannelClosedError,
    CodecError,
    DeadlinePassedError,
    Decoder,
    ProtocolError,
)

__all__ = ["wait_for_end"]


def wait_for_end(
    channel: Channel, decoder: Decoder, number: int, on_event: Callable[[Any], None] | None, until: float
) -> bool:
    """Read until the answer to a request has come; tell whether it has.

    Args:
        channel: to the student's process.
        decoder: of its messages.
        number: of the request.
        on_event: takes what a cell shows until then.
        until: of ``time.monotonic``.

    """
    try:
        while True:
            answer, kind, payload = decoder.decode(*channel.receive(until))
            if answer == number and kind in ("ok", "refused"):
                return True
            if kind == "event" and on_event is not None:
                on_event(payload)
            if kind == "callback":
                return False  # it waits for an answer that will not come
    except (DeadlinePassedError, ChannelClosedError, ProtocolError, CodecError, TypeError, ValueError):
        return False  # whatever else it sends
