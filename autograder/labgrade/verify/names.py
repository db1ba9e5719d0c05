"""Which names of a notebook are the student's: decided from the instructor's text alone.

A statement of a given cell runs in the trusted process, unless it needs something that answers bind; what
answers bind, and what is computed from it, is the student's and is asked for. Names are followed
statement by statement.
"""

from __future__ import annotations

import ast
import dis
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from types import CodeType
from typing import Any

from labgrade.model import CellSpec, NotebookSpec

__all__ = ["CellPlan", "NotebookPlan", "names_of_code", "plan_notebook", "student_modules", "to_python"]

_SHELL_NAMES = frozenset({"get_ipython", "In", "Out", "_ih", "_oh", "_dh", "exit", "quit"})
_TRANSPARENT = ("%%time", "%%timeit", "%%capture", "%%prun")
_SAFE_CALLS = frozenset({"print", "display", "len", "repr", "str", "help", "type", "assert"})


@dataclass(frozen=True, slots=True)
class CellPlan:
    """What one code cell of the instructor's notebook means for the trusted process.

    Args:
        index: position of the cell.
        is_test: its points are decided by its code.
        trusted: statements that run in the trusted process.
        trusted_names: names that these bind.
        student_names: all names that are the student's once this cell has run.
        reads: names that the cell reads.
        binds: names that the cell binds.
        kernel_reason: why a test cell needs the student's kernel; "" if it does not.

    """

    index: int
    is_test: bool
    trusted: tuple[ast.stmt, ...] = ()
    trusted_names: frozenset[str] = frozenset()
    student_names: frozenset[str] = frozenset()
    reads: frozenset[str] = frozenset()
    binds: frozenset[str] = frozenset()
    kernel_reason: str = ""


@dataclass(frozen=True, slots=True)
class NotebookPlan:
    """The plans of a notebook's code cells, by position, and the modules that are the student's."""

    cells: Mapping[int, CellPlan]
    modules: frozenset[str]


def to_python(source: str) -> str:
    """Return a cell's text as plain Python: magics become calls of ``get_ipython()``.

    The lines keep their numbers. A cell magic that only wraps Python (``%%time``) is blanked.
    """
    first = source.lstrip().split("\n", 1)[0] if source.strip() else ""
    if first.startswith("%%"):
        if not first.startswith(_TRANSPARENT):
            return f"get_ipython().run_cell_magic({first!r}, '', '')\n"
        source = source.replace(first, "", 1)
    if not any(mark in source for mark in "%!?"):
        return source
    try:
        ast.parse(source)
    except SyntaxError:
        from IPython.core.inputtransformer2 import TransformerManager

        manager: Any = TransformerManager
        return str(manager().transform_cell(source))
    return source


def student_modules(
    given: Mapping[str, bytes], student: Mapping[str, bytes], notebook: NotebookSpec
) -> frozenset[str]:
    """Name the modules that the student's process must import: its own, and what imports them."""
    found = {_module_name(path) for path in student if path.endswith(".py")}
    for cell in notebook.cells:
        first = cell.source.lstrip().split("\n", 1)[0]
        if cell.solution and first.startswith(("%%writefile", "%%file")) and first.rstrip().endswith(".py"):
            found.add(_module_name(first.split()[-1]))
    imports = {_module_name(path): _imports_of(data) for path, data in given.items() if path.endswith(".py")}
    while True:
        more = {name for name, used in imports.items() if name not in found and used & found}
        if not more:
            return frozenset(found)
        found |= more


def _module_name(path: str) -> str:
    parts = PurePosixPath(path).with_suffix("").parts
    return parts[0] if len(parts) > 1 else parts[-1]


