"""Figures of given cells are drawn once for a class; those of a student's own are the student's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from handmade_labs import answer, given, make_lab, submit, test
from labgrade.engine import Engine
from labgrade.model import Limits, SubmissionRun
from labgrade.verify.hubprocess import HubProcess

LAB = make_lab(
    given("import matplotlib.pyplot as plt\nfrom labkit import plots\nscale = 1"),
    answer("f", "def f(x):\n    return x", "def f(x):\n    raise NotImplementedError()"),
    given("plt.plot([1, 2, 3]); plt.title('given')"),
    given("plots.training_curves({'loss': [2, 1, scale]})"),
    test(
        "test-f",
        "def test_f():\n    assert f(1) == 1\nfrom labkit import check\ncheck('f', points=1, tests=1)",
    ),
)


@pytest.fixture(scope="module")
def engines(started_engine: Engine) -> Iterator[tuple[Engine, Engine]]:
    """An engine that draws given figures first, and one that does not, at one warm process."""
    hub = started_engine._hub
    assert isinstance(hub, HubProcess)
    with (
        Engine(Limits(), hub=hub.connect(), many=True) as many,
        Engine(Limits(), hub=hub.connect()) as single,
    ):
        yield many, single


def pictures(run: SubmissionRun) -> list[str]:
    """Return the PNG files in the outputs of the cells, in base64."""
    return [
        output["data"]["image/png"]
        for cell in run.notebooks[0].cells
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]


def test_pictures_of_given_cells_are_those_that_each_submission_would_draw(
    engines: tuple[Engine, Engine],
) -> None:
    """Drawn once or drawn each time: the outputs are the same, byte for byte."""
    first, second = (pictures(engine.run(LAB, submit(LAB))) for engine in engines)
    assert len(first) == 2
    assert first == second


def test_pictures_of_changed_values_are_drawn(engines: tuple[Engine, Engine]) -> None:
    """A student who changes what a given cell draws gets that figure, in both ways."""
    work = submit(LAB, extra=[(2, "scale = 5\nplt.rcParams['lines.linewidth'] = 7")])
    own = [pictures(engine.run(LAB, work)) for engine in engines]
    assert own[0] == own[1]
    assert not set(own[0]) & set(pictures(engines[0].run(LAB, submit(LAB))))


def test_pictures_of_a_student_are_never_another_students(engines: tuple[Engine, Engine]) -> None:
    """What a student hangs into the gallery of the own process is nowhere else."""
    forged = (
        "from labkit.plots import gallery as g\nimport base64\n"
        "g.gallery()._keeps = True\n"
        "for mark in g.gallery().pictures: g.gallery().pictures[mark] = b'forged'\n"
    )
    honest = pictures(engines[0].run(LAB, submit(LAB)))
    assert pictures(engines[0].run(LAB, submit(LAB, extra=[(0, forged)]))) != honest
    assert pictures(engines[0].run(LAB, submit(LAB))) == honest
