"""The verifier: a trusted process for one lab that forks a judge for each submission."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import msgspec
from labkit.checks import trust_folder

from labgrade.model import LabSpec, Limits, PreparedSubmission
from labgrade.verify.given import compute_given, seed_all
from labgrade.verify.hubline import HubGoneError, HubLine
from labgrade.verify.judge import Judge, PreparedLab
from labgrade.verify.names import plan_notebook, student_modules
from labgrade.wire import Channel, ChannelClosedError

__all__ = ["LOST_HUB", "MAX_SUBMISSION_BYTES", "run_verifier"]

MAX_SUBMISSION_BYTES = 1 << 30
LOST_HUB = 72
"""Exit code of a judge that could not get a child from the warm process."""


def run_verifier(connection: socket.socket, control: socket.socket, request: dict[str, Any]) -> None:
    """Serve one lab until the engine closes the connection.

    Args:
        connection: to the engine.
        control: to the warm process.
        request: ``folder``: where the lab's given files are.

    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["NBGRADER_EXECUTION"] = "autograde"
    # What raises in our own code while it asks the student's process is not the student's text.
    trust_folder(Path(__file__).parents[1])
    keep = {0, 1, 2, connection.fileno(), control.fileno()}
    for descriptor in range(3, 256):
        if descriptor not in keep:
            try:
                os.close(descriptor)
            except OSError:
                continue
    channel = Channel(connection, max_header=MAX_SUBMISSION_BYTES, max_raw=MAX_SUBMISSION_BYTES)
    line = HubLine(control)
    lab: PreparedLab | None = None
    while True:
        try:
            header, raw = channel.receive()
        except ChannelClosedError:
            return
        kind = bytes(header)
        if kind == b"lab":
            lab = _prepare(msgspec.msgpack.decode(raw, type=LabSpec), request["folder"])
            channel.send(b"ready")
        elif kind == b"grade":
            assert lab is not None
            task = msgspec.msgpack.decode(raw, type=Task)
            code = _fork_judge(channel, lab, line, task)
            channel.send(b"done", [msgspec.msgpack.encode(code)])


class Task(msgspec.Struct):
    """One submission to grade."""

    submission: PreparedSubmission
    limits: Limits
    launch: dict[str, Any]
    start: tuple[int, int] = (0, 0)


def _prepare(spec: LabSpec, folder: str) -> PreparedLab:
    os.chdir(folder)
    sys.path.insert(0, folder)
    plans, given = [], []
    for notebook in spec.notebooks:
        modules = student_modules(spec.given_files, spec.student_files, notebook)
        stubs = {**spec.student_files, **{p: d for p, d in spec.given_files.items() if p.endswith(".py")}}
        plan = plan_notebook(notebook, modules, stubs)
        seed_all(0)
        plans.append(plan)
        given.append(compute_given(notebook, plan, {}))
    return PreparedLab(spec, tuple(plans), tuple(given))


def _fork_judge(channel: Channel, lab: PreparedLab, line: HubLine, task: Task) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            from labgrade.child.hub import die_with_parent

            die_with_parent(parent)
            _judge(channel, lab, line, task)
            code = 0
        except HubGoneError:
            code = LOST_HUB
        except BaseException:  # the engine is told by the exit code; the text goes to the log
            import traceback

            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _judge(channel: Channel, lab: PreparedLab, line: HubLine, task: Task) -> None:
    def tell(kind: str, notebook: int, cell: int, value: Any) -> None:
        message = (notebook, cell) if kind == "at" else (notebook, cell, value)
        channel.send(kind.encode(), [msgspec.msgpack.encode(message)])

    Judge(lab, line, task.launch, task.limits, tell).run(task.submission, task.start)
