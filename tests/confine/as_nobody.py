"""Run a program as the user ``nobody``, also where the interpreter lies in root's home. Needs root.

Usage: as_nobody.py PROGRAM [ARGUMENTS]. In a mount namespace of its own, each folder that bars the way to the
interpreter or to this checkout is covered by an empty one through which only those are reached.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from labgrade.confine import credentials
from labgrade.confine.linux import CLONE_NEWNS, call, mount, unshare

NOBODY = 65534
_MS_REC, _MS_PRIVATE = 0x4000, 0x40000


def _clone(path: str) -> int:
    return call("open_tree", -100, os.fsencode(path), 1 | 0x8000 | os.O_CLOEXEC)


def _open_the_way(wanted: list[str]) -> None:
    barred = credentials.unreadable_for_others(wanted, with_parents=True)
    tops = [path for path in barred if not any(path.startswith(other + "/") for other in barred)]
    for top in tops:
        below = [path for path in wanted if path.startswith(top + "/")]
        roots = [path for path in below if not any(path.startswith(other + "/") for other in below)]
        trees = [(path, _clone(path)) for path in dict.fromkeys(roots)]
        mount("tmpfs", top, "tmpfs", 0, "mode=755,size=1m")
        for path, fd in trees:
            os.makedirs(path, mode=0o755)
            call("move_mount", fd, b"", -100, os.fsencode(path), 4)
            os.close(fd)


def main(argv: list[str]) -> None:
    """Become nobody and the program."""
    unshare(CLONE_NEWNS)
    mount("", "/", "", _MS_REC | _MS_PRIVATE)
    os.umask(0o022)
    checkout = str(Path(__file__).resolve().parents[2])
    folders = [path for path in (*credentials.interpreter_paths(), checkout) if os.path.isdir(path)]
    _open_the_way(folders)
    home = tempfile.mkdtemp(prefix="nobody-")
    os.chown(home, NOBODY, NOBODY)
    os.chdir(checkout)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    pid = os.fork()
    if pid == 0:
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "OMP_NUM_THREADS") if key in os.environ}
        os.execvpe(argv[0], argv, kept | {"HOME": home, "TMPDIR": home, "PYTHONDONTWRITEBYTECODE": "1"})
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.chdir("/")
    import shutil

    shutil.rmtree(home, ignore_errors=True)
    sys.exit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main(sys.argv[1:])
