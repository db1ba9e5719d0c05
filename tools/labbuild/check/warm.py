"""The warm process: imports what labs need once, then forks a child for each job.

Run as ``python -m labbuild.check.warm MODULE …``. It reads one job folder a line on stdin (a folder with
``job.json`` and ``files/``) and writes ``FOLDER<TAB>PROBLEM`` on stdout when a job has ended.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import selectors
import signal
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TextIO

from labbuild.check.jobs import Job

__all__ = ["main"]

_GRACE_S = 2.0


@dataclass
class _Running:
    work: Path
    deadline: float


def main(modules: list[str]) -> None:
    """Warm up, then serve until stdin ends and the last job is done."""
    # stdout carries the protocol; whatever an import prints must not stand in it.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    shell = _warm_up(modules)
    _serve(shell, replies)


def _warm_up(modules: list[str]) -> object:
    os.environ.setdefault("MPLBACKEND", "agg")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in modules:
        # A lab that needs what is not installed shows that itself, as its own import error.
        if importlib.util.find_spec(name) is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                module = importlib.import_module(name)
            if name == "torch":
                # Before any operation: a child forked from a process with worker threads hangs for ever.
                module.set_num_threads(1)
    from labbuild.check.child import make_shell

    return make_shell()


def _serve(shell: object, replies: TextIO) -> None:
    running: dict[int, _Running] = {}

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for pid in running:
            _end_group(pid)
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    parallel = max(1, min(4, os.cpu_count() or 1))
    waiting: list[Path] = []
    is_open = True
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(0, selectors.EVENT_READ)
        while is_open or waiting or running:
            if is_open and selector.select(timeout=0 if waiting and len(running) < parallel else 0.005):
                data = os.read(0, 65536)
                is_open = bool(data)
                *lines, pending = (pending + data).split(b"\n")
                waiting += [Path(line.decode()) for line in lines if line]
                if not is_open:
                    selector.unregister(0)
            elif not is_open:
                time.sleep(0.005)
            while waiting and len(running) < parallel:
                work = waiting.pop(0)
                pid, deadline = _start(shell, work)
                running[pid] = _Running(work, deadline)
            _reap(running, replies)


def _start(shell: object, work: Path) -> tuple[int, float]:
    from labbuild.check.child import run_job

    job = Job.from_json(json.loads((work / "job.json").read_text(encoding="utf-8")))
    sys.stderr.flush()
    with warnings.catch_warnings():
        # Python 3.12 warns when a process with threads forks; torch may hold idle ones, never used here.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid:
        return pid, time.monotonic() + job.job_timeout_s
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        run_job(shell, job, work)
        code = 0
    except BaseException as error:  # the child must end here, whatever happened; the reason is kept
        (work / "problem").write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
    finally:
        os._exit(code)


def _end_group(pid: int) -> None:
    """Kill what is left of a child and of the programs that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all of it has ended by itself
        os.killpg(pid, signal.SIGKILL)


def _reap(running: dict[int, _Running], replies: TextIO) -> None:
    for pid, entry in list(running.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        problem = ""
        if not ended:
            if time.monotonic() < entry.deadline:
                continue
            _end_group(pid)
            os.waitpid(pid, 0)
            problem = "used up the time of the whole notebook"
        elif os.WIFSIGNALED(status):
            problem = f"was killed by signal {os.WTERMSIG(status)}"
        elif os.WEXITSTATUS(status):
            noted = entry.work / "problem"
            problem = noted.read_text(encoding="utf-8") if noted.exists() else "ended the process"
        _end_group(pid)
        del running[pid]
        print(f"{entry.work}\t{' '.join(problem.split())}", file=replies)


if __name__ == "__main__":
    main(sys.argv[1:])
