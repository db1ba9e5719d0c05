"""Grades the attack corpus with plain nbgrader and with the engine, and writes a table of both.

    python tools/bench/attack_table.py [--only NAME …] [--jobs 2] [--timeout 240] [--out docs/attacks.md]

What nbgrader made of a submission is kept (--state), under a key of the submission, the course, nbgrader's
version and the settings: a run that was stopped goes on where it was, and a later one measures only what is
new. What the engine makes of it is measured every time. On a busy machine nbgrader's limits of time would
decide instead of the attacks: so after every few submissions an honest one is graded too, and what was
measured since the last one is kept only if that one got all its points in time.

Plain `nbgrader autograde` gives each attack what it counts on: one account, one process. So that the attacks
do not reach this machine, nbgrader as a whole runs in the confinement of this project: it has a copy of the
course made for that one submission, no network, and the libraries read-only. An attack that fools nobody
has the same number in both columns: it may have gone stale.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "attacks"))  # the corpus and its course

from attack_corpus import ALL  # noqa: E402
from attack_corpus.attack import FULL, Attack, honest  # noqa: E402
from labgrade.confine import Level, Policy, available, readable_by_default, remove_tree, wrap_command  # noqa: E402
from labgrade.engine import Engine  # noqa: E402
from rig import LAB, LIMITS, Course, Services, grade, make_course, source_notebook  # noqa: E402

CELL_TIMEOUT_S = 15
CONTROL = "honest-right"
BATCH = 12
CONFIG = f"""\
c = get_config()
c.CourseDirectory.root = {{root!r}}
c.CourseDirectory.course_id = "attacks"
c.ClearSolutions.code_stub = {{{{"python": "raise NotImplementedError()"}}}}
c.ExecutePreprocessor.timeout = {CELL_TIMEOUT_S}
c.ExecutePreprocessor.startup_timeout = 120
c.ExecutePreprocessor.iopub_timeout = 60
c.ExecutePreprocessor.interrupt_on_timeout = True
c.Exchange.course_id = "attacks"
"""
_SCORE = """
    select sum(case when manual_score is not null then manual_score else coalesce(auto_score, 0) end),
           sum(needs_manual_grade)
    from grade
"""


@dataclass(frozen=True)
class Row:
    """What became of one submission under both graders."""

    entry: Attack
    plain: float | None
    plain_note: str
    ours: float
    findings: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """What plain nbgrader made of it, against what it deserves."""
        entry, plain = self.entry, self.plain
        if plain is None:
            return "no score" if entry.deserved == 0 else "lost"
        if plain > entry.deserved:
            return "fooled"
        return "same" if plain == entry.deserved else "lost"


def _command(folder: Path, argv: Sequence[str]) -> list[str]:
    """Return the command that runs nbgrader confined, with one folder that it may write."""
    bins = str(Path(sys.executable).parent)
    environment = (
        ("PATH", f"{bins}:/usr/bin:/bin"),
        ("LANG", "C.UTF-8"),
        ("OMP_NUM_THREADS", "1"),
        ("PYTHONWARNINGS", "ignore"),
        ("JUPYTER_RUNTIME_DIR", "/tmp/runtime"),
    )
    policy = Policy(
        memory_mib=6000,
        cpu_s=300,
        scratch_mib=512,
        file_mib=256,
        processes=400,
        open_files=1024,
        readonly_paths=readable_by_default(),
        writable_paths=(str(folder),),
        floor=Level.FULL,
        allow_fork=True,
        allow_locks=True,
        private_network=True,
        environment=environment,
        work_dir=str(folder),
    )
    return wrap_command(policy, argv)


def _run(folder: Path, verb: str, *arguments: str, timeout_s: float) -> tuple[int, str]:
    shell = f"cd {folder} && exec {sys.executable} -m nbgrader {verb} {' '.join(arguments)}"
    process = subprocess.Popen(
        _command(folder, ["/bin/sh", "-c", shell]),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        said, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.terminate()  # the middle process ends the tree
        said, _ = process.communicate()
        return 124, said.decode(errors="replace")
    return process.returncode, said.decode(errors="replace")


def _own(folder: Path) -> None:
    """Let the sandbox's user, whoever that is, write everything in a throw-away course."""
    folder.chmod(0o777)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o777 if path.is_dir() else 0o666)


def _prepare_plain(course: Course, base: Path) -> None:
    """Make the course that nbgrader grades: released once, copied for each submission."""
    base.mkdir()
    shutil.copytree(course.root / "source", base / "source")
    (base / "nbgrader_config.py").write_text(CONFIG.format(root=str(base)))
    _own(base)
    code, said = _run(base, "generate_assignment", LAB, timeout_s=120)
    if code != 0:
        raise SystemExit(f"nbgrader generate_assignment failed ({code}):\n{said}")


