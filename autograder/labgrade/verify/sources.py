"""What the student's text says: from files and cells that the grader holds, never from the child."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labkit.probe import find_uses

from labgrade.model import PreparedNotebook
from labgrade.verify.names import to_python

__all__ = ["StudentTexts"]

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
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

    def uses(self, name: str, forbidden: Iterable[str]) -> tuple[str, ...]:
        """Return the forbidden names that the definition of a name uses; see ``labkit.probe.uses``."""
        return find_uses(self.texts(), name, forbidden)

    def source_of(self, name: str) -> str:
        """Return the text of the last definition of a function or class.

        Raises:
            OSError: no definition of that name is in the student's text.

        """
        found = None
        for text in self.texts():
            tree = _parse(text)
            for node in ast.walk(tree) if tree is not None else ():
                if isinstance(node, _DEFINITIONS) and node.name == name:
                    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                    found = "".join(text.splitlines(keepends=True)[first - 1 : node.end_lineno])
        if found is None:
            raise OSError(f"no definition of {name} is in the student's text")
        return textwrap.dedent(found)

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


def _parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
