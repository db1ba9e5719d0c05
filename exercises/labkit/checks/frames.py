"""Whose code an exception passed through: the test's, a library's, or the notebook's (the student's)."""

from __future__ import annotations

import ast
import dis
import functools
import site
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType, TracebackType

from labkit.checks.collect import lines_of

__all__ = [
    "Home",
    "expression_at",
    "is_loose",
    "line_at",
    "names_read_before",
    "raising_code",
    "statement_at",
    "student_frame",
    "test_frame",
    "trust_folder",
    "walk_traceback",
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


def is_loose(filename: str) -> bool:
    """Tell whether code of this file name is neither labkit's nor an installed library's nor generated."""
    if filename.startswith("<"):
        # Generated code (dataclasses, NumPy's dispatchers) has such names too, and old IPython's cells.
        return filename.startswith(("<ipython-input", "<cell", "<student"))
    if any(part in filename for part in ("/site-packages/", "/dist-packages/", "\\site-packages\\")):
        return False
    return not filename.startswith((*_library_folders(), *_trusted))


@dataclass(frozen=True, slots=True)
class Home:
    """Where a test's own code is.

    Args:
        file: the code file name of its cell.
        script_test: in a plain script, where tests and answers stand in one file: the test's name; only its
        own
            body counts as the test's then. "" in a notebook, where a cell is a file of its own.

    """

    file: str
    script_test: str = ""

    @classmethod
    def of(cls, code: CodeType) -> Home:
        """Return the home of a test function."""
        file = code.co_filename
        # A debugger makes the kernel write its cells to disk; they stay cells.
        is_script = "ipykernel_" not in file and Path(file).is_file()
        return cls(file, code.co_qualname if is_script else "")

    def owns(self, code: CodeType) -> bool:
        """Tell whether code is the test's own, or its cell's."""
        if code.co_filename != self.file:
            return False
        return not self.script_test or f"{code.co_qualname}.".startswith(f"{self.script_test}.")

    def is_students(self, code: CodeType) -> bool:
        """Tell whether code counts as the student's."""
        return not self.owns(code) and (code.co_filename == self.file or is_loose(code.co_filename))


def walk_traceback(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """Yield the steps of a traceback from the outermost to the one that raised."""
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def student_frame(traceback: TracebackType | None, home: Home) -> TracebackType | None:
    """Return the innermost step in the student's code, None if the exception never passed through it."""
    found = None
    for step in walk_traceback(traceback):
        if home.is_students(step.tb_frame.f_code):
            found = step
    return found


def test_frame(traceback: TracebackType | None, home: Home) -> TracebackType | None:
    """Return the innermost step in the test's own code before anyone else's was called."""
    found = None
    for step in walk_traceback(traceback):
        if home.owns(step.tb_frame.f_code):
            found = step
        elif found is not None:
            break
    return found


def raising_code(traceback: TracebackType | None) -> CodeType | None:
    """Return the code that raised, None without a traceback."""
    code = None
    for step in walk_traceback(traceback):
        code = step.tb_frame.f_code
    return code


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
