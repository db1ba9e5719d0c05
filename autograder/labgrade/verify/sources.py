"""What the student's text says: from files and cells that the grader holds, never from the child."""

from __future__ import annotations

import ast
import functools
import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import PurePosixPath

from labkit.probe import find_uses

from labgrade.model import PreparedNotebook
from labgrade.verify.names import to_python

__all__ = ["StudentTexts"]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_WRITES_FILE = re.compile(r"\s*%%(?:writefile|file)\s+(?:-a\s+)?[\"']?([^\s\"']+\.py)[\"']?[^\n]*\n")
_MOVES_PATH = re.compile(r"\bsys\.path\b|\bchdir\b|%cd\b|\b__path__\b|\bsite\b")
_RUNS_FILE = re.compile(r"(?m)^\s*%run\s+(?:-\w+\s+)*[\"']?([^\s\"']+\.py)")


@dataclass(frozen=True)
class StudentTexts:
    """The texts that define a student's functions and classes.

    Args:
        notebook: whose cells they are.
        files: of the submission.
        modules: names of the modules among them that are the student's.

    """

    notebook: PreparedNotebook
    files: Mapping[str, bytes]
    modules: frozenset[str]

    def uses(self, name: str, forbidden: Iterable[str], module: str = "") -> tuple[str, ...]:
        """Return the forbidden names that the definition of a name uses; see ``labkit.probe.uses``.

        Modules are followed wherever the submission has them. One that is neither handed in nor installed
        can only have been made while the notebook ran: what it holds cannot be read, and that is returned.

        Args:
            name: of a function or class of the student's.
            forbidden: names.
            module: of the student's in which it was found; "" for the notebook itself.

        """
        modules = self._module_texts
        cells = [modules[module]] if module in modules else self._cell_texts
        found = find_uses(cells, name, forbidden, modules, is_installed=_is_installed)
        if found and found[-1] == f"{name} (its source cannot be read)":
            # What given cells do to bind it is not in the text (a magic): any definition counts.
            return find_uses(self.texts, name, forbidden, modules, is_installed=_is_installed)
        return found

    def source_of(self, name: str) -> str:
        """Return the text of the last definition of a function or class.

        Raises:
            OSError: no definition of that name is in the student's text.

        """
        found = None
        for text in self.texts:
            first, last = _definitions(text).get(name, (0, 0))
            if last:
                found = "".join(text.splitlines(keepends=True)[first - 1 : last])
        if found is None:
            raise OSError(f"no definition of {name} is in the student's text")
        return textwrap.dedent(found)

    @functools.cached_property
    def texts(self) -> list[str]:
        """Return the student's modules, then the notebook's cells in order, without the tests."""
        texts = [
            data.decode("utf-8", "replace")
            for path, data in sorted(self.files.items())
            if path.endswith(".py") and path.removesuffix(".py").split("/")[0] in self.modules
        ]
        texts += [
            self._without_own_imports(to_python(cell.source))
            for cell in self.notebook.cells
            if cell.cell_type == "code" and not (cell.spec is not None and cell.spec.is_test)
        ]
        return texts

    @functools.cached_property
    def _cell_texts(self) -> list[str]:
        """Return the notebook's cells in order, without the tests, with the files that ``%run`` runs."""
        files = self._files
        texts = []
        for cell in self.notebook.cells:
            if cell.cell_type != "code" or (cell.spec is not None and cell.spec.is_test):
                continue
            texts += [files[path] for path in _RUNS_FILE.findall(cell.source) if path in files]
            texts.append(to_python(cell.source))
        return texts

    @functools.cached_property
    def _files(self) -> dict[str, str]:
        """Return the Python files of the submission, with what cells write with ``%%writefile``."""
        files = {
            path: data.decode("utf-8", "replace")
            for path, data in sorted(self.files.items())
            if path.endswith(".py")
        }
        for cell in self.notebook.cells:
            written = _WRITES_FILE.match(cell.source) if cell.cell_type == "code" else None
            if written is not None:
                path = written[1].removeprefix("./")
                # Either may be what was imported: the file as handed in, or as the cell wrote it.
                files[path] = _either(files.get(path, ""), cell.source[written.end() :])
        return files

    @functools.cached_property
    def _module_texts(self) -> dict[str, str]:
        """Return the text of each module by its dotted name, and by what is left of it in a nearer folder."""
        files = {_dotted(path): text for path, text in self._files.items()}
        texts = [*files.values(), *(cell.source for cell in self.notebook.cells)]
        moves = any(map(_moves_path, texts))
        modules = dict(files)
        for parts, text in files.items():
            # A folder may be put on the path, and imports may be relative.
            for nearer in _nearer(parts):
                if nearer not in modules:
                    modules[nearer] = text
                elif moves or nearer not in files:
                    modules[nearer] = _either(modules[nearer], text)
        return modules

    def _without_own_imports(self, text: str) -> str:
        """Return a cell as if the student's modules stood above it: their names are there already."""
        if not any(module in text for module in self.modules):
            return text
        tree = _parse(text)
        if tree is None:
            return text
        body: list[ast.stmt] = []
        for statement in tree.body:
            if (
                isinstance(statement, ast.ImportFrom)
                and (statement.module or "").split(".")[0] in self.modules
            ):
                body += [
                    ast.Assign([ast.Name(alias.asname, ast.Store())], ast.Name(alias.name, ast.Load()))
                    for alias in statement.names
                    if alias.asname and alias.asname != alias.name
                ]
            else:
                body.append(statement)
        return ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))


@functools.lru_cache(maxsize=256)
def _moves_path(text: str) -> bool:
    return _MOVES_PATH.search(text) is not None


@functools.lru_cache(maxsize=256)
def _definitions(text: str) -> dict[str, tuple[int, int]]:
    """Return the first and last line of the last definition of each function and class."""
    tree = _parse(text)
    return {
        node.name: (
            min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]),
            node.end_lineno or 0,
        )
        for node in (ast.walk(tree) if tree is not None else ())
        if isinstance(node, _DEFINITIONS)
    }


def _dotted(path: str) -> str:
    parts = PurePosixPath(path).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def _nearer(dotted: str) -> list[str]:
    parts = dotted.split(".")
    return [".".join(parts[first:]) for first in range(1, len(parts))]


def _either(one: str, other: str) -> str:
    """Return a text in which each name may stand for what either text defines."""
    if _parse(one) is None or one == other:
        return other
    if _parse(other) is None:
        return one
    return f"{one}\nif ...:\n    pass\n{textwrap.indent(other, '    ')}"


@functools.lru_cache(maxsize=256)
def _is_installed(name: str) -> bool:
    """Tell whether a package is there for every submission alike."""
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
