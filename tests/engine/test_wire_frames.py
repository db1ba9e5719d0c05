"""Frames arrive whole, under a deadline, or not at all."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from labgrade.wire import Channel, ChannelClosedError, DeadlinePassedError, ProtocolError


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    channels = Channel(left), Channel(right)
    yield channels
    for channel in channels:
        channel.close()


def test_frame_arrives_with_its_buffers(pair):
    """Header and raw bytes arrive as they were sent, empty buffers included."""
    pair[0].send(b"head", [b"abc", b"", memoryview(b"de")])
    assert pair[1].receive() == (b"head", bytearray(b"abcde"))


def test_frames_arrive_one_by_one(pair):
    """Two frames sent together are received one after the other."""
    pair[0].send(b"one")
    pair[0].send(b"two", [b"x"])
    assert pair[1].receive()[0] == b"one"
    assert pair[1].receive() == (b"two", bytearray(b"x"))


def test_large_frame_crosses_while_the_other_side_reads(pair):
    """A frame larger than the socket's buffer is sent in parts."""
    data = bytes(5_000_000)
    sender = threading.Thread(target=pair[0].send, args=(b"h", [data]))
    sender.start()
    assert pair[1].receive()[1] == data
    sender.join()


def test_closed_channel_is_told(pair):
    """The end of the other side is an exception of its own."""
    pair[0].close()
    with pytest.raises(ChannelClosedError):
        pair[1].receive()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"SQ1\n\xff\xff\xff\xff\x00\x00\x00\x00",
        b"SQ1\n\x00\x00\x00\x00\xff\xff\xff\xff",
    ],
)
def test_other_bytes_are_a_protocol_error(pair, data):
    """What is no frame, or too large a one, is refused before anything is allocated for it."""
    pair[0].sock.send(data)
    with pytest.raises(ProtocolError):
        pair[1].receive()


def test_slow_drip_does_not_move_the_deadline(pair):
    """A sender that sends a byte now and then does not gain time."""
    stop = threading.Event()

    def drip():
        for byte in b"SQ1\n" + bytes([100, 0, 0, 0, 0, 0, 0, 0]) + bytes(100):
            if stop.wait(0.02):
                return
            pair[0].sock.send(bytes([byte]))

    sender = threading.Thread(target=drip)
    sender.start()
    started = time.monotonic()
    with pytest.raises(DeadlinePassedError):
        pair[1].receive(time.monotonic() + 0.2)
    stop.set()
    sender.join()
    assert time.monotonic() - started < 2


def test_sender_does_not_wait_for_ever(pair):
    """A receiver that never reads makes the sender's deadline pass."""
    with pytest.raises(DeadlinePassedError):
        pair[0].send(b"h", [bytes(10_000_000)], time.monotonic() + 0.1)
