"""torch works as ever while its compiler has not been loaded."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import inspect, sys
import torch
torch.set_num_threads(1)
from labgrade.child.compiler import postpone_compiler
postpone_compiler()
torch.testing.assert_close(torch.ones(2), torch.ones(2))  # imports half of torch, which looks at all modules
inspect.getmodule(inspect.currentframe())
print(type(sys.modules["torch._dynamo"]).__name__)
"""


def test_comparison_of_tensors_does_not_stumble_over_the_postponed_compiler():
    """``torch.testing.assert_close`` in a fresh process neither fails nor loads the compiler."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CODE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "_Compiler\n"
