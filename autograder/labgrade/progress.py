"""Show a job at work: on stderr, as a bar in a terminal, as lines elsewhere, or as JSON events on stdout."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Protocol, TextIO

import msgspec

from labgrade.result import GradedSubmission

__all__ = ["BarListener", "JsonListener", "LineListener", "Listener", "Tally"]

LINE_EVERY_S = 5.0


class Listener(Protocol):
    """Hears what happens to each submission."""

    def started(self, total: int, lab: str) -> None:
        """A job begins."""

    def kept(self, result: GradedSubmission) -> None:
        """A submission was graded by an earlier run, and the result still holds."""

    def graded(self, result: GradedSubmission) -> None:
        """A submission was graded."""

    def tick(self, level: str) -> None:
        """Time has passed; ``level`` is the confinement reached, "" before the first worker is ready."""


class Tally:
    """Counts, rate and remaining time of a job."""

    def __init__(self) -> None:
        self.total = self.done = self.fresh = self.look = 0
        self.slowest: tuple[float, str] = (0.0, "")
        self._start = time.monotonic()
        self._first: float | None = None

    def add(self, result: GradedSubmission, *, fresh: bool) -> None:
        """Count a result."""
        self.done += 1
        self.look += result.needs_person
        if fresh:
            self.fresh += 1
            if self._first is None:
                self._first = time.monotonic()
            self.slowest = max(self.slowest, (result.seconds, result.student))

    @property
    def rate(self) -> float:
        """Submissions a second since the first came back; 0 before the second."""
        if self._first is None or self.fresh < 2:
            return 0.0
        return (self.fresh - 1) / max(time.monotonic() - self._first, 1e-6)

    @property
    def remaining_s(self) -> float | None:
        """Seconds to go, None while unknown."""
        return (self.total - self.done) / self.rate if self.rate else None

    def line(self) -> str:
        """Return the state in one line."""
        parts = [f"{self.done}/{self.total}"]
        if self.rate:
            parts.append(f"{self.rate:.1f}/s")
        if self.remaining_s is not None and self.done < self.total:
            minutes, seconds = divmod(round(self.remaining_s), 60)
            parts.append(f"{minutes}:{seconds:02d} left")
        parts.append(f"{self.look} to look at")
        if self.slowest[1]:
            parts.append(f"slowest {self.slowest[1]} {self.slowest[0]:.1f} s")
        return ", ".join(parts)


class LineListener:
    """Plain lines for a log file: one at the start, then one every few seconds."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._tally = Tally()
        self._next = 0.0

    def started(self, total: int, lab: str) -> None:
        """Print how much there is to do."""
        self._tally.total = total
        self._next = time.monotonic() + LINE_EVERY_S
        print(f"grading {total} submissions of {lab}", file=self._stream, flush=True)

    def kept(self, result: GradedSubmission) -> None:
        """Count it."""
        self._tally.add(result, fresh=False)

    def graded(self, result: GradedSubmission) -> None:
        """Count it."""
        self._tally.add(result, fresh=True)

    def tick(self, level: str) -> None:
        """Print the state when it is time."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + LINE_EVERY_S
            print(self._tally.line() if level else "starting workers …", file=self._stream, flush=True)


class BarListener:
    """A bar with rate, remaining time, what a person must look at, and the slowest submission."""

    def __init__(self) -> None:
        from rich.console import Console  # 0.1 s; only terminals need it
        from rich.progress import BarColumn, Progress, TextColumn

        self._tally = Tally()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[line]}"),
            console=Console(stderr=True),
        )
        self._task: Any = None

    def __enter__(self) -> BarListener:
        """Show the bar."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bar as it is."""
        self._progress.stop()

    def started(self, total: int, lab: str) -> None:
        """Set the length."""
        self._tally.total = total
        self._task = self._progress.add_task(lab, total=total, line="starting workers …")

    def kept(self, result: GradedSubmission) -> None:
        """Move the bar."""
        self._tally.add(result, fresh=False)
        self._show()

    def graded(self, result: GradedSubmission) -> None:
        """Move the bar."""
        self._tally.add(result, fresh=True)
        self._show()

    def tick(self, level: str) -> None:
        """Refresh the remaining time."""
        if level:
            self._show()

    def _show(self) -> None:
        self._progress.update(self._task, completed=self._tally.done, line=self._tally.line())


class JsonListener:
    """One JSON event a line."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stdout

    def started(self, total: int, lab: str) -> None:
        """Write ``started``."""
        self.write({"event": "started", "lab": lab, "submissions": total})

    def kept(self, result: GradedSubmission) -> None:
        """Write ``kept``."""
        self._write_result("kept", result)

    def graded(self, result: GradedSubmission) -> None:
        """Write ``graded``."""
        self._write_result("graded", result)

    def tick(self, level: str) -> None:
        """Write nothing; events are for what happened."""

    def write(self, event: object) -> None:
        """Write one event."""
        print(msgspec.json.encode(event).decode(), file=self._stream, flush=True)

    def _write_result(self, event: str, result: GradedSubmission) -> None:
        self.write(
            {
                "event": event,
                "student": result.student,
                "score": result.score,
                "max_score": result.max_score,
                "seconds": round(result.seconds, 3),
                "findings": [
                    {
                        "code": finding.code,
                        "severity": finding.severity,
                        "message": finding.message,
                        "notebook": finding.notebook,
                        "cell": finding.cell,
                    }
                    for finding in result.findings
                ],
            }
        )
