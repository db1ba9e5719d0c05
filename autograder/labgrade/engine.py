"""Runs and verifies submissions: one engine for each worker.

An engine has a warm process, and for each lab a verifier that is forked from it; the verifier forks a
judge for each submission, and the warm process the child in which the student's code runs. So an engine
may be used from a thread, and nothing that grading one submission does is there when the next one begins.
"""

from __future__ import annotations

import contextlib
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from labgrade.child.settings import Settings
from labgrade.confine import Home, make_home, remove_tree
from labgrade.model import CellState, Finding, LabSpec, Limits, PreparedSubmission, Severity, SubmissionRun
from labgrade.verify.hubline import ChildProcess, HubGoneError
from labgrade.verify.hubprocess import HubLink, HubProcess
from labgrade.verify.results import Results
from labgrade.wire.frames import Channel, ChannelClosedError, DeadlinePassedError

__all__ = ["DEFAULT_FLOOR", "PRELOAD", "Engine", "share_hub"]

DEFAULT_FLOOR = "no-namespaces"
"""Below this level a student who tries can reach the grader's files, so it must be asked for."""

PRELOAD = (
    "numpy",
    "torch",
    "matplotlib",
    "tqdm",
    "labkit",
    "labkit.checks",
    "labkit.expect",
    "labkit.probe",
    "pytest",
)
"""What the warm process imports unless it is told otherwise; what is not installed is left out."""

_MAX_BYTES = 1 << 30
_PREPARE_S = 600.0
_SLACK_S = 20.0
_KERNEL_START_S = 180.0
_MAX_RESTARTS = 3
_FRESH_S = 120.0
"""What importing the libraries may take where each child does it by itself."""
_LOST_HUB = 72  # labgrade.verify.process.LOST_HUB; that module is for the verifier alone


def share_hub(
    limits: Limits,
    *,
    sandbox: str = "auto",
    preload: Sequence[str] = PRELOAD,
    floor: str = "",
    start: str = "auto",
) -> HubProcess:
    """Start a warm process for several engines, in this process or others.

    Give each engine a connection of its own: ``Engine(..., hub=shared.connect())``. It warms up in the
    background, and memory is used once.

    Args:
        limits: what a submission may use.
        sandbox: see :class:`Engine`.
        preload: see :class:`Engine`.
        floor: see :class:`Engine`.
        start: see :class:`Engine`.

    """
    return HubProcess(_settings(limits, sandbox, preload, floor, start))


def _settings(limits: Limits, sandbox: str, preload: Sequence[str], floor: str, start: str) -> Settings:
    if start == "auto":
        start = "spawn" if sys.platform == "darwin" else "fork"
    return Settings(
        floor=floor or DEFAULT_FLOOR,
        start=start,
        preload=tuple(preload),
        sandbox=sandbox,
        memory_mib=limits.memory_mib,
        cpu_s=limits.cpu_s,
        file_mib=limits.file_mib,
        scratch_mib=limits.scratch_mib,
        processes=limits.processes,
    )


