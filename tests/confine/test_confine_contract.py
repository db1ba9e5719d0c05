"""The contract of labgrade.confine: what a caller gets, step by step."""

from __future__ import annotations

import json
import os
import sys

import pytest
from labgrade.confine import ConfineError, Level, Nursery, Policy, available, describe, enter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="confinement beyond limits needs Linux")


def _run(policy: Policy, code: int) -> tuple[bytes, list[dict[str, object]], int]:
    report_read, report_write = os.pipe()
    said_read, said_write = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        try:
            level = enter(policy, report_write, keep_fds=(said_write,), parent_pid=parent)
            os.write(said_write, f"{level} {os.getpid()} {os.getcwd()}".encode())
        except ConfineError as error:
            os.write(said_write, error.cause.encode())
        finally:
            os._exit(code)
    os.close(report_write)
    os.close(said_write)
    with os.fdopen(said_read, "rb") as said, os.fdopen(report_read) as report:
        text, lines = said.read(), [json.loads(line) for line in report]
    return text, lines, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_enter_at_the_best_level_reports_start_and_end():
    """The middle process writes where the student's process runs, how it ended, and exits with its code."""
    level = available().level
    text, (started, ended), code = _run(Policy(floor=Level.NO_NAMESPACES), code=7)
    assert text.decode().split()[0] == str(level) == started["level"]
    assert (ended["code"], ended["cause"], code) == (7, "exited", 7)


def test_enter_below_the_floor_is_refused_with_its_cause():
    """A machine (here: a ceiling) that does not reach the floor is refused, and nothing runs."""
    text, _, _ = _run(Policy(ceiling=Level.LIMITS_ONLY, floor=Level.FULL), code=0)
    assert text == b"below-floor"


def test_describe_names_the_level_first():
    """The first line for `labs doctor` is the level that a trial reached."""
    first, *others = describe()
    level = available().level
    assert first.state == f"{level}: {level.meaning}"
    assert {"landlock", "seccomp", "namespaces", "cgroup"} <= {feature.name for feature in others}


def test_nursery_forks_confined_children_one_after_the_other():
    """Each child is the first process of its own namespace, and killing it is all there is to do."""
    zygote = os.fork()
    if zygote == 0:
        code = 1
        try:
            nursery = Nursery(Policy(ceiling=Level.FULL))
            for _ in range(3):
                said_read, said_write = os.pipe()
                pid = nursery.fork(keep_fds=(said_write,))
                if pid == 0:
                    os.write(said_write, f"{os.getpid()}".encode())
                    os._exit(5)
                os.close(said_write)
                inside = int(os.read(said_read, 100))
                ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                assert ended == 5
                assert (inside == 1) == (nursery.level is Level.FULL)
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(zygote, 0)[1]) == 0
