"""What children get from the process they are forked from: working threads, and no secrets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from conftest import run_script, users
from labgrade.confine import Level, available

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="these layers are Linux's"),
    pytest.mark.skipif(not available().level.reaches(Level.NO_NAMESPACES), reason="no confinement here"),
]


def _finished(count: int) -> int:
    done = run_script("self", "fork_torch.py", str(count), timeout_s=600)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[0])


def test_children_with_two_threads_after_torch_in_the_parent_finish():
    """A library of threads that does not survive a fork would hang each child at its first operation."""
    assert _finished(6) == 6


@pytest.mark.slow
def test_three_hundred_children_with_two_threads_finish():
    """The same at the length of a class."""
    assert _finished(300) == 300


@pytest.mark.parametrize("level", ["full", "no-namespaces"])
@pytest.mark.parametrize("user", users())
def test_secrets_of_the_grader_are_found_nowhere_by_a_child(user, level):
    """Not in its memory, in any file, in a descriptor, in the environment or in a command line."""
    if not available().level.reaches(Level(level)):
        pytest.skip(f"this machine does not reach {level}")
    done = run_script(user, "scan_memory.py", level)
    assert done.returncode == 0, done.stderr
    mib, _, found = done.stdout.strip().partition(" MiB, found: ")
    assert found == "[]"
    assert int(mib) > 5
