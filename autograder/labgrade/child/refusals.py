"""What a student's cell may ask for and does not get while grading: one clear line, and the cell goes on.

The system refuses to start programs anyway (see ``labgrade.confine``). Here an honest cell that tries is
spared the error: a command counts as one that was not found. Libraries that start programs get the system's
own answer, which they know how to handle.
"""

from __future__ import annotations

import builtins
import io
import os
import subprocess
import sys
from types import FrameType
from typing import Any, NoReturn

from IPython.core.interactiveshell import InteractiveShell

__all__ = ["NOT_FOUND", "refuse_in_shell", "refuse_programs", "say_refused"]

NOT_FOUND = 127
_INSTALLERS = ("pip", "conda", "mamba", "micromamba", "uv")
_SCRIPTS = ("bash", "sh", "script", "system", "sx", "perl", "ruby", "pypy", "python2", "python3", "cmd")
_LIBRARIES = (
    os.path.dirname(os.__file__) + os.sep,
    f"{os.sep}site-packages{os.sep}",
    f"{os.sep}dist-packages{os.sep}",
)
_PASSED_ON = (subprocess.__file__, os.__file__, __file__)


def say_refused(what: str) -> None:
    """Tell the reader of a cell that a command was not run."""
    print(f"{what.strip()[:120]}: commands are not run while grading; the cell goes on", file=sys.stderr)


def refuse_programs() -> None:
    """Answer ``subprocess``, ``os.system`` and ``input`` of the student's own code in this process."""
    subprocess.Popen = _NotStarted  # type: ignore[misc]  # a class for a class of the same face
    os.system = _not_run
    builtins.input = _no_input


def refuse_in_shell(shell: InteractiveShell) -> None:
    """Replace the magics that start programs or install packages."""
    for name in (*_INSTALLERS, "system", "sx"):
        shell.register_magic_function(_line_magic(name), "line", name)
    for name in _SCRIPTS:
        shell.register_magic_function(_cell_magic(name), "cell", name)


def _line_magic(name: str) -> Any:
    def refuse(line: str) -> None:
        if name in _INSTALLERS:
            text = f"%{name} {line}".strip()[:120]
            print(f"{text}: packages cannot be installed while grading; the cell goes on", file=sys.stderr)
        else:
            say_refused(f"%{name} {line}")

    return refuse


def _cell_magic(name: str) -> Any:
    def refuse(line: str, cell: str | None = None) -> None:
        say_refused(f"%%{name} {line}")

    return refuse


def _no_input(prompt: object = "", /) -> NoReturn:
    raise EOFError("input() is not available while grading: nobody is there to answer. Use a value instead.")


def _is_library(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_filename in _PASSED_ON:
        frame = frame.f_back
    name = frame.f_code.co_filename if frame is not None else ""
    return any(part in name for part in _LIBRARIES)


def _text_of(command: Any) -> str:
    if isinstance(command, (list, tuple)):
        return " ".join(map(str, command))
    return str(command)


def _not_run(command: Any) -> int:
    say_refused(f"os.system({_text_of(command)!r})")
    return NOT_FOUND << 8


class _NotStarted(subprocess.Popen):  # type: ignore[type-arg]  # as the original, used without a type
    """A program of the student's that counts as not found, with nothing in its pipes."""

    _not_started = False

    def __init__(self, args: Any, *more: Any, **options: Any) -> None:
        if _is_library(sys._getframe(1)):
            super().__init__(args, *more, **options)
            return
        self._not_started = True
        say_refused(_text_of(args))
        self.args = args
        self.pid = 0
        self.returncode = NOT_FOUND
        self.text_mode = any(options.get(key) for key in ("text", "universal_newlines", "encoding", "errors"))
        self.stdin = self._pipe(options, "stdin")
        self.stdout = self._pipe(options, "stdout")
        self.stderr = self._pipe(options, "stderr")

    def _pipe(self, options: dict[str, Any], name: str) -> Any:
        if options.get(name) != subprocess.PIPE:
            return None
        return io.StringIO() if self.text_mode else io.BytesIO()

    def communicate(self, input: Any = None, timeout: float | None = None) -> Any:
        if not self._not_started:
            return super().communicate(input, timeout)
        empty: Any = "" if self.text_mode else b""
        return tuple(empty if pipe is not None else None for pipe in (self.stdout, self.stderr))

    def poll(self) -> Any:
        return NOT_FOUND if self._not_started else super().poll()

    def wait(self, timeout: float | None = None) -> int:
        return NOT_FOUND if self._not_started else super().wait(timeout)

    def send_signal(self, sig: int) -> None:
        if not self._not_started:
            super().send_signal(sig)

    def __del__(self, *_: Any, **__: Any) -> None:
        if not self._not_started:
            super().__del__()
