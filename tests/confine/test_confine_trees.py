"""Nothing of a hostile process tree is left: not after its end, not after the grader was killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from conftest import HERE, command_as, users
from labgrade.confine import Level, available

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="these layers are Linux's"),
    pytest.mark.skipif(not available().level.reaches(Level.NO_NAMESPACES), reason="no confinement here"),
]

TREES = ["tree_of_sleepers", "tree_that_forks_all_it_can", "tree_that_runs_away"]
_count = 0


def new_mark() -> str:
    """Return a process name that nothing else has."""
    global _count
    _count += 1
    return f"m{os.getpid() % 10**6}-{_count}"


def left_over(mark: str) -> list[str]:
    """Return the living processes with this name."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if Path("/proc", entry, "comm").read_text().strip() == mark:
                    state = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()[0]
                    if state != "Z":
                        found.append(entry)
    return found


def none_left(mark: str, patience_s: float = 3.0) -> bool:
    """Whether no process with this name is left; the kernel may need a moment."""
    deadline = time.monotonic() + patience_s
    while left_over(mark):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class Scene:
    """A scenario that runs; its lines are read as they come."""

    def __init__(self, user: str, name: str, level: str):
        self.mark = new_mark()
        argv = [sys.executable, str(HERE / "scenarios.py"), name, level, self.mark]
        self.process = subprocess.Popen(command_as(user, argv), stdout=subprocess.PIPE, text=True)
        self.facts: dict[str, object] = {}

    def read_until(self, *keys: str) -> dict[str, object]:
        """Read lines until all these facts are known, or nothing comes any more."""
        assert self.process.stdout is not None
        while not set(keys) <= self.facts.keys():
            line = self.process.stdout.readline()
            if not line:
                break
            self.facts |= json.loads(line)
        return self.facts

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def _wait_for_tree(scene: Scene) -> None:
    scene.read_until("child", "ready")
    deadline = time.monotonic() + 5
    while not left_over(scene.mark) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert left_over(scene.mark), "the scenario made no tree, so the test would show nothing"


@pytest.mark.parametrize("name", TREES)
def test_tree_when_its_first_process_is_killed_is_gone(name):
    """Killing the student's process ends daemons, bombs and runaways with it."""
    with Scene("self", name, "full") as scene:
        _wait_for_tree(scene)
        os.kill(int(str(scene.facts["zygote"])), signal.SIGTERM)  # its own way: SIGKILL to the child
        assert scene.read_until("cause")["code"] == -signal.SIGKILL
        assert none_left(scene.mark)


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("user", users())
def test_tree_when_the_grader_is_killed_is_gone(user, name):
    """SIGKILL to the warmed process, which can clean up nothing, leaves no orphan."""
    with Scene(user, name, "full") as scene:
        _wait_for_tree(scene)
        os.kill(int(str(scene.facts["first"])), signal.SIGKILL)
        assert none_left(scene.mark, patience_s=1.0)


@pytest.mark.parametrize("user", users())
def test_process_without_namespaces_dies_with_the_grader(user):
    """One process that ignores every signal is all that this level allows, and it goes too."""
    with Scene(user, "one_that_will_not_go", "no-namespaces") as scene:
        _wait_for_tree(scene)
        os.kill(int(str(scene.facts["first"])), signal.SIGKILL)
        assert none_left(scene.mark, patience_s=1.0)


@pytest.mark.parametrize("name", TREES)
def test_tree_with_limits_only_is_swept_by_the_middle_process(name):
    """Where there is no PID namespace the middle process adopts and kills until nothing is left."""
    with Scene("self", name, "limits-only") as scene:
        _wait_for_tree(scene)
        os.kill(int(str(scene.facts["zygote"])), signal.SIGTERM)
        scene.read_until("cause")
        assert none_left(scene.mark)


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(10))
@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("user", users())
def test_tree_ten_times_over_is_gone(user, name, turn):
    """The same again and again: a race that is lost one time in ten would show."""
    test_tree_when_the_grader_is_killed_is_gone(user, name)
