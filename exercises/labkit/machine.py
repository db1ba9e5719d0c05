"""The machine a notebook runs on: which device computes, and where randomness starts."""

from __future__ import annotations

import os
import random
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["device", "seed"]


def device() -> torch.device:
    """Return the device to compute on: CUDA if there is one, then Apple's MPS, then the CPU.

    The environment variable ``LABS_DEVICE`` (``cpu``, ``cuda``, ``cuda:1``, ``mps``) decides instead, if it
    is set.

    Raises:
        ValueError: ``LABS_DEVICE`` names a device that is not here.

    """
    import torch

    available = [name for name, here in (("cuda", torch.cuda.is_available()), ("mps", _has_mps())) if here]
    wanted = os.environ.get("LABS_DEVICE", "").strip().lower()
    if not wanted:
        return torch.device((*available, "cpu")[0])
    if wanted.split(":")[0] not in (*available, "cpu"):
        raise ValueError(f"LABS_DEVICE is {wanted!r}; this machine has: {', '.join((*available, 'cpu'))}")
    return torch.device(wanted)


def seed(number: int = 0) -> None:
    """Start the random numbers of Python, NumPy and torch at the same place in every run.

    NumPy and torch are seeded if they are imported already: seed after the imports.

    Args:
        number: 0 to 2**32 − 1.

    Raises:
        ValueError: the number is outside that range.

    """
    if not 0 <= number < 2**32:
        raise ValueError(f"a seed is a whole number from 0 to 2**32 − 1, not {number}")
    random.seed(number)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(number)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(number)


def _has_mps() -> bool:
    import torch

    return torch.backends.mps.is_available()
