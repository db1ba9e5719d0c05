"""The line from a verifier to the warm process: asks for children, learns how they ended."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

import msgspec

__all__ = ["PACKETS", "ChildProcess", "HubGoneError", "HubLine"]

_PACKET = 65_536
PACKETS = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM
"""Kind of the control sockets: each message is received as it was sent."""


class HubGoneError(Exception):
    """The warm process has ended or cannot fork; the message says which."""


@dataclass(slots=True)
class ChildProcess:
    """A process that the warm process forked.

    Args:
        pid: its number.
        handle: a pidfd, None where the system has none.

    """

    pid: int
    handle: int | None

    def kill(self) -> None:
        """End it now."""
        self.signal(signal.SIGKILL)

    def signal(self, number: int) -> bool:
        """Send a signal; tell whether there was still a process to get it."""
        try:
            if self.handle is not None:
                signal.pidfd_send_signal(self.handle, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        """Forget the handle."""
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None


class HubLine:
    """A control connection to the warm process.

    Args:
        control: the sequenced-packet socket.

    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._exits: dict[int, tuple[int, str]] = {}
        self._forgotten: set[int] = set()

    def fork(self, request: dict[str, Any], descriptors: list[int], timeout_s: float = 30.0) -> ChildProcess:
        """Ask for a process.

        Args:
            request: what it shall be.
            descriptors: what it shall have.
            timeout_s: how long the warm process may take.

        Raises:
            HubGoneError: it cannot be had.

        """
        self._send(request, descriptors)
        until = time.monotonic() + timeout_s
        while True:
            message, received = self._next(until)
            if "error" in message:
                raise HubGoneError(str(message["error"]))
            if "pid" in message:
                self._forgotten.discard(message["pid"])
                return ChildProcess(message["pid"], received[0] if received else None)

    def wait_end(self, pid: int, timeout_s: float) -> tuple[int | None, str]:
        """Return how a process ended: code (negative: by a signal; None if not known in time) and cause.

        The cause is "" or one of :class:`labgrade.confine.supervise.Ended`.
        """
        until = time.monotonic() + timeout_s
        while pid not in self._exits:
            try:
                self._next(until)
            except HubGoneError:
                return None, ""
        return self._exits.pop(pid)

    def forget(self, pid: int) -> None:
        """Do not keep how a process ends."""
        if self._exits.pop(pid, None) is None:
            self._forgotten.add(pid)

    def greet(self, until: float) -> dict[str, Any]:
        """Ask the warm process how it is.

        Args:
            until: of ``time.monotonic``.

        Raises:
            HubGoneError: it has ended or does not answer.

        """
        self._send({"role": "hello"}, [])
        while True:
            message, _ = self._next(until)
            if "ready" in message or "unfit" in message:
                return message

    def connect(self, descriptor: int) -> None:
        """Give the warm process another control connection."""
        self._send({"role": "connect"}, [descriptor])

    def _send(self, request: dict[str, Any], descriptors: list[int]) -> None:
        try:
            socket.send_fds(self._control, [msgspec.msgpack.encode(request)], descriptors)
        except OSError as error:
            raise HubGoneError(f"the warm process has ended ({error})") from None

    def first_message(self, until: float) -> dict[str, Any]:
        """Return what the warm process says when it has started."""
        return self._next(until)[0]

    def _next(self, until: float) -> tuple[dict[str, Any], list[int]]:
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        if not poll.poll(max(0, int((until - time.monotonic()) * 1000))):
            raise HubGoneError("the warm process does not answer")
        try:
            data, descriptors, _, _ = socket.recv_fds(self._control, _PACKET, 4)
        except OSError as error:
            raise HubGoneError(f"the warm process has ended ({error})") from None
        if not data:
            raise HubGoneError("the warm process has ended")
        message = msgspec.msgpack.decode(data)
        if "exit" in message:
            if message["exit"] in self._forgotten:
                self._forgotten.discard(message["exit"])
            else:
                self._exits[message["exit"]] = (message["status"], message["cause"])
        return message, descriptors
