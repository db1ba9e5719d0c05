"""A child, or a verifier, that was not forked from a warm process but started as a program of its own.

It imports the libraries itself, so it takes seconds instead of milliseconds; on systems where a process that
has used certain libraries must not be forked (macOS) there is no other way. Where the machine has the means
(Linux), a child forks once more to confine itself, as one of a warm process does.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from typing import Any

import msgspec

from labgrade.child.births import confine_here, make_policy
from labgrade.child.settings import Settings
from labgrade.child.start import run_child
from labgrade.child.warm import warm
from labgrade.confine import Level, available, enter
from labgrade.confine.process import die_with_parent
from labgrade.confine.steps import choose_level

__all__ = ["Order", "main"]


class Order(msgspec.Struct):
    """What to become.

    Args:
        settings: as a warm process has them.
        request: ``role`` (child or verifier) and ``folder``.
        descriptors: that come with it, in the order that the role has.
        slot: which user id a child gets.
        report: descriptor for the lines about a child's end.

    """

    settings: Settings
    request: dict[str, Any]
    descriptors: list[int]
    slot: int = 0
    report: int = -1


def main(order: Order) -> None:
    """Become what is asked for, and serve until the connection ends."""
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    if order.request["role"] == "verifier":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        warm(order.settings.preload)
        from labgrade.verify.process import run_verifier

        connection, control = order.descriptors
        run_verifier(socket.socket(fileno=connection), socket.socket(fileno=control), order.request)
        return
    policy = make_policy(order.settings, order.request["folder"], order.slot)
    level = choose_level(policy, available())  # tries it in processes that are still small
    shell = warm(order.settings.preload)
    if level.reaches(Level.NO_NAMESPACES):
        enter(policy, order.report, keep_fds=order.descriptors, parent_pid=os.getppid())
    else:
        confine_here(policy, level, order.descriptors)
    run_child(shell, order.descriptors)


if __name__ == "__main__":
    try:
        main(msgspec.json.decode(sys.argv[1], type=Order))
    except (
        BaseException
    ) as error:  # of ours: the connection that closes tells the grader, the text goes to the log
        os.write(2, "".join(traceback.format_exception(error)).encode("utf-8", "replace"))
        os._exit(70)
    os._exit(0)
