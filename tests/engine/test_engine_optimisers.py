"""torch's compiler is not loaded for optimisers, and is there for those who want it."""

from __future__ import annotations

from handmade_labs import answer, given, make_lab, submit, test
from labgrade.engine import Engine
from labgrade.model import Limits, SubmissionRun

LAB = make_lab(
    given("import sys\nimport torch\nfrom torch import nn\nlayer = nn.Linear(3, 3)"),
    answer("f", "def f():\n    return 1"),
    test(
        "test-f",
        "def test_f():\n    assert f() == 1\nfrom labkit import check\ncheck('f', points=1, tests=1)",
    ),
)
TRAIN = """
for kind in (torch.optim.Adam, torch.optim.SGD):
    optimiser = kind(layer.parameters(), lr=0.1)
    before = layer.weight.detach().clone()
    optimiser.zero_grad()
    layer(torch.ones(2, 3)).sum().backward()
    optimiser.step()
    print(bool((before != layer.weight).any()), "sympy" in sys.modules)
"""
COMPILE = """
double = torch.compile(lambda x: 2 * x, backend="eager")
print(double(torch.ones(2)).tolist(), "sympy" in sys.modules)
"""


def text_of(run: SubmissionRun) -> str:
    """Return what the cells printed or raised."""
    outputs = [output for cell in run.notebooks[0].cells for output in cell.outputs]
    return "".join(str(output.get("text", "")) + str(output.get("evalue", "")) for output in outputs)


def test_optimiser_steps_without_the_compiler(engine: Engine) -> None:
    """Training changes the weights, and nothing of the compiler is imported for it."""
    run = engine.run(LAB, submit(LAB, extra=[(1, TRAIN)]))
    assert text_of(run) == "True False\nTrue False\n"


def test_compiler_that_is_asked_for_compiles_and_optimisers_go_on(engine: Engine) -> None:
    """What the stand-in does not know brings the real one, also between two steps."""
    engine.limits = Limits(cell_s=120)  # the compiler takes its time to load on a busy machine
    run = engine.run(LAB, submit(LAB, extra=[(1, TRAIN), (2, COMPILE), (3, TRAIN)]))
    assert text_of(run) == "True False\nTrue False\n[2.0, 2.0] True\nTrue True\nTrue True\n"
