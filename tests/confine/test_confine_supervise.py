"""What is said of a child's end, and how a tree that takes too much is found."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest
from labgrade.confine import Policy, end_hogs
from labgrade.confine.kill import list_children
from labgrade.confine.supervise import Ended, Started, explain_end, uses_too_much, write_report

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

HOG = (
    "import os, time\n"
    "if os.fork() == 0:\n    pass\n"
    "x = bytearray(120 << 20)\nx[::4096] = b'x' * (len(x) // 4096)\nos.write(1, b'1')\ntime.sleep(60)\n"
)


def _usage(cpu_s: float) -> resource.struct_rusage:
    return resource.struct_rusage((cpu_s, 0.0, 2048, *([0] * 13)))


@pytest.mark.parametrize(
    ("code", "cpu_s", "facts", "cause"),
    [
        (0, 1.0, {}, "exited"),
        (3, 1.0, {}, "exited"),
        (-signal.SIGKILL, 1.0, {"asked": True}, "ended"),
        (-signal.SIGKILL, 1.0, {"memory": True}, "memory"),
        (-signal.SIGKILL, 10.0, {}, "cpu"),
        (-signal.SIGXCPU, 1.0, {}, "cpu"),
        (-signal.SIGKILL, 1.0, {}, "killed"),
        (-signal.SIGSEGV, 1.0, {}, "crashed"),
        (-signal.SIGSYS, 1.0, {}, "forbidden-call"),
    ],
)
def test_explain_end_names_the_cause(code, cpu_s, facts, cause):
    """Every way to end has one name."""
    ended = explain_end(code, _usage(cpu_s), Policy(cpu_s=10), **facts)
    assert (ended.cause, ended.code, ended.peak_mib) == (cause, code, 2.0)


def test_write_report_is_one_line_of_json_each():
    """The reader needs no more than lines."""
    read_fd, write_fd = os.pipe()
    write_report(write_fd, Started(7, "full", 1000, ""))
    write_report(write_fd, Ended(0, "exited", 0.5, 10.0))
    os.close(write_fd)
    with os.fdopen(read_fd) as stream:
        events = [json.loads(line)["event"] for line in stream]
    assert events == ["started", "ended"]


def test_write_report_to_a_reader_that_is_gone_is_no_error():
    """A grader that has ended must not make the middle process fail before it has cleaned up."""
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    write_report(write_fd, Ended(0, "exited", 0.5, 10.0))
    os.close(write_fd)


@linux
def test_end_hogs_ends_the_tree_that_takes_too_much():
    """Two processes of 120 MiB are within 400 MiB together, and not within 150."""
    with subprocess.Popen([sys.executable, "-S", "-c", HOG], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(2) == b"11"
        (child,) = list_children(process.pid)
        assert not uses_too_much(process.pid, 400)
        assert end_hogs([process.pid], 400) == []
        assert uses_too_much(process.pid, 150)
        assert end_hogs([process.pid], 150) == [process.pid]
        os.kill(child, signal.SIGKILL)  # without a PID namespace it lives on
    assert process.returncode == -signal.SIGKILL


@linux
def test_end_hogs_with_one_process_looks_no_further():
    """A single process is limited by its own address space, and costs no reading."""
    with subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"]) as process:
        assert end_hogs([process.pid], 0) == []
        process.kill()


@linux
def test_uses_too_much_of_a_process_that_is_gone_is_false():
    """It may end while it is looked at."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        process.wait()
    time.sleep(0)
    assert not uses_too_much(process.pid, 0)
