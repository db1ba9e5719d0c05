"""Plots: what is drawn, what the description says, and that a figure is readable in both themes."""

import base64
import io
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from labkit import plots
from PIL import Image

TOKENS = ["he", "likes", "cats"]
WEIGHTS = np.array([[0.5, 0.2, 0.3], [0.7, 0.1, 0.2], [0.6, 0.1, 0.3]])
HISTORY = {
    "train loss": [2.0, 1.5, 1.2, 1.0],
    "valid loss": torch.tensor([2.1, 1.7, 1.6, 1.8]).tolist(),
    "valid accuracy": [0.2, 0.4, 0.5, 0.45],
}


@pytest.fixture(autouse=True)
def light_theme():
    """Every test starts with the light theme and leaves it behind."""
    plots.theme("light")
    yield
    plots.theme("light")


def texts(plot):
    return [text.get_text() for axes in plot.axes for text in axes.texts]


def test_training_curves_best_epoch_is_marked_in_every_panel():
    """The validation loss decides; the star stands at its lowest point."""
    plot = plots.training_curves(HISTORY, baselines={"unigram": 3.0}, unit="bits")
    loss, accuracy = plot.axes
    assert (loss.get_xlabel(), loss.get_ylabel(), accuracy.get_ylabel()) == (
        "epoch",
        "loss (bits)",
        "accuracy",
    )
    star = [line for line in loss.lines if line.get_marker() == "*"]
    assert star[0].get_xydata().tolist() == [[3.0, pytest.approx(1.6)]]
    assert "best: 1.6 (epoch 3)" in [text.get_text() for text in loss.get_legend().get_texts()]
    assert "unigram 3.00" in texts(plot)
    assert "Best valid loss: 1.6 at epoch 3" in plot.alt
    assert "unigram 3" in plot.alt


def test_training_curves_accuracy_alone_has_its_highest_point_marked():
    """Without a loss the best accuracy counts."""
    plot = plots.training_curves({"accuracy": [0.1, 0.9, 0.5]})
    assert len(plot.axes) == 1
    assert "Best accuracy: 0.9 at epoch 2" in plot.alt


def test_training_curves_lines_differ_by_more_than_colour():
    """No two curves of a panel share dash or marker."""
    history = {f"loss {index}": [1.0, 0.5] for index in range(4)}
    lines = plots.training_curves(history).axes[0].lines[:4]
    assert len({line.get_marker() for line in lines}) == 4
    assert len({(line.get_linestyle(), line.get_color()) for line in lines}) == 4


def test_training_curves_without_values_are_refused():
    """An empty history says what is needed."""
    with pytest.raises(ValueError, match="at least one curve"):
        plots.training_curves({"loss": []})


