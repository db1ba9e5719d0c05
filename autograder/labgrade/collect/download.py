"""Let ``labs grade`` take a download as it comes, by collecting it first."""

from __future__ import annotations

import shutil
from pathlib import Path

from labgrade.collect.foldersource import FolderSource
from labgrade.collect.job import Collection, CollectOptions, collect
from labgrade.collect.layouts import Context, choose_layout
from labgrade.collect.layouts.plain import PLAIN
from labgrade.collect.layouts.submitted import SUBMITTED
from labgrade.collect.limits import MAX_MEMBERS
from labgrade.collect.mapping import MAPPING_NAME, RECORD_NAME
from labgrade.lab import Lab

__all__ = ["collect_download", "is_download", "keep_record"]


def is_download(path: Path, lab: str) -> bool:
    """Return whether somebody has to collect this first: an archive, or an unpacked download of an LMS."""
    if path.is_file():
        return True
    if not path.is_dir() or (path / RECORD_NAME).is_file():
        return False
    names = [member.path for member in FolderSource(path, MAX_MEMBERS).members]
    choice = choose_layout(names, Context(lab, is_archive=False))
    return choice.layout not in (PLAIN, SUBMITTED)


def collect_download(path: Path, lab: Lab, out: Path, options: CollectOptions) -> Collection:
    """Collect a download into ``out/submissions``; corrections made there are used when it is graded again.

    Raises:
        UsageError: the download, the roster or the corrections cannot be used.
        MachineError: the disk refuses.

    """
    folder = out / "submissions"
    return collect(path, lab, folder, options)


def keep_record(submissions: Path, out: Path) -> None:
    """Copy the record of what was collected beside the results, for exports and reports."""
    for name in (RECORD_NAME, MAPPING_NAME):
        if (submissions / name).is_file():
            out.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(submissions / name, out / name)
