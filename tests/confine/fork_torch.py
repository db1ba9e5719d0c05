"""Fork children of a process that has used torch; each computes with two threads.

Usage: fork_torch.py COUNT.
"""

from __future__ import annotations

import os
import sys
import time

import torch
from labgrade.confine import Nursery, Policy

LIMIT_S = 20


def main(count: int) -> None:
    """Print how many children finished, and the slowest time from fork to result."""
    nursery = Nursery(Policy())
    torch.set_num_threads(1)  # before the first operation
    layer = torch.nn.GRU(8, 8)
    layer(torch.zeros(3, 2, 8))[0].sum().backward()
    slowest, finished = 0.0, 0
    for _ in range(count):
        started = time.monotonic()
        pid = nursery.fork()
        if pid == 0:
            try:
                torch.set_num_threads(2)
                a = torch.randn(400, 400)
                fine = bool(torch.isfinite(a @ a).all()) and torch.get_num_threads() == 2
            finally:
                os._exit(0 if fine else 1)
        while not (done := os.waitpid(pid, os.WNOHANG))[0] and time.monotonic() < started + LIMIT_S:
            time.sleep(0.001)
        if not done[0]:
            os.kill(pid, 9)
            done = os.waitpid(pid, 0)
        finished += done[1] == 0
        slowest = max(slowest, time.monotonic() - started)
    print(finished, round(slowest, 3))


if __name__ == "__main__":
    main(int(sys.argv[1]))
