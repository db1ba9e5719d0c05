"""A time limit for one test."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from labkit.checks.judge import TestTimeout

__all__ = ["limit_time"]

# After the first stop the limit knocks again: a bare `except:` in a loop must not swallow it for good.
_KNOCK_AGAIN_S = 0.5


@contextlib.contextmanager
def limit_time(seconds: float | None) -> Iterator[None]:
    """Raise :class:`TestTimeout` in the block when it has run for so many seconds; None: no limit.

    In the main thread of a POSIX system a timer signal does it, which also ends ``time.sleep``. Elsewhere
    (Windows, a thread) a second thread asks the interpreter for it, which takes effect between two Python
    instructions.
    """
    if seconds is None:
        yield
    elif hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        with _limit_by_signal(seconds):
            yield
    else:
        with _limit_by_thread(seconds):
            yield


@contextlib.contextmanager
def _limit_by_signal(seconds: float) -> Iterator[None]:
    armed = True

    def stop(signum: int, frame: FrameType | None) -> None:
        # Without the flag a late knock could interrupt the lines below that take the timer away.
        if armed:
            raise TestTimeout(seconds)

    handler = signal.signal(signal.SIGALRM, stop)
    outer = signal.setitimer(signal.ITIMER_REAL, seconds, _KNOCK_AGAIN_S)
    try:
        yield
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        if outer[0]:  # an outer timer (an engine's) goes on with what it had left
            signal.setitimer(signal.ITIMER_REAL, outer[0], outer[1])


@contextlib.contextmanager
def _limit_by_thread(seconds: float) -> Iterator[None]:
    target = ctypes.c_ulong(threading.get_ident())
    finished = threading.Lock()
    done = False
    asked = False

    class _Stop(TestTimeout):
        def __init__(self) -> None:
            super().__init__(seconds)

    def stop() -> None:
        nonlocal asked
        with finished:
            if not done:
                asked = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(target, ctypes.py_object(_Stop))

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with finished:
            done = True
            if asked:  # if it did not take effect yet, it must not do so outside
                ctypes.pythonapi.PyThreadState_SetAsyncExc(target, None)
        timer.cancel()
