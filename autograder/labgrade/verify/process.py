"""The verifier: a trusted process for one lab that forks a judge for each submission."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from labkit.checks import trust_folder

from labgrade.confine.process import die_with_parent
from labgrade.model import LabSpec, Limits, PreparedSubmission, TestCellRun
from labgrade.verify.cells import compile_test_cell
from labgrade.verify.given import Given, compute_given, seed_all
from labgrade.verify.hubline import HubGoneError, HubLine
from labgrade.verify.hygiene import Settings, names_to_copy, reason_to_fork
from labgrade.verify.judge import Judge, PreparedLab
from labgrade.verify.modes import Modes, decide_modes
from labgrade.verify.names import NotebookPlan, plan_notebook, student_modules
from labgrade.verify.reach import reached_names
from labgrade.verify.rehearsal import rehearse
from labgrade.verify.seeds import forward_seeds
from labgrade.wire import Channel, ChannelClosedError, DeadlinePassedError

__all__ = ["LOST_HUB", "MAX_MESSAGE_BYTES", "run_verifier"]

MAX_MESSAGE_BYTES = 1 << 30
LOST_HUB = 72
"""Exit code of a judge that could not get a child from the warm process."""
_TRIAL_SLACK_S = 20.0


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
    forward_seeds()
    keep = {0, 1, 2, connection.fileno(), control.fileno()}
    for descriptor in range(3, 256):
        if descriptor not in keep:
            try:
                os.close(descriptor)
            except OSError:
                continue
    channel = Channel(connection, max_header=MAX_MESSAGE_BYTES, max_raw=MAX_MESSAGE_BYTES)
    line = HubLine(control)
    lab: PreparedLab | None = None
    forks = True
    settings = Settings()
    while True:
        try:
            header, raw = channel.receive()
        except ChannelClosedError:
            return
        kind = bytes(header)
        if kind == b"lab":
            order = msgspec.msgpack.decode(raw, type=Order)
            lab = _prepare(order, request["folder"], line)
            must_fork = bool(reason_to_fork(lab.spec, lab.given, map(reached_names, lab.plans, lab.given)))
            forks = must_fork and order.may_fork
            settings = Settings()
            # Where nothing may be forked, a verifier that something could stay behind in serves once.
            channel.send(b"ready", [msgspec.msgpack.encode(must_fork and not forks)])
        elif kind == b"grade":
            assert lab is not None
            task = msgspec.msgpack.decode(raw, type=Task)
            if forks or (task.is_suspect and task.may_fork):
                _, status = os.waitpid(_fork_judge(channel, lab, line, task), 0)
                code = os.waitstatus_to_exitcode(status)
            else:
                code = _judge_here(channel, lab, line, task)
                settings.restore()
            channel.send(b"done", [msgspec.msgpack.encode(code)])


def _may_fork(launch: Mapping[str, Any]) -> bool:
    """Tell whether this machine's libraries allow a process to fork that has used them."""
    return launch.get("start") != "spawn"


class Order(msgspec.Struct):
    """A lab, and how to grade it; ``many`` submissions make it worth while to draw given figures first."""

    lab: LabSpec
    tests: str
    limits: Limits
    launch: dict[str, Any]
    many: bool = False

    @property
    def may_fork(self) -> bool:
        """See :func:`_may_fork`."""
        return _may_fork(self.launch)


class Task(msgspec.Struct):
    """One submission to grade, from a cell on; a suspect has ended a verifier before."""

    submission: PreparedSubmission
    limits: Limits
    launch: dict[str, Any]
    start: tuple[int, int] = (0, 0)
    is_suspect: bool = False

    @property
    def may_fork(self) -> bool:
        """See :func:`_may_fork`."""
        return _may_fork(self.launch)


