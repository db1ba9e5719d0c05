"""Something to attack: secrets, sockets and a victim process of the grader's own user, for the probes."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

SECRET = "canary-7f3a91c2"


@dataclass(frozen=True)
class Stage:
    """Where the things are that a child must not reach."""

    folder: str
    secret: str
    shared: str
    work_dir: str
    victim: int
    grader: int
    tcp_port: int
    unix_path: str
    abstract: str
    mark: str
    shared_memory: int

    def outside(self, folder: str) -> Path:
        """Where a file would lie that a child managed to leave in one of the machine's shared folders."""
        return Path(folder) / self.mark


def _shared_memory_key() -> int:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    return libc.shmget(0, 4096, 0o1600)


def release_shared_memory(identifier: int) -> None:
    import ctypes

    ctypes.CDLL(None).shmctl(identifier, 0, None)


def set_stage() -> tuple[Stage, list[object]]:
    """Make everything; the second value keeps sockets and the process alive, see :func:`strike`."""
    folder = Path(tempfile.mkdtemp(prefix="stage-"))
    folder.chmod(0o755)
    secret = folder / "answers.txt"
    secret.write_text(SECRET)
    work_dir = folder / "work"
    work_dir.mkdir()
    work_dir.chmod(0o777)
    victim = subprocess.Popen([sys.executable, "-S", "-c", f"mark={SECRET!r}; import time; time.sleep(300)"])
    tcp = socket.socket()
    tcp.bind(("127.0.0.1", 0))
    tcp.listen()
    by_path = socket.socket(socket.AF_UNIX)
    by_path.bind(str(folder / "socket"))
    os.chmod(folder / "socket", 0o777)
    by_path.listen()
    abstract = socket.socket(socket.AF_UNIX)
    mark = f"stage-{os.getpid()}-{time.monotonic_ns()}"
    abstract.bind("\0" + mark)
    abstract.listen()
    shared = os.__file__  # readable for everyone at every level, and not the student's
    stage = Stage(
        folder=str(folder),
        secret=str(secret),
        shared=shared,
        work_dir=str(work_dir),
        victim=victim.pid,
        grader=os.getpid(),
        tcp_port=tcp.getsockname()[1],
        unix_path=str(folder / "socket"),
        abstract=mark,
        mark=mark,
        shared_memory=_shared_memory_key(),
    )
    return stage, [tcp, by_path, abstract, victim]


def strike(stage: Stage, props: list[object]) -> None:
    """Take everything down again."""
    import shutil

    for prop in props:
        if isinstance(prop, socket.socket):
            prop.close()
        elif isinstance(prop, subprocess.Popen):
            prop.send_signal(signal.SIGKILL)
            prop.wait()
    if stage.shared_memory >= 0:
        release_shared_memory(stage.shared_memory)
    shutil.rmtree(stage.folder, ignore_errors=True)


def can_lock(path: str) -> bool:
    """Whether nobody holds a lock on the file."""
    with open(path, "rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