class Engine:
    """Grades one submission after the other.

    Args:
        limits: what a submission may use.
        sandbox: ``auto``, ``strict`` or ``off``; see :class:`labgrade.child.settings.Settings`.
        tests: ``apart`` (in a trusted process where possible) or ``in-kernel`` (as nbgrader does).
        preload: modules that the warm process imports.
        floor: ``full``, ``no-namespaces`` or ``limits-only``: below this level ``auto`` refuses to grade; ""
            is :data:`DEFAULT_FLOOR`.
        start: ``fork`` each child from a warm process, ``spawn`` a fresh process for each (seconds instead
            of milliseconds), or ``auto``: spawn where a warm process must not be forked (macOS).
        many: enough submissions of each lab will come that what they share should be done first.
        hub: a connection to a warm process that several engines share (:func:`share_hub`); when that one
        ends,
            the engine goes on with its own.

    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        sandbox: str = "auto",
        tests: str = "apart",
        preload: Sequence[str] = PRELOAD,
        hub: socket.socket | None = None,
        many: bool = False,
        floor: str = "",
        start: str = "auto",
    ) -> None:
        self.limits = limits or Limits()
        self._tests = tests
        self._settings = _settings(self.limits, sandbox, preload, floor, start)
        self._shared = hub
        self._many = many
        self._hub: HubLink | None = None
        self._verifier: ChildProcess | None = None
        self._channel: Channel | None = None
        self._lab = ""
        self._serves_once = False
        self._home: Home | None = None
        self.folder = ""
        self.level = ""

    def __enter__(self) -> Engine:
        """Start the warm process and wait until it can fork.

        Raises:
            MachineError: this machine cannot confine children as asked.

        """
        self._home = make_home()
        self.folder = self._home.path
        try:
            self._start_hub()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all processes of the engine."""
        self._stop()
        if self._home is not None:
            self._home.remove()
            self._home = None

    @property
    def pids(self) -> list[int]:
        """Process ids of the warm process and the verifier, for those who measure."""
        return [process.pid for process in (self._hub, self._verifier) if process is not None]

    def run(self, lab: LabSpec, submission: PreparedSubmission) -> SubmissionRun:
        """Run and verify one submission.

        Nothing that a submission does raises here; what went wrong is in the findings of the result.

        Args:
            lab: the lab.
            submission: prepared with it.

        Raises:
            HubGoneError: the warm process could not be started, several times over: the machine is at fault.

        """
        started = time.monotonic()
        results = Results(lab, submission)
        until = started + self.limits.submission_s
        start, restarts, reason, lost_at = (0, 0), 0, "", None
        while not results.is_complete:
            try:
                self._use_lab(lab)
                self._grade(submission, start, results, until, is_suspect=lost_at is not None)
            except _OvertimeError:
                self._drop_verifier()
                reason = f"the submission used its {self.limits.submission_s:g} s"
                results.find(
                    -1, Finding("submission-timeout", f"{reason}: the rest was not run", Severity.FAILURE)
                )
                break
            except _JudgeEndedError as ended:
                self._drop_verifier()
                start = results.give_up_cell(ended.state, str(ended))
            except (HubGoneError, ChannelClosedError) as error:
                self._drop_verifier()
                start = results.at
                if self._hub is not None and self._hub.is_running:
                    if lost_at != start:
                        lost_at = start  # only the verifier has ended: once more, with a judge of its own
                        continue
                    if self._settings.start == "spawn":  # where that cannot be had
                        start = results.give_up_cell(CellState.KILLED, "the judge of this cell ended")
                        continue
                restarts += 1
                self._stop()
                if restarts > _MAX_RESTARTS:
                    text = f"the warm process ended {restarts} times while one submission was graded"
                    raise HubGoneError(text) from error
                self._start_hub()
                results.find(-1, Finding("engine-restarted", f"{error}; it was started again", Severity.NOTE))
        return results.finish(self.level, time.monotonic() - started, reason)

    # ---- one submission ----

    def _grade(
        self,
        submission: PreparedSubmission,
        start: tuple[int, int],
        results: Results,
        until: float,
        *,
        is_suspect: bool,
    ) -> None:
        channel, hub = self._channel, self._hub
        assert channel is not None
        assert hub is not None
        work = tempfile.mkdtemp(prefix="work-", dir=self.folder)
        launch = self._launch(work)
        task = {
            "submission": submission,
            "limits": self.limits,
            "launch": launch,
            "start": start,
            "is_suspect": is_suspect,
        }
        patience_s = self.limits.cell_s + _SLACK_S
        if any(notebook.spec.language != "python" for notebook in submission.notebooks):
            patience_s += _KERNEL_START_S
        if self._settings.start == "spawn":
            patience_s += _FRESH_S
        try:
            try:
                channel.send(b"grade", [msgspec.msgpack.encode(task)], until)
            except DeadlinePassedError:
                raise _OvertimeError from None
            while True:
                # Each cell, test and replay is announced, so silence is a judge that hangs.
                quiet_until = time.monotonic() + patience_s
                try:
                    header, raw = channel.receive(min(quiet_until, until))
                except DeadlinePassedError:
                    if time.monotonic() >= until:
                        raise _OvertimeError from None
                    raise _JudgeEndedError(
                        CellState.TIMED_OUT, "the test did not end, and its judge had to be"
                    ) from None
                if header == b"done":
                    break
                results.take(header.decode(), raw)
        finally:
            # A very deep tree is no obstacle; what a dying child still holds goes with the engine's folder.
            with contextlib.suppress(OSError):
                remove_tree(work)
        code = msgspec.msgpack.decode(raw, type=int)
        if code == _LOST_HUB:
            raise HubGoneError("the warm process has ended")
        if self._serves_once:
            self._drop_verifier()
        if not results.is_complete:
            raise _JudgeEndedError(CellState.KILLED, f"the judge of this cell ended with code {code}")

    # ---- processes ----

    def _start_hub(self) -> None:
        shared, self._shared = self._shared, None
        if shared is not None:
            self._hub = HubLink(shared)
            try:
                self._hub.wait_ready()
            except HubGoneError:  # our own says better why there is none
                self._hub.close()
                shared = None
        if shared is None:
            self._hub = HubProcess(self._settings)
            self._hub.wait_ready()
        assert self._hub is not None
        self.level = self._hub.level

    def _use_lab(self, lab: LabSpec) -> None:
        if self._channel is not None and lab.digest and lab.digest == self._lab:
            return
        self._drop_verifier()
        hub = self._hub
        assert hub is not None
        folder = tempfile.mkdtemp(prefix="lab-", dir=self.folder)
        for name, content in lab.given_files.items():
            target = Path(folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        ours, theirs = socket.socketpair()
        try:
            self._verifier = hub.line.fork({"role": "verifier", "folder": folder}, [theirs.fileno()])
        except HubGoneError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._channel = Channel(ours, max_header=1 << 20, max_raw=_MAX_BYTES, ahead=True)
        trial = tempfile.mkdtemp(prefix="trial-", dir=self.folder)
        order = {
            "lab": lab,
            "tests": self._tests,
            "limits": self.limits,
            "launch": self._launch(trial),
            "many": self._many,
        }
        self._channel.send(b"lab", [msgspec.msgpack.encode(order)])
        try:
            _, raw = self._channel.receive(time.monotonic() + _PREPARE_S)
        except DeadlinePassedError:
            raise ChannelClosedError("the lab's given cells do not come to an end") from None
        self._lab = lab.digest
        self._serves_once = msgspec.msgpack.decode(raw, type=bool)

    def _launch(self, folder: str) -> dict[str, Any]:
        settings = self._settings
        return {"role": "child", "folder": folder, "sandbox": settings.sandbox, "start": settings.start}

    def _drop_verifier(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._verifier is not None:
            self._verifier.kill()
            self._verifier.close()
            self._verifier = None

    def _stop(self) -> None:
        self._drop_verifier()
        if self._hub is not None:
            self._hub.close()
            self._hub = None


class _OvertimeError(Exception):
    """The submission's time is over."""


class _JudgeEndedError(Exception):
    """The trusted process of a submission ended or hangs; the cell at hand is lost."""

    def __init__(self, state: CellState, message: str) -> None:
        super().__init__(message)
        self.state = state
