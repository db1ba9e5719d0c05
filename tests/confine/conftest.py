"""What the confinement tests share: running the probes as root or as nobody, once for each combination."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def command_as(user: str, argv: list[str]) -> list[str]:
    """Return the command that runs ``argv`` as this user: ``self`` or ``nobody`` (which needs root)."""
    return [sys.executable, str(HERE / "as_nobody.py"), *argv] if user == "nobody" else argv


def run_script(
    user: str, script: str, *arguments: str, timeout_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a script of this folder as a user and return what it printed."""
    argv = command_as(user, [sys.executable, str(HERE / script), *arguments])
    return subprocess.run(argv, capture_output=True, text=True, timeout=timeout_s, check=False)


@cache
def _matrix(user: str, level: str) -> dict[str, str]:
    done = run_script(user, "run_matrix.py", level)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture(scope="session")
def matrix():
    """Give the function that runs all probes as a user at a level, once."""
    return _matrix


def users() -> list[object]:
    """Return the users that tests run as: this one, and nobody if this is root."""
    if sys.platform != "linux":
        return []
    needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
    return ["self", pytest.param("nobody", marks=needs_root)]