def test_attention_map_has_tokens_on_the_axes_and_numbers_in_small_maps():
    """Rows are queries, columns are keys; the description names the strongest key of each row."""
    plot = plots.attention_map(torch.tensor(WEIGHTS), TOKENS, ["i", "see", "$x$"], title="Layer 1")
    axes = plot.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == TOKENS
    assert [label.get_text() for label in axes.get_xticklabels()] == ["i", "see", "$x$"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("query (attends)", "key (attended to)")
    assert "0.70" in texts(plot)
    assert "likes to i 0.70" in plot.alt
    assert plot.alt.startswith("Layer 1: heat map")
    np.testing.assert_allclose(axes.images[0].get_array(), WEIGHTS)


def test_attention_map_of_heads_has_one_panel_for_each():
    """Five heads, names shared by the outer panels; white space in tokens is visible."""
    tokens = ["a", " ", "\n"]
    plot = plots.attention_map(np.stack([WEIGHTS] * 5), tokens)
    titles = [axes.get_title() for axes in plot.axes if axes.get_title()]
    assert titles == [f"head {index}" for index in range(1, 6)]
    assert [label.get_text() for label in plot.axes[0].get_yticklabels()] == ["a", "·", "⏎"]
    assert [label.get_text() for label in plot.axes[1].get_yticklabels()] == []
    assert "head 2: strongest per row" in plot.alt


def test_attention_map_of_wrong_shape_names_the_right_one():
    """The message tells which shape the tokens need."""
    with pytest.raises(ValueError, match=r"need \(3, 2\) or \(heads, 3, 2\)"):
        plots.attention_map(WEIGHTS, TOKENS, ["a", "b"])


def test_gate_activations_put_units_over_time():
    """One panel for each gate, from 0 to 1."""
    plot = plots.gate_activations({"z": np.full((3, 4), 0.25), "r": np.zeros((3, 4))}, TOKENS)
    first, second = plot.axes[:2]
    assert (first.get_title(), second.get_title()) == ("z", "r")
    assert first.images[0].get_array().shape == (4, 3)
    assert first.images[0].get_clim() == (0, 1)
    assert "z: mean 0.25" in plot.alt
    with pytest.raises(ValueError, match=r"need \(3, units\)"):
        plots.gate_activations({"z": np.zeros((4, 3))}, TOKENS)


def test_gradient_by_lag_is_logarithmic_and_leaves_zeros_out():
    """A vanished gradient has no place on a logarithmic scale."""
    plot = plots.gradient_by_lag({"RNN": [1.0, 0.1, 0.0], "GRU": [1.0, 0.9, 0.8]})
    axes = plot.axes[0]
    assert axes.get_yscale() == "log"
    assert axes.lines[0].get_xydata().tolist() == [[0, 1], [1, 0.1]]
    assert "GRU: from 1 at lag 0 to 0.8 at lag 2" in plot.alt


def test_confusion_matrix_counts_and_names_the_most_frequent_mistake():
    """Rows are true classes; numbers are counts, colours are shares."""
    plot = plots.confusion_matrix([0, 0, 0, 1, 1], torch.tensor([0, 1, 1, 1, 1]), ["cat", "dog"])
    assert texts(plot) == ["1", "2", "0", "2"]
    np.testing.assert_allclose(plot.axes[0].images[0].get_array(), [[1 / 3, 2 / 3], [0, 1]])
    assert "60.0% of 5 are right" in plot.alt
    assert "cat taken for dog, 2 times" in plot.alt
    with pytest.raises(ValueError, match="from 0 to 1"):
        plots.confusion_matrix([0, 2], [0, 1], ["cat", "dog"])
    with pytest.raises(ValueError, match="must be the same"):
        plots.confusion_matrix([0], [0, 1], ["cat", "dog"])


def test_model_comparison_shows_minutes_loss_and_size():
    """A larger model has a larger mark; the numbers stand in the description."""
    rows = [
        {"name": "RNN", "minutes": 10, "loss": 1.5, "parameters": 400_000},
        {"name": "GRU", "minutes": 20, "loss": 1.36, "parameters": 1_200_000},
    ]
    plot = plots.model_comparison(rows)
    sizes = [collection.get_sizes()[0] for collection in plot.axes[0].collections]
    assert sizes[0] < sizes[1]
    assert "GRU: loss 1.36 after 20 minutes, 1.2 M parameters" in plot.alt


class Images(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_plot_in_a_notebook_is_one_image_with_its_description():
    """HTML carries the alternative text, escaped; the PNG beside it fits a notebook and is small."""
    plot = plots.attention_map(WEIGHTS, TOKENS, alt='<b> "quoted" & more')
    data, metadata = plot._repr_mimebundle_()
    reader = Images()
    reader.feed(data["text/html"])
    [(tag, attributes)] = reader.found
    assert tag == "img"
    assert attributes["alt"] == '<b> "quoted" & more'
    assert int(attributes["width"]) <= 720
    assert metadata["image/png"]["alt"] == plot.alt
    png = base64.b64decode(data["image/png"])
    assert len(png) < 40_000
    with Image.open(io.BytesIO(png)) as image:
        assert image.width == pytest.approx(1.5 * int(attributes["width"]), abs=2)
    assert data["text/plain"] == f"Figure: {plot.alt}"


def test_plot_is_not_registered_with_pyplot():
    """Nothing is shown a second time at the end of the cell, and nothing stays open."""
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    plots.training_curves(HISTORY)
    assert plt.get_fignums() == before
    assert "axes.spines.top" in plt.rcParams
    assert plt.rcParams["axes.spines.top"] is True


def luminance(colour: str) -> float:
    from matplotlib.colors import to_rgb

    parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_theme_text_and_lines_stand_out_from_the_paper(name):
    """Text has a contrast of 7 and the first three lines one of 3, as WCAG asks of text and graphics."""
    from labkit.plots.figure import new_figure

    plots.theme(name)
    with new_figure() as (figure, theme):
        assert figure.get_facecolor()[3] == 1
    assert contrast(theme.ink, theme.paper) > 7
    assert all(contrast(colour, theme.paper) > 3 for colour in theme.series[:3])
    assert len(set(theme.series)) == 6


def test_theme_unknown_is_refused():
    """There are two themes; asking without a name tells which is in force."""
    assert plots.theme() == "light"
    with pytest.raises(ValueError, match="light or dark"):
        plots.theme("sepia")


def test_plot_save_writes_by_suffix(tmp_path):
    """SVG keeps its text as text."""
    plots.gradient_by_lag({"RNN": [1.0, 0.1]}).save(tmp_path / "lag.svg")
    assert "gradient norm</text>" in (tmp_path / "lag.svg").read_text(encoding="utf-8")
