"""The options of ``labs grade``, from ``labs-grade.toml`` and from the command line, which comes first."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from labgrade.errors import UsageError

__all__ = ["CONFIG_NAME", "Options", "read_options"]

CONFIG_NAME = "labs-grade.toml"


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """How to grade.

    Args:
        jobs: worker processes; 0 is one for each core.
        sandbox: ``auto``, ``strict`` or ``off``.
        floor: ``full``, ``no-namespaces`` or ``limits-only``: a machine that reaches less is refused.
        start: ``fork``, ``spawn`` or ``auto``: how each submission's process is made.
        tests: ``apart`` or ``in-kernel``.
        timeout: seconds for a cell; 0 is the course's own setting, else 30.
        submission_timeout: seconds for a submission.
        memory: MiB for a submission.
        student: ids to grade; none is all.
        notebook: notebooks of the lab to grade; none is all.
        regrade: also grade what is graded already.
        out: folder for the results of a lab without a course.

    """

    jobs: int = 0
    sandbox: str = "auto"
    floor: str = ""
    start: str = "auto"
    tests: str = "apart"
    timeout: float = 0.0
    submission_timeout: float = 600.0
    memory: int = 2048
    student: tuple[str, ...] = ()
    notebook: tuple[str, ...] = ()
    regrade: bool = False
    out: str = ""

    @property
    def worker_count(self) -> int:
        """Number of workers."""
        if self.jobs:
            return self.jobs
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1


def read_options(path: Path | None, given: Mapping[str, Any]) -> Options:
    """Read the file, and put what was given on the command line over it.

    Raises:
        UsageError: the file is no TOML, has an unknown name or a value of the wrong kind.

    """
    values: dict[str, Any] = {}
    if path is not None:
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise UsageError(
                "config", f"the configuration cannot be read: {error}", where=str(path)
            ) from error
    values.update({name.replace("_", "-"): value for name, value in given.items() if value not in (None, ())})
    try:
        options = msgspec.convert(values, Options)
    except msgspec.ValidationError as error:
        names = ", ".join(sorted(field.encode_name for field in msgspec.structs.fields(Options)))
        raise UsageError("config", str(error), f"the options are {names}", str(path or "")) from error
    _check(options, path)
    return options


def _check(options: Options, path: Path | None) -> None:
    wrong = ""
    if options.sandbox not in ("auto", "strict", "off"):
        wrong = f"sandbox is '{options.sandbox}'; it is auto, strict or off"
    elif options.floor not in ("", "full", "no-namespaces", "limits-only"):
        wrong = f"floor is '{options.floor}'; it is full, no-namespaces or limits-only"
    elif options.floor and options.sandbox != "auto":
        wrong = f"floor goes with sandbox 'auto', not with '{options.sandbox}'"
    elif options.start not in ("auto", "fork", "spawn"):
        wrong = f"start is '{options.start}'; it is auto, fork or spawn"
    elif options.tests not in ("apart", "in-kernel"):
        wrong = f"tests is '{options.tests}'; it is apart or in-kernel"
    elif options.jobs < 0 or options.timeout < 0 or options.submission_timeout <= 0 or options.memory < 64:
        wrong = "jobs and timeout are 0 or more, submission-timeout is more than 0, memory is at least 64 MiB"
    if wrong:
        raise UsageError("config", wrong, where=str(path or ""))
