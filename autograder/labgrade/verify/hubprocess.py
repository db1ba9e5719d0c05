"""Starts the warm process, and starts it again when it has ended."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

import msgspec

from labgrade.child.settings import Settings
from labgrade.errors import MachineError
from labgrade.verify.hubline import HubGoneError, HubLine

__all__ = ["HubProcess"]

_START_S = 180.0


class HubProcess:
    """The warm process and the control connection to it.

    It starts at once and warms up while the caller goes on; :meth:`wait_ready` waits for it.

    Args:
        settings: what it imports and how children are confined.

    """

    def __init__(self, settings: Settings) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = threading.Event()
        self.line = HubLine(ours)
        self.level = ""
        # The system ends the warm process with the *thread* that started it: this one lives as long as it does.
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
            self._ready.set()
        self._process.wait()

    def wait_ready(self) -> None:
        """Wait until it can fork.

        Raises:
            MachineError: this machine cannot confine children as asked.
            HubGoneError: it ended.

        """
        message = self.line.first_message(time.monotonic() + _START_S)
        if "unfit" in message:
            raise MachineError(
                f"sandbox-{message['unfit']}",
                str(message["message"]),
                "labs doctor tells what this machine can do; --sandbox auto takes what there is",
            )
        if message.get("threads") != 1:
            raise HubGoneError(
                f"the warm process has {message.get('threads')} threads; forking it would be unsafe"
            )
        self.level = str(message["level"])

    @property
    def pid(self) -> int:
        """The process id; 0 if it has not started."""
        self._ready.wait()
        return self._process.pid if self._process is not None else 0

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        self._ready.wait()
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """End it, and with it everything that it forked."""
        self._ready.wait()
        self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _environment() -> dict[str, str]:
    """Return a clean environment: nothing of the grader's but where caches are."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "KERAS_BACKEND": "torch",
        # The order of sets is the same in every run, so that scores are.
        "PYTHONHASHSEED": "0",
        # Large pages make forking several times cheaper: fewer page table entries to copy.
        "PYTHONMALLOC": "malloc",
        "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    }
