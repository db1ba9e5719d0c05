"""Pictures that are kept while a class is graded: the same figure is found again, any other is drawn."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import pytest
from labkit import plots
from labkit.plots.gallery import Gallery, fingerprint, gallery
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

WORDS = ["he", "likes", "cats"]
WEIGHTS = np.array([[0.5, 0.2, 0.3], [0.7, 0.1, 0.2], [0.6, 0.1, 0.3]])
EPOCHS = {"loss": [2.0, 1.5, 1.2]}
MAKERS = {
    "attention": lambda: plots.attention_map(WEIGHTS, WORDS),
    "gates": lambda: plots.gate_activations({"z": WEIGHTS}, WORDS),
    "confusion": lambda: plots.confusion_matrix([0, 1, 1], [0, 1, 0], ["a", "b"]),
    "training": lambda: plots.training_curves(EPOCHS),
    "gradients": lambda: plots.gradient_by_lag({"RNN": [1.0, 0.5, 0.1]}),
    "models": lambda: plots.model_comparison([{"name": "a", "minutes": 1, "loss": 2, "parameters": 10}]),
}


@pytest.fixture(autouse=True)
def grading(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A class is being graded; nothing is kept yet, and nothing is afterwards."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    yield
    gallery(Gallery())
    plots.theme("light")


def figure_of(values: list[float]) -> Figure:
    """Return a figure drawn by hand."""
    figure = Figure(layout="constrained")
    figure.subplots().plot(values, label="curve")
    figure.axes[0].legend()
    return figure


def mark_of(figure: Figure) -> str:
    """Return a figure's fingerprint, with all modules of this process taken for libraries."""
    return fingerprint(figure, since=next(reversed(sys.modules)))


def test_fingerprint_of_equal_figures_is_equal() -> None:
    """Two figures made in the same way have one fingerprint."""
    assert mark_of(figure_of([1, 2, 3])) == mark_of(figure_of([1, 2, 3])) != ""


def test_fingerprint_of_another_number_colour_or_setting_differs() -> None:
    """Whatever shows in the picture shows in the fingerprint."""
    coloured = figure_of([1, 2, 3])
    coloured.axes[0].lines[0].set_color("red")
    marks = {mark_of(figure_of([1, 2, 3])), mark_of(figure_of([1, 2, 3.01])), mark_of(coloured)}
    with rc_context({"font.size": 20}):
        marks.add(mark_of(figure_of([1, 2, 3])))
    with rc_context({"text.antialiased": False}):
        marks.add(mark_of(figure_of([1, 2, 3])))
    assert len(marks) == 5


def test_fingerprint_of_figure_with_own_code_is_none() -> None:
    """What a function of the notebook's writes into the figure cannot be told: it is drawn."""
    figure = figure_of([1, 2, 3])
    figure.axes[0].xaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value} steps"))
    assert mark_of(figure) == ""


@pytest.mark.parametrize("name", MAKERS)
def test_known_plot_is_not_drawn_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second plot of the same values has the same picture, and its figure was never made."""
    first = Gallery(keeps=True)
    gallery(first)
    drawn = MAKERS[name]()._repr_mimebundle_()
    gallery(Gallery(first.pictures))
    monkeypatch.setattr("labkit.plots.figure._draw_png", lambda *_: pytest.fail("it was drawn"))
    for place in ("maps", "curves"):
        monkeypatch.setattr(f"labkit.plots.{place}.new_figure", lambda *_: pytest.fail("it was made"))
    assert MAKERS[name]()._repr_mimebundle_() == drawn


def test_known_plot_that_is_changed_is_drawn() -> None:
    """Who asks for the axes may change them: that figure is another one."""
    first = Gallery(keeps=True)
    gallery(first)
    known = MAKERS["training"]().to_png()
    gallery(Gallery(first.pictures))
    changed = MAKERS["training"]()
    changed.axes[0].set_title("mine")
    assert changed.to_png() != known
    assert MAKERS["training"]().to_png() == known


def test_known_plot_in_another_theme_is_drawn() -> None:
    """A dark picture is not shown for a light one."""
    first = Gallery(keeps=True)
    gallery(first)
    known = MAKERS["gates"]().to_png()
    gallery(Gallery(first.pictures))
    plots.theme("dark")
    assert MAKERS["gates"]().to_png() != known


def test_gallery_of_a_student_keeps_nothing() -> None:
    """Only the process that runs the lab's own text adds pictures."""
    gallery(Gallery({"ab": b"picture"}))
    MAKERS["training"]().to_png()
    assert gallery().pictures == {"ab": b"picture"}


def test_plot_outside_grading_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a student's notebook every figure is drawn, as sharp as the screen."""
    gallery(Gallery(keeps=True))
    small = MAKERS["training"]().to_png()
    monkeypatch.delenv("NBGRADER_EXECUTION")
    assert len(MAKERS["training"]().to_png()) > len(small)
