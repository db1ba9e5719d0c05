"""Length-prefixed frames on a stream socket, each under a deadline for the whole frame."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

from labgrade.wire.tags import MAX_HEADER_BYTES, MAX_RAW_BYTES

__all__ = ["Channel", "ChannelClosedError", "DeadlinePassedError", "ProtocolError"]

_PREFIX = struct.Struct("<4sII")
_MAGIC = b"SQ1\n"
_MAX_BUFFERS = 512
_AHEAD_BYTES = 1 << 16


class ChannelClosedError(Exception):
    """The other side has gone."""


class DeadlinePassedError(Exception):
    """The frame was not there in time."""


class ProtocolError(Exception):
    """What came is not a frame of ours."""


class Channel:
    """Sends and receives frames of a header and raw bytes.

    Args:
        sock: a connected stream socket; it is made non-blocking and belongs to the channel from now on.
        max_header: bytes of header that are accepted.
        max_raw: raw bytes that are accepted.
        ahead: read more than the frame at hand, where no signal can stop the reading half-way.

    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        max_header: int = MAX_HEADER_BYTES,
        max_raw: int = MAX_RAW_BYTES,
        ahead: bool = False,
    ) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._max_header = max_header
        self._max_raw = max_raw
        self._least = _AHEAD_BYTES if ahead else 1
        self._poll = select.poll()
        self._received = bytearray()

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self.sock.fileno()

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()

    def send(self, header: bytes, buffers: Sequence[Any] = (), deadline: float | None = None) -> None:
        """Send one frame.

        Args:
            header: its structure.
            buffers: its raw bytes, in order.
            deadline: of ``time.monotonic``; None waits for ever.

        Raises:
            ChannelClosedError: nobody reads.
            DeadlinePassedError: nobody reads in time.

        """
        self.send_all([(header, buffers)], deadline)

    def send_all(self, frames: Sequence[tuple[bytes, Sequence[Any]]], deadline: float | None = None) -> None:
        """Send frames in one go; see :meth:`send`."""
        pending: list[memoryview] = []
        for header, buffers in frames:
            views = [memoryview(buffer).cast("B") if buffer else memoryview(b"") for buffer in buffers]
            raw_bytes = sum(map(len, views))
            pending.append(memoryview(_PREFIX.pack(_MAGIC, len(header), raw_bytes) + header))
            pending += [view for view in views if len(view)]
        while pending:
            try:
                sent = self.sock.sendmsg(pending[:_MAX_BUFFERS])
            except (BlockingIOError, InterruptedError):
                self._wait(select.POLLOUT, deadline)
                continue
            except OSError as error:
                raise ChannelClosedError(str(error)) from None
            while pending and sent >= len(pending[0]):
                sent -= len(pending.pop(0))
            if sent:
                pending[0] = pending[0][sent:]

    def receive(self, deadline: float | None = None) -> tuple[bytes, bytearray]:
        """Return the next frame: header and raw bytes.

        Raises:
            ChannelClosedError: there is none, the other side has gone.
            DeadlinePassedError: it is not complete in time; the channel can be asked again.
            ProtocolError: it is not a frame, or too large.

        """
        self._fill(_PREFIX.size, deadline)
        magic, header_size, raw_size = _PREFIX.unpack_from(self._received)
        if magic != _MAGIC or header_size > self._max_header or raw_size > self._max_raw:
            raise ProtocolError("not a frame")
        total = _PREFIX.size + header_size + raw_size
        self._fill(total, deadline)
        header = bytes(self._received[_PREFIX.size : _PREFIX.size + header_size])
        raw = self._received[_PREFIX.size + header_size : total]
        del self._received[:total]
        return header, raw

    def _fill(self, size: int, deadline: float | None) -> None:
        while len(self._received) < size:
            try:
                # Else no more than this frame is read, so that a stop between frames leaves nothing behind.
                part = self.sock.recv(min(max(size - len(self._received), self._least), 1 << 20))
            except (BlockingIOError, InterruptedError):
                self._wait(select.POLLIN, deadline)
                continue
            except OSError as error:
                raise ChannelClosedError(str(error)) from None
            if not part:
                raise ChannelClosedError("the other side has gone")
            self._received += part
            if deadline is not None and time.monotonic() > deadline:
                raise DeadlinePassedError

    def _wait(self, events: int, deadline: float | None) -> None:
        self._poll.register(self.sock, events)
        if deadline is None:
            self._poll.poll()
            return
        left = deadline - time.monotonic()
        if left <= 0 or not self._poll.poll(max(1, int(left * 1000))):
            raise DeadlinePassedError