def _grade_plain(course: Course, base: Path, entry: Attack, timeout_s: float) -> tuple[float | None, str]:
    folder = base.parent / f"plain-{entry.name}"
    shutil.copytree(base, folder)
    (folder / "nbgrader_config.py").write_text(CONFIG.format(root=str(folder)))
    for student in ("honest", entry.name):
        source = course.root / "submitted" / student
        with contextlib.suppress(shutil.Error):  # pipes and links to nowhere stay behind
            shutil.copytree(source, folder / "submitted" / student, symlinks=True)
    try:
        _own(folder)
        code, said = _run(folder, "autograde", LAB, f"--student={entry.name}", timeout_s=timeout_s)
        return _read_score(folder / "gradebook.db", code, said)
    finally:
        remove_tree(str(folder))


def _read_score(path: Path, code: int, said: str) -> tuple[float | None, str]:
    note = "" if code == 0 else "did not end in time" if code == 124 else f"exit code {code}"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as base:
            score, manual = base.execute(_SCORE).fetchone()
    except sqlite3.Error as error:
        return None, f"{note or 'gradebook'}: {error}"
    if code != 0:
        return None, note
    return (None if score is None else float(score)), "asks for a person" if manual else ""


class _Kept:
    """What nbgrader made of submissions, in a file of JSON lines that grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float | None, str]] = {}
        if path.exists():
            text = path.read_text(encoding="utf-8")
            if text and not text.endswith("\n"):  # a line that a stopped run left unfinished
                text = text[: text.rfind("\n") + 1]
                path.write_text(text, encoding="utf-8")
            for line in text.splitlines():
                entry = json.loads(line)
                self._known[entry["key"]] = (entry["score"], entry["note"])

    def find(self, key: str) -> tuple[float | None, str] | None:
        """Return what is known; None if nothing is."""
        return self._known.get(key)

    def add(self, key: str, name: str, result: tuple[float | None, str]) -> None:
        """Write a result down at once."""
        line = json.dumps({"key": key, "name": name, "score": result[0], "note": result[1]})
        with self._lock:
            self._known[key] = result
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def _key(course: Course, entry: Attack, timeout_s: float) -> str:
    """Return a digest of all that decides what nbgrader makes of a submission; folders' own names do not."""
    folder = course.root / "submitted" / entry.name
    here = str(course.root.parent).encode()
    parts = [
        f"nbgrader {importlib.metadata.version('nbgrader')}, {timeout_s}",
        CONFIG,
        json.dumps(source_notebook("canary"), sort_keys=True),
    ]
    digest = hashlib.sha256("\0".join(parts).encode())
    for path in sorted(folder.rglob("*")):
        digest.update(str(path.relative_to(folder)).encode(errors="surrogateescape") + b"\0")
        if path.is_symlink():
            digest.update(os.readlink(path).encode().replace(here, b""))
        elif path.is_file():
            digest.update(path.read_bytes().replace(here, b""))
    return digest.hexdigest()


class _TooBusyError(Exception):
    """Even an honest submission does not get its points from nbgrader here and now."""


def _measure_plain(
    course: Course, base: Path, chosen: Sequence[Attack], jobs: int, timeout_s: float, kept: _Kept
) -> list[tuple[float | None, str]]:
    """Return what nbgrader makes of the submissions, in their order; _TooBusyError if the machine is."""
    control = next(entry for entry in ALL if entry.name == CONTROL)
    keys = {entry.name: _key(course, entry, timeout_s) for entry in chosen}
    missing = [entry for entry in chosen if kept.find(keys[entry.name]) is None]

    def one(entry: Attack) -> tuple[float | None, str]:
        begun = time.monotonic()
        result = _grade_plain(course, base, entry, timeout_s)
        print(f"{entry.name}: {result} {time.monotonic() - begun:.1f} s", file=sys.stderr, flush=True)
        return result

    with ThreadPoolExecutor(jobs) as pool:
        for first in range(0, len(missing), BATCH):
            batch = missing[first : first + BATCH]
            results = list(pool.map(one, batch))
            score, note = one(control)
            if score != FULL:
                raise _TooBusyError(f"an honest submission got {score} of {FULL:g} {note}")
            for entry, result in zip(batch, results, strict=True):
                kept.add(keys[entry.name], entry.name, result)
    found = [kept.find(keys[entry.name]) for entry in chosen]
    return [result for result in found if result is not None]


