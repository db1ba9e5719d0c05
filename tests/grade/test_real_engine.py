"""Batches with the real engine: killed, repeated, and under load."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from labgrade.lab import Lab

SOURCE = Path(__file__).parents[1] / "courses" / "plain" / "source" / "ps1"

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")


def _write(folder: Path, lab: Lab, answer_all: Any, write_submission: Any, count: int) -> Path:
    for number in range(count):
        notebooks = answer_all(lab)
        if number % 4:
            for cell in notebooks["numbers.ipynb"]["cells"]:
                if cell["metadata"].get("nbgrader", {}).get("grade_id") == "root":
                    cell["source"] = f"def root(value):\n    return {number % 4} if value else 0"
        write_submission(folder / f"s{number:03d}", notebooks)
    return folder


def _grades(out: Path) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(out / "gradebook.db")
    rows = connection.execute(
        "SELECT s.student_id, b.name, g.auto_score, g.needs_manual_grade FROM grade g "
        "JOIN submitted_notebook n ON g.notebook_id = n.id "
        "JOIN submitted_assignment s ON n.assignment_id = s.id "
        "JOIN base_cell b ON g.cell_id = b.id ORDER BY 1, 2"
    ).fetchall()
    connection.close()
    return rows


def _family(pid: int) -> dict[int, str]:
    """Return a process and its descendants with their start times, by which a reused id is known."""
    found: dict[int, str] = {}
    pending = [pid]
    while pending:
        each = pending.pop()
        try:
            found[each] = _started(each)
            for task in os.listdir(f"/proc/{each}/task"):
                pending.extend(
                    int(child) for child in Path(f"/proc/{each}/task/{task}/children").read_text().split()
                )
        except OSError:
            found.pop(each, None)
    return found


def _started(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def _is_alive(pid: int, started: str) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return _started(pid) == started and state not in "ZX"
    except OSError:
        return False


def test_killed_with_the_real_engine_leaves_no_process_and_goes_on(
    lab: Lab, answer_all: Any, write_submission: Any, grade_folder: Callable[..., Any], tmp_path: Path
) -> None:
    """SIGKILL in mid-run: all descendants end within a second, and the rerun ends as an uninterrupted run."""
    folder = _write(tmp_path / "in", lab, answer_all, write_submission, 12)
    grade_folder(folder, tmp_path / "whole")
    out = tmp_path / "killed"
    command = [
        sys.executable,
        "-m",
        "labs.cli",
        "grade",
        str(folder),
        "--lab",
        str(SOURCE),
        "--out",
        str(out),
    ]
    process = subprocess.Popen(
        [*command, "--jobs", "1"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 120
    while not any((out / "autograded").glob("*/ps1")) and process.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    family = _family(process.pid)
    assert len(family) > 2, "the grader, a worker and its engine"
    process.send_signal(signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 1
    while any(_is_alive(*member) for member in family.items()) and time.monotonic() < end:
        time.sleep(0.01)
    assert [pid for pid, started in family.items() if _is_alive(pid, started)] == []
    results = grade_folder(folder, out)
    assert len(results) == 12
    assert _grades(out) == _grades(tmp_path / "whole")


@pytest.mark.slow
def test_grade_real_engine_five_times_idle_and_under_load_gives_identical_scores(
    lab: Lab, answer_all: Any, write_submission: Any, grade_folder: Callable[..., Any], tmp_path: Path
) -> None:
    """Fifty submissions; in the last two runs each core has something else to do."""
    folder = _write(tmp_path / "in", lab, answer_all, write_submission, 50)
    runs = []
    for number in range(5):
        busy = [
            subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(os.cpu_count() or 1)
            if number > 2
        ]
        try:
            grade_folder(folder, tmp_path / "out")
        finally:
            for process in busy:
                process.kill()
                process.wait()
        runs.append(_grades(tmp_path / "out"))
        shutil.rmtree(tmp_path / "out")
    assert len(runs[0]) == 50 * 7
    assert all(run == runs[0] for run in runs)
