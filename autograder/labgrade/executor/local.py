"""Worker processes on this machine, driven by one thread."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from labgrade.errors import MachineError
from labgrade.executor.frames import Done, Failed, Job, Ready, Setup, Unfit, decode_reply, frame
from labgrade.verify.hubline import HubGoneError

if TYPE_CHECKING:
    from labgrade.verify.hubprocess import HubProcess

__all__ = ["LocalExecutor", "Lost"]

QUEUED_PER_WORKER = 2
"""One submission that runs and one that waits, so that no worker waits for the recorder."""
GRACE_S = 60.0
"""What a worker gets beyond the limit of a submission before it counts as stuck."""
START_S = 180.0
"""How long a worker may take to warm up."""
MAX_TRIES = 2


@dataclass(frozen=True, slots=True)
class Lost:
    """A submission that took its worker down on each try, and is set aside."""

    student: str
    key: str
    reason: str


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    channel: socket.socket
    log: Path
    jobs: deque[Job] = field(default_factory=deque)
    buffer: bytearray = field(default_factory=bytearray)
    outgoing: bytearray = field(default_factory=bytearray)
    level: str = ""
    since: float = 0.0


class LocalExecutor:
    """A pool of workers; submit jobs while :meth:`wants_more`, then take what :meth:`poll` yields.

    Args:
        setup: sent to each worker.
        jobs: number of workers.
        log_folder: gets one file for each worker's stderr.

    """

    def __init__(self, setup: Setup, jobs: int, log_folder: Path) -> None:
        self._setup = setup
        self._setup_frame = frame(setup)
        self._jobs = jobs
        self._log_folder = log_folder
        self._workers: list[_Worker] = []
        self._waiting: deque[Job] = deque()
        self._tries: dict[str, int] = {}
        self._selector = selectors.DefaultSelector()
        self._hub: HubProcess | None = None
        self._restarts_without_result = 0
        self.level = ""

    def __enter__(self) -> LocalExecutor:
        """Make the folder for logs; workers start with :meth:`start` or the first job."""
        (self._log_folder / "workers").mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the channels, and kill what does not end by itself."""
        for worker in self._workers:
            self._selector.unregister(worker.channel)
            worker.channel.close()
            if kind is not None:
                worker.process.kill()
        for worker in self._workers:
            try:
                worker.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
        if self._hub is not None:
            self._hub.close()
        self._selector.close()

    def start(self) -> None:
        """Start the workers; they warm up while the caller reads on."""
        if self._hub is None and self._jobs > 1:
            self._hub = self._share_hub()
        for number in range(len(self._workers), self._jobs):
            self._start(number)

    @property
    def wants_more(self) -> bool:
        """Whether another job would not just lie in memory."""
        room = QUEUED_PER_WORKER * len(self._workers) - sum(len(worker.jobs) for worker in self._workers)
        return len(self._waiting) < room

    @property
    def busy(self) -> bool:
        """Whether any job has not been answered."""
        return bool(self._waiting) or any(worker.jobs for worker in self._workers)

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self.start()
        self._waiting.append(job)
        self._hand_out()

    def abandon(self) -> None:
        """Kill the workers; what they had in hand is not answered any more."""
        self._waiting.clear()
        for worker in self._workers:
            worker.jobs.clear()
            worker.process.kill()

    def poll(self, timeout_s: float) -> Iterator[Done | Failed | Lost]:
        """Yield what has come within the time.

        Raises:
            MachineError: the workers cannot grade on this machine.

        """
        for event, mask in self._selector.select(timeout_s):
            worker = event.data
            if mask & selectors.EVENT_WRITE:
                self._flush(worker)
            if mask & selectors.EVENT_READ:
                yield from self._read(worker)
        yield from self._stop_stuck()
        self._hand_out()

    def _share_hub(self) -> HubProcess:
        """Start one warm process for all workers: its memory is used once."""
        from labgrade.engine import share_hub  # only where somebody grades
        from labgrade.executor.preload import preload_for

        setup = self._setup
        return share_hub(
            setup.limits,
            sandbox=setup.sandbox,
            preload=preload_for(setup.lab.spec),
            floor=setup.floor,
            start=setup.start,
        )

    def _start(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        passed = [theirs]
        with contextlib.suppress(HubGoneError):  # then the worker starts its own
            if self._hub is not None and self._hub.is_running:
                passed.append(self._hub.connect())
        log = self._log_folder / "workers" / f"{number}.log"
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": os.environ.get("HOME", "/"),
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "OMP_NUM_THREADS": "1",
            **{name: os.environ[name] for name in ("PYTHONPATH", "TMPDIR") if os.environ.get(name)},
        }
        with open(log, "ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "labgrade.executor.worker", *(str(end.fileno()) for end in passed)],
                pass_fds=[end.fileno() for end in passed],
                stdin=subprocess.DEVNULL,
                stdout=errors,
                stderr=errors,
                env=environment,
                process_group=0,  # Ctrl-C at the terminal is for the grader, which then ends its workers
            )
        for end in passed:
            end.close()
        ours.setblocking(False)
        worker = _Worker(process, ours, log, outgoing=bytearray(self._setup_frame), since=time.monotonic())
        self._selector.register(ours, selectors.EVENT_READ, worker)
        self._flush(worker)
        if number < len(self._workers):
            self._workers[number] = worker
        else:
            self._workers.append(worker)

    def _hand_out(self) -> None:
        for depth in range(QUEUED_PER_WORKER):
            for worker in self._workers:
                if self._waiting and len(worker.jobs) == depth:
                    job = self._waiting.popleft()
                    if not worker.jobs:
                        worker.since = time.monotonic()
                    worker.jobs.append(job)
                    worker.outgoing += frame(job)
                    self._flush(worker)

    def _flush(self, worker: _Worker) -> None:
        """Send as much as the worker takes; never wait for it, it may be sending to us."""
        try:
            while worker.outgoing:
                sent = worker.channel.send(worker.outgoing[: 1 << 20])
                del worker.outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError:
            worker.outgoing.clear()  # the worker is dead; reading from it will say so
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.outgoing else 0)
        self._selector.modify(worker.channel, events, worker)

    def _read(self, worker: _Worker) -> Iterator[Done | Failed | Lost]:
        try:
            data = worker.channel.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        worker.buffer += data
        while True:
            try:
                message = decode_reply(worker.buffer)
            except ValueError as error:
                yield from self._replace(worker, f"the worker sent something unreadable: {error}")
                return
            if message is None:
                break
            if isinstance(message, Unfit):
                raise MachineError(message.code, message.message, message.hint)
            if isinstance(message, Ready):
                worker.level = self.level = message.level
                worker.since = time.monotonic()
                continue
            worker.since = time.monotonic()
            self._restarts_without_result = 0
            if worker.jobs:
                worker.jobs.popleft()
            yield message
        if not data:
            yield from self._replace(worker, "")

    def _stop_stuck(self) -> Iterator[Lost]:
        now = time.monotonic()
        for worker in list(self._workers):
            limit = START_S if not worker.level else self._setup.limits.submission_s + GRACE_S
            if (worker.jobs or not worker.level) and now - worker.since > limit:
                yield from self._replace(worker, f"the worker did not answer for {limit:.0f} s")

    def _replace(self, worker: _Worker, reason: str) -> Iterator[Lost]:
        """Start a new worker in the place of one that died, and try its submission once more."""
        number = self._workers.index(worker)
        self._selector.unregister(worker.channel)
        worker.channel.close()
        worker.process.kill()
        status = worker.process.wait()
        reason = reason or (
            f"the worker was ended by signal {-status}" if status < 0 else f"the worker ended ({status})"
        )
        self._restarts_without_result += 1
        if not worker.level or self._restarts_without_result > MAX_TRIES * self._jobs + 2:
            tail = ""
            with contextlib.suppress(OSError):
                tail = worker.log.read_text(encoding="utf-8", errors="replace")[-600:].strip()
            raise MachineError(
                "workers",
                f"the workers do not come up: {reason}",
                tail.splitlines()[-1] if tail else "",
                str(worker.log),
            )
        self._start(number)
        if worker.jobs:
            first = worker.jobs.popleft()
            self._waiting.extendleft(reversed(worker.jobs))
            self._tries[first.submission.student] = self._tries.get(first.submission.student, 1) + 1
            if self._tries[first.submission.student] > MAX_TRIES:
                yield Lost(first.submission.student, first.key, reason)
            else:
                self._waiting.append(first)
