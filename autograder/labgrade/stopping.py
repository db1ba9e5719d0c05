"""Ctrl-C between two steps of a job, never in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["StopSign", "heed_interrupts"]


class StopSign:
    """Whether somebody has asked the job to stop."""

    def __init__(self) -> None:
        self._asked = False

    def ask(self, _number: int, _frame: FrameType | None) -> None:
        """Ask; who asks twice does not want to wait, and interrupts at once."""
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True

    def obey(self) -> None:
        """Raise KeyboardInterrupt if the job was asked to stop; called where nothing is half done."""
        if self._asked:
            raise KeyboardInterrupt


@contextmanager
def heed_interrupts() -> Iterator[StopSign]:
    """Turn SIGINT into a sign that the job looks at; outside the main thread it stays as it is."""
    sign = StopSign()
    if threading.current_thread() is not threading.main_thread():
        yield sign
        return
    before = signal.signal(signal.SIGINT, sign.ask)
    try:
        yield sign
    finally:
        signal.signal(signal.SIGINT, before)
