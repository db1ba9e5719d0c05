"""Paths that must stay unreadable, and packages that other users may not read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from labgrade.confine import Level, Policy, available, enter, readable_by_default, steps

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="these layers are Linux's"),
    pytest.mark.skipif(available().level is not Level.FULL, reason="needs a private file system"),
]


def _in_child(policy: Policy, act) -> str:
    """Run a function in a confined child and return what it returns, or the name of its error."""
    read_fd, write_fd = os.pipe()
    report_fd = os.open(os.devnull, os.O_WRONLY)
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            enter(policy, report_fd, keep_fds=(write_fd,), parent_pid=parent)
            text = act()
        except BaseException as error:
            text = type(error).__name__
        finally:
            os.write(write_fd, str(text).encode())
            os._exit(0)
    os.close(write_fd)
    os.close(report_fd)
    with os.fdopen(read_fd) as stream:
        said = stream.read()
    os.waitpid(pid, 0)
    return said


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A readable folder with answers inside, as when a course lies below an installed package."""
    folder = tmp_path / "course"
    (folder / "answers").mkdir(parents=True)
    (folder / "answers" / "one.txt").write_text("secret")
    (folder / "key.txt").write_text("secret")
    (folder / "text.txt").write_text("open")
    return folder


def _policy(course: Path, **more) -> Policy:
    return Policy(readonly_paths=(*readable_by_default(), str(course)), floor=Level.FULL, **more)


def test_hidden_folder_inside_a_readable_one_is_empty(course):
    """What lies beside it is read, the folder shows nothing, the file has no content."""
    policy = _policy(course, hidden_paths=(str(course / "answers"), str(course / "key.txt")))
    assert _in_child(policy, (course / "text.txt").read_text) == "open"
    assert _in_child(policy, lambda: os.listdir(course / "answers")) == "[]"
    assert _in_child(policy, (course / "answers" / "one.txt").read_text) == "FileNotFoundError"
    assert _in_child(policy, (course / "key.txt").read_text) == ""
    assert (course / "key.txt").read_text() == "secret"


def test_hidden_path_that_is_not_shown_at_all_is_no_error(course, tmp_path):
    """A caller may name everything it wants hidden."""
    policy = _policy(course, hidden_paths=(str(tmp_path / "elsewhere"),))
    assert _in_child(policy, (course / "text.txt").read_text) == "open"


@pytest.mark.skipif(
    sys.platform == "linux" and os.geteuid() != 0, reason="only root gives children other users"
)
def test_packages_closed_to_others_can_be_read_and_nothing_else(course, tmp_path, monkeypatch):
    """Installed with a strict umask, packages still load: one capability stays, and opens no more."""
    (course / "text.txt").chmod(0o600)
    course.chmod(0o700)
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    assert _in_child(_policy(course), (course / "text.txt").read_text) == "PermissionError"
    monkeypatch.setattr(steps, "_interpreter_is_barred", lambda with_parents: True)
    assert _in_child(_policy(course), (course / "text.txt").read_text) == "open"
    assert _in_child(_policy(course), outside.read_text) == "FileNotFoundError"
    assert _in_child(_policy(course), lambda: (course / "text.txt").write_text("x")) == "OSError"
    assert (course / "text.txt").read_text() == "open"
