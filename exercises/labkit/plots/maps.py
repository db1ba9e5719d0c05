"""Heat maps: attention, gates, confusion."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from labkit.expect.convert import convert
from labkit.plots.figure import Plot, new_figure

__all__ = ["attention_map", "confusion_matrix", "gate_activations"]

_FEW = 10
"""Up to so many rows and columns each cell shows its number."""
_MOST_TICKS = 40


def attention_map(
    weights: Any,
    queries: Sequence[str],
    keys: Sequence[str] | None = None,
    *,
    heads: Sequence[str] | None = None,
    title: str = "",
    alt: str = "",
) -> Plot:
    """Draw attention weights as heat maps: one row for each query token, one column for each key token.

    Args:
        weights: shape (query, key), or (head, query, key) for one map per head; 0 to 1, rows sum to 1.
        queries: the tokens that attend, for the rows.
        keys: the tokens attended to, for the columns; None: the same as the rows.
        heads: names of the heads.
        title: above the figure.
        alt: description; "" writes one from the numbers.

    Raises:
        ValueError: the shape does not fit the tokens.

    """
    array = _decimals(weights)
    columns = list(queries if keys is None else keys)
    rows = list(queries)
    stack = array[None] if array.ndim == 2 else array
    if stack.ndim != 3 or stack.shape[1:] != (len(rows), len(columns)):
        raise ValueError(
            f"the weights have shape {array.shape}; {len(rows)} query and {len(columns)} key tokens need "
            f"({len(rows)}, {len(columns)}) or (heads, {len(rows)}, {len(columns)})"
        )
    names = list(heads) if heads is not None else [f"head {index + 1}" for index in range(len(stack))]
    across = min(len(stack), 4 if len(rows) <= _FEW else 2)
    down = math.ceil(len(stack) / across)
    highest = max(float(stack.max()), 1e-9)
    width, height = _size(down, across, len(rows), len(columns), max(map(len, columns), default=1))

    def draw() -> Figure:
        with new_figure(height, width) as (figure, _):
            panels = np.ravel(figure.subplots(down, across, squeeze=False))
            for index, axes in enumerate(panels):
                if index >= len(stack):
                    axes.set_visible(False)
                    continue
                image = axes.imshow(stack[index], cmap="cividis", vmin=0, vmax=highest, aspect="equal")
                # Heads share their tokens: the outer panels carry the names.
                leftmost, lowest = index % across == 0, index + across >= len(stack)
                _label(axes, rows if leftmost else [], columns if lowest else [])
                axes.set_ylabel("query (attends)" if leftmost else "")
                axes.set_xlabel("key (attended to)" if lowest else "")
                if len(stack) > 1:
                    axes.set_title(names[index], fontsize=11)
                if max(len(rows), len(columns)) <= _FEW and across <= 2:
                    _write_numbers(axes, stack[index], highest, "{:.2f}")
            figure.colorbar(image, ax=list(panels[: len(stack)]), label="weight", shrink=0.85, aspect=24)
            if title:
                figure.suptitle(title)
        return figure

    about = alt or _describe_attention(stack, rows, columns, names, title)
    return Plot.of(draw, about, "attention", stack, rows, columns, names, title)


def gate_activations(
    gates: Mapping[str, Any], tokens: Sequence[str], *, title: str = "", alt: str = ""
) -> Plot:
    """Draw what gates do over time: one heat map for each gate, units by time.

    Args:
        gates: name of the gate -> values, shape (time, unit), 0 (closed) to 1 (open).
        tokens: what was read at each time.
        title: above the figure.
        alt: description; "" writes one from the numbers.

    Raises:
        ValueError: a gate has another number of time steps than there are tokens.

    """
    arrays = {name: _decimals(values) for name, values in gates.items()}
    for name, array in arrays.items():
        if array.ndim != 2 or len(array) != len(tokens):
            raise ValueError(
                f"{name} has shape {array.shape}; {len(tokens)} tokens need ({len(tokens)}, units)"
            )

    def draw() -> Figure:
        with new_figure(1.0 + 1.7 * len(arrays)) as (figure, _):
            panels = np.ravel(figure.subplots(len(arrays), 1, squeeze=False, sharex=True))
            for axes, (name, array) in zip(panels, arrays.items(), strict=True):
                image = axes.imshow(
                    array.T, cmap="cividis", vmin=0, vmax=1, aspect="auto", interpolation="nearest"
                )
                axes.set_ylabel("unit")
                axes.set_title(name, fontsize=11)
                axes.spines[:].set_visible(False)
            _tick(panels[-1].xaxis, list(tokens), rotate=max(map(len, tokens), default=1) > 2)
            panels[-1].set_xlabel("token")
            figure.colorbar(image, ax=list(panels), label="gate (0 closed, 1 open)")
            if title:
                figure.suptitle(title)
        return figure

    means = [
        f"{name}: mean {array.mean():.2f}, from {array.min():.2f} to {array.max():.2f}"
        for name, array in arrays.items()
    ]
    about = alt or f"Heat maps of gate values by unit and token. {'; '.join(means)}."
    return Plot.of(draw, about, "gates", arrays, list(tokens), title)


def confusion_matrix(
    actual: Sequence[int] | Any,
    predicted: Sequence[int] | Any,
    labels: Sequence[str],
    *,
    title: str = "",
    alt: str = "",
) -> Plot:
    """Draw which classes are taken for which: rows are the true classes, colours are shares of a row.

    Args:
        actual: true class numbers, 0 to len(labels) − 1.
        predicted: predicted class numbers, as many.
        labels: names of the classes.
        title: above the figure.
        alt: description; "" writes one from the numbers.

    Raises:
        ValueError: the two have different lengths, or a number is no class.

    """
    true, guessed = (np.ravel(convert(values).array).astype(int) for values in (actual, predicted))
    size = len(labels)
    if true.shape != guessed.shape or not len(true):
        raise ValueError(
            f"{len(true)} true and {len(guessed)} predicted classes; both must be the same, not empty"
        )
    if min(true.min(), guessed.min()) < 0 or max(true.max(), guessed.max()) >= size:
        raise ValueError(f"class numbers must be from 0 to {size - 1}, as there are {size} labels")
    counts = np.zeros((size, size), int)
    np.add.at(counts, (true, guessed), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)

    def draw() -> Figure:
        with new_figure(1.6 + 0.38 * size, width_in=min(7.2, 2.4 + 0.5 * size)) as (figure, _):
            axes = figure.subplots()
            image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
            _label(axes, list(labels), list(labels))
            axes.set_ylabel("true class")
            axes.set_xlabel("predicted class")
            if size <= 2 * _FEW:
                _write_numbers(axes, counts, 1.0, "{:d}", shares)
            figure.colorbar(image, ax=axes, label="share of the true class")
            if title:
                axes.set_title(title)
        return figure

    about = alt or _describe_confusion(counts, list(labels))
    return Plot.of(draw, about, "confusion", counts, list(labels), title)


def _decimals(values: Any) -> npt.NDArray[np.float64]:
    return np.asarray(convert(values).array, np.float64)


def _size(down: int, across: int, rows: int, columns: int, longest: int) -> tuple[float, float]:
    """Return width and height in inches so that the cells come out square and little paper is left over."""
    names = 0.08 * min(longest, 12) + 0.5
    cell = min(0.62, (7.2 - 1.1 - names) / across / max(columns, 1) * 0.92)
    width = across * columns * cell / 0.92 + 1.1 + names
    height = down * (rows * cell + 0.45) + names + 0.35
    return float(np.clip(width, 3.2, 7.2)), float(np.clip(height, 2.4, 12))


def _label(axes: Axes, rows: list[str], columns: list[str]) -> None:
    _tick(axes.yaxis, rows, rotate=False)
    _tick(axes.xaxis, columns, rotate=max(map(len, columns), default=1) > 2)
    axes.spines[:].set_visible(False)


def _tick(axis: Any, tokens: list[str], *, rotate: bool) -> None:
    step = max(1, math.ceil(len(tokens) / _MOST_TICKS))
    shown = [_visible(token) for token in tokens[::step]]
    size = 10 if len(shown) <= 12 else 8
    # A dollar sign is a token here, not the start of a formula.
    axis.set_ticks(
        range(0, len(tokens), step), shown, fontsize=size, rotation=90 if rotate else 0, parse_math=False
    )
    axis.set_tick_params(length=0)


def _visible(token: str) -> str:
    """Return a token with its white space made visible."""
    return token.replace(" ", "·").replace("\n", "⏎").replace("\t", "⇥") or "∅"


def _write_numbers(
    axes: Axes, values: npt.NDArray[Any], highest: float, form: str, shade: npt.NDArray[Any] | None = None
) -> None:
    shade = values if shade is None else shade
    for (row, column), value in np.ndenumerate(values):
        # cividis runs from dark blue to light yellow
        ink = "#111111" if shade[row, column] > 0.55 * highest else "#ffffff"
        axes.text(column, row, form.format(value), ha="center", va="center", fontsize=9, color=ink)


def _describe_attention(
    stack: npt.NDArray[np.float64], rows: list[str], columns: list[str], names: list[str], title: str
) -> str:
    text = f"{title}: h" if title else "H"
    text += f"eat map of attention weights, {len(rows)} query by {len(columns)} key tokens."
    shown = 8 if len(stack) == 1 else 4
    for name, weights in zip(names, stack, strict=True):
        best = weights.argmax(1)
        strongest = [
            f"{_visible(rows[row])} to {_visible(columns[int(best[row])])} {weights[row, best[row]]:.2f}"
            for row in range(min(len(rows), shown))
        ]
        more = ", …" if len(rows) > shown else ""
        head = f"{name}: " if len(stack) > 1 else ""
        text += f" {head}strongest per row: {', '.join(strongest)}{more}."
        if len(text) > 600:
            return f"{text} Further heads likewise."
    return text


def _describe_confusion(counts: npt.NDArray[Any], labels: list[str]) -> str:
    right = int(np.trace(counts)) / int(counts.sum())
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    text = f"Confusion matrix of {len(labels)} classes; {right:.1%} of {int(counts.sum())} are right."
    if wrong.any():
        row, column = np.unravel_index(int(wrong.argmax()), wrong.shape)
        text += f" The most frequent mistake: {labels[int(row)]} taken for {labels[int(column)]}, "
        text += f"{int(wrong.max())} times."
    return text
