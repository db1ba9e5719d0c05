"""What was built from what: enough to know that nothing changed, without compiling anything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["MANIFEST_FILE", "Entry", "Manifest", "digest", "fingerprint", "read_manifest"]

MANIFEST_FILE = ".labs-manifest.json"
_FORMAT = 1
_NOT_SOURCES = frozenset({"__pycache__", ".ipynb_checkpoints", ".labs-cache", ".git", "build"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One lab, or one single file, as it was last built.

    Args:
        source: folder or file.
        fingerprint: of everything that decided the outcome.
        outputs: path relative to the output folder -> SHA-256.
        student_modules: companion modules that students write, for nbgrader's ``exclude_overwriting``.
        diagnostics: warnings, as JSON, to be shown again.

    """

    source: str
    fingerprint: str
    outputs: dict[str, str]
    student_modules: list[str] = field(default_factory=list)
    diagnostics: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Manifest:
    """All entries of an output folder.

    Args:
        entries: name of the lab, or ``file:STEM``, -> entry.
        shared: outputs that belong to no single lab, with their SHA-256.

    """

    entries: dict[str, Entry] = field(default_factory=dict)
    shared: dict[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        entries = {name: asdict(entry) for name, entry in sorted(self.entries.items())}
        content = {"format": _FORMAT, "entries": entries, "shared": dict(sorted(self.shared.items()))}
        return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def read_manifest(out: Path) -> Manifest:
    """Read the manifest of an output folder; an empty one if there is none that can be read.

    Without a manifest every output counts as somebody's own, so nothing is overwritten by mistake.
    """
    path = out / MANIFEST_FILE
    if not path.is_file():
        return Manifest()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            return Manifest()
        return Manifest(
            {name: Entry(**entry) for name, entry in content["entries"].items()}, content["shared"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return Manifest()


def digest(data: bytes) -> str:
    """Return the SHA-256 of some bytes in hex."""
    return hashlib.sha256(data).hexdigest()


def fingerprint(source: Path, options: Mapping[str, Any]) -> str:
    """Return a hash over everything that can change what is built.

    Args:
        source: a lab's folder or a single source file.
        options: of the command line.

    Returns:
        SHA-256 in hex over the lab's files (names and contents), the course's settings, the options, the
        builder itself and the version of Jupytext.

    """
    total = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    total.update(_builder("labbuild"))
    if options.get("execute"):
        total.update(_builder("labkit"))
    folder = source if source.is_dir() else source.parent
    files = sorted(path for path in folder.rglob("*") if path.is_file() and _counts(path, folder))
    if not source.is_dir():
        # A single file is compared with its twin, and may test what another file of the folder answers.
        files = [path for path in files if path.parent == folder and path.suffix in (".md", ".py")]
        total.update(source.name.encode())
    course = folder.parent / "course.toml"
    for path in [*files, *([course] if course.is_file() else [])]:
        name = path.relative_to(folder.parent).as_posix()
        total.update(f"\0{name}\0".encode("utf-8", "surrogateescape"))
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _counts(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    return path.suffix != ".pyc" and not any(part in _NOT_SOURCES for part in parts)


def _builder(package: str) -> bytes:
    """Hash the code that builds, or that executed notebooks import."""
    total = hashlib.sha256()
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(folder).rglob("*.py")):
            total.update(path.read_bytes())
    total.update(_jupytext_version().encode())
    return total.digest()


def _jupytext_version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # 15 ms that `labs --help` does not need

    try:
        return version("jupytext")
    except PackageNotFoundError:
        return ""
