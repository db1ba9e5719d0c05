"""The bundle to hand out: a folder and a zip for each lab, with nothing in them that was not named."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import io
import json
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from labbuild.compiled import CompiledLab
from labbuild.ipynb import notebook_bytes

__all__ = ["MANIFEST", "Bundle", "bundle_files", "labkit_files", "make_zip", "write_bundle"]

MANIFEST = "manifest.json"
# The same files make the same zip, whatever the clock says.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_LABKIT_SUFFIXES = frozenset({".py", ".md", ".gz", ".csv", ".json", ".txt", ".npz", ".safetensors", ".css"})

_START = """\
{title}

1. Python 3.11 or newer. In this folder, in a terminal:

       python -m venv .venv
       .venv/bin/python -m pip install -r requirements.txt
       .venv/bin/jupyter lab

   (On Windows: .venv\\Scripts\\python and .venv\\Scripts\\jupyter.)

2. Open {first}, read, fill in, run the checks.

labkit/ is the small package that the notebooks import; leave it where it is.
manifest.json has the SHA-256 of every file, so you can tell whether one was damaged.
"""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was written.

    Args:
        lab: name.
        folder: what students can use at once.
        archive: the same as a zip.
        sha256: of the zip, in hex.
        files: name in the folder -> SHA-256 in hex.

    """

    lab: str
    folder: Path
    archive: Path
    sha256: str
    files: Mapping[str, str]


def bundle_files(lab: CompiledLab) -> dict[str, bytes]:
    """Return the files of a lab that students get, name -> bytes; nothing else is ever looked at.

    Args:
        lab: compiled, without errors; executed if outputs are wanted.

    """
    files = {f"{notebook.name}.ipynb": notebook_bytes(notebook.student) for notebook in lab.notebooks}
    files |= {module.name: module.student.encode() for module in lab.modules}
    files |= {name: path.read_bytes() for name, path in lab.given.items()}
    first = f"{lab.notebooks[0].name}.ipynb" if lab.notebooks else ""
    files.setdefault(
        "START-HERE.txt", _START.format(title=lab.config.title or lab.name, first=first).encode()
    )
    files.setdefault("requirements.txt", _requirements().encode())
    return files


def labkit_files() -> dict[str, bytes]:
    """Return the package that notebooks import, name below the lab's folder -> bytes."""
    spec = importlib.util.find_spec("labkit")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("labkit is not installed", name="labkit")
    home = Path(next(iter(spec.submodule_search_locations)))
    return {
        (PurePosixPath("labkit") / path.relative_to(home).as_posix()).as_posix(): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and path.suffix in _LABKIT_SUFFIXES and "__pycache__" not in path.parts
    }


def make_zip(lab: str, files: Mapping[str, bytes]) -> bytes:
    """Return a zip with one folder; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(f"{lab}/{name}", _ZIP_TIME)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            archive.writestr(entry, files[name])
    return buffer.getvalue()


def write_bundle(lab: str, title: str, files: Mapping[str, bytes], out: Path) -> Bundle:
    """Write the folder ``out/LAB`` and the zip ``out/LAB.zip``, each with its manifest.

    Args:
        lab: name.
        title: for the manifest.
        files: name -> bytes, without the manifest.
        out: folder of the release.

    Returns:
        What was written. An earlier folder of the same name is replaced as a whole, or not at all.

    """
    hashes = {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)}
    manifest = json.dumps({"lab": lab, "title": title, "files": hashes}, indent=1, ensure_ascii=False) + "\n"
    everything = {**files, MANIFEST: manifest.encode()}
    archive = make_zip(lab, everything)
    out.mkdir(parents=True, exist_ok=True)
    fresh, old = out / f".{lab}.new", out / f".{lab}.old"
    for folder in (fresh, old):
        shutil.rmtree(folder, ignore_errors=True)
    for name, data in everything.items():
        (fresh / name).parent.mkdir(parents=True, exist_ok=True)
        (fresh / name).write_bytes(data)
    staged = out / f".{lab}.zip.new"
    staged.write_bytes(archive)
    if (out / lab).exists():
        (out / lab).rename(old)
    fresh.rename(out / lab)
    staged.replace(out / f"{lab}.zip")
    shutil.rmtree(old, ignore_errors=True)
    return Bundle(lab, out / lab, out / f"{lab}.zip", hashlib.sha256(archive).hexdigest(), hashes)


def _requirements() -> str:
    """Return what a student installs: this project's own requirements without extras, and JupyterLab."""
    lines = [
        line.split(";")[0].strip()
        for line in importlib.metadata.requires("seqlabs") or []
        if "extra ==" not in line
    ]
    return "\n".join([*lines, "jupyterlab>=4.2"]) + "\n"
