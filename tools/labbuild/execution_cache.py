"""Outputs of executed notebooks, kept by the content of everything that can change them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labbuild.cell_content import cell_text
from labbuild.compiled import CompiledLab, CompiledNotebook

__all__ = ["ExecutionCache", "execution_key"]

_LIBRARIES = (
    "ipykernel",
    "ipython",
    "keras",
    "matplotlib",
    "numpy",
    "pandas",
    "scipy",
    "torch",
    "torchvision",
)
_KEPT = 500

Outputs = dict[str, Any]
"""``{"outputs": {"index": [outputs]}, "counts": {"index": n}}`` of the cells that ran."""


def execution_key(lab: CompiledLab, notebook: CompiledNotebook, version: str, cells: Iterable[int]) -> str:
    """Return a key that changes when anything does that can change the outputs.

    Args:
        lab: compiled.
        notebook: of the lab.
        version: ``student`` or ``solution``.
        cells: indices of the cells that run.

    """
    content = getattr(notebook, version)
    parts: dict[str, Any] = {
        "cells": [[index, cell_text(content["cells"][index])] for index in cells],
        "modules": {module.name: getattr(module, version) for module in lab.modules},
        "given": {name: _digest(path) for name, path in {**lab.given, **lab.kept}.items()},
        "profile": os.environ.get("LABS_PROFILE", ""),
        "python": sys.version,
        "libraries": [_version(name) for name in _LIBRARIES],
        "labkit": _digest_of_package("labkit"),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class ExecutionCache:
    """A folder with one JSON file for each execution; the oldest go when there are too many.

    Args:
        folder: made when something is kept.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: str) -> Outputs | None:
        """Return what is kept under a key, None if nothing is."""
        path = self._folder / f"{key}.json"
        try:
            kept: Outputs = json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        os.utime(path)
        return kept

    def keep(self, key: str, outputs: Outputs) -> None:
        """Keep outputs; a reader never sees half of them."""
        self._folder.mkdir(parents=True, exist_ok=True)
        fresh = self._folder / f"{key}.{os.getpid()}.new"
        fresh.write_text(json.dumps(outputs), encoding="utf-8")
        fresh.replace(self._folder / f"{key}.json")
        old = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime)
        for path in old[:-_KEPT]:
            path.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest_of_package(name: str) -> str:
    spec = importlib.util.find_spec(name)
    folders = spec.submodule_search_locations if spec else None
    digest = hashlib.sha256()
    for folder in folders or ():
        for path in sorted(Path(folder).rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _version(name: str) -> str:
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"{name} –"
