"""Whose code an exception passed through: the test's, a library's, or the notebook's (the student's)."""

from __future__ import annotations

import ast
import dis
import functools
import site
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType, TracebackType

from labkit.checks.collect import lines_of

__all__ = [
    "expression_at",
    "is_student_code",
    "line_at",
    "statement_at",
    "student_frame",
    "test_frame",
    "trust_folder",
]

_LABKIT = str(Path(__file__).resolve().parents[1])
_trusted: set[str] = {_LABKIT}


def trust_folder(folder: str | Path) -> None:
    """Count the code in a folder as a library, not as the student's (an engine's own modules)."""
    _trusted.add(str(Path(folder).resolve()))


@functools.lru_cache(maxsize=1)
def _library_folders() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    folders = {paths[key] for key in ("stdlib", "platstdlib", "purelib", "platlib") if paths.get(key)}
    folders.update(site.getsitepackages())
    folders.add(site.getusersitepackages())
    return tuple(folders)


def is_student_code(filename: str, test_file: str) -> bool:
    """Tell whether a file counts as the student's: neither the test's, nor labkit's, nor a library's."""
    if filename == test_file:
        return False
    if filename.startswith("<"):
        # Generated code (dataclasses, NumPy's dispatchers) has such names too, and old IPython's cells.
        return filename.startswith(("<ipython-input", "<cell", "<student"))
    if any(part in filename for part in ("/site-packages/", "/dist-packages/", "\\site-packages\\")):
        return False
    return not filename.startswith((*_library_folders(), *_trusted))


def walk_traceback(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """Yield the steps of a traceback from the outermost to the one that raised."""
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def student_frame(traceback: TracebackType | None, test_file: str) -> TracebackType | None:
    """Return the innermost step in the student's code, None if the exception never passed through it."""
    found = None
    for step in walk_traceback(traceback):
        if is_student_code(step.tb_frame.f_code.co_filename, test_file):
            found = step
    return found


def test_frame(traceback: TracebackType | None, test_file: str) -> TracebackType | None:
    """Return the innermost step in the test's own cell before anyone else's code was called."""
    found = None
    for step in walk_traceback(traceback):
        if step.tb_frame.f_code.co_filename == test_file:
            found = step
        elif found is not None:
            break
    return found


def raising_file(traceback: TracebackType | None) -> str:
    """Return the file whose code raised, "" without a traceback."""
    filename = ""
    for step in walk_traceback(traceback):
        filename = step.tb_frame.f_code.co_filename
    return filename


def line_at(filename: str, line: int) -> str:
    """Return one source line, stripped; "" if it is not known."""
    lines = lines_of(filename)
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def expression_at(code: CodeType, instruction: int) -> str:
    """Return the expression that an instruction belongs to, e.g. ``rnn(x, h)``; "" if not known."""
    start_line, end_line, start, end = _position(code, instruction)
    if start_line is None or end_line is None or start is None or end is None:
        return ""
    lines = lines_of(code.co_filename)
    if not 0 < start_line <= end_line <= len(lines):
        return ""
    # Positions count UTF-8 bytes, not characters.
    parts = [line.encode() for line in lines[start_line - 1 : end_line]]
    parts[-1] = parts[-1][:end]
    parts[0] = parts[0][start:]
    return " ".join(part.decode(errors="replace").strip() for part in parts)


def statement_at(filename: str, line: int) -> ast.stmt | None:
    """Return the innermost statement that covers a line; None if the source is not known."""
    try:
        tree = ast.parse("".join(lines_of(filename)))
    except SyntaxError:
        return None
    found: ast.stmt | None = None
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or not node.lineno <= line <= (node.end_lineno or node.lineno):
            continue
        if found is None or node.lineno >= found.lineno:
            found = node
    return found


def names_read_before(frame: FrameType, instruction: int) -> frozenset[str]:
    """Return the global names that a frame may have read up to an instruction.

    Instructions come in the order of the text, but a loop jumps back: when one is under way, all of it
    counts.
    """
    code = frame.f_code
    instructions = list(dis.get_instructions(code))
    reached = instruction
    for step in instructions:
        if step.opcode in dis.hasjrel and step.argval is not None and step.argval <= reached < step.offset:
            reached = step.offset
    names = {
        str(step.argval)
        for step in instructions
        if step.offset <= reached and step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    # Functions defined inside the test (lambdas, comprehensions) may have run as well.
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    while inner:
        nested = inner.pop()
        names.update(nested.co_names)
        inner.extend(constant for constant in nested.co_consts if isinstance(constant, CodeType))
    return frozenset(names)


def _position(code: CodeType, instruction: int) -> tuple[int | None, int | None, int | None, int | None]:
    for index, position in enumerate(code.co_positions()):
        if index == instruction // 2:
            return position
    return (None, None, None, None)
