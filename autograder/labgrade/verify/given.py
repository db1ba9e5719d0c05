"""What given cells compute, done once for each lab in the trusted process from the instructor's text."""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import random
import sys
import types
from dataclasses import dataclass, field
from typing import Any

from labgrade.model import NotebookSpec
from labgrade.verify.names import NotebookPlan, to_python

__all__ = ["Given", "compute_given", "register_source", "seed_all"]


@dataclass(slots=True)
class Given:
    """The results of a notebook's given cells.

    Args:
        namespace: the one dictionary that all functions of the given cells have as their globals.
        bound: position of a cell -> the names that it binds, with their values.
        failed: position of a cell -> why its statements did not run here.

    """

    namespace: dict[str, Any]
    bound: dict[int, dict[str, Any]] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def register_source(name: str, source: str) -> None:
    """Let tracebacks and messages find the text of code that is in no file."""
    lines = source.splitlines(keepends=True)
    linecache.cache[name] = (len(source), None, lines, name)


def seed_all(seed: int) -> None:
    """Set the random number generators of this process."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % (1 << 32))
    if "torch" in sys.modules:
        sys.modules["torch"].default_generator.manual_seed(seed)


def compute_given(notebook: NotebookSpec, plan: NotebookPlan) -> Given:
    """Run the statements of given cells that need nothing of the student's.

    Args:
        notebook: the instructor's.
        plan: of its cells.

    """
    module = types.ModuleType("__main__")
    namespace = vars(module)
    namespace["__builtins__"] = __builtins__
    given = Given(namespace)
    for cell in notebook.cells:
        part = plan.cells.get(cell.index)
        if part is None or not part.trusted:
            continue
        name = f"<given {notebook.name} cell {cell.index + 1}>"
        register_source(name, to_python(cell.source))
        before = dict(namespace)
        try:
            with _quiet():
                code = compile(ast.Module(list(part.trusted), []), name, "exec", dont_inherit=True)
                exec(code, namespace)  # noqa: S102 - the instructor's own text
        except Exception as error:
            given.failed[cell.index] = f"{type(error).__name__}: {error}"
        given.bound[cell.index] = {
            key: value
            for key, value in namespace.items()
            if key in part.trusted_names or key not in before or before[key] is not value
        }
    return given


@contextlib.contextmanager
def _quiet() -> Any:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
