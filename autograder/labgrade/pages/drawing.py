"""SVG from a student's program: only shapes and text stay, so that it is a picture however it is opened."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element, ParseError, register_namespace, tostring

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

__all__ = ["DrawingError", "clean_svg"]

MAX_CHARS = 2_000_000
MAX_ELEMENTS = 20_000
MAX_DRAWN = 100_000
"""Elements that are drawn once all copies by ``<use>`` are counted."""

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
_SHAPE_NAMES = """
svg g path rect circle ellipse line polyline polygon text tspan defs use clipPath linearGradient
radialGradient stop marker pattern mask symbol title desc image style
"""
_SHAPES = frozenset(_SHAPE_NAMES.split())
_EMBEDDED = re.compile(r"data:image/(?:png|jpeg);base64,[A-Za-z0-9+/=\s]+")
_INSIDE = re.compile(r"#[\w.:-]+")
_LOADS = re.compile(r"url\s*\(\s*['\"]?(?!#)|@|\\|expression|javascript:|-moz-|/\*", re.IGNORECASE)

register_namespace("", "http://www.w3.org/2000/svg")
register_namespace("xlink", "http://www.w3.org/1999/xlink")


class DrawingError(Exception):
    """The text is no SVG that may be shown."""


def clean_svg(source: str) -> bytes:
    """Return a drawing without scripts, events, animations, foreign content and addresses.

    Args:
        source: XML text.

    Raises:
        DrawingError: it is not well-formed, defines entities, is no SVG, or is larger than a page can bear.

    """
    if len(source) > MAX_CHARS:
        raise DrawingError("the drawing is too large")
    try:
        root = fromstring(source.encode("utf-8", "replace"), forbid_dtd=False)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise DrawingError(str(error)) from error
    if root.tag != f"{_SVG}svg":
        raise DrawingError("the root element is no svg")
    if sum(1 for _ in root.iter()) > MAX_ELEMENTS or _depth(root) > 100:
        raise DrawingError("the drawing has too many elements")
    _clean(root)
    if _count_drawn(root) > MAX_DRAWN:
        raise DrawingError("the drawing copies itself too often")
    written: bytes = tostring(root, encoding="utf-8")
    return written


def _depth(root: Element) -> int:
    deepest = 0
    waiting = [(root, 1)]
    while waiting:
        element, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting.extend((child, depth + 1) for child in element)
    return deepest


def _clean(element: Element) -> None:
    for name, value in list(element.attrib.items()):
        if not _may_stay(element.tag, name, value):
            del element.attrib[name]
    for child in list(element):
        name = str(child.tag).removeprefix(_SVG)
        if name not in _SHAPES or (name == "style" and _LOADS.search(child.text or "")):
            element.remove(child)
        else:
            _clean(child)


def _may_stay(tag: str, name: str, value: str) -> bool:
    if name in (_LINK, "href"):
        pattern = _EMBEDDED if tag == f"{_SVG}image" else _INSIDE
        return bool(pattern.fullmatch(value.strip()))
    if name.startswith("{") and not name.startswith("{http://www.w3.org/XML/1998/namespace}space"):
        return False
    return not name.lower().startswith("on") and not _LOADS.search(value)


def _count_drawn(root: Element) -> int:
    """Return the number of elements with every copy counted; a cycle counts as too many."""
    by_id = {element.get("id"): element for element in root.iter() if element.get("id")}
    counts: dict[Element, int] = {}
    open_: set[Element] = set()

    def count(element: Element, depth: int) -> int:
        if element in open_ or depth > 200:
            return MAX_DRAWN + 1
        if element not in counts:
            open_.add(element)
            total = 1 + sum(count(child, depth + 1) for child in element)
            target = (element.get(_LINK) or element.get("href") or "").strip().removeprefix("#")
            if element.tag == f"{_SVG}use" and target in by_id:
                total += count(by_id[target], depth + 1)
            open_.discard(element)
            counts[element] = min(total, MAX_DRAWN + 1)
        return counts[element]

    return count(root, 0)
