"""Figures as notebooks show them, drawn once.

Jupyter's inline backend draws each figure three times: after the cell, to find its tight box, and into the
file. Here it is drawn once and the picture is cut to what is on it, which gives the same view for a third
of the time; and not at all if it equals one that the lab's own cells draw (``labkit.plots.gallery``).
"""

from __future__ import annotations

import importlib
import io
import sys
from typing import Any

__all__ = ["hang_pictures", "kept_pictures", "prepare_figures"]

_PAD_INCHES = 0.1
_DEFAULTS = ("savefig.dpi", "savefig.facecolor", "savefig.transparent", "savefig.bbox", "savefig.pad_inches")


def prepare_figures(shell: Any, backend: str) -> None:
    """Let a shell show figures after each cell, as the inline backend does, and do everything once.

    Args:
        shell: the student's.
        backend: matplotlib's name of the inline backend.

    """
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    inline: Any = importlib.import_module("matplotlib_inline.backend_inline")
    inline.configure_inline_support(shell, backend)
    plt.plot([0, 1], [0, 1], label="x")
    plt.title("x")
    plt.legend()
    inline.flush_figures()
    plt.close("all")
    # pyplot draws what is open after each cell, for windows; there are none, and showing it draws again.
    hook: Any = getattr(plt, "_draw_all_if_interactive", None)
    if hook in shell.events.callbacks["post_execute"]:
        shell.events.unregister("post_execute", hook)
    shell.display_formatter.formatters["image/png"].for_type(Figure, render_png)
    figure = plt.figure()
    figure.gca().plot([0, 1])
    render_png(figure)
    plt.close("all")


def hang_pictures(pictures: dict[str, bytes] | None) -> None:
    """Open the gallery of this process.

    Args:
        pictures: those that the lab's own cells draw, by their fingerprints; None: this process runs those
            cells, and keeps what they draw.

    """
    labkit: Any = sys.modules.get("labkit.plots.gallery")
    if labkit is not None:
        labkit.gallery(labkit.Gallery(pictures, keeps=pictures is None))


def kept_pictures() -> dict[str, bytes]:
    """Return the pictures of this process by their fingerprints."""
    labkit: Any = sys.modules.get("labkit.plots.gallery")
    return dict(labkit.gallery().pictures) if labkit is not None else {}


def render_png(figure: Any) -> bytes | None:
    """Return a figure as PNG, cut to what is drawn with a small margin; None if nothing is on it."""
    if not figure.axes and not figure.lines:
        return None
    labkit: Any = sys.modules.get("labkit.plots.gallery")
    if labkit is None:
        return _render(figure)
    open_gallery = labkit.gallery()
    picture: bytes | None = open_gallery.show(open_gallery.fingerprint(figure), lambda: _render(figure))
    return picture


def _render(figure: Any) -> bytes | None:
    import matplotlib as mpl
    import numpy as np
    from PIL import Image

    canvas = figure.canvas
    defaults: Any = mpl.rcParamsDefault
    settings: Any = mpl.rcParams
    if not hasattr(canvas, "buffer_rgba") or any(settings[key] != defaults[key] for key in _DEFAULTS):
        return _render_exactly(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    flat = pixels.view(np.uint32)[..., 0]
    drawn = flat != flat[0, 0]
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    if not len(rows):
        return _render_exactly(figure)
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    height, width = flat.shape
    if top == 0 or left == 0 or bottom == height - 1 or right == width - 1:
        return _render_exactly(
            figure
        )  # something reaches over the edge: the tight box is larger than the canvas
    pad = round(_PAD_INCHES * figure.dpi)
    part = pixels[max(0, top - pad) : bottom + pad + 1, max(0, left - pad) : right + pad + 1]
    target = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(part)).save(target, "png", compress_level=3)
    return target.getvalue()


def _render_exactly(figure: Any) -> bytes | None:
    from IPython.core import pylabtools

    tools: Any = pylabtools
    data: bytes | None = tools.print_figure(figure, fmt="png", bbox_inches="tight")
    return data
