"""Programs that are started confined: their output, exit codes, refusals, and a whole Jupyter kernel."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
from dataclasses import replace

import pytest
from labgrade.confine import Level, Policy, available, launch, wrap_command

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="these layers are Linux's"),
    pytest.mark.skipif(not available().level.reaches(Level.NO_NAMESPACES), reason="no confinement here"),
]


def _run(policy: Policy, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = wrap_command(policy, argv)
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)


def test_launched_program_speaks_and_hears():
    """Standard streams are the caller's, the exit code is the program's."""
    done = _run(Policy(), "/bin/sh", "-c", "read word; echo got $word; echo bad >&2; exit 3", stdin="hello\n")
    assert (done.stdout, done.stderr, done.returncode) == ("got hello\n", "bad\n", 3)


def test_launched_program_is_confined(tmp_path):
    """It sees neither the caller's files nor its environment."""
    secret = tmp_path / "secret"
    secret.write_text("x")
    tmp_path.chmod(0o755)
    code = f"import os; print(os.environ.get('SECRET'), os.environ['HOME']); open({str(secret)!r}, 'w')"
    os.environ["SECRET"] = "x"
    try:
        done = _run(Policy(), sys.executable, "-S", "-c", code)
    finally:
        del os.environ["SECRET"]
    assert done.stdout.split()[:1] == ["None"]
    assert secret.read_text() == "x"
    assert "denied" in done.stderr or "No such file" in done.stderr


def test_launched_program_that_is_killed_gives_its_signal():
    """As a shell does: 128 and the signal's number."""
    code = "import ctypes; ctypes.string_at(0)"
    assert _run(Policy(), sys.executable, "-S", "-c", code).returncode == 128 + 11


def test_program_that_does_not_exist_is_named():
    """The launcher says what it could not start."""
    done = _run(Policy(), "/no/such/program")
    assert done.returncode == launch.EXIT_NOT_CONFINED
    assert "/no/such/program" in done.stderr


def test_program_below_the_floor_is_not_started():
    """Less confinement than asked for means no program at all."""
    policy = Policy(floor=Level.FULL, ceiling=Level.LIMITS_ONLY)
    done = _run(policy, "/bin/echo", "started")
    assert done.returncode == launch.EXIT_NOT_CONFINED
    assert (done.stdout, "below-floor" in done.stderr) == ("", True)


def test_launch_with_wrong_arguments_says_how():
    """The command line is explained, without a traceback."""
    command = [sys.executable, "-m", "labgrade.confine", '{"allow_exec": true}']
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("usage:")
    done = subprocess.run([*command, "", "--", "true"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    done = subprocess.run(
        [*command[:-1], "[]", "", "--", "true"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, "not a policy" in done.stderr) == (launch.EXIT_NOT_CONFINED, True)


@pytest.mark.skipif(available().level is not Level.FULL, reason="a kernel needs namespaces")
def test_kernel_started_confined_computes_and_is_refused(tmp_path):
    """An ordinary ipykernel runs unchanged over ipc sockets, and cannot reach out."""
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import KernelManager

    folder = tmp_path / "k"
    folder.mkdir()
    policy = replace(Policy(), allow_fork=True, private_network=True, writable_paths=(str(folder),))
    manager = KernelManager(transport="ipc", ip=f"{folder}/s", connection_file=f"{folder}/c.json")
    kernel = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=wrap_command(policy, [*kernel, "--HistoryManager.enabled=False"]))
    manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = manager.client()
    client.start_channels()
    texts: list[str] = []
    try:
        client.wait_for_ready(timeout=60)
        for code in ("print(6 * 7)", f"print(__import__('os').path.exists({os.fspath(tmp_path)!r} + '/x'))"):
            client.execute_interactive(
                code,
                output_hook=lambda message: texts.append(message["content"].get("text", "")),
                timeout=20,
            )
        code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=2)"
        reply = client.execute_interactive(code, output_hook=lambda _: None, timeout=20)
        assert reply["content"]["ename"] in ("OSError", "PermissionError")
    except queue.Empty:
        pytest.fail("the kernel did not answer")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        client.context.destroy(linger=0)
    assert "".join(texts).split() == ["42", "False"]
