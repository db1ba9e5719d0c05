"""A process that runs one notebook in a Jupyter kernel, for languages that the warm process does not speak.

It belongs to the grader; the kernel is a process of its own, confined where the machine allows it. Cells
come in with the start, and what they show goes out cell by cell. A kernel that does not stop at a cell's
limit, or dies, is started again, and the cells before are run again in it.
"""

from __future__ import annotations

import os
import queue
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from labgrade.confine import Level, Policy, available, wrap_command
from labgrade.confine.steps import choose_level
from labgrade.model import CellRun, CellState
from labgrade.verify.shown import Shown, error_output, timeout_output
from labgrade.wire.frames import Channel

__all__ = ["KernelTask", "main"]

_START_S = 120.0
_GRACE_S = 3.0
_MAX_BYTES = 1 << 30


class KernelTask(msgspec.Struct):
    """A notebook to run.

    Args:
        kernel: name of the kernel.
        sources: of the code cells, in order.
        files: relative path -> bytes of the work folder.
        folder: an empty folder to work in.
        sandbox: as the engine has it.
        cell_s: wall-clock seconds for each cell.
        memory_mib: as in :class:`labgrade.model.Limits`.
        cpu_s: likewise.

    """

    kernel: str
    sources: list[str]
    files: dict[str, bytes]
    folder: str
    sandbox: str
    cell_s: float
    memory_mib: int
    cpu_s: int


def main(descriptor: int) -> None:
    """Run the task that comes over a connection, and send back what came of each cell."""
    channel = Channel(socket.socket(fileno=descriptor), max_header=_MAX_BYTES, max_raw=_MAX_BYTES)
    _, raw = channel.receive()
    task = msgspec.msgpack.decode(raw, type=KernelTask)
    try:
        kernel = _Kernel(task)
    except _NoKernelError as error:
        channel.send(b"no kernel", [str(error).encode()])
        return
    try:
        for index, source in enumerate(task.sources):
            run = kernel.run(source, index + 1)
            channel.send(b"cell", [msgspec.msgpack.encode((index, run))])
        channel.send(b"end")
    finally:
        kernel.stop()


class _NoKernelError(Exception):
    """The kernel is not installed, or did not start."""


class _Kernel:
    def __init__(self, task: KernelTask) -> None:
        self._task = task
        self._done: list[str] = []
        for name, content in task.files.items():
            target = Path(task.folder, name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        self._start()

    def _start(self) -> None:
        self._manager = _make_manager(self._task)
        quiet = subprocess.DEVNULL
        self._manager.start_kernel(cwd=self._task.folder, stdout=quiet, stderr=quiet)
        client: Any = self._manager.client()
        client.start_channels()
        self._client = client
        try:
            client.wait_for_ready(timeout=_START_S)
        except RuntimeError as error:
            self.stop()
            raise _NoKernelError(f"the kernel {self._task.kernel!r} did not start: {error}") from None

    def stop(self) -> None:
        """End the kernel and everything that it started."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)

    def run(self, source: str, count: int) -> CellRun:
        """Run one cell."""
        started = time.monotonic()
        shown = Shown()
        state = self._execute(source, shown, started + self._task.cell_s)
        if state is CellState.TIMED_OUT:
            shown.outputs.append(timeout_output(self._task.cell_s))
        elif state is CellState.KILLED:
            shown.outputs.append(error_output("DeadKernelError", "the kernel ended"))
        if state in (CellState.OK, CellState.ERROR):
            self._done.append(source)
        else:
            self._begin_again()
        return shown.run(state, started, count)

    def _begin_again(self) -> None:
        self.stop()
        self._start()
        for source in self._done:
            self._execute(source, Shown(), time.monotonic() + self._task.cell_s)

    def _execute(self, source: str, shown: Shown, deadline: float) -> CellState:
        request = self._client.execute(source, store_history=True, allow_stdin=False, stop_on_error=False)
        failed = False
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=min(1.0, max(0.01, deadline - time.monotonic())))
            except queue.Empty:
                if not self._manager.is_alive():
                    return CellState.KILLED
                if time.monotonic() > deadline:
                    return CellState.TIMED_OUT
                continue
            if time.monotonic() > deadline:
                return CellState.TIMED_OUT
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                return CellState.ERROR if failed else CellState.OK
            failed = failed or kind == "error"
            _show(kind, content, shown)


def _make_manager(task: KernelTask) -> Any:
    from jupyter_client.kernelspec import NoSuchKernel
    from jupyter_client.manager import KernelManager

    manager: Any = KernelManager(kernel_name=task.kernel)
    try:
        spec = manager.kernel_spec
    except NoSuchKernel:
        raise _NoKernelError(f"the kernel {task.kernel!r} is not installed") from None
    manager.transport = "ipc"
    manager.connection_file = str(Path(task.folder, ".kernel.json"))
    manager.ip = str(Path(task.folder, ".kernel"))
    level = Level.OFF if task.sandbox == "off" else choose_level(_policy(task), available())
    if level is Level.OFF:
        return manager
    if level is not Level.FULL:
        raise _NoKernelError(f"a kernel needs confinement at level full, this machine reaches {level}")
    # As Jupyter does: "python" in a kernel's command is the Python that asks for it.
    is_python = spec.argv[0] in ("python", "python3")
    program = sys.executable if is_python else shutil.which(spec.argv[0]) or spec.argv[0]
    # The confined process begins in a private folder; the submission's files are in this one.
    spec.argv = wrap_command(_policy(task), ["/usr/bin/env", "-C", task.folder, program, *spec.argv[1:]])
    return manager


def _show(kind: str, content: dict[str, Any], shown: Shown) -> None:
    if kind == "stream":
        shown.take(("stream", content["name"], content["text"]))
    elif kind in ("display_data", "execute_result", "error"):
        shown.take(("output", {**content, "output_type": kind}))
    elif kind == "update_display_data":
        display = str(content.get("transient", {}).get("display_id", ""))
        shown.take(("update", display, {**content, "output_type": "display_data"}))
    elif kind == "clear_output":
        shown.take(("clear",))


def _policy(task: KernelTask) -> Policy:
    policy = Policy(
        memory_mib=task.memory_mib,
        cpu_s=task.cpu_s,
        writable_paths=(task.folder,),
        work_dir=task.folder,
        floor=Level.FULL if task.sandbox == "strict" else Level.LIMITS_ONLY,
        allow_fork=True,
        allow_exec=True,
        private_network=True,
        slot=os.getpid() % 4096,
    )
    path = os.pathsep.join(filter(None, (os.path.dirname(sys.executable), "/usr/bin", "/bin")))
    environment = {**dict(policy.environment), "PATH": path, "NBGRADER_EXECUTION": "autograde"}
    return replace(policy, environment=tuple(environment.items()))


if __name__ == "__main__":
    main(int(sys.argv[1]))
