"""Pictures in ``data:`` addresses: PNG, JPEG and GIF that are what they say, and SVG without its dangers."""

from __future__ import annotations

import base64
import binascii
import io
import re
import warnings

from markupsafe import Markup

from labgrade.pages.drawing import DrawingError, clean_svg

__all__ = ["RASTER_KINDS", "image_address", "make_address", "render_image", "render_svg"]

RASTER_KINDS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF"}
MAX_BYTES = 4_000_000
MAX_PIXELS = 30_000_000
"""A figure of 20 by 15 inches at 300 dpi has 27 million."""

_DATA = re.compile(r"data:(image/(?:png|jpeg|gif));base64,([A-Za-z0-9+/=\s]+)")


def render_image(mime: str, encoded: str, alt: str) -> Markup | None:
    """Return a picture as an element; None if it is not what it says, or larger than a page can bear.

    Args:
        mime: one of ``RASTER_KINDS``.
        encoded: base64 text.
        alt: shown where the picture cannot be.

    """
    address = make_address(mime, encoded)
    return None if address is None else _element(address, alt)


def render_svg(source: str, alt: str) -> Markup | None:
    """Return a drawing as an element; None if it is no SVG that may be shown."""
    try:
        cleaned = clean_svg(source)
    except DrawingError:
        return None
    return _element(f"data:image/svg+xml;base64,{base64.b64encode(cleaned).decode()}", alt)


def image_address(address: str) -> str | None:
    """Return a ``data:`` address that holds what it says; None for every other address."""
    match = _DATA.fullmatch(address.strip()) if len(address) < MAX_BYTES * 3 // 2 else None
    return None if match is None else make_address(match[1], match[2])


def make_address(mime: str, encoded: str) -> str | None:
    """Return the ``data:`` address of a raster picture; None if it is not what it says, or too large."""
    if mime not in RASTER_KINDS or len(encoded) > MAX_BYTES * 3 // 2:
        return None
    try:
        data = base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(data) > MAX_BYTES or not _is_picture(data, RASTER_KINDS[mime]):
        return None
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def _is_picture(data: bytes, kind: str) -> bool:
    """Return whether the header is that of a picture of this kind, of a size that a browser can draw."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=[kind]) as image:
                width, height = image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        return False  # what Pillow raises for a file that is damaged, of another kind, or far too large
    return 0 < width * height <= MAX_PIXELS


def _element(address: str, alt: str) -> Markup:
    return Markup('<img src="{}" alt="{}">').format(address, alt[:500])
