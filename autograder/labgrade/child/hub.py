"""The warm process: imports once, then forks a child or a verifier whenever it is asked to.

It has one thread, a clean environment and no secrets: neither tests nor solutions nor submissions ever
reach it. It talks over sequenced packets (one message each) that carry the descriptors the new process
shall have.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import msgspec

from labgrade.child.births import Births
from labgrade.child.settings import Settings
from labgrade.child.spawner import Spawner
from labgrade.child.start import run_child
from labgrade.child.warm import count_threads, warm
from labgrade.confine import ConfineError
from labgrade.confine.process import die_with_parent
from labgrade.verify.hubline import PACKETS

__all__ = ["main"]

_PACKET = 65_536
_LOOK_EVERY_S = 0.25


@dataclass
class _Hub:
    shell: Any
    births: Births
    poll: Any
    spawner: Spawner | None = None
    controls: dict[int, socket.socket] = field(default_factory=dict)
    started: dict[int, int] = field(default_factory=dict)
    children: set[int] = field(default_factory=set)
    hogs: set[int] = field(default_factory=set)
    look_at: float = 0.0

    def watch(self) -> None:
        """End children whose processes together hold too much memory, from time to time."""
        if self.children and time.monotonic() >= self.look_at:
            self.hogs.update(self.births.end_hogs(self.children))
            self.look_at = time.monotonic() + _LOOK_EVERY_S

    def add(self, control: socket.socket) -> None:
        self.controls[control.fileno()] = control
        self.poll.register(control, select.POLLIN)

    def drop(self, descriptor: int) -> None:
        """Forget a connection, and end the children that were made for it."""
        self.poll.unregister(descriptor)
        self.controls.pop(descriptor).close()
        for pid, asked_by in self.started.items():
            if asked_by == descriptor:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                self.started[pid] = -1


def main(descriptor: int, settings: Settings) -> None:
    """Run the warm process.

    Args:
        descriptor: of the control socket to the grader.
        settings: what to import, and how children are confined.

    """
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    try:
        births = Births.prepare(settings)  # before the large imports: it may have to fork
    except ConfineError as error:
        _tell(control, {"unfit": error.cause, "message": error.message})
        return
    # For an ordinary user this is now another process, the first of a PID namespace.
    parent = os.getppid()
    spawns = settings.start == "spawn"
    shell = None if spawns else warm(settings.preload)
    hub = _Hub(shell, births, select.poll(), Spawner(settings) if spawns else None)
    hub.add(control)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    hub.poll.register(wake_read, select.POLLIN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    _greet(hub, control)
    main_control = control.fileno()
    while True:
        # The timeout is for a grader that ended while something else held its end of the socket.
        events = hub.poll.poll(int(_LOOK_EVERY_S * 1000))
        if os.getppid() != parent:
            return
        hub.watch()
        for ready, _ in events:
            if ready == wake_read:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_read, 4096)
                _reap(hub)
            elif ready in hub.controls and not _serve(hub, ready):
                if ready == main_control:
                    return
                hub.drop(ready)


def _greet(hub: _Hub, control: socket.socket) -> None:
    _tell(control, {"ready": os.getpid(), "level": str(hub.births.level), "threads": count_threads()})


def _tell(control: socket.socket, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
    data = msgspec.msgpack.encode(message)
    with contextlib.suppress(OSError):  # whoever asked has gone; its end of the socket says so
        if descriptors:
            socket.send_fds(control, [data], descriptors)
        else:
            control.send(data)


def _reap(hub: _Hub) -> None:
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        cause = ""
        if hub.spawner is not None:
            code, cause = hub.spawner.note_end(pid, code)
        if pid in hub.children:
            cause = cause or hub.births.explain_end(code, usage, pid in hub.hogs)
        hub.children.discard(pid)
        hub.hogs.discard(pid)
        control = hub.controls.get(hub.started.pop(pid, -1))
        if control is not None:
            _tell(control, {"exit": pid, "status": code, "cause": cause})


def _serve(hub: _Hub, ready: int) -> bool:
    control = hub.controls[ready]
    try:
        data, descriptors, _, _ = socket.recv_fds(control, _PACKET, 8)
    except OSError:
        return False
    if not data:
        return False
    request = msgspec.msgpack.decode(data)
    if request["role"] == "hello":
        _greet(hub, control)
        return True
    if request["role"] == "connect":
        hub.add(socket.socket(fileno=descriptors[0]))
        return True
    try:
        # One thread, or the new process may hang for ever in a lock that another thread held.
        threads = count_threads()
        if threads != 1:
            _tell(control, {"error": f"the warm process has {threads} threads; forking it would be unsafe"})
            return True
        _fork(hub, control, request, descriptors)
    except (ConfineError, OSError) as error:
        _tell(control, {"error": f"no process could be made: {error}"})
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return True


def _fork(hub: _Hub, control: socket.socket, request: dict[str, Any], descriptors: list[int]) -> None:
    if request["role"] == "child":
        if hub.spawner is not None:
            slot = hub.births.prepare_place(request["folder"]).slot
            pid = hub.spawner.start(request, descriptors, slot)
        else:
            pid = hub.births.fork_child(request, descriptors)
        if pid == 0:
            _become_child(hub, descriptors)
        hub.children.add(pid)
    else:
        ours, theirs = socket.socketpair(socket.AF_UNIX, PACKETS)
        with theirs:
            if hub.spawner is not None:
                pid = hub.spawner.start(request, [descriptors[0], theirs.fileno()])
            else:
                pid = _fork_verifier(hub, request, descriptors, ours, theirs)
        hub.add(ours)
    hub.started[pid] = control.fileno()
    if not hasattr(os, "pidfd_open"):
        _tell(control, {"pid": pid})
        return
    handle = os.pidfd_open(pid)
    _tell(control, {"pid": pid}, [handle])
    os.close(handle)


def _fork_verifier(
    hub: _Hub, request: dict[str, Any], descriptors: list[int], ours: socket.socket, theirs: socket.socket
) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        ours.close()
        _become_verifier(hub, parent, request, descriptors, theirs)
    return pid


def _become_child(hub: _Hub, descriptors: list[int]) -> NoReturn:
    with _last_words():
        run_child(hub.shell, descriptors)
    os._exit(0)


def _become_verifier(
    hub: _Hub, parent: int, request: dict[str, Any], descriptors: list[int], own: socket.socket
) -> NoReturn:
    with _last_words():
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        die_with_parent(parent)
        for control in hub.controls.values():
            control.close()
        from labgrade.verify.process import run_verifier

        run_verifier(socket.socket(fileno=os.dup(descriptors[0])), own, request)
    os._exit(0)


@contextlib.contextmanager
def _last_words() -> Iterator[None]:
    """End the process on any exception: nothing may return into the loop of the warm process."""
    try:
        yield
    except BaseException as error:
        text = "".join(traceback.format_exception(error))
        with contextlib.suppress(OSError):
            os.write(2, text.encode("utf-8", "replace"))
        os._exit(70)


if __name__ == "__main__":
    main(int(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=Settings))
