"""Explains a plain ``assert`` that failed: its text, and the values in it where they are cheap to show."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from labkit.checks import frames
from labkit.checks.frames import Home
from labkit.checks.model import Fact

__all__ = ["describe_value", "explain_assert"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...))
_ARRAY_ATTRIBUTES = ("shape", "dtype", "ndim")
_MAX_TEXT = 120


def explain_assert(error: AssertionError, traceback: TracebackType | None, home: Home) -> tuple[Fact, ...]:
    """Return the message of a failed ``assert`` in the test's own text.

    Args:
        error: what the assert raised; its text is the message that the author wrote, if any.
        traceback: from the test function on.
        home: where the test's own code is.

    """
    facts = []
    written = str(error).strip()
    if written:
        facts.append(Fact("", written))
    step = frames.test_frame(traceback, home)
    if step is None:
        return tuple(facts) or (Fact("", "an assertion did not hold"),)
    statement = frames.statement_at(home.file, step.tb_lineno)
    if not isinstance(statement, ast.Assert):
        line = frames.line_at(home.file, step.tb_lineno)
        return (
            (*facts, Fact("at", line)) if line else tuple(facts) or (Fact("", "an assertion did not hold"),)
        )
    facts.append(Fact("expected", ast.unparse(statement.test)))
    values = list(_values(statement.test, step.tb_frame))
    if values:
        facts.append(Fact("came back", "\n".join(f"{name} = {text}" for name, text in values)))
    return tuple(facts)


def describe_value(value: Any) -> str | None:
    """Return a short text for a value of a plain type; None for everything else.

    No method of an unknown object is called: its ``repr`` could be slow, or the student's.
    """
    if type(value) in _PLAIN:
        return _cut(repr(value))
    kind = type(value)
    if (kind.__module__, kind.__name__) in _ARRAYS:
        shape = tuple(value.shape)
        if len(shape) <= 2 and all(size <= 6 for size in shape):
            return _cut(" ".join(repr(value).split()))
        name = "array" if kind.__name__ == "ndarray" else "tensor"
        return f"{name} of shape {shape}, {str(value.dtype).removeprefix('torch.')}"
    if kind.__module__ == "numpy" and hasattr(value, "dtype"):
        return _cut(repr(value.item()))
    if kind in (list, tuple, set, frozenset):
        inner = [describe_value(item) for item in list(value)[:12]]
        if any(item is None for item in inner):
            return f"a {kind.__name__} of {len(value)}"
        more = ", …" if len(value) > 12 else ""
        opening, closing = {"list": ("[", "]"), "tuple": ("(", ")")}.get(kind.__name__, ("{", "}"))
        return _cut(f"{opening}{', '.join(item or '' for item in inner)}{more}{closing}")
    if kind.__name__ == "Size" and kind.__module__ == "torch":
        return str(tuple(value))
    if kind is dict:
        keys = ", ".join(repr(key) for key in list(value)[:12] if type(key) in _PLAIN)
        return f"a dict with the keys {_cut(keys)}"
    return None


_TENSORS = {("torch", "Tensor"), ("torch.nn.parameter", "Parameter")}
_ARRAYS = _TENSORS | {("numpy", "ndarray")}


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 2]} …"


def _values(expression: ast.expr, frame: FrameType) -> Iterator[tuple[str, str]]:
    seen = set()
    called = {id(node.func) for node in ast.walk(expression) if isinstance(node, ast.Call)}
    for node in ast.walk(expression):
        text = ast.unparse(node) if isinstance(node, (ast.Name, ast.Attribute)) else ""
        if not text or text in seen or id(node) in called:
            continue
        seen.add(text)
        known, value = _look_up(node, frame)
        shown = describe_value(value) if known else None
        if shown is not None:
            yield text, shown


def _look_up(node: ast.AST, frame: FrameType) -> tuple[bool, Any]:
    if isinstance(node, ast.Name):
        for scope in (frame.f_locals, frame.f_globals):
            if node.id in scope:
                return True, scope[node.id]
    elif (
        isinstance(node, ast.Attribute)
        and node.attr in _ARRAY_ATTRIBUTES
        and isinstance(node.value, ast.Name)
    ):
        known, owner = _look_up(node.value, frame)
        kind = type(owner)
        if known and ((kind.__module__, kind.__name__) in _TENSORS or kind.__module__ == "numpy"):
            return True, getattr(owner, node.attr)
    return False, None
