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


WITHOUT_PYTEST = """
import sys
sys.modules["pytest"] = sys.modules["_pytest"] = sys.modules["torch"] = sys.modules["IPython"] = None
from labkit import check, expect, friendly, needs

friendly()


def double(x):
    return x + x + 1


def test_is_a_number():
    assert isinstance(double(2), int)


@needs("test_is_a_number")
def test_doubles():
    expect.close(double([1]), [1, 1], call="double([1])")


def test_plain_assert():
    assert double(2) == 4, "twice two is four"


result = check("double", points=3)
assert [str(test.outcome) for test in result.tests] == ["passed", "crashed", "failed"], result
assert "twice two is four" in result.to_html()
print(result)
"""


def test_check_without_pytest_torch_and_ipython_works(tmp_path):
    """A plain Python with NumPy is enough to run a check and read its messages."""
    script = tmp_path / "script.py"
    script.write_text(WITHOUT_PYTEST, encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "it raised: TypeError" in done.stdout
    assert done.stderr == ""
