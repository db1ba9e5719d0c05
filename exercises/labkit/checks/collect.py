"""Finds the tests of a cell: its ``test_*`` functions, their cases, and their shares of the points."""

from __future__ import annotations

import ast
import inspect
import itertools
import linecache
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from labkit.checks.marks import Marks, marks_of
from labkit.checks.model import CheckError

__all__ = ["Case", "Test", "collect_tests", "lines_of", "share_points"]

_HIDDEN_BEGIN = ("BEGIN HIDDEN TESTS", "#!TAG HIDDENBEGIN")
_HIDDEN_END = ("END HIDDEN TESTS", "#!TAG HIDDENEND")


@dataclass(frozen=True, slots=True)
class Case:
    """One call of a test function.

    Args:
        arguments: what the function is called with; empty without parametrize.
        label: how messages name the case, "" without parametrize.
        skip_reason: set when a pytest mark says to skip it.

    """

    arguments: Mapping[str, Any]
    label: str = ""
    skip_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """A test function of the cell, ready to run."""

    __test__ = False

    function: Callable[..., Any]
    code: CodeType
    name: str
    title: str
    marks: Marks
    hidden: bool
    cases: tuple[Case, ...]


def collect_tests(namespace: Mapping[str, Any], filename: str, before_line: int) -> tuple[Test, ...]:
    """Return the tests that the cell defined, in order of definition.

    Args:
        namespace: the globals of the notebook.
        filename: the code file name of the cell.
        before_line: line of the ``check`` call; tests further down belong to a later call.

    Raises:
        CheckError: a test is written in a way that cannot run.

    """
    source = lines_of(filename)
    _refuse_lost_tests(source, namespace, filename)
    after_line = _last_check_before(source, before_line)
    hidden_lines = _hidden_lines(source)
    found: dict[str, tuple[FunctionType, CodeType]] = {}
    for name, value in list(namespace.items()):
        if not name.startswith("test_"):
            continue
        function = _function_of(value)
        if function is None or function.__code__.co_filename != filename:
            continue
        code = function.__code__
        if "<locals>" in code.co_qualname or not after_line < code.co_firstlineno <= before_line:
            continue
        found[name] = (value, code)
    ordered = sorted(found.items(), key=lambda item: item[1][1].co_firstlineno)
    return tuple(
        Test(
            function=function,
            code=code,
            name=name,
            title=_title(name, function),
            marks=marks_of(function),
            hidden=code.co_firstlineno in hidden_lines,
            cases=_cases(name, function),
        )
        for name, (function, code) in ordered
    )


def share_points(points: float, marks: Sequence[Marks], missing: int, question: str) -> tuple[float, ...]:
    """Divide a cell's points among its tests.

    Marked tests get what their mark says; the others and the missing ones share equally what is left.

    Args:
        points: of the cell.
        marks: one for each test that is here.
        missing: tests of the complete cell that are not here.
        question: id, for messages.

    Raises:
        CheckError: the marks give more, or less, than the cell is worth.

    """
    marked = sum(mark.points for mark in marks if mark.points is not None)
    unmarked = sum(mark.points is None for mark in marks) + missing
    if marked > points + 1e-9:
        raise CheckError(f"{question}: the @points marks add up to {marked:g}, the cell is worth {points:g}")
    if not unmarked and marks and abs(marked - points) > 1e-9:
        raise CheckError(
            f"{question}: the @points marks add up to {marked:g}, not to the {points:g} of the cell; "
            "change a mark, or leave one test unmarked to take the rest"
        )
    rest = (points - marked) / unmarked if unmarked else 0.0
    return tuple(rest if mark.points is None else mark.points for mark in marks)


def lines_of(filename: str) -> list[str]:
    """Return the source lines of a cell or file as Python knows them; empty if it does not."""
    return linecache.getlines(filename)


def _refuse_lost_tests(source: list[str], namespace: Mapping[str, Any], filename: str) -> None:
    """Refuse what reads like a test and would never run: a second one of the same name, and test classes."""
    tree = _parse(source)
    names = [node.name for node in (tree.body if tree else []) if isinstance(node, ast.FunctionDef)]
    for name in names:
        if name.startswith("test_") and names.count(name) > 1:
            raise CheckError(
                f"{name} is defined twice in this cell, so only the second would run; rename one"
            )
    for name, value in list(namespace.items()):
        if name.startswith("Test") and isinstance(value, type):
            methods = [method for key, method in vars(value).items() if key.startswith("test")]
            if any(
                getattr(method, "__code__", None) and method.__code__.co_filename == filename
                for method in methods
            ):
                raise CheckError(f"{name} is a class; tests in a notebook are plain functions named test_…")


