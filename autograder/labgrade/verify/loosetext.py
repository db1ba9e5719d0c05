"""Text that does not come through the connection: of C code, and of forked workers."""

from __future__ import annotations

import os
import tempfile
from typing import Any

__all__ = ["LooseText"]


class LooseText:
    """A file without a name that a child has as its standard output and standard error.

    Args:
        limit: bytes that are kept of one cell.

    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._file: Any
        if hasattr(os, "memfd_create"):
            self._file = os.fdopen(os.memfd_create("output", os.MFD_CLOEXEC), "w+b", buffering=0)
        else:
            self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open as long as the process lives

    def fileno(self) -> int:
        """Return the descriptor."""
        return int(self._file.fileno())

    def take(self) -> str:
        """Return what was written since the last call."""
        size = os.fstat(self.fileno()).st_size
        if not size:
            return ""
        data = os.pread(self.fileno(), min(size, self._limit), 0)
        os.ftruncate(self.fileno(), 0)
        return data.decode("utf-8", "replace")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
