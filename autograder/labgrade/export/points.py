"""Points as text, with the decimal sign that the reader expects."""

from __future__ import annotations

__all__ = ["points_text", "read_points"]


def points_text(points: float | None, *, comma: bool = False) -> str:
    """Return points with at most two decimals, "" for points that are not known."""
    if points is None:
        return ""
    text = f"{points:.2f}".rstrip("0").rstrip(".")
    text = "0" if text == "-0" else text
    return text.replace(".", ",") if comma else text


def read_points(text: str) -> float | None:
    """Return a number of a sheet, with a point or a comma, None if it is none."""
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        return None
