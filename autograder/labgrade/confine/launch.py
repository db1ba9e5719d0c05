"""Starting a program confined: for kernels that are not forked from the zygote.

``python -I -m labgrade.confine POLICY KEEP_FDS -- PROGRAM ARGUMENTS`` confines itself and becomes the
program.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields, replace

from labgrade.confine.level import ConfineError, Level
from labgrade.confine.policy import Policy

__all__ = ["decode_policy", "encode_policy", "main", "wrap_command"]

EXIT_NOT_CONFINED = 125
"""Exit code when the program was not started."""


def encode_policy(policy: Policy) -> str:
    """Write a policy as one line of JSON."""
    return json.dumps(asdict(policy), separators=(",", ":"))


def decode_policy(text: str) -> Policy:
    """Read what :func:`encode_policy` wrote.

    Raises:
        ValueError: not a policy.

    """
    values = json.loads(text)
    known = {item.name for item in fields(Policy)}
    if not isinstance(values, dict) or not values.keys() <= known:
        raise ValueError("not a policy")
    for name in ("readonly_paths", "writable_paths", "hidden_paths"):
        if name in values:
            values[name] = tuple(values[name])
    for name in ("floor", "ceiling"):
        if name in values:
            values[name] = Level(values[name])
    if "environment" in values:
        values["environment"] = tuple((str(key), str(value)) for key, value in values["environment"])
    return Policy(**values)


def wrap_command(policy: Policy, argv: Sequence[str], keep_fds: Sequence[int] = ()) -> list[str]:
    """Return the command that starts ``argv`` confined.

    A Jupyter kernel talks over sockets: give it ``transport="ipc"`` with its connection file and sockets in
    one of ``writable_paths``, ``allow_fork`` and ``private_network``. That needs level ``full``: below it
    all sockets are refused.

    Args:
        policy: what the program may use; ``allow_exec`` is added, since the program must be started.
        argv: the program, looked up in the policy's PATH, and its arguments.
        keep_fds: descriptors that the program inherits, besides 0, 1 and 2.

    Returns:
        The command. It exits with the program's code, or 128 + n after signal n, or 125 (with a line on
        stderr) if the program was not started.

    """
    allowed = replace(policy, allow_exec=True)
    kept = ",".join(map(str, keep_fds))
    return [sys.executable, "-I", "-m", "labgrade.confine", encode_policy(allowed), kept, "--", *argv]


def main(arguments: Sequence[str]) -> int:
    """Confine this process and become the program; returns only if that failed."""
    from labgrade.confine import enter

    if len(arguments) < 4 or arguments[2] != "--":
        raise SystemExit("usage: python -m labgrade.confine POLICY KEEP_FDS -- PROGRAM [ARGUMENTS]")
    policy_text, kept, _, *argv = arguments
    try:
        policy = decode_policy(policy_text)
        keep_fds = (0, 1, 2, *map(int, filter(None, kept.split(","))))
        report_fd = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        for fd in keep_fds:
            os.set_inheritable(fd, True)
        enter(policy, report_fd, keep_fds=keep_fds, parent_pid=os.getppid())
        os.execvp(argv[0], argv)  # noqa: S606 - a list, without a shell
    except (ConfineError, OSError, ValueError) as error:
        print(f"{argv[0]} was not started: {error}", file=sys.stderr, flush=True)
    os._exit(EXIT_NOT_CONFINED)
