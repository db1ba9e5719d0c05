"""Compile a lab: read its files, write nothing."""

from __future__ import annotations

from pathlib import Path

from labbuild.cells import SourceFormat
from labbuild.compiled import CompiledLab, CompiledModule, CompiledNotebook
from labbuild.config import CONFIG_FILE, LabConfig, read_config
from labbuild.diagnostics import Diagnostic, Diagnostics, sort
from labbuild.draft import DraftNotebook
from labbuild.folder import (
    FolderContents,
    NotebookSource,
    find_sources,
    given_files,
    imported_modules,
    matching_files,
    source_format,
)
from labbuild.markers import Kind, scan
from labbuild.modules import DraftModule, draft_module
from labbuild.notebooks import assemble, draft_notebook
from labbuild.pairs import pair_cells, report_drift
from labbuild.questions import find_questions
from labbuild.source import read_source

__all__ = ["compile_lab"]


def compile_lab(path: Path) -> CompiledLab:
    """Compile a lab's folder, or one source file.

    Args:
        path: a folder with notebooks, or a ``.md`` or ``.py`` file.

    Returns:
        All versions of everything, and all diagnostics. An author's mistake is never an exception: look at
        ``has_errors`` before using the rest.

    """
    if path.is_dir():
        return _compile_folder(path)
    return _compile_file(path)


def _compile_folder(folder: Path) -> CompiledLab:
    name = folder.resolve().name
    config, report = read_config(folder, name)
    contents = find_sources(folder, config, report)
    if not contents.notebooks and not report.has_errors:
        report.add(
            "LB106",
            f"{name} has no notebook source",
            hint="a source is a Markdown file with a Jupytext header, or a percent script with '# %%' cells",
        )
    drafts = [_draft(source) for source in contents.notebooks]
    modules, later = _choose_modules(folder, config, contents, drafts, report)
    lab = _finish(name, folder, config, drafts, modules, (report, *later))
    sources = {p.resolve() for s in contents.notebooks for p in (s.path, s.twin) if p}
    sources |= {path.resolve() for path in contents.modules if path.resolve() not in _plain(modules)}
    texts = [
        str(cell["source"])
        for notebook in lab.notebooks
        for cell in notebook.student["cells"]
        if cell["cell_type"] == "markdown"
    ]
    extra = Diagnostics(folder / CONFIG_FILE, report.lines)
    given = given_files(folder, config, texts, sources, extra)
    given = {key: value for key, value in given.items() if key not in {module.name for module in lab.modules}}
    _report_clashes(given, lab.notebooks, extra)
    kept = matching_files(folder, config.solution_files, sources, extra)
    kept = {key: value for key, value in kept.items() if key not in given}
    read = [*sorted(sources), *(module.path for module in lab.modules), *given.values(), *kept.values()]
    read += [p for p in (folder / CONFIG_FILE, folder.parent / "course.toml") if p.is_file()]
    return CompiledLab(
        name,
        folder,
        config,
        lab.notebooks,
        lab.modules,
        given,
        lab.questions,
        sort((*lab.diagnostics, *extra.found)),
        tuple(dict.fromkeys(p.resolve() for p in read)),
        kept=kept,
    )


def _compile_file(path: Path) -> CompiledLab:
    name, folder = path.stem, path.parent
    config = LabConfig(title=name)
    report = Diagnostics(path)
    drafts: list[DraftNotebook] = []
    modules: list[DraftModule] = []
    sources = [path]
    kind = source_format(path) if path.is_file() else None
    if not path.exists():
        report.add("LB103", "there is no such file or folder")
    elif path.suffix not in (".md", ".py"):
        report.add("LB107", f"'{path.suffix}' is not a source format", hint="sources are .md and .py files")
    elif path.suffix == ".py" and kind is None:
        modules.append(draft_module(path, path.name))
    else:
        twin = path.with_suffix(".py" if path.suffix == ".md" else ".md")
        is_pair = twin.is_file() and source_format(twin) is not None
        sources += [twin] if is_pair else []
        drafts.append(
            _draft(
                NotebookSource(name, path, kind or SourceFormat(".md", "markdown"), twin if is_pair else None)
            )
        )
    elsewhere = _ids_beside(path) if path.is_file() else frozenset()
    lab = _finish(name, folder, config, drafts, modules, (report,), elsewhere)
    return CompiledLab(
        name,
        folder,
        config,
        lab.notebooks,
        lab.modules,
        {},
        lab.questions,
        lab.diagnostics,
        tuple(p.resolve() for p in sources),
        is_single_file=True,
    )


