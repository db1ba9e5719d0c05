"""What a forked child does before the student's first cell: descriptors, confinement, then the loop."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

from labgrade.child.server import serve
from labgrade.wire import Channel

__all__ = ["run_child"]


def run_child(shell: Any, request: dict[str, Any], descriptors: list[int]) -> None:
    """Become the process of one submission; returns when the grader has closed the connection.

    Args:
        shell: the warmed shell.
        request: ``folder``: where to work; ``policy``: limits, empty for no confinement.
        descriptors: of the connection to the grader, and of the file that takes what C code writes.

    """
    connection = os.dup(descriptors[0])
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(descriptors[1], 1)
    os.dup2(descriptors[1], 2)
    os.setsid()
    # Python's own handler, so that a loop can be interrupted; the warm process ignores the signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    low, high = 3, connection
    os.closerange(low, high)
    os.closerange(high + 1, 65_536)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    serve(Channel(socket.socket(fileno=connection)), shell)
