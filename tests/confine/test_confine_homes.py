"""Folders of engines: a killed engine's is removed by the next, a living one's never."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from labgrade.confine import homes
from labgrade.confine.homes import make_home, sweep_homes

KEEPER = """
import sys, time
from labgrade.confine.homes import make_home
home = make_home(sys.argv[1])
open(home.path + "/mine", "w").close()
print(home.path, flush=True)
time.sleep(60)
"""
TURNOVER = """
import os, sys, time
from labgrade.confine.homes import make_home
until = time.monotonic() + 1.5
made = 0
while time.monotonic() < until:
    home = make_home(sys.argv[1])
    mine = os.path.join(home.path, "mine")
    open(mine, "w").close()
    time.sleep(0.001)
    assert os.path.exists(mine), "a living engine's folder was removed"
    made += 1
    if made % 3:
        home.remove()
    else:
        os.close(home.lock)  # as if killed
print(made)
"""


def _keep(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", KEEPER, str(parent)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def _end(process: subprocess.Popen[str], number: int) -> None:
    process.send_signal(number)
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_folder_of_a_killed_engine_is_removed_by_the_next(tmp_path):
    """SIGKILL leaves a folder; the next engine takes it away, and only that one."""
    killed, left = _keep(tmp_path)
    living, kept = _keep(tmp_path)
    (left / "deep" / "er").mkdir(parents=True)
    (left / "deep").chmod(0)
    _end(killed, signal.SIGKILL)
    assert (left / "mine").exists()
    home = make_home(str(tmp_path))
    assert not left.exists()
    assert (kept / "mine").exists()
    home.remove()
    _end(living, signal.SIGTERM)
    assert sweep_homes(str(tmp_path)) == [str(kept)]
    assert os.listdir(tmp_path) == []


def test_engines_that_start_and_end_together_leave_each_other_alone(tmp_path):
    """Four processes make, leave and sweep folders as fast as they can: none loses its own."""
    command = [sys.executable, "-c", TURNOVER, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4
    assert all(int(text) > 3 for text in said)
    sweep_homes(str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_what_is_none_of_an_engines_folders_stays(tmp_path, monkeypatch):
    """Other names, files and links stay, and folders without a lock while they may be in the making."""
    for name in ("labgrade", "other-labgrade-x", "labgrade-young"):
        (tmp_path / name).mkdir()
    (tmp_path / "labgrade-file").write_text("x")
    (tmp_path / "labgrade-link").symlink_to(tmp_path / "labgrade")
    stays = set(os.listdir(tmp_path))
    assert sweep_homes(str(tmp_path)) == []
    assert set(os.listdir(tmp_path)) == stays
    now = time.time()
    monkeypatch.setattr(homes.time, "time", lambda: now + 7200)
    assert sweep_homes(str(tmp_path)) == [str(tmp_path / "labgrade-young")]
    assert sweep_homes(str(tmp_path / "nowhere")) == []
