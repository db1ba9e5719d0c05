"""Runs and verifies submissions: one engine for each worker.

An engine has a warm process (shared by all engines of this process), and for each lab a verifier, both forked from
it. Grading happens in processes of their own, so an engine may be used from a thread.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from labgrade.model import (
    CellRun,
    CellState,
    Finding,
    LabSpec,
    Limits,
    NotebookRun,
    PreparedSubmission,
    Severity,
    SubmissionRun,
    TestCellRun,
)
from labgrade.verify.hubline import ChildProcess, HubGone, HubLine
from labgrade.wire.frames import Channel, ChannelClosed, DeadlinePassed

__all__ = ["PRELOAD", "Engine"]

PRELOAD = ("numpy", "torch", "matplotlib", "labkit", "labkit.checks", "pytest")
_MAX_BYTES = 1 << 30


class _Hub:
    """The warm process and the control connection to it."""

    def __init__(self, preload: Sequence[str]) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "PYTHONHASHSEED": "0",
            # Large pages make forking the warm process several times cheaper: fewer page table entries to copy.
            "PYTHONMALLOC": "malloc",
            "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
        }
        command = [
            sys.executable,
            "-s",
            "-P",
            "-m",
            "labgrade.child.hub",
            str(theirs.fileno()),
            ",".join(preload),
        ]
        self.process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self.control = ours
        self.line = HubLine(ours)

    def close(self) -> None:
        self.control.close()
        self.process.kill()
        self.process.wait()


class Engine:
    """Grades one submission after the other.

    Args:
        limits: what a submission may use.
        sandbox: ``auto``, ``strict`` or ``off``.
        tests: ``apart`` or ``in-kernel``.
        preload: modules that the warm process imports.

    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        sandbox: str = "auto",
        tests: str = "apart",
        preload: Sequence[str] = PRELOAD,
    ) -> None:
        self.limits = limits or Limits()
        self.sandbox = sandbox
        self.tests = tests
        self.level = "off"
        self._preload = tuple(preload)
        self._hub: _Hub | None = None
        self._verifier: ChildProcess | None = None
        self._channel: Channel | None = None
        self._lab = ""
        self._folder = ""

    def __enter__(self) -> Engine:
        self._folder = tempfile.mkdtemp(prefix="labgrade-")
        self._hub = _Hub(self._preload)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop_verifier()
        if self._hub is not None:
            self._hub.close()
            self._hub = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, lab: LabSpec, submission: PreparedSubmission) -> SubmissionRun:
        """Run and verify one submission; never raises for anything that a submission does."""
        started = time.monotonic()
        self._use_lab(lab)
        assert self._channel is not None
        work = tempfile.mkdtemp(prefix="work-", dir=self._folder)
        launch = {"role": "child", "folder": work, "environment": {"HOME": work, "PATH": "/usr/bin:/bin"}}
        task = {"submission": submission, "limits": self.limits, "launch": launch}
        self._channel.send(b"grade", [msgspec.msgpack.encode(task)])
        results = _Results(lab, submission)
        deadline = time.monotonic() + self.limits.submission_s + 30
        while True:
            header, raw = self._channel.receive(deadline)
            if header == b"done":
                break
            results.add(header.decode(), raw)
        shutil.rmtree(work, ignore_errors=True)
        return results.finish(self.level, time.monotonic() - started)

    def _use_lab(self, lab: LabSpec) -> None:
        key = lab.digest or repr(id(lab))
        if self._channel is not None and key == self._lab:
            return
        self._drop_verifier()
        assert self._hub is not None
        folder = tempfile.mkdtemp(prefix="lab-", dir=self._folder)
        for name, content in lab.given_files.items():
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        ours, theirs = socket.socketpair()
        with theirs:
            self._verifier = self._hub.line.fork(
                {"role": "verifier", "folder": folder}, [theirs.fileno()], 120
            )
        self._channel = Channel(ours, max_header=1 << 20, max_raw=_MAX_BYTES)
        self._channel.send(b"lab", [msgspec.msgpack.encode(lab)])
        self._channel.receive(time.monotonic() + 600)
        self._lab = key

    def _drop_verifier(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._verifier is not None:
            self._verifier.kill()
            self._verifier.close()
            self._verifier = None


class _Results:
    """Puts together what a judge tells."""

    def __init__(self, lab: LabSpec, submission: PreparedSubmission) -> None:
        self._submission = submission
        self._cells: dict[tuple[int, int], CellRun] = {}
        self._tests: dict[tuple[int, int], TestCellRun] = {}
        self._findings: list[tuple[int, Finding]] = []

    def add(self, kind: str, raw: bytes | bytearray) -> None:
        """Take one message of a judge."""
        if kind == "cell":
            notebook, cell, run = msgspec.msgpack.decode(raw, type=tuple[int, int, CellRun])
            self._cells[notebook, cell] = run
        elif kind == "test":
            notebook, cell, test = msgspec.msgpack.decode(raw, type=tuple[int, int, TestCellRun])
            self._tests[notebook, cell] = test
        elif kind == "finding":
            notebook, _, finding = msgspec.msgpack.decode(raw, type=tuple[int, int, Finding])
            self._findings.append((notebook, finding))

    def finish(self, level: str, seconds: float) -> SubmissionRun:
        """Return the whole; what nothing was told about was not run."""
        notebooks = []
        for index, notebook in enumerate(self._submission.notebooks):
            cells = tuple(
                self._cells.get((index, position), CellRun(CellState.NOT_RUN))
                for position in range(len(notebook.cells))
            )
            tests = tuple(
                test for (at, _), test in sorted(self._tests.items(), key=lambda item: item[0]) if at == index
            )
            findings = tuple(finding for at, finding in self._findings if at == index)
            notebooks.append(NotebookRun(notebook.spec.name, cells, tests, findings))
        return SubmissionRun(self._submission.student, tuple(notebooks), (), level, seconds)