def _draft(source: NotebookSource) -> DraftNotebook:
    text = read_source(source.path)
    draft = draft_notebook(text, source.format, source.name)
    if source.twin is not None and draft.as_written is not None:
        ours = pair_cells(draft.as_written, draft.markers)
        report_drift(source.path, ours, source.twin, draft.report)
    return draft


def _choose_modules(
    folder: Path,
    config: LabConfig,
    contents: FolderContents,
    drafts: list[DraftNotebook],
    report: Diagnostics,
) -> tuple[list[DraftModule], list[Diagnostics]]:
    """Keep the modules that students fill in or that what they get imports."""
    all_modules = {path: draft_module(path, path.name) for path in contents.modules}
    with_markers = {
        path for path, draft in all_modules.items() if draft.module.has_regions or draft.report.has_errors
    }
    named: set[Path] = set()
    for name in config.modules:
        if (folder / name).is_file():
            named.add(folder / name)
        else:
            report.add("LB504", f"there is no module '{name}' in {folder.name}")
    cells = [cell for draft in drafts for cell in draft.cells if cell.cell_type == "code"]
    student = [cell.texts.student for cell in cells]
    student += [all_modules[path].module.student for path in with_markers | (named & set(all_modules))]
    solved = [cell.texts.solution for cell in cells] + [
        all_modules[path].module.solution for path in with_markers
    ]
    wanted = with_markers | named | imported_modules(folder, student)
    missing: list[Diagnostics] = []
    for path in sorted(imported_modules(folder, solved) - wanted):
        only = Diagnostics(path)
        only.add(
            "LB508",
            f"only the solution or a hidden test imports {path.name}; it is not part of the lab",
            hint=f'write modules = ["{path.name}"] in {CONFIG_FILE} if students may have it',
        )
        missing.append(only)
    chosen = [
        all_modules.get(path) or draft_module(path, path.relative_to(folder).as_posix())
        for path in sorted(wanted)
    ]
    return chosen, missing


def _plain(modules: list[DraftModule]) -> set[Path]:
    """Modules without regions may also be named under ``files``."""
    return {draft.module.path.resolve() for draft in modules if not draft.module.has_regions}


def _finish(
    name: str,
    folder: Path,
    config: LabConfig,
    drafts: list[DraftNotebook],
    modules: list[DraftModule],
    reports: tuple[Diagnostics, ...],
    elsewhere: frozenset[str] = frozenset(),
) -> CompiledLab:
    found = find_questions(drafts, modules, name, config.colab, elsewhere)
    notebooks: tuple[CompiledNotebook, ...] = tuple(
        assemble(draft, ids, name, config.colab) for draft, ids in zip(drafts, found.grade_ids, strict=True)
    )
    compiled: tuple[CompiledModule, ...] = tuple(draft.module for draft in modules)
    diagnostics: list[Diagnostic] = []
    for report in (*reports, *(draft.report for draft in drafts), *(draft.report for draft in modules)):
        diagnostics += report.found
    return CompiledLab(name, folder, config, notebooks, compiled, {}, found.questions, sort(diagnostics))


def _ids_beside(path: Path) -> frozenset[str]:
    """Ids that other files of the same folder answer or test: a single file is built on its own."""
    ids: set[str] = set()
    for other in sorted(path.parent.iterdir()):
        if other != path and other.suffix in (".md", ".py") and other.is_file() and other.stem != path.stem:
            markers = scan(read_source(other).lines, Diagnostics(other))
            ids |= {m.id for m in markers.values() if m.kind in (Kind.ANSWER, Kind.TEST) and m.id != "?"}
    return frozenset(ids)


def _report_clashes(
    given: dict[str, Path], notebooks: tuple[CompiledNotebook, ...], report: Diagnostics
) -> None:
    for notebook in notebooks:
        if f"{notebook.name}.ipynb" in given:
            report.add(
                "LB507", f"{notebook.name}.ipynb is built from {notebook.path.name} and also given as a file"
            )
