"""Run every probe in a confined child of its own, and print JSON.

Usage: run_matrix.py LEVEL [PROBE …]. LEVEL is a level of confinement (``full+fork``: with processes allowed;
``full+without-seccomp``, ``no-namespaces+without-landlock``: with one layer left out), or ``bare``: a plain
fork, which shows that the probes can get through at all.
"""

from __future__ import annotations

import errno
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from labgrade.confine import Level, Nursery, Policy

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from probes import NEEDS, PROBES, REFUSALS, Probe
from stage import SECRET, Stage, set_stage, strike

LEAVES = {
    "leave_file_in_tmp": "/tmp",
    "leave_file_in_shared_memory": "/dev/shm",
    "leave_file_in_root": "/",
}
ANSWER_S = 20


def _answer(function: Probe, stage: Stage, fd: int) -> None:
    try:
        text = f"open: {function(stage)!r}"
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, "?")
        text = f"{'closed' if error.errno in REFUSALS else 'open'}: {name}"
    except BaseException as error:
        text = f"error: {error!r}"
    os.write(fd, text.encode()[:2000])


def _child(fork: Callable[[int], int], function: Probe, stage: Stage) -> str:
    read_fd, write_fd = os.pipe()
    pid = fork(write_fd)
    if pid == 0:
        try:
            _answer(function, stage, write_fd)
        finally:
            os._exit(0)
    os.close(write_fd)
    ready, _, _ = select.select([read_fd], [], [], ANSWER_S)
    text = os.read(read_fd, 4000).decode() if ready else "error: no answer"
    os.close(read_fd)
    os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if not text:
        text = f"closed: {signal.Signals(-code).name}" if code < 0 else f"error: exit {code}"
    return text


def _reset(stage: Stage) -> None:
    """Put back what a probe may have changed."""
    os.chmod(stage.secret, 0o644)
    os.utime(stage.secret, None)
    Path(stage.secret).write_text(SECRET)
    Path(stage.folder, "spare").write_text("x")
    for path in sorted(Path(stage.work_dir).rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


def _leave_out(layer: str) -> None:
    """Take one layer away, to see that the others do not do without it."""
    from labgrade.confine import steps

    module = getattr(steps, layer)
    setattr(module, {"landlock": "restrict", "seccomp": "install"}[layer], lambda rules: 0)


def _forker(level: str, stage: Stage) -> Callable[[int], int]:
    level, _, variant = level.partition("+")

    def fork_bare(fd: int) -> int:
        pid = os.fork()
        if pid == 0:
            os.chdir(stage.work_dir)
            os.environ.update(HOME=stage.work_dir, LOGNAME="student")
        return pid

    if level == "bare":
        return fork_bare
    if variant.startswith("without-"):
        _leave_out(variant.removeprefix("without-"))
    policy = Policy(
        ceiling=Level(level),
        floor=Level(level),
        work_dir=stage.work_dir,
        memory_mib=512,
        scratch_mib=16,
        scratch_files=1000,
        file_mib=8,
        allow_fork=variant == "fork",
    )
    nursery = Nursery(policy)
    return lambda fd: nursery.fork(keep_fds=(fd,))


def _run(level: str, only: list[str], stage: Stage) -> None:
    results: dict[str, str] = {}
    inherited = os.open(stage.secret, os.O_RDONLY)
    os.set_inheritable(inherited, True)
    fork = _forker(level, stage)
    for name, function in (PROBES | NEEDS).items():
        if only and name not in only:
            continue
        _reset(stage)
        results[name] = _child(fork, function, stage)
        if name in LEAVES:
            left = stage.outside(LEAVES[name])
            if left.exists():
                left.unlink()
            elif results[name].startswith("open"):
                results[name] = "closed: private"
    print(json.dumps(results, indent=1), flush=True)


def main(level: str, only: list[str]) -> int:
    """Print ``{probe: result}``; the stage stays outside whatever the children are made in."""
    os.environ["SECRET"] = SECRET
    stage, props = set_stage()
    try:
        pid = os.fork()
        if pid == 0:
            try:
                _run(level, only, stage)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        strike(stage, props)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
