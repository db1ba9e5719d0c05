"""The warm process: imports once, then forks a child or a verifier whenever it is asked to.

It has one thread, a clean environment and no secrets: neither tests nor solutions nor submissions ever reach it.
It talks over sequenced packets (one message each) that carry the descriptors the new process shall have.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import socket
import sys
from dataclasses import dataclass, field
from typing import Any

import msgspec

from labgrade.child.warm import count_threads, warm

__all__ = ["main"]

_PACKET = 65_536
_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask the system to kill this process when its parent ends (Linux); end now if it has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


@dataclass
class _Hub:
    shell: Any
    poll: Any
    controls: dict[int, socket.socket] = field(default_factory=dict)
    started: dict[int, int] = field(default_factory=dict)

    def add(self, control: socket.socket) -> None:
        self.controls[control.fileno()] = control
        self.poll.register(control, select.POLLIN)

    def drop(self, descriptor: int) -> None:
        self.poll.unregister(descriptor)
        self.controls.pop(descriptor).close()


def main(descriptor: int, preload: list[str]) -> None:
    """Run the warm process.

    Args:
        descriptor: of the control socket to the grader.
        preload: modules to import.

    """
    parent = os.getppid()
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = socket.socket(fileno=descriptor)
    shell = warm(preload)
    hub = _Hub(shell, select.poll())
    hub.add(control)
    wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    hub.poll.register(wake_read, select.POLLIN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write)
    _tell(control, {"ready": os.getpid(), "threads": count_threads()})
    main_control = control.fileno()
    while True:
        # The timeout is for a grader that ended while something else held its end of the socket.
        events = hub.poll.poll(500)
        if os.getppid() != parent:
            os._exit(0)
        for ready, _ in events:
            if ready == wake_read:
                with contextlib.suppress(BlockingIOError):
                    os.read(wake_read, 4096)
                _reap(hub)
            elif ready in hub.controls and not _serve(hub, ready):
                if ready == main_control:
                    os._exit(0)
                hub.drop(ready)


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
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        control = hub.controls.get(hub.started.pop(pid, -1))
        if control is not None:
            _tell(control, {"exit": pid, "status": os.waitstatus_to_exitcode(status)})


def _serve(hub: _Hub, ready: int) -> bool:
    control = hub.controls[ready]
    try:
        data, descriptors, _, _ = socket.recv_fds(control, _PACKET, 8)
    except OSError:
        return False
    if not data:
        return False
    request = msgspec.msgpack.decode(data)
    try:
        # One thread, or the new process may hang for ever in a lock that another thread held.
        threads = count_threads()
        if threads != 1:
            _tell(control, {"error": f"the warm process has {threads} threads; forking it would be unsafe"})
            return True
        _fork(hub, control, request, descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return True


def _fork(hub: _Hub, control: socket.socket, request: dict[str, Any], descriptors: list[int]) -> None:
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) if request["role"] == "verifier" else None
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become(hub, parent, request, descriptors, pair[1] if pair else None)
    if pair is not None:
        pair[1].close()
        hub.add(pair[0])
    hub.started[pid] = control.fileno()
    handle = os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
    _tell(control, {"pid": pid}, [handle] if handle is not None else None)
    if handle is not None:
        os.close(handle)


def _become(
    hub: _Hub, parent: int, request: dict[str, Any], descriptors: list[int], own: socket.socket | None
) -> None:
    """Turn a freshly forked copy into what was asked for; never returns."""
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        die_with_parent(parent)
        for control in hub.controls.values():
            control.close()
        if request["role"] == "verifier":
            from labgrade.verify.process import run_verifier

            assert own is not None
            run_verifier(socket.socket(fileno=os.dup(descriptors[0])), own, request)
        else:
            from labgrade.child.start import run_child

            run_child(hub.shell, request, descriptors)
        code = 0
    except BaseException as error:  # nothing may return into the loop of the warm process
        _report(error)
    finally:
        os._exit(code)


def _report(error: BaseException) -> None:
    import traceback

    text = "".join(traceback.format_exception(error))
    with contextlib.suppress(OSError):
        os.write(2, text.encode("utf-8", "replace"))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2].split(",") if sys.argv[2] else [])
