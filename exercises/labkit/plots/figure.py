"""A figure with a description: shown once, readable in light and dark notebooks and to a screen reader."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from labkit.checks.model import is_grading
from labkit.plots.gallery import gallery

__all__ = ["DASHES", "MARKERS", "Plot", "Theme", "new_figure", "theme"]

# Colours alone tell nothing apart: lines also differ by dash and marker.
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P")

_WIDTH_IN = 7.2
_DOTS_PER_IN = 100
_SHARPNESS = 1.5  # image pixels for each pixel of the page, for screens with fine dots


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours of paper and ink.

    Args:
        paper: background; always opaque, so that a light figure stays readable on a dark page and the
        reverse.
        ink: text and axes.
        faint: grid lines.
        series: colours for lines and marks, Okabe and Ito's, those with the most contrast to the paper first.

    """

    name: str
    paper: str
    ink: str
    faint: str
    series: tuple[str, ...]


_THEMES = {
    "light": Theme(
        "light",
        "#ffffff",
        "#1f1f1f",
        "#d9d9d9",
        ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00"),
    ),
    "dark": Theme(
        "dark",
        "#1c1c1c",
        "#ececec",
        "#454545",
        ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00"),
    ),
}
_chosen = "light"


def theme(name: str | None = None) -> str:
    """Choose the colours of the figures to come, and return the name of the ones in force.

    Args:
        name: ``light`` or ``dark``; None changes nothing.

    Raises:
        ValueError: there is no such theme.

    """
    global _chosen  # one setting for a notebook, as in matplotlib
    if name is not None:
        if name not in _THEMES:
            raise ValueError(f"the theme is light or dark, not {name!r}")
        _chosen = name
    return _chosen


class Plot:
    """A figure and its description. A notebook shows it when it is the last value of a cell.

    The figure is not registered with pyplot, so it is shown once and needs no closing.

    Args:
        figure: the drawing; change its axes as you like before it is shown.
        alt: what the figure shows, for those who cannot see it.

    """

    def __init__(self, figure: Figure, alt: str) -> None:
        self._figure: Figure | None = figure
        self._make: Callable[[], Figure] | None = None
        self._mark = ""
        self.alt = alt

    @classmethod
    def of(cls, make: Callable[[], Figure], alt: str, *parts: Any) -> Plot:
        """Return a plot of values.

        While a class is graded, a figure whose picture is known already is made only if somebody asks for it.

        Args:
            make: makes the figure.
            alt: what it shows.
            parts: all that decides how it looks, besides the theme and matplotlib's settings.

        """
        open_gallery = gallery()
        mark = open_gallery.fingerprint(_chosen, *parts)
        if open_gallery.find(mark) is None:
            plot = cls(make(), alt)
        else:
            plot = cls.__new__(cls)
            plot._figure, plot._make, plot.alt = None, make, alt
        plot._mark = mark
        return plot

    @property
    def figure(self) -> Figure:
        """The drawing."""
        self._mark = ""  # whoever has the figure may change it
        return self._made()

    @figure.setter
    def figure(self, figure: Figure) -> None:
        self._figure, self._mark = figure, ""

    def _made(self) -> Figure:
        if self._figure is None:
            assert self._make is not None
            self._figure = self._make()
        return self._figure

    @property
    def axes(self) -> list[Axes]:
        """The panels, from left to right and top to bottom."""
        return list(self.figure.axes)

    def to_png(self) -> bytes:
        """Return the figure as a PNG file of at most 256 colours, which keeps notebooks small.

        While a class is graded the figure is only there to be glanced at: fewer pixels and the quicker choice
        of colours cost half as much, and a figure that others had before is not drawn again.
        """
        if not is_grading():
            return _draw_png(self._made(), _SHARPNESS, Image.Quantize.MEDIANCUT)
        open_gallery = gallery()
        mark = self._mark or open_gallery.fingerprint("plot", self._made())
        picture = open_gallery.show(mark, lambda: _draw_png(self._made(), 1, Image.Quantize.FASTOCTREE))
        assert picture is not None
        return picture

    def save(self, path: str | Path) -> None:
        """Write the figure to a file; the suffix decides the format (png, svg, pdf)."""
        with rc_context({"svg.fonttype": "none"}):  # text stays text
            self._made().savefig(path, dpi=_DOTS_PER_IN * _SHARPNESS)

    def show(self) -> None:
        """Show the figure now, for the middle of a cell."""
        from IPython.display import display

        display(self)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, str], dict[str, Any]]:
        picture = self.to_png()
        image = base64.b64encode(picture).decode()
        # While grading the picture has a pixel for each of the page, and the figure may not have been made.
        width = _width_of(picture) if is_grading() else round(self._made().get_figwidth() * _DOTS_PER_IN)
        # JupyterLab and nbconvert's default template take an alternative text only from an <img> of our own;
        # the image/png beside it is for PDF, Markdown and front ends without HTML.
        html = (
            f'<img alt="{escape(self.alt)}" width="{width}" style="max-width:100%;height:auto" '
            f'src="data:image/png;base64,{image}">'
        )
        data = {"text/html": html, "image/png": image, "text/plain": repr(self)}
        return data, {"image/png": {"alt": self.alt, "width": width}}


def _draw_png(figure: Figure, sharpness: float, method: Image.Quantize) -> bytes:
    canvas = FigureCanvasAgg(figure)
    was_dpi = figure.dpi
    figure.dpi = _DOTS_PER_IN * sharpness
    try:
        # Drawn once: savefig draws a second time for the layout.
        canvas.draw()  # type: ignore[no-untyped-call]
        size = canvas.get_width_height()
        pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
        image = Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", 0, 1).convert("RGB")
    finally:
        figure.dpi = was_dpi
    small = io.BytesIO()
    few = image.quantize(256, method=method, dither=Image.Dither.NONE)
    few.save(small, format="png", optimize=sharpness > 1)
    return small.getvalue()


def _width_of(picture: bytes) -> int:
    return int.from_bytes(picture[16:20], "big")  # the first field of a PNG file's header


@contextmanager
def new_figure(height_in: float = 3.2, width_in: float = _WIDTH_IN) -> Iterator[tuple[Figure, Theme]]:
    """Make an empty figure in the theme's colours; draw on it inside the block.

    Args:
        height_in: height in inches (100 pixels of the page each).
        width_in: width in inches; the default fits a notebook.

    """
    colours = _THEMES[_chosen]
    settings: Any = {
        "font.size": 11,
        "text.color": colours.ink,
        "axes.labelcolor": colours.ink,
        "axes.titlecolor": colours.ink,
        "axes.titlesize": 12,
        "axes.edgecolor": colours.ink,
        "axes.axisbelow": True,
        "axes.facecolor": colours.paper,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": colours.ink,
        "ytick.color": colours.ink,
        "grid.color": colours.faint,
        "legend.facecolor": colours.paper,
        "legend.edgecolor": colours.paper,
        "legend.framealpha": 0.85,
        "figure.facecolor": colours.paper,
        "savefig.facecolor": colours.paper,
    }
    with rc_context(settings):
        engine = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06)
        yield Figure(figsize=(width_in, height_in), layout=engine), colours
