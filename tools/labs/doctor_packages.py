"""The packages: what is installed, whether torch and torchvision fit, and what starts."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from labs.doctor_report import Checkup, State

__all__ = ["check_kernel", "check_nbgrader", "check_requirements", "check_torch", "explain_torch"]

_EXTRAS = {"": "students", "data": "data sets", "build": "building labs", "grade": "grading"}
_REQUIREMENT = re.compile(r"([A-Za-z0-9_.-]+)\s*([^;]*)")
_EXTRA = re.compile(r"""extra\s*==\s*["']([a-z]+)["']""")
# torch 2.N goes with torchvision 0.(N + 15).
_OFFSET = 15
_PROBE = """\
import json
facts = {}
try:
    import torch
    facts["torch"] = torch.__version__
    facts["cuda"] = torch.version.cuda
    facts["gpu"] = torch.cuda.is_available() and torch.cuda.get_device_name(0)
    facts["threads"] = torch.get_num_threads()
    torch.ones(2) @ torch.ones(2)
except Exception as error:
    facts["torch_error"] = f"{type(error).__name__}: {error}"
else:
    try:
        import torchvision
        facts["torchvision"] = torchvision.__version__
    except ModuleNotFoundError:
        pass
    except Exception as error:
        facts["torchvision_error"] = f"{type(error).__name__}: {error}"
print(json.dumps(facts))
"""

Version = Callable[[str], str]


def check_requirements(
    requirements: list[str] | None = None, version: Version = importlib.metadata.version
) -> Iterator[Checkup]:
    """Compare what is installed with what this project asks for.

    Args:
        requirements: as in package metadata; this project's own by default.
        version: gives a package's version, or raises PackageNotFoundError.

    """
    from packaging.specifiers import SpecifierSet

    wanted = importlib.metadata.requires("seqlabs") or [] if requirements is None else requirements
    for extra, people in _EXTRAS.items():
        missing, wrong, count = [], [], 0
        for line in wanted:
            marker = _EXTRA.search(line)
            match = _REQUIREMENT.match(line)
            if (marker[1] if marker else "") != extra or match is None:
                continue
            count += 1
            name, specifier = match[1], match[2].strip()
            try:
                found = version(name)
            except importlib.metadata.PackageNotFoundError:
                missing.append(name)
                continue
            if not SpecifierSet(specifier).contains(found, prereleases=True):
                wrong.append(f"{name} {found} (wanted {specifier})")
        package = f"seqlabs[{extra}]" if extra else "seqlabs"
        if missing or wrong:
            found_words = "; ".join([*(["missing: " + ", ".join(missing)] if missing else []), *wrong])
            # A student's machine needs no more than the first group.
            state = (
                State.NOTE if extra and len(missing) == count else State.FAULT if not extra else State.NOTE
            )
            yield Checkup(
                f"packages for {people}", state, found_words, f"pip install -c constraints.txt '{package}'"
            )
        else:
            yield Checkup(f"packages for {people}", State.GOOD, f"all {count} installed")


def check_torch() -> Iterator[Checkup]:
    """Import torch and torchvision in a process of their own, without labkit's help, and see."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=180, check=False
        )
        facts = json.loads(done.stdout or "{}")
    except (subprocess.TimeoutExpired, ValueError) as error:
        facts = {"torch_error": f"the import did not end well: {error}"}
    else:
        if not facts:
            facts = {"torch_error": f"the process ended with {done.returncode}: {done.stderr.strip()[-200:]}"}
    yield from explain_torch(facts)


def explain_torch(facts: dict[str, object]) -> Iterator[Checkup]:
    """Say what the facts of :func:`check_torch` mean."""
    if "torch_error" in facts:
        mend = "pip install --force-reinstall -c constraints.txt torch torchvision"
        yield Checkup("torch", State.FAULT, str(facts["torch_error"]), mend)
        return
    torch = str(facts["torch"])
    where = f"GPU {facts['gpu']}" if facts.get("gpu") else "CPU"
    yield Checkup("torch", State.GOOD, f"{torch} on {where}, {facts['threads']} threads")
    error = str(facts.get("torchvision_error", ""))
    if "torchvision::nms does not exist" in error:
        kind = "CPU-only" if not facts.get("cuda") else f"CUDA {facts['cuda']}"
        found = (
            f"cannot be imported beside this {kind} torch: its compiled operators belong to another build "
            "(operator torchvision::nms does not exist). Notebooks that import labkit first work "
            "all the same (data sets, transforms and utilities need no operator)"
        )
        mend = (
            "to get the operators too, take both from one source, e.g. pip install torch torchvision "
            "--index-url of PyTorch's own CPU packages"
        )
        yield Checkup("torchvision", State.NOTE, found, mend)
    elif error:
        yield Checkup("torchvision", State.NOTE, error, "pip install -c constraints.txt torch torchvision")
    elif "torchvision" not in facts:
        yield Checkup("torchvision", State.NOTE, "not installed", "only labs with images need it")
    else:
        yield _pair(torch, str(facts["torchvision"]))


def _pair(torch: str, torchvision: str) -> Checkup:
    ours, theirs = (re.match(r"(\d+)\.(\d+)", text) for text in (torch, torchvision))
    if ours and theirs and ours[1] == "2" and theirs[1] == "0" and int(theirs[2]) != int(ours[2]) + _OFFSET:
        found = f"{torchvision} beside torch {torch}: they were not made for each other"
        wanted = f"0.{int(ours[2]) + _OFFSET}"
        return Checkup("torchvision", State.NOTE, found, f"pip install 'torchvision=={wanted}.*'")
    return Checkup("torchvision", State.GOOD, f"{torchvision}, goes with torch {torch}")


def check_kernel() -> Iterator[Checkup]:
    """Look whether the kernel ``python3`` is there and runs this interpreter."""
    try:
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    except ModuleNotFoundError:
        yield Checkup(
            "kernel", State.NOTE, "Jupyter is not installed here", "pip install ipykernel jupyterlab"
        )
        return
    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        mend = f"{sys.executable} -m ipykernel install --sys-prefix --name python3"
        yield Checkup("kernel", State.FAULT, "there is no kernel named python3", mend)
        return
    program = spec.argv[0]
    # Jupyter runs the interpreter that it runs in itself for a bare name.
    is_own = Path(program).name == program or _same(program, sys.executable)
    if is_own:
        yield Checkup("kernel", State.GOOD, f"python3 in {spec.resource_dir}")
    else:
        mend = f"{sys.executable} -m ipykernel install --sys-prefix --name python3"
        yield Checkup("kernel", State.NOTE, f"python3 runs {program}, not {sys.executable}", mend)


def _same(one: str, other: str) -> bool:
    # An environment's python is a link to the base interpreter, so folders are compared, not targets.
    return Path(one).parent.resolve() == Path(other).parent.resolve()


def check_nbgrader(path: str | None = None) -> Iterator[Checkup]:
    """Look for the commands that nbgrader calls by bare name."""
    try:
        version = importlib.metadata.version("nbgrader")
    except importlib.metadata.PackageNotFoundError:
        yield Checkup(
            "nbgrader", State.NOTE, "not installed; only grading needs it", "pip install 'seqlabs[grade]'"
        )
        return
    search = os.environ.get("PATH", "") if path is None else path
    if shutil.which("alembic", path=search):
        yield Checkup("nbgrader", State.GOOD, f"{version}, with alembic on PATH")
        return
    beside = shutil.which("alembic", path=str(Path(sys.executable).parent))
    if beside:
        found = f"{version}; alembic is in {Path(beside).parent}, not on PATH; plain nbgrader needs it there"
        mend = f"source {Path(beside).parent / 'activate'}"
        yield Checkup("nbgrader", State.NOTE, found, mend)
    else:
        yield Checkup("nbgrader", State.FAULT, f"{version}, without alembic", "pip install alembic")
