"""Run jobs in children of one warm process, and read what came of them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from labbuild.check.jobs import Job, JobResult

__all__ = ["Runner", "open_runner", "warm_modules"]

# Imported once for all jobs if a lab imports them; the names to import for each.
_WARM = {
    "labkit": ("labkit",),
    "numpy": ("numpy",),
    "matplotlib": ("matplotlib.pyplot",),
    "torch": ("torch",),
    "scipy": ("scipy.special",),
    "pandas": ("pandas",),
    "torchvision": ("torchvision",),
    "keras": ("keras",),
}


def warm_modules(sources: Iterable[str]) -> tuple[str, ...]:
    """Return the heavy modules that these sources import, in a fixed order."""
    text = "\n".join(sources)
    words = set(text.replace(".", " ").replace(",", " ").split())
    wanted = [names for package, names in _WARM.items() if package in words]
    modules = [name for names in wanted for name in names]
    if "labkit" in modules and "torch" not in modules and "torch" in words:
        modules.append("torch")
    return tuple(modules)


@contextlib.contextmanager
def open_runner(modules: tuple[str, ...] = ()) -> Iterator[Runner]:
    """Start a warm process; end it and its children on the way out.

    Args:
        modules: what it imports before the first fork, from :func:`warm_modules`.

    """
    environment = {**os.environ, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment.setdefault("KERAS_BACKEND", "torch")
    with (
        tempfile.TemporaryDirectory(prefix="labs-check-", ignore_cleanup_errors=True) as folder,
        subprocess.Popen(
            [sys.executable, "-m", "labbuild.check.warm", *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process,
    ):
        try:
            yield Runner(process, Path(folder))
        finally:
            process.terminate()


class Runner:
    """Sends jobs to a warm process; made by :func:`open_runner`."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._count = 0

    def run(self, jobs: Iterable[Job]) -> Iterator[JobResult]:
        """Run jobs, several at a time, and yield each result as it comes.

        Args:
            jobs: with keys different from each other.

        Raises:
            RuntimeError: the warm process itself ended.

        """
        requests, replies = self._process.stdin, self._process.stdout
        assert requests is not None
        assert replies is not None
        keys: dict[str, str] = {}
        for job in jobs:
            self._count += 1
            work = self._folder / str(self._count)
            _prepare(job, work)
            keys[str(work)] = job.key
            requests.write(f"{work}\n")
        requests.flush()
        while keys:
            line = replies.readline()
            if not line:
                raise RuntimeError(f"the process that runs the checks ended (exit {self._process.wait()})")
            folder, _, problem = line.rstrip("\n").partition("\t")
            yield _read_result(keys.pop(folder), Path(folder), problem)


def _prepare(job: Job, work: Path) -> None:
    files = work / "files"
    if job.folder:
        shutil.copytree(job.folder, files)
    else:
        files.mkdir(parents=True)
    for name, text in job.files.items():
        target = files / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    (work / "job.json").write_text(json.dumps(job.as_json()), encoding="utf-8")


def _read_result(key: str, work: Path, problem: str) -> JobResult:
    path = work / "result.json"
    data = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    shutil.rmtree(work, ignore_errors=True)
    return JobResult.from_json(key, data, problem)
