"""What is what in a lab's folder: notebooks, twins, companion modules, files that are given."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labbuild.cells import SourceFormat
from labbuild.config import LabConfig
from labbuild.diagnostics import Diagnostics
from labbuild.python_text import parse

__all__ = [
    "FolderContents",
    "NotebookSource",
    "find_sources",
    "format_of",
    "given_files",
    "imported_modules",
    "matching_files",
    "source_format",
]

_FORMAT_NAME = re.compile(r"^#?\s*format_name:\s*['\"]?([\w-]+)")
_PERCENT = re.compile(r"^# ?%%", re.MULTILINE)
_JUPYTEXT = re.compile(r"^(?:# )?\s*jupytext:|^(?:# )?jupyter:", re.MULTILINE)
_MARKER = re.compile(r"#!(?:TAG|MSG)\b")
_LINK = re.compile(r"""\]\(\s*<?([^)\s>]+)>?|\bsrc\s*=\s*["']([^"']+)["']""")
_HEADER_LINES = 60
_PRIVATE_NAMES = frozenset({"lab.toml", "variants.toml", "course.toml"})
_PRIVATE_SUFFIXES = frozenset({".pyc", ".pyo"})
_PRIVATE_FOLDERS = frozenset({"__pycache__", ".ipynb_checkpoints", ".git", ".labs-cache"})


@dataclass(frozen=True, slots=True)
class NotebookSource:
    """A notebook's source file and, if there is one, its twin in the other format."""

    name: str
    path: Path
    format: SourceFormat
    twin: Path | None = None


@dataclass(frozen=True, slots=True)
class FolderContents:
    """The sources in a lab's folder.

    Args:
        notebooks: in the lab's order.
        modules: every ``.py`` that is not a notebook.

    """

    notebooks: tuple[NotebookSource, ...] = ()
    modules: tuple[Path, ...] = field(default_factory=tuple)


def source_format(path: Path) -> SourceFormat | None:
    """Say in which text format a file is a notebook; None if it is none."""
    try:
        data = path.read_bytes()
    except OSError:
        return None  # reading it as a source gives the diagnostic
    return format_of(path, data)


def format_of(path: Path, data: bytes) -> SourceFormat | None:
    """Say the same of a file whose bytes are at hand."""
    text = data.decode("utf-8", "replace")
    head = "\n".join(text.splitlines()[:_HEADER_LINES])
    named = next((m[1] for row in head.split("\n") if (m := _FORMAT_NAME.match(row.strip()))), "")
    if path.suffix == ".md":
        if _JUPYTEXT.search(head) or _MARKER.search(text):
            return SourceFormat(".md", named or "markdown")
        return None
    if path.suffix == ".py":
        if _JUPYTEXT.search(head) and head.lstrip().startswith("#"):
            return SourceFormat(".py", named or "percent")
        if _PERCENT.search(text):
            return SourceFormat(".py", "percent")
    return None


def find_sources(folder: Path, config: LabConfig, report: Diagnostics) -> FolderContents:
    """Find the sources of a lab.

    Args:
        folder: the lab's folder.
        config: its settings.
        report: of ``lab.toml``; gets notebooks that it names and that are not there.

    Returns:
        Notebooks (each once, the Markdown file where there are twins) and modules.

    """
    formats = {
        path: source_format(path)
        for path in sorted(folder.iterdir())
        if path.suffix in (".md", ".py") and path.is_file()
    }
    found: dict[str, NotebookSource] = {}
    for path, kind in formats.items():
        if kind is None or path.suffix != ".md":
            continue
        twin = path.with_suffix(".py")
        found[path.stem] = NotebookSource(path.stem, path, kind, twin if formats.get(twin) else None)
    for path, kind in formats.items():
        if kind is not None and path.suffix == ".py" and path.stem not in found:
            found[path.stem] = NotebookSource(path.stem, path, kind)
    notebook_paths = {source.path for source in found.values()} | {s.twin for s in found.values() if s.twin}
    modules = tuple(path for path in formats if path.suffix == ".py" and path not in notebook_paths)
    if not config.notebooks:
        return FolderContents(tuple(found[name] for name in sorted(found)), modules)
    for name in config.notebooks:
        stem = name.removesuffix(".md").removesuffix(".py").removesuffix(".ipynb")
        if stem in found:
            continue
        plain = folder / f"{stem}.md"
        if plain.is_file():
            found[stem] = NotebookSource(stem, plain, SourceFormat(".md", "markdown"))
        else:
            report.add(
                "LB504",
                f"there is no notebook '{name}' in {folder.name}",
                line=next((n for n, row in enumerate(report.lines, 1) if f'"{name}"' in row), 0),
                hint=f"notebooks there are: {', '.join(sorted(found)) or 'none'}",
            )
    wanted = [
        name.removesuffix(".md").removesuffix(".py").removesuffix(".ipynb") for name in config.notebooks
    ]
    return FolderContents(tuple(found[stem] for stem in dict.fromkeys(wanted) if stem in found), modules)


