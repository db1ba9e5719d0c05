"""The machine: Python, disk, descriptors, browser, confinement."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from labs.doctor_report import Checkup, State

__all__ = ["check_confinement", "check_descriptors", "check_disk", "check_pdf", "check_python"]

_MIN_PYTHON = (3, 11)
_MIN_FREE_GIB = 0.5
_GOOD_FREE_GIB = 3.0
_MIN_DESCRIPTORS = 512


def check_python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Iterator[Checkup]:
    """Look at the interpreter and at where packages go."""
    words = ".".join(map(str, version))
    if version[:2] < _MIN_PYTHON:
        yield Checkup(
            "Python", State.FAULT, words, "install Python 3.11 or newer, then: make PYTHON=python3.12 install"
        )
    else:
        yield Checkup(
            "Python", State.GOOD, f"{words} on {platform.system()} {platform.machine()}, {sys.executable}"
        )
    if sys.prefix == sys.base_prefix and "CONDA_PREFIX" not in os.environ:
        mend = "use an environment of its own: python -m venv .venv, or make install"
        yield Checkup(
            "environment", State.NOTE, "the system's Python; other programs share its packages", mend
        )
    if sys.getfilesystemencoding().lower() != "utf-8":
        yield Checkup("encoding", State.NOTE, sys.getfilesystemencoding(), "export LC_ALL=C.UTF-8")


def check_disk(folders: tuple[Path, ...] | None = None) -> Iterator[Checkup]:
    """Look at the free space of the current and the temporary folder."""
    for folder in folders or (Path.cwd(), Path(tempfile.gettempdir())):
        free_gib = shutil.disk_usage(folder).free / 2**30
        found = f"{free_gib:.1f} GiB free in {folder}"
        if free_gib < _MIN_FREE_GIB:
            yield Checkup(
                "disk", State.FAULT, found, f"free some space; at least {_GOOD_FREE_GIB:g} GiB is good"
            )
        elif free_gib < _GOOD_FREE_GIB:
            yield Checkup(
                "disk", State.NOTE, found, "enough for a lab; a large class or torch itself needs more"
            )
        else:
            yield Checkup("disk", State.GOOD, found)


def check_descriptors() -> Iterator[Checkup]:
    """Look at how many files a process may open."""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _MIN_DESCRIPTORS:
        yield Checkup("open files", State.NOTE, f"{soft} for each process", "ulimit -n 4096")


def check_pdf() -> Iterator[Checkup]:
    """Look for the browser that prints PDF."""
    from labbuild.pdf import find_chromium

    chromium = find_chromium()
    if chromium is None:
        mend = "install Chromium or Chrome, or set CHROMIUM to its path; only `labs build --to pdf` needs it"
        yield Checkup("Chromium", State.NOTE, "not found: PDF is left out", mend)
        return
    done = subprocess.run([chromium, "--version"], capture_output=True, text=True, timeout=30, check=False)
    said = done.stdout.strip()
    if done.returncode or not said:
        yield Checkup(
            "Chromium", State.NOTE, f"{chromium} does not start", "install it again: PDF is left out"
        )
    else:
        yield Checkup("Chromium", State.GOOD, f"{said}, {chromium}")


def check_confinement() -> Iterator[Checkup]:
    """Ask labgrade how strongly it can confine a student's code here."""
    from labgrade.confine.probe import describe

    for feature in describe():
        name = feature.name if feature.name == "confinement" else f"confinement: {feature.name}"
        yield Checkup(name, State.GOOD if feature.works else State.NOTE, feature.state, feature.mend)
