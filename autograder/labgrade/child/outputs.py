"""Collects what a cell shows, in order and capped, and hands it on while the cell runs."""

from __future__ import annotations

import base64
import io
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["CellOutputs", "StudentStream"]

_FLUSH_BYTES = 16_384
_FLUSH_SECONDS = 0.05
_MAX_BUNDLE_BYTES = 8 * 1024 * 1024


class CellOutputs:
    """What one cell after the other shows.

    Args:
        emit: takes events: ``("stream", name, text)``, ``("output", dict)``, ``("clear", wait)``,
            ``("update", display_id, dict)``.
        text_limit: characters of text kept of one cell; the rest is counted and left out.

    """

    def __init__(self, emit: Callable[[tuple[Any, ...]], None], text_limit: int) -> None:
        self._emit = emit
        self._limit = text_limit
        self.is_owner = True
        # A worker that the student's code forks must not write into the connection to the grader.
        os.register_at_fork(after_in_child=self._disown)
        self._text: list[str] = []
        self._name = ""
        self._pending = 0
        self._kept = 0
        self._left_out = 0
        self._rich_bytes = 0
        self._flushed = 0.0
        self._clear_next = False

    def start_cell(self) -> None:
        """Forget what the last cell used of the limits."""
        self._kept = self._left_out = self._rich_bytes = 0
        self._clear_next = False
        self._flushed = time.monotonic()

    def end_cell(self) -> None:
        """Hand on what is left, and say what was left out."""
        self.flush()
        if self._left_out:
            self._emit(
                ("stream", "stderr", f"\n[{self._left_out} more characters of output were left out]\n")
            )

    def _disown(self) -> None:
        self.is_owner = False

    def write(self, name: str, text: str) -> None:
        """Add text of ``stdout`` or ``stderr``."""
        room = self._limit - self._kept
        if len(text) > room:
            self._left_out += len(text) - room
            text = text[:room] if room > 0 else ""
        if not text:
            return
        if self._clear_next:
            self._do_clear()
        self._kept += len(text)
        if name != self._name:
            self.flush()
            self._name = name
        self._text.append(text)
        self._pending += len(text)
        if self._pending > _FLUSH_BYTES or time.monotonic() - self._flushed > _FLUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Hand on the text that was collected."""
        if self._text:
            text, self._text, self._pending = "".join(self._text), [], 0
            self._emit(("stream", self._name, text))
        self._flushed = time.monotonic()

    def add(self, output: dict[str, Any]) -> None:
        """Add a display, a result or an error."""
        if self._clear_next:
            self._do_clear()
        self.flush()
        if self._has_room(output):
            self._emit(("output", output))

    def update(self, display_id: str, output: dict[str, Any]) -> None:
        """Replace the displays that were shown under this id."""
        self.flush()
        if self._has_room(output):
            self._emit(("update", display_id, output))

    def clear(self, wait: bool) -> None:
        """Remove what the cell has shown; with ``wait``, when the next output comes."""
        self.flush()
        if wait:
            self._clear_next = True
        else:
            self._do_clear()

    def _do_clear(self) -> None:
        self._clear_next = False
        self._emit(("clear",))

    def _has_room(self, output: dict[str, Any]) -> bool:
        size = sum(len(part) for part in output.get("data", {}).values() if isinstance(part, str))
        size += sum(map(len, output.get("traceback", ())))
        self._rich_bytes += size
        if self._rich_bytes <= _MAX_BUNDLE_BYTES:
            return True
        self.write(
            "stderr", f"[an output of {size} bytes was left out: a cell may show {_MAX_BUNDLE_BYTES} bytes]\n"
        )
        return False


def plain_bundle(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a MIME bundle as JSON holds it: images in base64, everything of unknown type as text."""
    bundle: dict[str, Any] = {}
    for kind, value in data.items():
        if isinstance(value, bytes):
            bundle[str(kind)] = base64.b64encode(value).decode()
        elif isinstance(value, str):
            bundle[str(kind)] = str(value)
        elif str(kind).endswith("json"):
            bundle[str(kind)] = value
        else:
            bundle[str(kind)] = str(value)
    return bundle


class StudentStream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of a cell.

    Args:
        name: ``stdout`` or ``stderr``.
        outputs: where the text goes.
        descriptor: where text goes that is written by a process which the student's code forked.

    """

    def __init__(self, name: str, outputs: CellOutputs, descriptor: int) -> None:
        self._stream = name
        self._outputs = outputs
        self._descriptor = descriptor

    @property
    def name(self) -> str:
        """As Jupyter names it."""
        return f"<{self._stream}>"

    @property
    def encoding(self) -> str:  # type: ignore[override]  # TextIOBase declares an attribute
        """Always UTF-8."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]  # TextIOBase declares an attribute
        """Characters that cannot be encoded are replaced."""
        return "replace"

    def write(self, text: str) -> int:
        """Show text."""
        if type(text) is not str:
            if not isinstance(text, str):
                raise TypeError(f"write() argument must be str, not {type(text).__name__}")
            text = str(text)
        if self._outputs.is_owner:
            self._outputs.write(self._stream, text)
        else:
            os.write(self._descriptor, text.encode("utf-8", "replace"))
        return len(text)

    def flush(self) -> None:
        """Do nothing: text is handed on often enough."""

    def fileno(self) -> int:
        """Return the descriptor that C code writes to; what is written there is shown after the cell."""
        return self._descriptor

    def isatty(self) -> bool:
        """Tell progress bars and the like that nobody is watching."""
        return False

    def writable(self) -> bool:
        """Return True."""
        return True

    def close(self) -> None:
        """Do nothing: a cell that closes its output does not close that of the next one."""
