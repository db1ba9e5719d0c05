"""Grade on a file system that is full, make room, grade again; print JSON.

Usage: unshare --mount [--map-root-user] python full_disk.py SUBMISSIONS SOURCE FOLDER. A small tmpfs is
mounted on FOLDER/small and filled up; what labs grade wrote and kept is compared with FOLDER/large, where
there is room.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

SIZES_KIB = (450, 200, 24)
"""Room that is left at the start; each stops the job at another place."""


def grade(submissions: str, source: str, out: Path) -> tuple[int, str]:
    """Run labs grade; return its exit code and what it says on stderr."""
    command = [sys.executable, "-m", "labs.cli", "grade", submissions, "--lab", source, "--out", str(out)]
    done = subprocess.run([*command, "--jobs", "1"], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def scores(out: Path) -> list[list[str]]:
    """Return the table of grades without what differs between runs."""
    with (out / "grades.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def fill(path: Path, room_kib: int) -> None:
    """Write a file that leaves so much room."""
    stat = os.statvfs(path.parent)
    with path.open("wb") as file:
        file.write(bytes(max(0, stat.f_bavail * stat.f_frsize - room_kib * 1024)))


def main(submissions: str, source: str, folder: Path) -> None:
    """Grade once where there is room, then on a full disk for each size."""
    large = folder / "large"
    usual, said = grade(submissions, source, large)
    assert usual in (0, 1), said
    report: list[dict[str, object]] = []
    small = folder / "small"
    small.mkdir()
    for room in SIZES_KIB:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], check=True)
        out, filler = small / "out", small / "filler"
        fill(filler, room)
        code, said = grade(submissions, source, out)
        journal = out / "journal.jsonl"
        kept = journal.read_bytes().count(b"\n") if journal.exists() else 0
        filler.unlink()
        again, _ = grade(submissions, source, out)
        report.append(
            {
                "room": room,
                "code": code,
                "said": said[-400:],
                "kept": kept,
                "again": again == usual,
                "same": scores(out) == scores(large),
            }
        )
        subprocess.run(["umount", str(small)], check=True)
    print(json.dumps(report))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
