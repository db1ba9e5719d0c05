"""Starts children and verifiers as programs of their own, for a hub that must not fork."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import msgspec

from labgrade.child.fresh import Order
from labgrade.child.settings import Settings

__all__ = ["Spawner"]

_FIRST_SIGNAL_CODE = 128


@dataclass
class Spawner:
    """Starts processes and learns how they ended.

    Args:
        settings: of the hub.

    """

    settings: Settings
    _running: dict[int, tuple[subprocess.Popen[bytes], int]] = field(default_factory=dict)

    def start(self, request: dict[str, Any], descriptors: list[int], slot: int = 0) -> int:
        """Start a child or a verifier and return its process id.

        Args:
            request: as the hub got it.
            descriptors: that it shall have.
            slot: which user id a child gets.

        """
        report_read, report_write = os.pipe()
        try:
            order = Order(self.settings, request, descriptors, slot, report_write)
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-s",
                    "-P",
                    "-m",
                    "labgrade.child.fresh",
                    msgspec.json.encode(order).decode(),
                ],
                pass_fds=[*descriptors, report_write],
                stdin=subprocess.DEVNULL,
            )
        except BaseException:
            os.close(report_read)
            raise
        finally:
            os.close(report_write)
        self._running[process.pid] = process, report_read
        return process.pid

    def note_end(self, pid: int, code: int) -> tuple[int, str]:
        """Take the end of a process that the hub has waited for.

        Args:
            pid: its number.
            code: as the system tells it.

        Returns:
            The code (negative: by a signal), and the cause if a middle process told one.

        """
        process, report = self._running.pop(pid)
        process.returncode = code  # the hub waits for all of its children by itself
        cause = ""
        os.set_blocking(report, False)
        with contextlib.suppress(BlockingIOError), os.fdopen(report, "rb") as lines:
            for line in lines.read().splitlines():
                with contextlib.suppress(ValueError):
                    cause = str(json.loads(line).get("cause", ""))
        if code > _FIRST_SIGNAL_CODE:
            code = _FIRST_SIGNAL_CODE - code
        return code, cause
