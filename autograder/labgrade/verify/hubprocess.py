"""Starts the warm process, and starts it again when it has ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import msgspec

from labgrade.child.settings import Settings
from labgrade.errors import MachineError
from labgrade.verify.hubline import PACKETS, HubGoneError, HubLine

__all__ = ["HubLink", "HubProcess"]

_START_S = 180.0
_ANSWER_S = 10.0


class HubLink:
    """A connection to a warm process that somebody else keeps.

    Args:
        control: the sequenced-packet socket, from :meth:`HubProcess.connect`.

    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self.line = HubLine(control)
        self.level = ""
        self.pid = 0

    def wait_ready(self) -> None:
        """Wait until the warm process can fork.

        Raises:
            MachineError: this machine cannot confine children as asked.
            HubGoneError: it ended.

        """
        self._take_greeting(self.line.greet(time.monotonic() + _START_S))

    def _take_greeting(self, message: dict[str, Any]) -> None:
        if "unfit" in message:
            raise MachineError(
                f"sandbox-{message['unfit']}",
                str(message["message"]),
                "labs doctor tells what this machine can do, docs/threat-model.md what each level holds off; "
                "--floor takes less",
            )
        if message.get("threads") != 1:
            text = f"the warm process has {message.get('threads')} threads; forking it would be unsafe"
            raise HubGoneError(text)
        self.level, self.pid = str(message["level"]), int(message["ready"])

    @property
    def is_running(self) -> bool:
        """Whether the warm process is there."""
        try:
            self.line.greet(time.monotonic() + _ANSWER_S)
        except HubGoneError:
            return False
        return True

    def close(self) -> None:
        """Close the connection; the warm process ends what it forked for it."""
        self._control.close()


class HubProcess(HubLink):
    """A warm process of our own.

    It starts at once and warms up while the caller goes on; :meth:`wait_ready` waits for it.

    Args:
        settings: what it imports and how children are confined.

    """

    def __init__(self, settings: Settings) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, PACKETS)
        super().__init__(ours)
        self._process: subprocess.Popen[bytes] | None = None
        self._started = threading.Event()
        # The system ends the warm process with the *thread* that started it: this one lives as long as it
        # does.
        threading.Thread(target=self._keep, args=(theirs, settings), name="labgrade-hub", daemon=True).start()

    def _keep(self, theirs: socket.socket, settings: Settings) -> None:
        command = [
            sys.executable,
            "-s",
            "-P",
            "-m",
            "labgrade.child.hub",
            str(theirs.fileno()),
            msgspec.json.encode(settings).decode(),
        ]
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command,
                    pass_fds=[theirs.fileno()],
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
        finally:
            self._started.set()
        self._process.wait()

    def wait_ready(self) -> None:
        """Wait until it can fork; see :meth:`HubLink.wait_ready`."""
        self._take_greeting(self.line.first_message(time.monotonic() + _START_S))

    def connect(self) -> socket.socket:
        """Return the end of a new control connection, for a :class:`HubLink` in this or another process."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, PACKETS)
        with theirs:
            self.line.connect(theirs.fileno())
        return ours

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        self._started.wait()
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """End it, and with it everything that it forked."""
        self._started.wait()
        self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _environment() -> dict[str, str]:
    """Return a clean environment: nothing of the grader's but where caches are."""
    # Where kernels of other languages are looked for.
    paths = {"JUPYTER_PATH": os.environ["JUPYTER_PATH"]} if "JUPYTER_PATH" in os.environ else {}
    return {
        **paths,
        "PATH": "/usr/bin:/bin",
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        # An arena for each thread would reserve 64 MiB of the address space that the memory limit counts.
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "KERAS_BACKEND": "torch",
        # The order of sets is the same in every run, so that scores are.
        "PYTHONHASHSEED": "0",
        # Large pages make forking several times cheaper: fewer page table entries to copy.
        "PYTHONMALLOC": "malloc",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }
