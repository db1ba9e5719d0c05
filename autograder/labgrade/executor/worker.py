"""A worker: one process with one engine that grades a submission after the other."""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from typing import Protocol

from labgrade.executor.frames import Done, Failed, FromWorker, Job, Ready, Setup, Unfit, receive, send
from labgrade.model import LabSpec, PreparedSubmission, SubmissionRun
from labgrade.prepare import prepare_submission
from labgrade.record.autograded import autograded_files
from labgrade.score import score_submission

__all__ = ["Grader", "grade_one", "limits_text", "main"]


class Grader(Protocol):
    """What a worker needs of an engine."""

    def run(self, lab: LabSpec, submission: PreparedSubmission) -> SubmissionRun:
        """Run and verify one submission."""
        ...


def limits_text(limits: object) -> str:
    """Return the limits as one comparable line."""
    return repr(limits)


def grade_one(engine: Grader, setup: Setup, job: Job) -> FromWorker:
    """Grade one submission; an exception of the grader's own becomes a :class:`Failed`."""
    try:
        prepared = prepare_submission(setup.lab, job.submission)
        run = engine.run(setup.lab.spec, prepared.submission)
        result = score_submission(setup.lab, prepared, run, key=job.key, limits=limits_text(setup.limits))
        return Done(result, autograded_files(setup.lab, prepared, run), _log(run))
    except Exception as error:  # the batch goes on, and the report says that the fault is the grader's
        return Failed(
            job.submission.student, job.key, f"{type(error).__name__}: {error}", traceback.format_exc()
        )


def _log(run: SubmissionRun) -> str:
    lines = [f"sandbox {run.sandbox}; {run.seconds:.3f} s"]
    for notebook in run.notebooks:
        for position, cell in enumerate(notebook.cells):
            lines.append(f"{notebook.name} cell {position + 1}: {cell.state} in {cell.seconds:.3f} s")
        for test in notebook.tests:
            lines.append(f"{test.grade_id}: {test.score:g}/{test.max_points:g}, {test.mode} {test.reason}")
            lines.extend(f"    {one.outcome}: {one.name} {one.message}" for one in test.tests)
    return "\n".join(lines)


def main() -> int:
    """Serve the channel whose descriptor is the first argument, until it is closed.

    A second argument is the descriptor of a connection to a warm process that workers share.
    """
    _die_with_parent()
    channel = socket.socket(fileno=int(sys.argv[1]))
    setup = receive(channel)
    if not isinstance(setup, Setup):
        return 0
    from labgrade.engine import Engine  # heavy: after the channel is up
    from labgrade.executor.preload import preload_for

    try:
        engine = Engine(
            setup.limits,
            sandbox=setup.sandbox,
            tests=setup.tests,
            preload=preload_for(setup.lab.spec),
            floor=setup.floor,
            start=setup.start,
            many=setup.many,
            hub=socket.socket(fileno=int(sys.argv[2])) if len(sys.argv) > 2 else None,
        )
        with engine:
            send(channel, Ready(str(engine.level)))
            while isinstance(job := receive(channel), Job):
                send(channel, grade_one(engine, setup, job))
    except (BrokenPipeError, ConnectionResetError):
        return 0
    except Exception as error:
        traceback.print_exc()
        message = getattr(error, "message", "") or f"{type(error).__name__}: {error}"
        send(channel, Unfit(getattr(error, "code", "engine"), message, getattr(error, "hint", "")))
        return 3
    return 0


def _die_with_parent() -> None:
    """Ask Linux to kill this process when the grader dies, however it dies."""
    parent = os.getppid()
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
