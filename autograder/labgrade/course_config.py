"""Read ``nbgrader_config.py``: as text where that is enough, else as nbgrader does, by running it.

Most settings are plain values. Taking them from the syntax tree runs nobody's code and spares importing
nbgrader, which a configuration often does and which takes 2 to 4 seconds.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labgrade.errors import UsageError

__all__ = ["load_config"]

SECTIONS = frozenset(
    {
        "AssignLatePenalties",
        "Autograde",
        "ClearHiddenTests",
        "ClearMarkScheme",
        "ClearSolutions",
        "CourseDirectory",
        "Execute",
        "ExecutePreprocessor",
        "LateSubmissionPlugin",
    }
)
"""Sections of the configuration that can change a grade or where a file lies."""
_IRRELEVANT = frozenset({("Autograde", "sanitize_preprocessors"), ("Autograde", "autograde_preprocessors")})
"""Settings of those sections that say how nbgrader does what is done here in another way."""


def load_config(path: Path) -> Mapping[str, Any]:
    """Return the configuration: section -> setting -> value.

    Raises:
        UsageError: the file is no Python, or fails when it has to be run.

    """
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except (SyntaxError, ValueError, OSError) as error:
        line = getattr(error, "lineno", None)
        raise UsageError(
            "course-config",
            f"the course's configuration cannot be read: {error}",
            where=f"{path}:{line}:1" if line else str(path),
        ) from error
    read = _read_literals(tree, path)
    return _run(path) if read is None else read


def _read_literals(tree: ast.Module, path: Path) -> dict[str, dict[str, Any]] | None:
    """Return the settings if all that concern us are plain values, else None."""
    found: dict[str, dict[str, Any]] = {}
    taken: set[ast.Name] = set()
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        place = _setting(statement.targets[0])
        if place is None:
            continue
        name, section, trait = place
        taken.add(name)
        if section not in SECTIONS or (section, trait) in _IRRELEVANT:
            continue
        try:
            found.setdefault(section, {})[trait] = ast.literal_eval(statement.value)
        except (ValueError, TypeError):
            return None
    if any(_needs_running(node, taken, path) for node in ast.walk(tree)):
        return None
    return found


def _setting(target: ast.expr) -> tuple[ast.Name, str, str] | None:
    """Return the parts of ``c.Section.trait``."""
    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Attribute):
        name = target.value.value
        if isinstance(name, ast.Name) and name.id == "c":
            return name, target.value.attr, target.attr
    return None


def _needs_running(node: ast.AST, taken: set[ast.Name], path: Path) -> bool:
    """Return whether the node may set something in a way that only running it tells."""
    if isinstance(node, ast.Name) and node.id == "c":
        return isinstance(node.ctx, ast.Load) and node not in taken
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "load_subconfig":
        name = node.args[0] if node.args else None
        known = isinstance(name, ast.Constant) and isinstance(name.value, str)
        return not known or (path.parent / str(name.value)).is_file()  # type: ignore[union-attr]
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call):  # get_config().Section
        return isinstance(node.value.func, ast.Name) and node.value.func.id == "get_config"
    return isinstance(node, ast.NamedExpr) and isinstance(node.target, ast.Name) and node.target.id == "c"


def _run(path: Path) -> Mapping[str, Any]:
    from traitlets.config.loader import PyFileConfigLoader  # 0.1 s; only such courses need it

    try:
        loaded: Mapping[str, Any] = PyFileConfigLoader(path.name, str(path.parent)).load_config()
    except Exception as error:  # the instructor's own code may raise anything
        line = getattr(error, "lineno", None)
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename.endswith(path.name):
                line = trace.tb_lineno
            trace = trace.tb_next
        raise UsageError(
            "course-config",
            f"the course's configuration does not run: {type(error).__name__}: {error}",
            "nbgrader reads the same file; `nbgrader --help-all` names the options",
            f"{path}:{line}:1" if line else str(path),
        ) from error
    return loaded
