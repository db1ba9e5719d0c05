"""Run many submissions at the same time: local worker processes."""

from labgrade.executor.local import LocalExecutor

__all__ = ["LocalExecutor"]
