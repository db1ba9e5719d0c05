"""Shows an unanswered question as one friendly line instead of a wall of traceback."""

from __future__ import annotations

import ast
from types import TracebackType
from typing import Any

__all__ = ["friendly"]

_TREATED = (NotImplementedError, NameError, TypeError, AttributeError)


def friendly() -> None:
    """Make a cell that meets an unanswered question say so in one line. Call it once, in the set-up cell.

    Treated are the stub's ``NotImplementedError``, a ``...`` that was left in place, and names that a cell
    would have bound if its question were answered. The cell still ends in an error, so that graders,
    nbclient and "run all" see it as one; only the traceback is short. Every other exception is shown as
    ever. Uses two public interfaces of IPython: ``set_custom_exc`` and ``_render_traceback_``. Outside
    IPython it does nothing.
    """
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:  # plain Python: nothing to make friendlier
        return
    shell: Any = get_ipython()
    if shell is not None:
        shell.set_custom_exc(_TREATED, _Handler())


class _Handler:
    """Remembers which names wait for an answer; called by IPython with each exception of a treated type."""

    def __init__(self) -> None:
        self._waiting: set[str] = set()

    def __call__(
        self,
        shell: Any,
        kind: type[BaseException],
        error: BaseException,
        traceback: TracebackType | None,
        tb_offset: int | None = None,
    ) -> list[str]:
        line = self._explain(shell, error, traceback)
        if line:
            # What this gives, IPython shows, and the kernel sends as the cell's error.
            error._render_traceback_ = lambda: [line]  # type: ignore[attr-defined]
            self._waiting |= _names_bound_by(_current_cell(shell))
        shell.showtraceback((kind, error, traceback), tb_offset=tb_offset, running_compiled_code=True)
        return [line]

    def _explain(self, shell: Any, error: BaseException, traceback: TracebackType | None) -> str:
        if isinstance(error, NotImplementedError):
            name = _innermost_function(traceback)
            text = str(error).strip() or "the answer is still the stub that was given"
            return f"○ Not answered yet: {text}" + (
                f" (needed here: {name})" if name and name not in text else ""
            )
        if isinstance(error, NameError):
            name = getattr(error, "name", None) or ""
            if name in self._waiting and name not in shell.user_ns:
                return f"○ Not answered yet: {name} comes from a question above that has no answer yet"
            return ""
        if "ellipsis" in str(error).lower():
            return "○ Not answered yet: a ... still stands where your code should be"
        return ""


def _innermost_function(traceback: TracebackType | None) -> str:
    name = ""
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_name
        traceback = traceback.tb_next
    return "" if name.startswith("<") else name


def _current_cell(shell: Any) -> str:
    history = shell.user_ns.get("In") or [""]
    return str(history[-1])


def _names_bound_by(source: str) -> set[str]:
    """Return the names that a cell binds at its top level; empty if it is not Python."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    names: set[str] = set()
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(statement.name)
        else:
            names |= {
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
    return names
