"""Imports and first uses that every child would otherwise pay for."""

from __future__ import annotations

import functools
import gc
import importlib
import os
import warnings
from collections.abc import Sequence
from typing import Any

from labgrade.child.compiler import postpone_compiler
from labgrade.child.reloading import prepare_autoreload

__all__ = ["count_threads", "warm"]


_LATE = (
    "IPython.core.magics.execution",  # %time
    "IPython.core.magics.extension",  # %load_ext
    "numpy.fft",
    "numpy.testing",
    "statistics",
    "tqdm.auto",  # asks for the shell
)
"""Small parts of large libraries that come on their first use, which would be in every child."""


def count_threads() -> int:
    """Return the number of threads of this process; 1 where that cannot be seen."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def warm(preload: Sequence[str]) -> Any:
    """Import the libraries, use each once with one thread, and make the shell.

    Args:
        preload: names of modules; those that are not installed are left out.

    Returns:
        The warmed shell.

    """
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in preload:
            if name == "torch":
                _warm_torch(compiles="torch._dynamo" in preload)
            elif name == "labkit":
                # Its parts come on first use, which would otherwise be in every child.
                for part in (
                    "labkit",
                    "labkit.checks.html",
                    "labkit.checks.text",
                    "labkit.expect",
                    "labkit.plots",
                    "labkit.probe",
                ):
                    _import(part)
            else:
                _import(name)
        from labgrade.child.shell import warm_shell

        shell = warm_shell()
        if "matplotlib" in preload:
            _warm_figures(shell)
        for name in _LATE:
            _import(name)
        from labgrade.child.server import seed_all

        seed_all(0)  # NumPy imports its generators when they are used
        prepare_autoreload()
    gc.collect()
    gc.freeze()
    return shell


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _cheap_manual_seed(torch: Any) -> Any:
    """Return a ``torch.manual_seed`` for a process without accelerators.

    torch's own records a stack for each kind of device that is not there, in case it appears: a third of a
    millisecond each time.
    """
    original = torch.manual_seed
    if torch.accelerator.is_available():
        return original

    @functools.wraps(original)
    def manual_seed(seed: Any) -> Any:
        return torch.default_generator.manual_seed(int(seed))

    return manual_seed


def _warm_torch(*, compiles: bool) -> None:
    torch = _import("torch")
    if torch is None:
        return
    # Before the first operation: a process that ran a multi-threaded one hangs each child that does another.
    torch.set_num_threads(1)
    torch.manual_seed = torch.random.manual_seed = _cheap_manual_seed(torch)
    if not compiles:
        postpone_compiler()
    layer = torch.nn.GRU(2, 2)
    optimiser = torch.optim.Adam(layer.parameters())
    result, _ = layer(torch.zeros(2, 1, 2))
    torch.nn.functional.cross_entropy(result[0], torch.zeros(1, dtype=torch.long)).backward()
    optimiser.step()
    torch.allclose(torch.eye(2) @ torch.eye(2), torch.eye(2))
    repr(torch.zeros(1))


def _warm_figures(shell: Any) -> None:
    if _import("matplotlib.pyplot") is None or _import("matplotlib_inline") is None:
        return
    from labgrade.child.figures import prepare_figures
    from labgrade.child.outputs import CellOutputs

    shell.outputs = CellOutputs(lambda event: None, 1000)
    prepare_figures(shell, os.environ["MPLBACKEND"])
    shell.outputs = None
