"""Group D: taking time, memory, processes or files from everybody else."""
# ruff: noqa: E501 - code in strings stands as it would be handed in

from __future__ import annotations

from attack_corpus.attack import FULL, RIGHT, attack

_REST = 5.0
"""What the answers that are not mean_rows are worth."""


def _first(name: str, number: str, title: str, code: str, *, cell_s: float = 15.0):
    """A fault in mean_rows; the other answers are right and must keep their points."""
    return attack(
        name,
        "D",
        number,
        title,
        base=RIGHT,
        cells={"mean_rows": code},
        deserved=_REST,
        exact=True,
        cell_s=cell_s,
    )


def _bomb(name: str, number: str, title: str, code: str, *, exact: bool = True):
    """A bomb above right answers: what was refused costs nothing."""
    return attack(name, "D", number, title, base=RIGHT, before=code, deserved=FULL, exact=exact)


ATTACKS = (
    _first(
        "endless-loop", "61", "loops for ever", "def mean_rows(x):\n    while True:\n        pass", cell_s=1.5
    ),
    _first(
        "endless-c-loop",
        "62",
        "computes a number that has no end, in C",
        "def mean_rows(x):\n    return 9 ** (9 ** 9)",
        cell_s=1.5,
    ),
    _first(
        "catch-everything",
        "63",
        "loops and catches every exception",
        """
        def mean_rows(x):
            while True:
                try:
                    while True:
                        pass
                except BaseException:
                    continue
        """,
        cell_s=1.5,
    ),
    _first(
        "mask-signals",
        "64",
        "masks every signal and sleeps",
        """
        import signal, time
        def mean_rows(x):
            signal.pthread_sigmask(signal.SIG_SETMASK, range(1, 32))
            while True:
                time.sleep(10)
        """,
        cell_s=1.5,
    ),
    _bomb(
        "fork-bomb",
        "65",
        "forks as often as it can",
        """
        import os, time
        born = []
        try:
            for _ in range(2000):
                pid = os.fork()
                if pid == 0:
                    time.sleep(600)
                    os._exit(0)
                born.append(pid)
        except OSError:
            pass
        for pid in born:
            os.kill(pid, 9)
        """,
    ),
    _bomb(
        "fork-tree",
        "65",
        "every process forks again and again",
        """
        import os, time
        top = os.getpid()
        until = time.time() + 0.5
        while time.time() < until or os.getpid() != top:
            try:
                os.fork()
            except OSError:
                time.sleep(0.01)
        """,
        exact=False,
    ),
    _bomb(
        "thread-bomb",
        "66",
        "starts threads until it is refused",
        """
        import threading
        gate = threading.Event()
        try:
            for _ in range(5000):
                threading.Thread(target=gate.wait, daemon=True).start()
        except (RuntimeError, MemoryError):
            pass
        gate.set()
        """,
    ),
    _bomb(
        "heap-bomb",
        "67",
        "takes memory until it is refused",
        """
        kept = []
        try:
            while True:
                kept.append(bytearray(1 << 24))
        except MemoryError:
            kept.clear()
        """,
    ),
    _first(
        "heap-bomb-in-test",
        "67",
        "takes memory without end inside a test",
        "def mean_rows(x):\n    kept = []\n    while True:\n        kept.append(bytearray(1 << 24))",
    ),
    _first(
        "memory-of-many",
        "67",
        "takes more memory with many processes than any one of them may",
        """
        import os, time
        def mean_rows(x):
            for _ in range(10):
                if os.fork() == 0:
                    kept = bytearray(150 << 20)
                    kept[::4096] = b"x" * (len(kept) // 4096)
                    time.sleep(600)
            time.sleep(600)
        """,
    ),
    _first(
        "impossible-tensor",
        "68",
        "asks for a tensor of a petabyte",
        "def mean_rows(x):\n    return torch.zeros(1 << 47).numpy()",
    ),
    _bomb(
        "shared-memory-bomb",
        "69",
        "maps shared memory until it is refused",
        """
        import mmap
        maps = []
        try:
            while True:
                maps.append(mmap.mmap(-1, 1 << 26))
                maps[-1][:: 4096] = b"x" * (1 << 14)
        except (OSError, MemoryError, ValueError):
            for one in maps:
                one.close()
        """,
    ),
    _bomb(
        "temporary-file-bomb",
        "70",
        "fills /dev/shm, /tmp and its folder",
        """
        import os, tempfile
        for folder in ("/dev/shm", "/tmp", "."):
            paths = []
            try:
                for number in range(64):
                    path = os.path.join(folder, f"bomb{number}")
                    paths.append(path)
                    with open(path, "wb") as stream:
                        for _ in range(32):
                            stream.write(bytes(1 << 20))
            except OSError:
                pass
            for path in paths:
                if os.path.exists(path):
                    os.unlink(path)
        """,
    ),
    _first(
        "deep-recursion",
        "71",
        "recurses without end",
        "import sys\ndef mean_rows(x):\n    sys.setrecursionlimit(10 ** 9)\n    return mean_rows(x)",
        cell_s=3,
    ),
    _first(
        "deep-repr",
        "71",
        "shows a list nested a million times",
        """
        def mean_rows(x):
            import sys
            sys.setrecursionlimit(10 ** 9)
            nested = []
            for _ in range(10 ** 6):
                nested = [nested]
            return repr(nested)
        """,
        cell_s=3,
    ),
    _first(
        "deep-value",
        "71",
        "returns a list nested a hundred thousand times",
        """
        def mean_rows(x):
            nested = []
            for _ in range(10 ** 5):
                nested = [nested]
            return nested
        """,
    ),
    _bomb(
        "many-files",
        "73",
        "makes files until it is refused",
        """
        import os
        os.mkdir("many")
        try:
            for number in range(30_000):
                os.close(os.open(f"many/{number}", os.O_CREAT | os.O_WRONLY))
        except OSError:
            pass
        for name in os.listdir("many"):
            os.unlink("many/" + name)
        """,
    ),
    _bomb(
        "output-flood",
        "74",
        "prints twenty thousand lines, and more from C",
        """
        import os
        for number in range(20_000):
            print("flood", number)
        for _ in range(1000):
            os.write(1, b"x" * 10_000)
        """,
    ),
    _first(
        "giant-answer",
        "75",
        "returns two hundred megabytes",
        "def mean_rows(x):\n    return np.zeros(25_000_000)",
    ),
    _first(
        "giant-number",
        "75",
        "returns a number of a million digits",
        "def mean_rows(x):\n    return 1 << 4_000_000",
    ),
    _bomb(
        "daemon",
        "76",
        "leaves a daemon behind",
        """
        import os, subprocess, time
        try:
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    time.sleep(600)
                os._exit(0)
        except OSError:
            pass
        try:
            subprocess.Popen(["sleep", "777"], start_new_session=True)
        except OSError:
            pass
        """,
        exact=False,
    ),
    _bomb(
        "runaway",
        "77",
        "leaves a process that forks itself for ever",
        """
        import os, time
        try:
            if os.fork() == 0:
                while True:
                    try:
                        if os.fork():
                            os._exit(0)
                        time.sleep(0.001)
                    except OSError:
                        time.sleep(0.01)
        except OSError:
            pass
        """,
    ),
    _bomb(
        "signal-everybody",
        "78",
        "sends signals to all processes, to its parent and to its group",
        """
        import os, signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for pid in [-1, os.getppid(), *range(2, 70_000)]:
            if pid not in (0, os.getpid()):
                try:
                    os.kill(pid, signal.SIGTERM)
                except OSError:
                    pass
        """,
    ),
    _bomb(
        "affinity-and-priority",
        "79",
        "takes a processor and a priority for itself",
        """
        import os
        for act in (
            lambda: os.sched_setaffinity(0, {0}),
            lambda: os.setpriority(os.PRIO_PROCESS, 0, -20),
            lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)),
        ):
            try:
                act()
            except OSError:
                pass
        """,
    ),
    _first(
        "sleep-in-test",
        "80",
        "sleeps inside a test",
        "def mean_rows(x):\n    import time\n    time.sleep(600)",
        cell_s=1.5,
    ),
    _first(
        "crash",
        "81",
        "reads from address zero",
        "def mean_rows(x):\n    import ctypes\n    return ctypes.string_at(0)",
    ),
    _bomb(
        "gigantic-figure",
        "83",
        "draws a figure of gigantic size",
        """
        import matplotlib.pyplot as plt
        try:
            figure = plt.figure(figsize=(3000, 3000), dpi=100)
            figure.canvas.draw()
        except (MemoryError, ValueError, RuntimeError):
            pass
        plt.close("all")
        """,
    ),
    _bomb(
        "lock-shared-files",
        "84",
        "locks every file of the libraries that it can open",
        """
        import fcntl, os
        locked = []
        for name in os.listdir(os.path.dirname(os.__file__))[:50]:
            try:
                stream = open(os.path.join(os.path.dirname(os.__file__), name), "rb")
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                locked.append(stream)
            except OSError:
                pass
        print("LOCKED", len(locked)) if locked else None
        """,
    ),
    _bomb(
        "lasting-objects",
        "85",
        "makes System V memory, semaphores and keys that would outlive it",
        """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        made = [libc.shmget(0x5EED, 4096, 0o1666), libc.semget(0x5EED, 1, 0o1666), libc.msgget(0x5EED, 0o1666)]
        print("MADE", made) if max(made) >= 0 else None
        """,
    ),
    _bomb(
        "open-many-files",
        "87",
        "opens descriptors until it is refused",
        """
        kept = []
        try:
            while True:
                kept.append(open("/dev/null"))
        except OSError:
            pass
        for stream in kept:
            stream.close()
        """,
    ),
    _bomb(
        "close-everything",
        "87",
        "closes every descriptor that it has",
        "import os\nos.closerange(3, 64)",
        exact=False,
    ),
    _bomb(
        "deep-folders",
        "72",
        "makes folders inside folders, too deep to remove by their path",
        """
        import os
        here = os.getcwd()
        try:
            for _ in range(3000):
                os.mkdir("d")
                os.chdir("d")
        except OSError:
            pass
        os.chdir(here)
        """,
    ),
    _bomb(
        "stop-the-collector",
        "61",
        "slows every later step down with objects that are hard to collect",
        """
        import gc, sys
        class Slow:
            def __del__(self):
                for _ in range(10):
                    pass
        kept = [Slow() for _ in range(50_000)]
        sys.setswitchinterval(10)
        """,
    ),
)
