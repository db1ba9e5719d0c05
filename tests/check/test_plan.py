"""Which cells a question's tests need."""

from __future__ import annotations

from pathlib import Path

import pytest
from labbuild.cell_content import cell_names
from labbuild.check.jobs import JobCell
from labbuild.check.plan import needed_cells
from labbuild.compiled import CompiledNotebook


def _needed(*sources: str, tests: tuple[int, ...], changed: tuple[int, ...] = ()) -> list[int]:
    cells = []
    for source in sources:
        grading = {"nbgrader": {"grade": True, "solution": False}} if source.startswith("# test") else {}
        cells.append({"cell_type": "code", "source": source, "metadata": grading})
    content = {"cells": cells, "metadata": {}}
    notebook = CompiledNotebook("n", Path("n.md"), content, content, content)
    jobs = [JobCell(index, source) for index, source in enumerate(sources)]
    return [cell.index for cell in needed_cells(notebook, jobs, tests, changed)]


def test_cells_that_a_test_needs_are_followed_backwards() -> None:
    """Imports, data and helpers stay; plots, training and other questions go; later cells go."""
    sources = (
        "import numpy as np",
        "data = np.ones(3)",
        "def helper(x):\n    return x + offset",
        "offset = 2",
        "import matplotlib.pyplot as plt\nplt.plot(data)",
        "# test of another question\nassert other(data)",
        "def answer(x):\n    return helper(x)",
        "# test\nassert answer(data)[0] == 3",
        "later = answer(data)",
    )
    assert _needed(*sources, tests=(7,), changed=(6,)) == [0, 1, 2, 3, 6, 7]


def test_cell_that_may_change_a_needed_value_stays() -> None:
    """Writing into it, calling a method of it, passing it to a call for its effect."""
    sources = (
        "a, b, c, d = [], {}, object(), object()",
        "a.append(1)",
        "b['x'] = 1",
        "train(c, steps=3)",
        "d.weight = 2",
        "print(a, b, c, d)",
        "# test\nassert a and b and c and d",
    )
    assert _needed(*sources, tests=(6,)) == [0, 1, 2, 3, 4, 6]


def test_cell_that_cannot_be_read_stays() -> None:
    """Magics, shell lines and star imports may bind anything."""
    sources = ("%load_ext x", "!ls", "from helper import *", "unused = 1", "# test\nassert answer()")
    assert _needed(*sources, tests=(4,)) == [0, 1, 2, 4]


@pytest.mark.parametrize(
    ("source", "binds", "uses"),
    [
        ("x: int = y", {"x"}, {"y", "int"}),
        ("for i in xs:\n    total += i", {"i", "total"}, {"xs", "i", "total"}),
        ("import a.b as c, d.e", {"c", "d"}, set()),
        ("async def f():\n    return g", {"f"}, {"g"}),
        ("class C(B):\n    pass", {"C"}, {"B"}),
        ("def f(x):\n    y = x\n    y.append(z)\n    return [q for q in y]", {"f", "z"}, {"z"}),
        ("def f():\n    global x\n    x = 1", {"f", "x"}, {"x"}),
        ("def f():\n    shared.append(1)", {"f", "shared"}, {"shared"}),
        (
            "fig, ax = plt.subplots()\nax.plot(data)\nplots.show(data)",
            {"fig", "ax"},
            {"plt", "ax", "data", "plots"},
        ),
    ],
)
def test_names_of_a_cell_are_read(source: str, binds: set[str], uses: set[str]) -> None:
    """What a cell binds and what it uses."""
    names = cell_names(source)
    assert names.binds == binds
    assert names.uses == uses
    assert not names.is_opaque
