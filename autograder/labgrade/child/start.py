"""What a forked child does between its birth and the student's first cell."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

from labgrade.child.server import serve
from labgrade.wire import Channel

__all__ = ["detach", "run_child"]

_MOST_DESCRIPTORS = 65_536


def detach(descriptors: list[int]) -> None:
    """Leave behind what the warm process had open, its session and its signal handlers.

    Args:
        descriptors: that stay open.

    """
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    low = 3
    for descriptor in sorted(descriptors):
        os.closerange(low, descriptor)
        low = descriptor + 1
    os.closerange(low, _MOST_DESCRIPTORS)
    os.setsid()
    for number in (signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def run_child(shell: Any, descriptors: list[int]) -> None:
    """Serve one submission; returns when the grader has closed the connection.

    Args:
        shell: the warmed shell.
        descriptors: of the connection to the grader, and of the file that takes what C code writes.

    """
    signal.set_wakeup_fd(-1)
    connection, text = descriptors
    os.dup2(text, 1)
    os.dup2(text, 2)
    os.close(text)
    serve(Channel(socket.socket(fileno=connection)), shell)
