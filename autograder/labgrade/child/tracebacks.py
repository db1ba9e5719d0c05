"""Formats an exception once, cheaply, in the form that a notebook shows."""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from types import CodeType, TracebackType
from typing import Any

__all__ = ["format_error", "is_own_file"]

_RULE = "\x1b[31m---------------------------------------------------------------------------\x1b[39m"
_CONTEXT = 2
_MAX_FRAMES = 24
_MAX_TEXT = 4_000
_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_HIDDEN = (os.sep + "IPython" + os.sep, _OWN + os.sep)


def is_own_file(name: str) -> bool:
    """Tell whether a code file belongs to the shell or the grader, not to the student or a library."""
    return name.startswith(_OWN) or _HIDDEN[0] in name


def format_error(kind: type[BaseException], error: BaseException, tb: TracebackType | None) -> list[str]:
    """Return the traceback of an error output, one string for each block.

    Args:
        kind: the exception's type.
        error: the exception.
        tb: its traceback; frames of the shell itself are left out.

    """
    lines = [_RULE]
    shown: set[int] = set()
    chain: list[tuple[BaseException, str]] = []
    current: BaseException | None = error
    reason = ""
    while current is not None and id(current) not in shown and len(chain) < 5:
        shown.add(id(current))
        chain.append((current, reason))
        if current.__cause__ is not None:
            current, reason = (
                current.__cause__,
                "The above exception was the direct cause of the following exception:",
            )
        elif current.__context__ is not None and not current.__suppress_context__:
            current, reason = (
                current.__context__,
                "During handling of the above exception, another exception occurred:",
            )
        else:
            current = None
    for number, (link, why) in enumerate(reversed(chain)):
        name = type(link).__name__
        lines.append(f"\x1b[31m{name}\x1b[39m{'Traceback (most recent call last)':>{max(1, 75 - len(name))}}")
        lines += _frames(link, tb if link is error else link.__traceback__)
        lines.append(_last_line(link))
        if number < len(chain) - 1:
            lines.append(f"\n{why}\n")
    return lines


def _frames(error: BaseException, tb: TracebackType | None) -> list[str]:
    steps = []
    while tb is not None:
        code = tb.tb_frame.f_code
        if not is_own_file(code.co_filename):
            steps.append((code, tb.tb_lineno))
        tb = tb.tb_next
    blocks = [_frame(code, line) for code, line in _ends(steps)]
    if isinstance(error, SyntaxError) and error.filename:
        blocks.append("".join(traceback.format_exception_only(error)[:-1]).rstrip())
    return blocks


def _ends(steps: list[tuple[CodeType, int]]) -> list[tuple[CodeType, int]]:
    if len(steps) <= _MAX_FRAMES:
        return steps
    return steps[: _MAX_FRAMES // 2] + steps[-_MAX_FRAMES // 2 :]


def _frame(code: CodeType, line: int) -> str:
    name, place = code.co_filename, ""
    shell = sys.modules.get("IPython.core.compilerop")
    cell = _cell_number(name) if shell is not None else None
    if cell is not None:
        place = f"Cell \x1b[32mIn[{cell}]\x1b[39m\x1b[32m, line {line}\x1b[39m"
    else:
        place = f"File \x1b[32m{_short(name)}:{line}\x1b[39m"
    if code.co_name != "<module>":
        place += f", in \x1b[36m{code.co_name}\x1b[39m"
    source = linecache.getlines(name)
    rows = []
    for number in range(max(1, line - _CONTEXT), min(len(source), line + _CONTEXT) + 1):
        text = source[number - 1].rstrip("\n")[:400]
        rows.append(f"\x1b[32m----> {number}\x1b[39m {text}" if number == line else f"{number:>7} {text}")
    return "\n".join([place, *rows]) + "\n"


def _cell_number(name: str) -> int | None:
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    names = getattr(shell.compile, "_filename_map", {}) if shell is not None else {}
    number = names.get(name)
    return number if isinstance(number, int) else None


def _short(name: str) -> str:
    for folder in sys.path:
        if folder and name.startswith(folder + os.sep):
            return name[len(folder) + 1 :]
    return os.path.basename(name) if os.path.dirname(name) == os.getcwd() else name


def _last_line(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:  # the student's own __str__ failed: the name of the type must do
        text = "<no message: its __str__ failed>"
    if len(text) > _MAX_TEXT:
        text = f"{text[:_MAX_TEXT]} …"
    return f"\x1b[31m{type(error).__name__}\x1b[39m: {text}"
