"""Cgroups: reading what is there, and a box around a tree where this machine lets us make one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from labgrade.confine import cgroup, make_box, sweep

CAN = sys.platform == "linux" and cgroup.find() is not None
needs_cgroup = pytest.mark.skipif(not CAN, reason="the cgroup file system is not writable for this user")

EATER = "import sys, time; sys.stdin.read(1); x = bytearray(300 << 20); print(len(x))"


@pytest.fixture
def box():
    made = make_box(memory_mib=64, processes=20)
    assert made is not None
    yield made
    made.close()
    assert made.remove()


def _start(code: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )


@needs_cgroup
def test_box_with_a_process_that_takes_too_much_kills_and_counts(box):
    """The kernel ends the process, and the box knows why."""
    with _start(EATER) as process:
        box.join(process.pid)
        process.communicate(b"x")
    assert process.returncode == -signal.SIGKILL
    assert box.count_memory_kills() == 1


@needs_cgroup
def test_box_with_too_many_processes_refuses_more(box):
    """The whole tree shares one limit."""
    bomb = (
        "import os, sys, time\nsys.stdin.read(1)\n"
        "n = 0\ntry:\n    for n in range(100):\n        if os.fork() == 0: time.sleep(30)\n"
        "except OSError: pass\nos._exit(n)"
    )
    with _start(bomb) as process:
        box.join(process.pid)
        process.communicate(b"x")
    assert 10 <= process.returncode <= 20


@needs_cgroup
def test_box_when_removed_takes_what_is_left_with_it():
    """Nothing survives the removal of its box."""
    made = make_box(memory_mib=64, processes=20)
    assert made is not None
    with _start("import time; time.sleep(60)") as process:
        made.join(process.pid)
        made.close()
        assert made.remove()
        assert process.wait(5) == -signal.SIGKILL
    assert not any(folder.exists() for folder in made.folders)


@needs_cgroup
def test_sweep_removes_boxes_of_dead_makers_only(box):
    """What a killed grader left is removed by the next one; what a living one uses stays."""
    place = cgroup.find()
    assert place is not None
    with _start("") as process:
        process.communicate()
    dead = [folder / f"labgrade-{process.pid}-1" for folder in place.folders]
    for folder in dead:
        folder.mkdir()
    sweep()
    assert not any(folder.exists() for folder in dead)
    assert all(folder.exists() for folder in box.folders)


def _fake(monkeypatch, tmp_path: Path, cgroup_lines: str, mount_lines: str) -> None:
    files = {"/proc/self/cgroup": cgroup_lines, "/proc/self/mountinfo": mount_lines}
    real = Path.read_text

    def read(self, *args, **kwargs):
        return files[str(self)] if str(self) in files else real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", read)


def _folder(path: Path, **files: str) -> Path:
    path.mkdir(parents=True)
    for name, text in ({"cgroup_procs": ""} | files).items():
        (path / name.replace("_", ".", 1)).write_text(text)
    return path


def test_find_in_version_2_with_both_controllers_gives_its_folder(monkeypatch, tmp_path):
    """A delegated unified hierarchy is used where memory and pids are switched on for children."""
    own = _folder(tmp_path / "user.slice", cgroup_subtree_control="cpu memory pids\n")
    _fake(monkeypatch, tmp_path, "0::/user.slice\n", f"30 1 0:26 / {tmp_path} rw - cgroup2 cgroup2 rw\n")
    assert cgroup.find() == cgroup.Place("v2", own, own)


def test_find_in_version_2_without_controllers_gives_nothing(monkeypatch, tmp_path):
    """A hierarchy without memory accounting limits nothing, so it does not count."""
    _folder(tmp_path / "user.slice", cgroup_subtree_control="hugetlb\n")
    _fake(monkeypatch, tmp_path, "0::/user.slice\n", f"30 1 0:26 / {tmp_path} rw - cgroup2 cgroup2 rw\n")
    assert cgroup.find() is None


def test_find_in_version_1_gives_the_two_hierarchies(monkeypatch, tmp_path):
    """Memory and pids are mounted apart there."""
    memory = _folder(tmp_path / "memory" / "a")
    pids = _folder(tmp_path / "pids")
    mounts = f"1 1 0:1 / {tmp_path}/memory rw - cgroup x rw,memory\n"
    mounts += f"2 1 0:2 / {tmp_path}/pids rw - cgroup x rw,pids\n"
    _fake(monkeypatch, tmp_path, "4:memory:/a\n3:pids:/\n", mounts)
    assert cgroup.find() == cgroup.Place("v1", memory, pids)


def test_find_where_nothing_is_mounted_gives_nothing(monkeypatch, tmp_path):
    """Many containers show no cgroup file system."""
    _fake(monkeypatch, tmp_path, "0::/\n", f"1 1 0:1 / / rw - ext4 /dev/{os.getpid()} rw\n")
    assert cgroup.find() is None


def test_limits_of_version_2_are_written(tmp_path):
    """The numbers go where the kernel's documentation says."""
    cgroup._limit(cgroup.Place("v2", tmp_path, tmp_path), (tmp_path,), 100, 7)
    assert (tmp_path / "memory.max").read_text() == str(100 << 20)
    assert (tmp_path / "pids.max").read_text() == "7"
    assert (tmp_path / "memory.swap.max").read_text() == "0"