def _prepare(order: Order, folder: str, line: HubLine) -> PreparedLab:
    spec = order.lab
    os.chdir(folder)
    sys.path.insert(0, folder)
    stubs = {**spec.student_files, **{p: d for p, d in spec.given_files.items() if p.endswith(".py")}}
    plans, given = [], []
    for notebook in spec.notebooks:
        if notebook.language != "python":
            plans.append(NotebookPlan({}, frozenset()))
            given.append(Given({}))
            continue
        modules = student_modules(spec.given_files, spec.student_files, notebook)
        plan = plan_notebook(notebook, modules, stubs)
        seed_all(0)
        plans.append(plan)
        given.append(compute_given(notebook, plan))
    tests = {
        (number, cell.index): compile_test_cell(cell)
        for number, notebook in enumerate(spec.notebooks)
        for cell in notebook.cells
        if cell.is_test and notebook.language == "python"
    }
    copied = tuple(
        names_to_copy(part, reached_names(plan, part)) for plan, part in zip(plans, given, strict=True)
    )
    prepared = PreparedLab(spec, tuple(plans), tuple(given), copied, tests, {})
    if order.tests == "in-kernel":
        modes = {
            (number, cell.index): "it was asked for"
            for number, notebook in enumerate(spec.notebooks)
            for cell in notebook.cells
            if cell.is_test
        }
    else:

        def trial(submission: PreparedSubmission, modes: Modes) -> dict[tuple[int, int], TestCellRun]:
            return _try(prepared, line, order, submission, modes)

        doubt = any(part.failed for part in prepared.given)
        modes = decide_modes(spec, prepared.plans, trial, in_doubt=doubt)
    pictures = rehearse(spec, line, order.launch, order.limits) if order.many else {}
    return replace(prepared, modes=modes, pictures=pictures)


def _try(
    lab: PreparedLab, line: HubLine, order: Order, submission: PreparedSubmission, modes: Modes
) -> dict[tuple[int, int], TestCellRun]:
    """Grade a submission in a judge of its own and return what its test cells are worth."""
    if not order.may_fork:
        return _try_here(lab, line, order, submission, modes)
    ours, theirs = socket.socketpair()
    channel = Channel(theirs, max_header=MAX_MESSAGE_BYTES, max_raw=MAX_MESSAGE_BYTES)
    found: dict[tuple[int, int], TestCellRun] = {}
    results = Channel(ours, max_header=MAX_MESSAGE_BYTES, max_raw=MAX_MESSAGE_BYTES)
    pid = _fork_judge(channel, replace(lab, modes=modes), line, Task(submission, order.limits, order.launch))
    channel.close()
    try:
        while True:
            header, raw = results.receive(time.monotonic() + order.limits.cell_s + _TRIAL_SLACK_S)
            if header == b"test":
                notebook, cell, run = msgspec.msgpack.decode(raw, type=tuple[int, int, TestCellRun])
                found[notebook, cell] = run
    except (ChannelClosedError, DeadlinePassedError):
        os.kill(pid, signal.SIGKILL)  # it has ended, or hangs: what it found until then counts
    finally:
        results.close()
        os.waitpid(pid, 0)
    return found


def _try_here(
    lab: PreparedLab, line: HubLine, order: Order, submission: PreparedSubmission, modes: Modes
) -> dict[tuple[int, int], TestCellRun]:
    found: dict[tuple[int, int], TestCellRun] = {}

    def note(kind: str, notebook: int, cell: int, value: Any) -> None:
        if kind == "test":
            found[notebook, cell] = value

    settings = Settings()
    Judge(lab, line, order.launch, order.limits, note, modes).run(submission)
    settings.restore()
    return found


def _fork_judge(channel: Channel, lab: PreparedLab, line: HubLine, task: Task) -> int:
    """Fork the trusted process of one submission and return its process id."""
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            die_with_parent(parent)
            code = _judge_here(channel, lab, line, task)
        finally:
            os._exit(code)
    return pid


def _judge_here(channel: Channel, lab: PreparedLab, line: HubLine, task: Task) -> int:
    """Judge a submission; return 0, or what a process would exit with."""
    try:
        _judge(channel, lab, line, task)
    except HubGoneError:
        return LOST_HUB
    except ChannelClosedError:
        raise
    except BaseException as error:  # the engine is told by the code; the text goes to the log
        os.write(2, "".join(traceback.format_exception(error)).encode("utf-8", "replace"))
        return 70
    return 0


def _judge(channel: Channel, lab: PreparedLab, line: HubLine, task: Task) -> None:
    # What a cell gave goes out together with the news that the next one begins: that is soon enough, and half
    # as many times that both sides have to wake up.
    waiting: list[tuple[bytes, list[bytes]]] = []

    def send() -> None:
        channel.send_all(waiting)
        waiting.clear()

    def tell(kind: str, notebook: int, cell: int, value: Any) -> None:
        message = (notebook, cell) if value is None else (notebook, cell, value)
        waiting.append((kind.encode(), [msgspec.msgpack.encode(message)]))
        if kind in ("at", "end"):
            send()

    try:
        Judge(lab, line, task.launch, task.limits, tell, lab.modes).run(task.submission, task.start)
    finally:
        send()
