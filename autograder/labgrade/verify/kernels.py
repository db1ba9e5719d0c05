"""Notebooks in other languages: run in a Jupyter kernel, judged by nbgrader's rule, failing closed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import msgspec

from labgrade.model import (
    CellRun,
    CellState,
    Finding,
    Limits,
    PreparedNotebook,
    PreparedSubmission,
    Severity,
    TestCellRun,
)
from labgrade.verify.inkernel import judge_outputs
from labgrade.verify.kernelhost import KernelTask
from labgrade.wire.frames import Channel, ChannelClosedError

__all__ = ["run_in_jupyter"]

_SLACK_S = 180.0
"""A kernel's start, and the cells that are run again after a restart."""
_MAX_BYTES = 1 << 30

Tell = Callable[[str, int, Any], None]


def run_in_jupyter(
    notebook: PreparedNotebook,
    submission: PreparedSubmission,
    limits: Limits,
    launch: dict[str, Any],
    tell: Tell,
) -> None:
    """Run a notebook and tell what came of its cells and tests.

    Args:
        notebook: the student's.
        submission: whose files it may use.
        limits: of time and memory.
        launch: ``folder``: of the submission; ``sandbox``: as the engine has it.
        tell: takes ``(kind, position, value)``.

    """
    code = [(position, cell) for position, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for position, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            tell("cell", position, CellRun(CellState.OK))
    # Short: the kernel's sockets lie here, and their names have a limit.
    with tempfile.TemporaryDirectory(prefix="k-", dir=launch["folder"], ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o711)  # noqa: S103 - a kernel with a user id of its own must reach it
        task = KernelTask(
            kernel=notebook.spec.kernel,
            sources=[cell.source for _, cell in code],
            files=dict(submission.files),
            folder=folder,
            sandbox=launch["sandbox"],
            cell_s=limits.cell_s,
            memory_mib=limits.memory_mib,
            cpu_s=limits.cpu_s,
        )
        with _Host(task) as host:
            for index, (position, cell) in enumerate(code):
                tell("at", position, None)
                run = host.next_cell(index, limits.cell_s + _SLACK_S)
                if run is None:
                    reason = host.reason or "the process that runs the kernel ended"
                    where = notebook.spec.name
                    tell("finding", position, Finding("kernel-missing", reason, Severity.FAILURE, where))
                    return
                tell("cell", position, run)
                spec = cell.spec
                if spec is not None and spec.is_test:
                    score, why = judge_outputs(run, spec.points)
                    said = f"the notebook is in {notebook.spec.language}" + (f"; {why}" if why else "")
                    test = TestCellRun(spec.grade_id, score, spec.points, "in-kernel", (), run.outputs, said)
                    tell("test", position, test)


class _Host:
    """The process that runs the kernel."""

    def __init__(self, task: KernelTask) -> None:
        self._task = task
        self.reason = ""

    def __enter__(self) -> _Host:
        ours, theirs = socket.socketpair()
        self._channel = Channel(ours, max_header=_MAX_BYTES, max_raw=_MAX_BYTES)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-m", "labgrade.verify.kernelhost", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._channel.send(b"task", [msgspec.msgpack.encode(self._task)])
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def next_cell(self, index: int, timeout_s: float) -> CellRun | None:
        """Return what came of the next cell; None if there is no kernel."""
        try:
            kind, raw = self._channel.receive(time.monotonic() + timeout_s)
        except ChannelClosedError:
            return None
        if kind == b"no kernel":
            self.reason = raw.decode()
            return None
        at, run = msgspec.msgpack.decode(raw, type=tuple[int, CellRun])
        return run if at == index else None