def _imports_of(source: bytes) -> set[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return set()
    return {name for node in ast.walk(tree) for name in _imported(node)}


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module.split(".")[0]


def plan_notebook(
    notebook: NotebookSpec, modules: frozenset[str], stubs: Mapping[str, bytes]
) -> NotebookPlan:
    """Decide for each code cell what runs in the trusted process and which names are the student's.

    Args:
        notebook: the instructor's.
        modules: names of modules that are the student's.
        stubs: relative path -> text of the student's modules; tells what ``import *`` binds.

    """
    student: set[str] = set()
    tested: set[str] = set()
    plans: dict[int, CellPlan] = {}
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        plans[cell.index] = _plan_cell(cell, student, tested, modules, stubs)
    return NotebookPlan(plans, modules)


def _plan_cell(
    cell: CellSpec, student: set[str], tested: set[str], modules: frozenset[str], stubs: Mapping[str, bytes]
) -> CellPlan:
    try:
        tree = ast.parse(to_python(cell.source))
    except (SyntaxError, ValueError):
        reason = "its text is not Python" if cell.is_test else ""
        return CellPlan(cell.index, cell.is_test, student_names=frozenset(student), kernel_reason=reason)
    reads, binds = _names_of_module(tree.body)
    if cell.is_test:
        kernel = sorted(reads & _SHELL_NAMES - binds)
        reason = f"it uses {kernel[0]}" if kernel else ""
        names = frozenset(student)
        # Given cells below that use what a test binds get it where tests are not: in the student's process.
        tested |= binds - student
        student -= binds
        return CellPlan(
            cell.index,
            True,
            student_names=names,
            reads=frozenset(reads),
            binds=frozenset(binds),
            kernel_reason=reason,
        )
    trusted: list[ast.stmt] = []
    trusted_names: set[str] = set()
    for statement in tree.body:
        bound = _follow(
            statement, student, modules, stubs, is_answer=cell.solution or _uses(statement, tested)
        )
        if bound is not None:
            trusted.append(statement)
            trusted_names |= bound
            tested -= bound
    return CellPlan(
        cell.index,
        False,
        tuple(trusted),
        frozenset(trusted_names),
        frozenset(student),
        frozenset(reads),
        frozenset(binds),
    )


def _uses(statement: ast.stmt, names: set[str]) -> bool:
    return bool(names and _names_of_module([statement])[0] & names)


def _follow(
    statement: ast.stmt,
    student: set[str],
    modules: frozenset[str],
    stubs: Mapping[str, bytes],
    *,
    is_answer: bool,
) -> set[str] | None:
    """Update the student's names by one statement.

    Returns:
        The names it binds, if it may run in the trusted process; None if it may not.

    """
    reads, binds = _names_of_module([statement])
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        if not set(_imported(statement)) & modules and not (
            isinstance(statement, ast.ImportFrom) and statement.level
        ):
            student -= binds
            return binds
        student |= binds | _starred(statement, stubs)
        return None
    if is_answer or reads & student or reads & _SHELL_NAMES or _imports_any(statement, modules):
        student |= binds | _mutated(statement, student)
        return None
    student -= binds
    return binds


def _imports_any(statement: ast.stmt, modules: frozenset[str]) -> bool:
    return any(name in modules for node in ast.walk(statement) for name in _imported(node))


def _starred(statement: ast.Import | ast.ImportFrom, stubs: Mapping[str, bytes]) -> set[str]:
    if not isinstance(statement, ast.ImportFrom) or all(alias.name != "*" for alias in statement.names):
        return set()
    for path, text in stubs.items():
        if _module_name(path) == (statement.module or "").split(".")[0]:
            try:
                tree = ast.parse(text)
            except (SyntaxError, ValueError):
                return set()
            return {name for name in _names_of_module(tree.body)[1] if not name.startswith("_")}
    return set()


def _mutated(statement: ast.stmt, student: set[str]) -> set[str]:
    """Name what a statement changes in place, as far as its text shows it."""
    changed = set()
    for node in ast.walk(statement):
        if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, (ast.Store, ast.Del)):
            changed.add(_root(node))
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        call = statement.value
        if isinstance(call.func, ast.Attribute):
            changed.add(_root(call.func))
        elif isinstance(call.func, ast.Name) and call.func.id in student and call.func.id not in _SAFE_CALLS:
            changed |= {argument.id for argument in call.args if isinstance(argument, ast.Name)}
    return {name for name in changed if name}


def _root(node: ast.expr) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _names_of_module(statements: list[ast.stmt]) -> tuple[set[str], set[str]]:
    """Return the global names that statements read, and those that they bind, at any depth."""
    code = compile(ast.Module(list(statements), []), "<names>", "exec", dont_inherit=True, flags=_FLAGS)
    return names_of_code(code, top=True)


def names_of_code(code: CodeType, *, top: bool = False) -> tuple[set[str], set[str]]:
    """Return the global names that code reads, and those that it binds, at any depth.

    Args:
        code: of a function, or of a module.
        top: it is a module's, so that all names it binds are global.

    """
    reads: set[str] = set()
    binds: set[str] = set()
    _scan(code, reads, binds, top=top)
    return reads, binds


_FLAGS = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


def _scan(code: CodeType, reads: set[str], binds: set[str], *, top: bool) -> None:
    for step in dis.get_instructions(code):
        name = step.argval
        if step.opname in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_GLOBALS"):
            reads.add(name)
        elif step.opname in ("STORE_GLOBAL", "DELETE_GLOBAL") or (
            top and step.opname in ("STORE_NAME", "DELETE_NAME")
        ):
            binds.add(name)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _scan(constant, reads, binds, top=False)
