"""What ``import labkit`` costs, and that its names are there."""

import subprocess
import sys

PROGRAM = """
import sys
import labkit
HEAVY = ("torch", "matplotlib", "IPython", "keras", "pytest")
heavy = [name for name in (*HEAVY, "numpy") if name in sys.modules]
assert not heavy, heavy
from labkit import check, needs, points, timeout
heavy = [name for name in HEAVY if name in sys.modules]
assert not heavy, heavy
assert callable(check)
"""


def test_labkit_import_loads_no_heavy_library():
    """``import labkit`` imports neither torch nor matplotlib, and ``check`` is the function."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
