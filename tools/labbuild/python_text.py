"""Does this code parse? Notebook code, so magics and shell lines are allowed."""

from __future__ import annotations

import ast
import functools
import re
import warnings

__all__ = ["parse", "parses"]

_LINE_MAGIC = re.compile(r"\s*([%!?]|[A-Za-z_][\w., ]*=\s*[%!]|[\w.]+\?{1,2}\s*\Z)")
_CELL_MAGIC = re.compile(r"\s*%%(\w+)")
# Cell magics whose body is Python of this kernel; the body of any other is not looked at.
_PYTHON_BODY = frozenset(
    {"time", "timeit", "capture", "prun", "memit", "mprun", "lprun", "debug", "snakeviz"}
)


def parse(text: str) -> ast.Module | None:
    """Return the syntax tree of a cell, None if it has none.

    Args:
        text: source of a code cell or module.

    Returns:
        The tree; an empty one for a cell that a cell magic gives to another language. Lines with magics and
        shell commands count as ``pass``.

    """
    return _parse(text)


@functools.lru_cache(maxsize=1024)
def _parse(text: str) -> ast.Module | None:
    """Do it once for each text: versions of a cell are often equal. Nobody changes the tree."""
    head = next((line for line in text.split("\n") if line.strip()), "")
    magic = _CELL_MAGIC.match(head)
    if magic:
        if magic[1] not in _PYTHON_BODY:
            return ast.Module([], [])
        text = text.replace(head, "", 1)
    tree = _compile(text)
    if tree is None and ("%" in text or "!" in text or "?" in text):
        tree = _compile(_without_magics(text)) or _through_ipython(text)
    return tree


def parses(text: str) -> bool:
    """Whether the text of a cell or module is syntactically right."""
    return parse(text) is not None


def _compile(text: str) -> ast.Module | None:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an invalid escape sequence is the author's business, not ours
        try:
            tree = compile(text + "\n", "<cell>", "exec", flags, dont_inherit=True)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return None
    return tree if isinstance(tree, ast.Module) else None


def _without_magics(text: str) -> str:
    rows: list[str] = []
    continued = False
    for row in text.split("\n"):
        if continued or _LINE_MAGIC.match(row):
            rows.append("" if continued else row[: len(row) - len(row.lstrip())] + "pass")
            continued = row.rstrip().endswith("\\")
        else:
            rows.append(row)
    return "\n".join(rows)


def _through_ipython(text: str) -> ast.Module | None:
    """Ask IPython, which knows every form of magic; rare, so it is imported only here."""
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError:
        return None
    try:
        manager = TransformerManager()  # type: ignore[no-untyped-call]  # IPython has no types here
        return _compile(manager.transform_cell(text))
    except SyntaxError:
        return None
