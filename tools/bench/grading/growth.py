"""Time, memory and descriptors from few to many submissions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from grading.course import BIN, ENVIRONMENT, Course

__all__ = ["Watch", "bench_growth"]


def bench_growth(course: Course, work: Path, sizes: list[int]) -> list[dict[str, float]]:
    """Grade more and more submissions, and watch the memory of the grader and of all its processes."""
    rows = []
    for size in sizes:
        folder = course.copy(work / "growth", size)
        command = [
            str(BIN / "labs"),
            "grade",
            "--course",
            str(folder),
            course.assignment,
            "--jobs",
            "2",
            "--json",
        ]
        start = time.perf_counter()
        process = subprocess.Popen(
            command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        watch = Watch(process.pid)
        _, errors = process.communicate()
        seconds = time.perf_counter() - start
        watch.stop()
        if process.returncode not in (0, 1):
            raise SystemExit(errors.decode()[-3000:])
        row = {
            "submissions": size,
            "seconds": seconds,
            "parent_mib": watch.parent_mib,
            "all_mib": watch.all_mib,
            "parent_descriptors": watch.descriptors,
        }
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    return rows


class Watch:
    """Follows the memory of a process and its descendants: largest resident, largest proportional sum."""

    def __init__(self, pid: int) -> None:
        self.parent_mib = self.all_mib = 0.0
        self.descriptors = 0
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._end.set()
        self._thread.join()

    def _follow(self) -> None:
        while not self._end.wait(0.25):
            self.parent_mib = max(self.parent_mib, _memory_kib(self._pid, "status", "VmRSS:") / 1024)
            total = sum(_memory_kib(pid, "smaps_rollup", "Pss:") for pid in _family(self._pid))
            self.all_mib = max(self.all_mib, total / 1024)
            try:
                self.descriptors = max(self.descriptors, len(os.listdir(f"/proc/{self._pid}/fd")))
            except OSError:
                continue


def _family(pid: int) -> list[int]:
    found = [pid]
    for each in found:
        try:
            for task in os.listdir(f"/proc/{each}/task"):
                children = Path(f"/proc/{each}/task/{task}/children").read_text().split()
                found.extend(int(child) for child in children)
        except OSError:
            continue
    return found


def _memory_kib(pid: int, file: str, key: str) -> int:
    try:
        for line in Path(f"/proc/{pid}/{file}").read_text().split("\n"):
            if line.startswith(key):
                return int(line.split()[1])
    except OSError:
        return 0
    return 0