def measure(names: Sequence[str], jobs: int, timeout_s: float, kept: _Kept) -> list[Row]:
    """Grade the submissions under both graders; what nbgrader made of them before is taken from ``kept``."""
    chosen = [entry for entry in ALL if not names or entry.name in names]
    # Not in the system's folder for temporary files: a sandbox has its own in that place.
    parent = Path(tempfile.mkdtemp(prefix="attack-table-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    parent.chmod(0o755)
    try:
        course = make_course(parent / "course", Services(9, "nothing", str(parent / "nothing")))
        others = (honest("honest", "0", "the submission that others try to reach"),)
        controls = [entry for entry in ALL if entry.name == CONTROL and entry not in chosen]
        for entry in (*others, *controls, *chosen):
            course.hand_in(entry)
        base = parent / "base"
        _prepare_plain(course, base)

        plain = _measure_plain(course, base, chosen, jobs, timeout_s, kept)
        with Engine(LIMITS) as engine:
            ours = {entry.name: grade(course, engine, entry) for entry in chosen}
    finally:
        remove_tree(str(parent))
    return [
        Row(
            entry,
            score,
            note,
            ours[entry.name].score,
            tuple(sorted({f.code for f in ours[entry.name].findings})),
        )
        for entry, (score, note) in zip(chosen, plain, strict=True)
    ]


_TITLES = {
    "A": "Tampering with assertions",
    "B": "Reading tests, answers and expected values",
    "C": "Forging scores",
    "D": "Resources and processes",
    "E": "Data and model files",
    "F": "Notebook and file level",
    "G": "Other students, and the network",
    "H": "Honest oddities, which must cost nothing",
}
_HEAD = """\
# Attacks, and what they get

Written by `python tools/bench/attack_table.py`; do not edit. The corpus is in `tests/attacks/attack_corpus`,
and `pytest tests/attacks` asserts the column *labs grade* (as root and as an ordinary user).

Each submission is graded in a lab of four questions worth {full:g} points, by plain `nbgrader autograde`
and by the engine behind `labs grade`. *Deserved* is what the real work in it is worth. In the column of
nbgrader, **bold** is more than deserved, – is no score at all. nbgrader ran inside a sandbox with a copy of
the course, read-only libraries and no network, so what an attack would do to the machine or to others does
not show. Its limit for a cell was {limit} s.

Measured on {date} on {machine}; nbgrader {nbgrader}, confinement of the engine `{level}`.

| | submissions | nbgrader: more | nbgrader: less, or none | labs grade: more | labs grade: less |
|---|---|---|---|---|---|
{summary}
"""


def _points(score: float | None) -> str:
    return "–" if score is None else f"{score:g}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}"


def render(rows: Sequence[Row], date: str) -> str:
    """Write the table, which is the same whenever the results are."""
    summary = []
    for name, chosen in (
        ("attacks", [row for row in rows if row.entry.group != "H"]),
        ("honest", [row for row in rows if row.entry.group == "H"]),
    ):
        counts = [
            len(chosen),
            sum(row.verdict == "fooled" for row in chosen),
            sum(row.plain is None or row.plain < row.entry.deserved for row in chosen),
            sum(row.ours > row.entry.deserved for row in chosen),
            sum(row.ours < row.entry.deserved for row in chosen),
        ]
        summary.append(f"| {name} | " + " | ".join(map(str, counts)) + " |")
    head = _HEAD.format(
        full=FULL,
        summary="\n".join(summary),
        limit=CELL_TIMEOUT_S,
        date=date,
        machine=_machine(),
        nbgrader=importlib.metadata.version("nbgrader"),
        level=available().level,
    )
    parts = [head]
    for group, title in _TITLES.items():
        chosen = [row for row in rows if row.entry.group == group]
        if not chosen:
            continue
        parts.append(f"\n## {group}. {title}\n")
        parts.append(
            "| no. | submission | what it does | deserved | nbgrader | labs grade | noted by labs grade |"
        )
        parts.append("|---|---|---|---|---|---|---|")
        for row in chosen:
            plain = f"**{_points(row.plain)}**" if row.verdict == "fooled" else _points(row.plain)
            note = f" ({row.plain_note})" if row.plain_note else ""
            entry = row.entry
            cells = [entry.number, entry.name, entry.title, f"{entry.deserved:g}", plain + note]
            cells += [_points(row.ours), ", ".join(row.findings)]
            parts.append("| " + " | ".join(map(_cell, cells)) + " |")
    return "\n".join(parts) + "\n"


def main() -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="submissions of the corpus")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=240.0, help="seconds for one run of nbgrader")
    parser.add_argument("--out", type=Path, help="file to write; standard output if not given")
    parser.add_argument(
        "--state", type=Path, default=ROOT / "build" / "attack-table.jsonl", help="what nbgrader made of them"
    )
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="that the table names")
    parser.add_argument("--json", action="store_true", help="one line of JSON for each submission instead")
    options = parser.parse_args()
    if available().level is not Level.FULL:
        print(
            "this needs confinement of level full: the attacks run for real under nbgrader", file=sys.stderr
        )
        return 3
    try:
        rows = measure(options.only, options.jobs, options.timeout, _Kept(options.state))
    except _TooBusyError as error:
        print(
            f"this machine is too busy to measure: {error}; the same command goes on later", file=sys.stderr
        )
        return 4
    if options.json:
        for row in rows:
            print(json.dumps([row.entry.name, row.entry.deserved, row.plain, row.plain_note, row.ours]))
    elif options.out:
        options.out.write_text(render(rows, options.date), encoding="utf-8")
    else:
        print(render(rows, options.date), end="")
    return 1 if any(row.ours > row.entry.deserved for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
