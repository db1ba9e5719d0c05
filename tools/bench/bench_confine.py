"""Measures what confinement costs: from fork to a confined process, beside a plain fork of the same process.

    python tools/bench/bench_confine.py [--children 100] [--bare]

The forking process has torch imported and used, as the warm process has (``--bare``: not). Levels take
turns, so that a busy machine slows all alike. ``ready`` is until the child says so, ``gone`` until it ended.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable

from labgrade.confine import Level, Nursery, Policy, available, make_work_dir, remove_tree


def _time(fork: Callable[[int], int]) -> tuple[float, float]:
    """Return milliseconds until the child is ready, and until it is gone."""
    read_fd, write_fd = os.pipe()
    begun = time.perf_counter()
    pid = fork(write_fd)
    if pid == 0:
        os.write(write_fd, b"x")
        os._exit(0)
    os.close(write_fd)
    os.read(read_fd, 1)
    ready = time.perf_counter()
    os.waitpid(pid, 0)
    gone = time.perf_counter()
    os.close(read_fd)
    return (ready - begun) * 1e3, (gone - begun) * 1e3


def _warm() -> None:
    import torch

    torch.set_num_threads(1)
    layer = torch.nn.GRU(8, 8)
    layer(torch.zeros(3, 2, 8))[0].sum().backward()


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--children", type=int, default=100)
    parser.add_argument("--bare", action="store_true", help="without torch")
    options = parser.parse_args()
    reached = available().level
    levels = [level for level in (Level.FULL, Level.NO_NAMESPACES) if reached.reaches(level)]
    if not levels:
        print(f"this machine reaches {reached!s} only; there is nothing to measure", file=sys.stderr)
        return 3
    parent = tempfile.mkdtemp(prefix="bench-confine-")
    os.chmod(parent, 0o755)
    # A nursery may go on in another process, so the strongest is made first and the others are made there.
    ways: dict[str, Callable[[int], int]] = {}
    for level in levels:
        work_dir = make_work_dir(parent, 0)
        nursery = Nursery(Policy(ceiling=level, floor=level, work_dir=work_dir, allow_fork=True))
        ways[str(level)] = lambda fd, nursery=nursery: nursery.fork(keep_fds=(fd,))  # type: ignore[misc]
    ways["plain fork"] = lambda fd: os.fork()
    if not options.bare:
        _warm()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(options.children):
        for name, fork in ways.items():
            times[name].append(_time(fork))
    remove_tree(parent)
    print(
        f"{'way':<16}{'ready: median':>16}{'p95':>8}{'gone: median':>16}   (ms, {options.children} children)"
    )
    for name, pairs in times.items():
        ready, gone = (sorted(column) for column in zip(*pairs, strict=True))
        high = ready[int(len(ready) * 0.95)]
        print(f"{name:<16}{statistics.median(ready):>16.1f}{high:>8.1f}{statistics.median(gone):>16.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
