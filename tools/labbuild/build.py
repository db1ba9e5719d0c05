"""One build: compile what changed, stage it, check it, put it into place."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labbuild.diagnostics import Diagnostic, from_json, to_json
from labbuild.manifest import Entry, Manifest, digest, fingerprint, read_manifest
from labbuild.nbgrader_course import CONFIG_NAME, course_config
from labbuild.writer import edited_outputs, locked, staging, write_outputs

__all__ = ["BuildOptions", "BuildResult", "LabResult", "build"]

Progress = Callable[[str, int, int], None]
"""Called with (what runs, cells done, cells in all)."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What to make.

    Args:
        execute: versions to execute: ``student``, ``solution``.
        formats: further formats beside ``ipynb``: ``md``, ``py``, ``html``, ``pdf``.
        force: overwrite outputs that were edited by hand.
        cache: folder for cached executions; None for no cache.

    """

    execute: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    force: bool = False
    cache: Path | None = None

    def deciding(self) -> dict[str, Any]:
        """Return the options that decide what the outputs contain."""
        return {"execute": sorted(self.execute), "formats": sorted(self.formats)}


@dataclass(frozen=True, slots=True)
class LabResult:
    """What happened to one lab.

    Args:
        name: of the lab or file.
        state: ``built``, ``unchanged`` or ``refused``.
        written: outputs that are new or changed, relative to the output folder.
        diagnostics: sorted.

    """

    name: str
    state: str
    written: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()


@dataclass(slots=True)
class BuildResult:
    """What happened to all of them."""

    out: Path
    labs: list[LabResult] = field(default_factory=list)

    @property
    def has_errors(self) -> bool:
        """Whether any lab was refused."""
        return any(lab.state == "refused" for lab in self.labs)


@dataclass(slots=True)
class _Pending:
    """One lab on its way into the staging folder."""

    key: str
    source: Path
    mark: str
    staged: dict[str, str] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)
    diagnostics: tuple[Diagnostic, ...] = ()


def build(
    paths: Sequence[Path],
    out: Path,
    options: BuildOptions,
    progress: Progress = lambda what, done, known: None,
) -> BuildResult:
    """Build labs and single files.

    Args:
        paths: lab folders and source files.
        out: the output folder.
        options: what to make.
        progress: told about executed cells.

    Returns:
        One result for each path, in order. A lab with errors is refused and none of its outputs change; the
        others are written.

    """
    result = BuildResult(out)
    problem = _unusable(out, paths)
    if problem:
        result.labs = [LabResult(path.name, "refused", (), (problem,)) for path in paths]
        return result
    with locked(out):
        manifest = read_manifest(out)
        with staging(out) as files:
            pending: list[_Pending] = []
            for path in paths:
                one, outcome = _prepare(path, out, files, manifest, options, progress)
                result.labs.append(outcome)
                if one is not None:
                    pending.append(one)
            _commit(out, files, manifest, pending, options, result)
    return result


def _unusable(out: Path, paths: Sequence[Path]) -> Diagnostic | None:
    if out.exists() and not out.is_dir():
        return Diagnostic("LB702", "the output folder is a file", out, hint="name another one with --out")
    for path in paths:
        if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
            return Diagnostic(
                "LB702",
                f"the output folder is inside the source folder {path}",
                out,
                hint="name one outside it",
            )
    return None


def _prepare(
    path: Path, out: Path, files: Path, manifest: Manifest, options: BuildOptions, progress: Progress
) -> tuple[_Pending | None, LabResult]:
    key = path.resolve().name if path.is_dir() else f"file:{path.stem}"
    mark = fingerprint(path, options.deciding()) if path.exists() else ""
    old = manifest.entries.get(key)
    if old is not None and old.fingerprint == mark and _intact(out, old.outputs):
        shown = tuple(from_json(item) for item in old.diagnostics)
        return None, LabResult(path.name, "unchanged", (), shown)

    from labbuild.compile import compile_lab  # brings Jupytext, which an unchanged lab does not need

    lab = compile_lab(path)
    if lab.has_errors:
        return None, LabResult(path.name, "refused", (), lab.diagnostics)
    from labbuild.outputs import stage_lab

    one = _Pending(key, path, mark, diagnostics=lab.diagnostics)
    folder = files / f".{len(list(files.iterdir()))}"
    problems = stage_lab(lab, folder, options.execute, options.formats, options.cache, progress)
    one.modules = [module.name for module in lab.modules if module.has_regions and not lab.is_single_file]
    one.diagnostics = (*lab.diagnostics, *problems)
    if not any(problem.is_error for problem in problems):
        for made in sorted(folder.rglob("*")):
            if made.is_file():
                one.staged[made.relative_to(folder).as_posix()] = digest(made.read_bytes())
        edited = [] if options.force else edited_outputs(out, one.staged, old.outputs if old else {})
        one.diagnostics = (*one.diagnostics, *(_hand_edited(out / name) for name in edited))
    if any(diagnostic.is_error for diagnostic in one.diagnostics):
        shutil.rmtree(folder, ignore_errors=True)
        return None, LabResult(path.name, "refused", (), one.diagnostics)
    one.diagnostics = (*one.diagnostics, *_strays(lab.name, out, one.staged, old.outputs if old else {}))
    before = old.outputs if old else {}
    written = tuple(
        name for name in one.staged if before.get(name) != one.staged[name] or not (out / name).is_file()
    )
    _merge(folder, files)
    return one, LabResult(path.name, "built", written, one.diagnostics)


def _intact(out: Path, outputs: Mapping[str, str]) -> bool:
    return all(
        (out / name).is_file() and digest((out / name).read_bytes()) == sha for name, sha in outputs.items()
    )


def _strays(lab: str, out: Path, new: Mapping[str, str], old: Mapping[str, str]) -> list[Diagnostic]:
    """Warn of files beside nbgrader's sources: nbgrader hands out every file it finds there."""
    folder = out / "nbgrader" / "source" / lab
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    return [
        Diagnostic(
            "LB705",
            "nbgrader would hand this file to students",
            path,
            hint="delete it, or list it in lab.toml",
        )
        for path in found
        if path.relative_to(out).as_posix() not in {*new, *old} and not _is_ignored(path, folder)
    ]