def imported_modules(folder: Path, texts: Iterable[str]) -> set[Path]:
    """Return the files in a folder that some code imports, through any number of steps.

    Args:
        folder: where to look for modules and packages.
        texts: Python code: cells, or whole modules.

    Returns:
        Paths of ``.py`` files; of a package, all of its files.

    """
    found: set[Path] = set()
    pending = list(texts)
    while pending:
        text = pending.pop()
        tree = parse(text) if "import" in text else None
        for name in _imports(tree) if tree else ():
            first = name.split(".")[0]
            package = folder / first
            files = [folder / f"{first}.py"]
            if (package / "__init__.py").is_file() or (package.is_dir() and "." in name):
                files += sorted(package.rglob("*.py"))
            for path in files:
                if path.is_file() and path not in found:
                    found.add(path)
                    pending.append(path.read_bytes().decode("utf-8", "replace"))
    return found


def _imports(tree: ast.Module) -> list[str]:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.module:
                names.append(node.module)
                names += [f"{node.module}.{alias.name}" for alias in node.names]
            elif node.level:
                names += [alias.name for alias in node.names]
    return names


def given_files(
    folder: Path, config: LabConfig, markdown: Sequence[str], sources: set[Path], report: Diagnostics
) -> dict[str, Path]:
    """Find the files that are handed out as they are.

    Args:
        folder: the lab's folder.
        config: its settings; without a ``lab.toml`` the files that students' text links to are given.
        markdown: what students read, all text cells.
        sources: files that must never leave as they are: masters of notebooks and modules.
        report: of ``lab.toml``.

    Returns:
        Name relative to the folder, with ``/``, -> file.

    """
    given: dict[str, Path] = {}
    if not config.has_file:
        for text in markdown:
            for match in _LINK.finditer(text):
                target = (match[1] or match[2]).split("#")[0].split("?")[0]
                path = folder / target if target and "://" not in target else folder
                if (
                    path.is_file()
                    and _is_inside(path, folder)
                    and path.resolve() not in sources
                    and not _is_private(path, folder)
                ):
                    given[path.resolve().relative_to(folder.resolve()).as_posix()] = path
        return dict(sorted(given.items()))
    return matching_files(folder, config.files, sources, report)


def matching_files(
    folder: Path, patterns: Sequence[str], sources: set[Path], report: Diagnostics
) -> dict[str, Path]:
    """Find the files that patterns of ``lab.toml`` name.

    Args:
        folder: the lab's folder.
        patterns: relative to it.
        sources: files that must never leave as they are.
        report: of ``lab.toml``.

    Returns:
        Name relative to the folder, with ``/``, -> file.

    """
    given: dict[str, Path] = {}
    for pattern in patterns:
        line = next((n for n, row in enumerate(report.lines, 1) if f'"{pattern}"' in row), 0)
        if pattern.startswith(("/", "~")) or ".." in Path(pattern).parts:
            report.add(
                "LB506",
                f"'{pattern}' reaches outside the lab's folder",
                line=line,
                hint="name files below it",
            )
            continue
        paths = sorted(path for path in folder.glob(pattern) if path.is_file())
        paths = [path for path in paths if not _is_junk(path, folder)]
        if not paths:
            report.add("LB505", f"no file is named '{pattern}'", line=line)
        for path in paths:
            if path.resolve() in sources or path.name in _PRIVATE_NAMES:
                report.add(
                    "LB506",
                    f"'{pattern}' would hand out {path.name}, which is a source",
                    line=line,
                    hint='name the files that students need, such as "figures/*.svg"',
                )
            elif not _is_inside(path, folder):
                report.add("LB506", f"{path.name} is a link to a file outside the lab's folder", line=line)
            else:
                given[path.relative_to(folder).as_posix()] = path
    return dict(sorted(given.items()))


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _is_junk(path: Path, folder: Path) -> bool:
    """Compiled files, checkpoints and caches: never handed out, whatever a pattern says."""
    parts = path.relative_to(folder).parts
    return path.suffix in _PRIVATE_SUFFIXES or any(part in _PRIVATE_FOLDERS for part in parts)


def _is_private(path: Path, folder: Path) -> bool:
    return path.name in _PRIVATE_NAMES or _is_junk(path.resolve(), folder.resolve())
