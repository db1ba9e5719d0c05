"""Curves: training over epochs, gradients over time lags, models against the time they took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from labkit.expect.convert import convert
from labkit.plots.figure import DASHES, MARKERS, Plot, Theme, new_figure

__all__ = ["gradient_by_lag", "model_comparison", "training_curves"]

_MANY_POINTS = 40


def training_curves(
    history: Mapping[str, Sequence[float]],
    *,
    baselines: Mapping[str, float] | None = None,
    unit: str = "nats",
    title: str = "",
    alt: str = "",
) -> Plot:
    """Draw loss and accuracy over epochs, and mark the best epoch.

    Args:
        history: name of the curve -> one value for each epoch. Names with "acc" get a panel of their own;
        among the
            losses, the one with "val" (or else the first) decides which epoch is best.
        baselines: name -> loss of something simple to compare with, drawn as level lines.
        unit: of the loss.
        title: above the figure.
        alt: description; "" writes one from the numbers.

    Raises:
        ValueError: there is no curve with a value.

    """
    curves = {
        name: np.asarray(convert(list(values)).array, float)
        for name, values in history.items()
        if len(values)
    }
    if not curves:
        raise ValueError(
            "training_curves needs at least one curve with a value, e.g. {'train loss': [2.1, 1.9]}"
        )
    losses = {name: values for name, values in curves.items() if "acc" not in name.lower()}
    accuracies = {name: values for name, values in curves.items() if name not in losses}
    panels = [panel for panel in (losses, accuracies) if panel]
    judge, lowest_is_best = _judging_curve(losses, accuracies)
    best = int(np.nanargmin(curves[judge]) if lowest_is_best else np.nanargmax(curves[judge])) + 1

    def draw() -> Figure:
        with new_figure(3.3) as (figure, theme):
            for panel, axes in zip(panels, np.ravel(figure.subplots(1, len(panels))), strict=True):
                _draw_curves(axes, panel, theme)
                axes.set_xlabel("epoch")
                axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
                axes.set_ylabel(f"loss ({unit})" if panel is losses else "accuracy")
                if panel is losses:
                    _draw_baselines(axes, baselines or {}, theme)
                _mark_best(axes, best, panel.get(judge), theme)
                axes.grid(visible=True, axis="y")
                axes.legend(fontsize=9)
            if title:
                figure.suptitle(title)
        return figure

    about = alt or _describe_training(curves, judge, best, baselines or {}, title)
    return Plot.of(draw, about, "training", curves, dict(baselines or {}), unit, title)


def gradient_by_lag(norms: Mapping[str, Sequence[float]], *, title: str = "", alt: str = "") -> Plot:
    """Draw how strongly the last output depends on inputs further and further back, on a logarithmic scale.

    Args:
        norms: name of the model -> gradient norm for lag 0, 1, 2, …; zeros are left out.
        title: above the figure.
        alt: description; "" writes one from the numbers.

    """
    curves = {name: np.asarray(convert(list(values)).array, float) for name, values in norms.items()}

    def draw() -> Figure:
        with new_figure(3.3) as (figure, theme):
            axes = figure.subplots()
            for index, (name, values) in enumerate(curves.items()):
                lags = np.arange(len(values))
                shown = values > 0
                axes.plot(lags[shown], values[shown], label=name, **_style(index, len(values), theme))
            axes.set_yscale("log")
            axes.set_xlabel("time lag (steps back)")
            axes.set_ylabel("gradient norm")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(visible=True, axis="y")
            axes.legend(fontsize=9)
            if title:
                axes.set_title(title)
        return figure

    ends = [
        f"{name}: from {values[0]:.2g} at lag 0 to {values[-1]:.2g} at lag {len(values) - 1}"
        for name, values in curves.items()
    ]
    about = alt or f"Line plot of gradient norms by time lag, logarithmic. {'; '.join(ends)}."
    return Plot.of(draw, about, "gradients", curves, title)


def model_comparison(
    rows: Sequence[Mapping[str, Any]], *, unit: str = "nats", title: str = "", alt: str = ""
) -> Plot:
    """Draw models by the minutes they trained and the loss they reached; a larger mark has more parameters.

    Args:
        rows: one for each model with the keys ``name``, ``minutes``, ``loss`` and ``parameters``.
        unit: of the loss.
        title: above the figure.
        alt: description; "" writes one from the numbers.

    """
    most = max(float(row["parameters"]) for row in rows)

    def draw() -> Figure:
        with new_figure(3.6) as (figure, theme):
            axes = figure.subplots()
            for index, row in enumerate(rows):
                size = 40 + 360 * float(row["parameters"]) / most
                label = f"{row['name']} ({_short(float(row['parameters']))} parameters)"
                axes.scatter(
                    row["minutes"],
                    row["loss"],
                    s=size,
                    color=theme.series[index % len(theme.series)],
                    marker=MARKERS[index % len(MARKERS)],
                    edgecolor=theme.ink,
                    label=label,
                )
            axes.set_xlabel("training time (minutes)")
            axes.set_ylabel(f"validation loss ({unit})")
            axes.margins(0.15)
            axes.grid(visible=True)
            legend = axes.legend(fontsize=9)
            for handle in legend.legend_handles:
                handle.set_sizes([50])  # type: ignore[union-attr]
            if title:
                axes.set_title(title)
        return figure

    parts = [
        f"{row['name']}: loss {float(row['loss']):.3g} after {float(row['minutes']):.3g} minutes, "
        f"{_short(float(row['parameters']))} parameters"
        for row in rows
    ]
    about = alt or f"Scatter plot of models by training time and loss. {'; '.join(parts)}."
    return Plot.of(draw, about, "models", [dict(row) for row in rows], unit, title)


def _judging_curve(losses: Mapping[str, Any], accuracies: Mapping[str, Any]) -> tuple[str, bool]:
    candidates, lowest = (losses, True) if losses else (accuracies, False)
    for name in candidates:
        if "val" in name.lower():
            return name, lowest
    return next(iter(candidates)), lowest


def _draw_curves(axes: Axes, panel: Mapping[str, Any], theme: Theme) -> None:
    for index, (name, values) in enumerate(panel.items()):
        axes.plot(np.arange(1, len(values) + 1), values, label=name, **_style(index, len(values), theme))


def _style(index: int, points: int, theme: Theme) -> dict[str, Any]:
    return {
        "color": theme.series[index % len(theme.series)],
        "linestyle": DASHES[index % len(DASHES)],
        "marker": MARKERS[index % len(MARKERS)],
        "markersize": 5,
        "markevery": max(1, points // _MANY_POINTS * 5) if points > _MANY_POINTS else 1,
        "linewidth": 1.8,
    }


def _draw_baselines(axes: Axes, baselines: Mapping[str, float], theme: Theme) -> None:
    for name, loss in baselines.items():
        axes.axhline(loss, color=theme.ink, linewidth=1, linestyle=":", alpha=0.8)
        axes.annotate(
            f"{name} {loss:.2f}",
            (1, loss),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 2),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=9,
        )


def _mark_best(axes: Axes, best: int, judging: Any, theme: Theme) -> None:
    axes.axvline(best, color=theme.ink, linewidth=1, alpha=0.5)
    if judging is None:
        return
    value = float(judging[best - 1])
    axes.plot(
        [best],
        [value],
        label=f"best: {value:.3g} (epoch {best})",
        marker="*",
        markersize=14,
        color="#F0E442",
        markeredgecolor=theme.ink,
        linestyle="none",
    )


def _describe_training(
    curves: Mapping[str, Any], judge: str, best: int, baselines: Mapping[str, float], title: str
) -> str:
    epochs = max(len(values) for values in curves.values())
    parts = [f"{name} goes from {values[0]:.3g} to {values[-1]:.3g}" for name, values in curves.items()]
    text = f"{title}: l" if title else "L"
    text += f"ine plot over {epochs} epochs. {'; '.join(parts)}. Best {judge}: "
    text += f"{float(curves[judge][best - 1]):.3g} at epoch {best}."
    if baselines:
        text += f" Level lines: {', '.join(f'{name} {loss:.3g}' for name, loss in baselines.items())}."
    return text


def _short(number: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:.0f}"