def _is_ignored(path: Path, folder: Path) -> bool:
    """Whether nbgrader leaves the file out (its ``CourseDirectory.ignore``)."""
    return any(
        part in (".ipynb_checkpoints", "__pycache__", "feedback") for part in path.relative_to(folder).parts
    )


def _hand_edited(path: Path) -> Diagnostic:
    return Diagnostic(
        "LB701",
        "this output is not what 'labs build' wrote: somebody edited it, or made it",
        path,
        hint="move the change into the source, or build with --force to overwrite it",
    )


def _merge(folder: Path, files: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            target = files / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    shutil.rmtree(folder)


def _commit(
    out: Path,
    files: Path,
    manifest: Manifest,
    pending: list[_Pending],
    options: BuildOptions,
    result: BuildResult,
) -> None:
    remove: set[str] = set()
    for one in pending:
        old = manifest.entries.get(one.key)
        remove |= set(old.outputs) - set(one.staged) if old else set()
        manifest.entries[one.key] = Entry(
            str(one.source), one.mark, one.staged, one.modules, [to_json(d) for d in one.diagnostics]
        )
    kept = {name for entry in manifest.entries.values() for name in entry.outputs}
    if any(name.startswith("nbgrader/") for name in kept):
        _stage_config(out, files, manifest, options, result)
    changed = [path for path in files.rglob("*") if path.is_file()]
    if pending or changed:
        write_outputs(out, files, sorted(remove - kept), manifest.to_bytes())


def _stage_config(
    out: Path, files: Path, manifest: Manifest, options: BuildOptions, result: BuildResult
) -> None:
    """Stage ``nbgrader_config.py``, which speaks of all labs in the folder."""
    config = course_config({name: entry.student_modules for name, entry in manifest.entries.items()})
    new = {CONFIG_NAME: digest(config)}
    target = out / CONFIG_NAME
    if target.is_file() and digest(target.read_bytes()) == new[CONFIG_NAME]:
        manifest.shared |= new
        return
    if not options.force and edited_outputs(out, new, manifest.shared):
        result.labs.append(LabResult(CONFIG_NAME, "refused", (), (_hand_edited(target),)))
        return
    manifest.shared |= new
    (files / CONFIG_NAME).parent.mkdir(parents=True, exist_ok=True)
    (files / CONFIG_NAME).write_bytes(config)
