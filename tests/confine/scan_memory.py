"""Look for a secret in everything that this process can read; the secret itself is known only by its hash.

Used as a script it is a small grader with secrets: scan_memory.py LEVEL. It prints what its child found.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import secrets
import stat
import subprocess
import sys
from collections.abc import Iterator

PATTERN = re.compile(b"canar" + b"y-[0-9a-f]{32}")


def _regions() -> Iterator[tuple[int, int, str]]:
    with open("/proc/self/maps") as stream:
        for line in stream:
            span, rights, *rest = line.split()
            start, end = (int(word, 16) for word in span.split("-"))
            if rights[0] == "r" and rest[-1] not in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                yield start, end, rest[-1]


def _files() -> Iterator[str]:
    for top in (
        "/proc",
        "/etc",
        "/tmp",
        "/dev/shm",
        "/home",
        "/root",
        "/var",
        "/run",
        "/sys/devices/system/cpu",
    ):
        for folder, folders, names in os.walk(top, onerror=None):
            folders[:] = [name for name in folders if f"{folder}/{name}" not in SKIPPED][:200]
            yield from (f"{folder}/{name}" for name in names[:500])


SKIPPED = {"/proc/self", "/proc/thread-self", "/proc/sys", "/proc/irq", "/proc/tty"} | {
    os.path.realpath(sys.base_prefix),
    os.path.realpath(sys.prefix),
}


def scan(wanted: str, with_files: bool = True) -> tuple[list[str], int]:
    """Return where the secret with this hash was found, and how many MiB of memory were looked at."""
    found, total = [], 0

    def look(data: bytes, where: str) -> None:
        for match in PATTERN.finditer(data):
            if hashlib.sha256(match[0]).hexdigest() == wanted:
                found.append(where)

    for start, end, name in list(_regions()):
        total += end - start
        for at in range(start, end, 8 << 20):
            look(ctypes.string_at(at, min((8 << 20) + 64, end - at)), f"memory {name}")
    for path in _files() if with_files else ():
        try:
            if stat.S_ISREG(os.lstat(path).st_mode):
                fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                look(os.read(fd, 1 << 20), path)
                os.close(fd)
        except OSError:
            continue
    for fd in range(256):
        try:
            look(os.pread(fd, 1 << 20, 0), f"descriptor {fd}")
        except OSError:
            continue
    look(repr(dict(os.environ)).encode(), "environment")
    return found, total >> 20


def _zygote(wanted: str) -> None:
    from labgrade.confine import Level, Nursery, Policy, make_work_dir, remove_tree

    level = Level(sys.argv[3])
    work_dir = make_work_dir("/tmp" if level is Level.NO_NAMESPACES else os.environ.get("TMPDIR", "/tmp"), 0)
    nursery = Nursery(Policy(ceiling=level, floor=level, work_dir=work_dir))
    pid = nursery.fork(keep_fds=(1,))
    if pid == 0:
        try:
            found, mib = scan(wanted)
            os.write(1, f"{mib} MiB, found: {found}\n".encode())
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    remove_tree(work_dir)


def main() -> None:
    """Be a grader: keep the secret in memory, a file, an open file, the environment and the command line."""
    secret = "canary-" + secrets.token_hex(16)
    wanted = hashlib.sha256(secret.encode()).hexdigest()
    if os.environ.get("GRADER_SECRET") is None:
        os.execve(
            sys.executable, [sys.executable, __file__, sys.argv[1]], {**os.environ, "GRADER_SECRET": secret}
        )
    secret = os.environ["GRADER_SECRET"]
    wanted = hashlib.sha256(secret.encode()).hexdigest()
    path = f"/tmp/{os.getpid()}-answers"
    with open(path, "w+") as stream:
        try:
            os.chmod(path, 0o644)
            stream.write(secret)
            stream.flush()
            assert scan(wanted, with_files=False)[0], "the scan does not find what is there"
            clean = {"PATH": os.environ["PATH"]}
            command = [sys.executable, __file__, "zygote", wanted, sys.argv[1]]
            subprocess.run(command, env=clean, check=True, pass_fds=())
        finally:
            os.unlink(path)


if __name__ == "__main__":
    if sys.argv[1] == "zygote":
        _zygote(sys.argv[2])
    else:
        main()