def _parse(source: list[str]) -> ast.Module | None:
    try:
        return ast.parse("".join(source))
    except SyntaxError:  # a cell with magics
        return None


def _function_of(value: Any) -> FunctionType | None:
    if not callable(value) or isinstance(value, type):
        return None
    inner = inspect.unwrap(value) if isinstance(value, FunctionType) else value
    return inner if isinstance(inner, FunctionType) else None


def _title(name: str, function: Callable[..., Any]) -> str:
    documentation = inspect.getdoc(function)
    if documentation and documentation.strip():
        return documentation.strip().splitlines()[0].strip()
    return name.removeprefix("test_").replace("_", " ")


def _last_check_before(source: list[str], line: int) -> int:
    """Return the line of the last ``check(...)`` above this one, 0 if there is none to be seen."""
    tree = _parse(source)
    if tree is None:  # then the whole cell is one part
        return 0
    last = 0
    for statement in tree.body:
        call = statement.value if isinstance(statement, (ast.Expr, ast.Assign)) else None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "check":
            end = statement.end_lineno or statement.lineno
            if end < line:
                last = max(last, end)
    return last


def _hidden_lines(source: list[str]) -> frozenset[int]:
    hidden, inside = set(), False
    for number, line in enumerate(source, start=1):
        if any(mark in line for mark in _HIDDEN_BEGIN):
            inside = True
        elif any(mark in line for mark in _HIDDEN_END):
            inside = False
        elif inside:
            hidden.add(number)
    return frozenset(hidden)


def _cases(name: str, function: Callable[..., Any]) -> tuple[Case, ...]:
    """Return one case for each call that pytest's marks ask for; read without importing pytest."""
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise CheckError(f"{name} must be a plain function: no async def, no yield")
    skip_reason, axes = None, []
    for mark in _pytest_marks(function):
        if mark.name == "skip":
            skip_reason = str(
                mark.kwargs.get("reason") or (mark.args[0] if mark.args else "marked to be skipped")
            )
        elif mark.name == "skipif" and mark.args and mark.args[0]:
            skip_reason = str(mark.kwargs.get("reason", "its condition for skipping holds"))
        elif mark.name == "parametrize":
            axes.append(list(_axis(name, mark)))
    cases = []
    # As in pytest, the decorator next to the function turns slowest and comes first in the label.
    for parts in itertools.product(*axes):
        arguments: dict[str, Any] = {}
        for part, _ in parts:
            arguments.update(part)
        label = "-".join(label for _, label in parts)
        cases.append(Case(arguments, label, skip_reason))
    _require_arguments(name, function, cases[0].arguments)
    return tuple(cases)


def _pytest_marks(function: Callable[..., Any]) -> list[Any]:
    marks = getattr(function, "pytestmark", [])
    return list(marks) if isinstance(marks, (list, tuple)) else [marks]


def _axis(name: str, mark: Any) -> Iterator[tuple[dict[str, Any], str]]:
    names, values = mark.args[0], list(mark.args[1])
    if isinstance(names, str):
        names = [part.strip() for part in names.split(",") if part.strip()]
    if not values:
        raise CheckError(f"{name}: parametrize has no values, so nothing would be tested")
    ids = mark.kwargs.get("ids")
    for index, value in enumerate(values):
        # pytest.param(...) is a named tuple (values, marks, id).
        own_id = getattr(value, "id", None) if hasattr(value, "marks") else None
        row = value.values if hasattr(value, "marks") else (value if len(names) > 1 else (value,))
        if len(row) != len(names):
            raise CheckError(
                f"{name}: parametrize names {len(names)} arguments and gives {len(row)} in case {index}"
            )
        given = ids[index] if isinstance(ids, (list, tuple)) else None
        label = (
            own_id
            or given
            or "-".join(_label(part, key, index) for part, key in zip(row, names, strict=True))
        )
        yield dict(zip(names, row, strict=True)), str(label)


def _label(value: Any, name: str, index: int) -> str:
    simple = isinstance(value, (bool, int, float, str))
    return str(value) if simple else f"{name}{index}"


def _require_arguments(name: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        raise CheckError(
            f"{name} cannot be called: {error}. Tests take no arguments but those of "
            "pytest.mark.parametrize; fixtures are not available in a notebook"
        ) from None
