"""What the grader and a worker say to each other: MessagePack of fixed types, with the length in front."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping

import msgspec

from labgrade.intake import RawSubmission
from labgrade.lab import Lab
from labgrade.model import Limits
from labgrade.result import GradedSubmission

__all__ = [
    "Done",
    "Failed",
    "FromWorker",
    "Job",
    "Ready",
    "Setup",
    "ToWorker",
    "Unfit",
    "decode_reply",
    "frame",
    "receive",
    "send",
]

MAX_FRAME_BYTES = 1 << 30
_LENGTH = struct.Struct("!Q")


class Setup(msgspec.Struct, tag=True):
    """The first message to a worker: the lab and how to grade it, and whether many submissions will come."""

    lab: Lab
    limits: Limits
    sandbox: str
    tests: str
    floor: str = ""
    start: str = "auto"
    many: bool = False


class Job(msgspec.Struct, tag=True):
    """Grade one submission."""

    submission: RawSubmission
    key: str


class Ready(msgspec.Struct, tag=True):
    """The worker has warmed up; the level of confinement it reaches."""

    level: str


class Done(msgspec.Struct, tag=True):
    """A submission is graded; ``files`` is the content of its autograded folder."""

    result: GradedSubmission
    files: Mapping[str, bytes]
    log: str = ""


class Failed(msgspec.Struct, tag=True):
    """The grader itself failed on a submission: ours, never the student's."""

    student: str
    key: str
    reason: str
    log: str


class Unfit(msgspec.Struct, tag=True):
    """The worker cannot grade on this machine as asked."""

    code: str
    message: str
    hint: str = ""


ToWorker = Setup | Job
FromWorker = Ready | Done | Failed | Unfit

_encoder = msgspec.msgpack.Encoder()
_reply = msgspec.msgpack.Decoder(FromWorker)
_order = msgspec.msgpack.Decoder(ToWorker)


def frame(message: ToWorker | FromWorker) -> bytes:
    """Return a message as it goes over the channel."""
    data = _encoder.encode(message)
    return _LENGTH.pack(len(data)) + data


def send(channel: socket.socket, message: ToWorker | FromWorker) -> None:
    """Send a message whole; OSError if the other side is gone."""
    channel.sendall(frame(message))


def receive(channel: socket.socket) -> ToWorker | None:
    """Wait for a message to a worker; None when the grader has closed the channel."""
    head = _read(channel, _LENGTH.size)
    if head is None:
        return None
    data = _read(channel, _LENGTH.unpack(head)[0])
    return None if data is None else _order.decode(data)


def decode_reply(buffer: bytearray) -> FromWorker | None:
    """Take the first whole message from a worker out of the buffer; None if there is none yet.

    Raises:
        ValueError: the worker sent something else.

    """
    if len(buffer) < _LENGTH.size:
        return None
    size = _LENGTH.unpack_from(buffer)[0]
    if size > MAX_FRAME_BYTES:
        raise ValueError("the worker announced a message of impossible size")
    if len(buffer) < _LENGTH.size + size:
        return None
    message: FromWorker = _reply.decode(memoryview(buffer)[_LENGTH.size : _LENGTH.size + size])
    del buffer[: _LENGTH.size + size]
    return message


def _read(channel: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(min(1 << 20, size - len(parts)))
        if not part:
            return None
        parts += part
    return bytes(parts)
