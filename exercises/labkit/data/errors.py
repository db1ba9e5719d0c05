"""What goes wrong when data is looked for."""

from __future__ import annotations

__all__ = ["DataError", "DownloadError"]


class DataError(Exception):
    """Data is missing or damaged; the text says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\nhint: {hint}" if hint else message)
        self.message = message
        self.hint = hint


class DownloadError(DataError):
    """A source could not be reached or gave other bytes than expected. The next source is tried."""

    def __init__(self, message: str, hint: str = "", status: int | None = None) -> None:
        super().__init__(message, hint)
        self.status = status
        """HTTP status, where a server gave one."""
