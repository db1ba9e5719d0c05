"""Students' trees and bombs, run in a confined child while the test looks from outside.

Usage: scenarios.py NAME[,NAME …] LEVEL MARK. Lines of JSON tell how it goes. MARK is the process name that a
hostile tree takes, so that what is left of it can be found.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable

from labgrade.confine import Level, Nursery, Policy, end_hogs, enter, make_work_dir, remove_tree
from labgrade.confine.supervise import explain_end

MEMORY_MIB = 256
SCRATCH_MIB = 64
_libc = ctypes.CDLL(None, use_errno=True)


def say(**facts: object) -> None:
    """Tell the test."""
    os.write(1, (json.dumps(facts) + "\n").encode())


def take_name(mark: str) -> None:
    """Be found under this name."""
    _libc.prctl(15, mark.encode()[:15], 0, 0, 0)


# --- trees: each returns and leaves its processes behind, or never returns ----------------------------


def tree_of_sleepers(mark: str) -> None:
    for _ in range(5):
        if os.fork() == 0:
            take_name(mark)
            os.setsid()
            if os.fork() == 0:
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)
    say(ready=True)
    time.sleep(60)


def tree_that_forks_all_it_can(mark: str) -> None:
    take_name(mark)
    say(ready=True)
    while True:
        try:
            if os.fork() == 0:
                continue
        except OSError:
            time.sleep(0.001)


def tree_that_runs_away(mark: str) -> None:
    """Each process lives a moment and leaves a successor, so that its number never stays."""
    take_name(mark)
    first = os.getpid()
    say(ready=True)
    while True:
        try:
            if os.fork() == 0:
                os.setsid()
                continue
        except OSError:
            time.sleep(0.001)
            continue
        if os.getpid() != first:
            os._exit(0)
        time.sleep(60)


def one_that_will_not_go(mark: str) -> None:
    take_name(mark)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    say(ready=True)
    while True:
        time.sleep(1)


# --- bombs -------------------------------------------------------------------------------------------


def _eat(make: Callable[[], object]) -> str:
    kept = []
    try:
        while True:
            kept.append(make())
    except (MemoryError, OSError) as error:
        kept.clear()
        return type(error).__name__


def bomb_on_the_heap(mark: str) -> str:
    return _eat(lambda: bytearray(16 << 20))


def bomb_of_one_request(mark: str) -> str:
    return _eat(lambda: bytearray(1 << 40))


def bomb_of_shared_memory(mark: str) -> str:
    def make() -> mmap.mmap:
        memory = mmap.mmap(-1, 16 << 20)
        memory[:: mmap.PAGESIZE] = b"x" * ((16 << 20) // mmap.PAGESIZE)
        return memory

    return _eat(make)


def bomb_of_temporary_files(mark: str) -> str:
    folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "."

    def make() -> int:
        fd = os.open(f"{folder}/{time.monotonic_ns()}", os.O_CREAT | os.O_WRONLY)
        try:
            for _ in range(16):
                os.write(fd, bytes(1 << 20))
        finally:
            os.close(fd)
        return fd

    return _eat(make)


def bomb_of_anonymous_files(mark: str) -> str:
    return _eat(lambda: os.memfd_create("x"))


def bomb_of_threads(mark: str) -> str:
    gate = threading.Event()
    started = 0
    try:
        for _ in range(100_000):
            threading.Thread(target=gate.wait, daemon=True).start()
            started += 1
    except (RuntimeError, MemoryError) as error:
        gate.set()
        return f"{type(error).__name__} after {started}"
    return f"{started} threads"


def bomb_of_processes(mark: str) -> str:
    """Each process stays within its own limit; together they would take many times the budget."""
    for _ in range(12):
        if os.fork() == 0:
            take_name(mark)
            kept = bytearray(200 << 20)
            kept[:: mmap.PAGESIZE] = b"x" * (len(kept) // mmap.PAGESIZE)
            time.sleep(60)
    time.sleep(20)
    return "nobody minded"


def work_that_fits(mark: str) -> str:
    kept = bytearray((MEMORY_MIB - 100) << 20)
    kept[:: mmap.PAGESIZE] = b"x" * (len(kept) // mmap.PAGESIZE)
    return "done"


def _resident_mib() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _policy(level: Level, work_dir: str) -> Policy:
    return Policy(
        memory_mib=MEMORY_MIB,
        scratch_mib=SCRATCH_MIB,
        ceiling=level,
        floor=level,
        work_dir=work_dir,
        allow_fork=True,
        processes=48,
    )


def _in_child(act: Callable[[str], object], mark: str) -> None:
    try:
        say(result=act(mark))
    except BaseException as error:
        say(result=type(error).__name__)
    finally:
        os._exit(0)


def _watch(name: str, pid: int, policy: Policy) -> None:
    hog = False
    while True:
        done, status, usage = os.wait4(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            ended = explain_end(code, usage, policy, memory=hog)
            return say(name=name, code=code, cause=ended.cause, peak_mib=_resident_mib())
        hog = hog or bool(end_hogs([pid], policy.memory_mib + policy.scratch_mib))
        time.sleep(0.02)


def _run(name: str, policy: Policy, nursery: Nursery | None, mark: str) -> None:
    act, us = globals()[name], os.getpid()
    if nursery is None:
        _, report_write = os.pipe()  # the report is not looked at here
        pid = os.fork()
        if pid == 0:
            enter(policy, report_write, keep_fds=(1,), parent_pid=us)
            _in_child(act, mark)
        os.close(report_write)
        end = signal.SIGTERM
    else:
        pid = nursery.fork(keep_fds=(1,))
        if pid == 0:
            _in_child(act, mark)
        end = signal.SIGKILL
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, end))
    say(child=pid)
    _watch(name, pid, policy)


def main(names: str, level: Level, mark: str) -> None:
    """Run scenarios, one after the other."""
    say(first=int(os.readlink("/proc/self")))
    parent = tempfile.mkdtemp(prefix="scenario-")
    os.chmod(parent, 0o755)
    policy = _policy(level, make_work_dir(parent, 0))
    nursery = None if level is Level.LIMITS_ONLY else Nursery(policy)
    say(zygote=os.getpid())
    for name in names.split(","):
        _run(name, policy, nursery, mark)
    remove_tree(parent)


if __name__ == "__main__":
    main(sys.argv[1], Level(sys.argv[2]), sys.argv[3])
