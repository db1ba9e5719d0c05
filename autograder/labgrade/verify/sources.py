"""What the student's text says, from the files and cells that the grader itself holds, never from the child."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labgrade.model import PreparedNotebook
from labgrade.verify.names import to_python

__all__ = ["StudentTexts"]


@dataclass(frozen=True, slots=True)
class StudentTexts:
    """The texts that define a student's functions and classes.

    Args:
        trees: (text, parsed) of each cell and file, in the order in which they are run; the last definition counts.

    """

    trees: tuple[tuple[str, ast.Module], ...]

    @classmethod
    def of(
        cls, notebook: PreparedNotebook, files: Mapping[str, bytes], modules: frozenset[str]
    ) -> StudentTexts:
        """Parse the student's modules and the notebook's cells; what is not Python is left out."""
        texts = [
            data.decode("utf-8", "replace")
            for path, data in sorted(files.items())
            if path.endswith(".py") and path.removesuffix(".py").split("/")[0] in modules
        ]
        texts += [
            to_python(cell.source)
            for cell in notebook.cells
            if cell.cell_type == "code" and not (cell.spec is not None and cell.spec.is_test)
        ]
        return cls(tuple((text, tree) for text in texts if (tree := _parse(text)) is not None))

    def source_of(self, thing: Any) -> str:
        """Return the text of a function or class, by the name under which the student defined it.

        Raises:
            OSError: no definition of that name is in the student's text.

        """
        text, node = self._definition(_name_of(thing))
        return ast.get_source_segment(text, node) or ""

    def definitions(self, name: str) -> Iterator[tuple[str, ast.AST]]:
        """Return text and node of every definition of a name, first to last."""
        for text, tree in self.trees:
            for node in ast.walk(tree):
                if (
                    isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
                    and node.name == name
                ):
                    yield text, node

    def _definition(self, name: str) -> tuple[str, ast.AST]:
        found = list(self.definitions(name))
        if not found:
            raise OSError(f"no definition of {name} is in the student's text")
        return found[-1]


def _parse(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _name_of(thing: Any) -> str:
    return str(object.__getattribute__(thing, "_sq_type"))
