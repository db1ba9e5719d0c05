"""HTML that a student's program made: what is left can show, and nothing else."""

from __future__ import annotations

import re
from functools import cache

import nh3
from markupsafe import Markup

from labgrade.pages.images import image_address
from labgrade.pages.text import clean_text

__all__ = ["MATH_TAGS", "has_content", "sanitise_html", "sanitise_math"]

MAX_CHARS = 400_000
"""HTML beyond this is not shown; a table of 5,000 cells has half of it."""
MAX_DEPTH = 200
"""Elements inside elements; browsers and parsers slow down beyond."""

_TEXT = """
a abbr b blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption figure
h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong sub summary sup
table tbody td tfoot th thead tr tt u ul var
"""
_MATH = """
math mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace msqrt mstyle
msub msubsup msup mtable mtd mtext mtr munder munderover none
"""
# Removed with all that is in them: their text is code, or was never meant to be read.
_CODE = """
applet audio base button canvas embed form frame frameset head iframe input link meta noembed noframes
noscript object optgroup option param plaintext portal script select slot source style svg template
textarea title track video xmp
"""
TEXT_TAGS = frozenset(_TEXT.split())
MATH_TAGS = frozenset(_MATH.split())
_WITH_CONTENT = frozenset(_CODE.split())

_TEXT_ATTRIBUTES = {
    "a": {"href", "title"},
    "abbr": {"title"},
    "col": {"span"},
    "colgroup": {"span"},
    "details": {"open"},
    "img": {"src", "alt", "width", "height"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_MATH_ATTRIBUTES = {
    "math": {"display", "alttext"},
    "mfrac": {"linethickness"},
    "mi": {"mathvariant"},
    "mo": {"stretchy", "fence", "separator", "form", "accent", "movablelimits", "largeop"},
    "mn": {"mathvariant"},
    "mover": {"accent"},
    "munder": {"accentunder"},
    "mstyle": {"displaystyle", "scriptlevel", "mathvariant"},
    "mtable": {"columnalign", "rowspacing"},
    "mtd": {"columnalign"},
    "mtext": {"mathvariant"},
}
_NUMBER = re.compile(r"[0-9]{1,4}")
_WORD = re.compile(r"[A-Za-z0-9 .-]{1,40}")
_LINK = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x1f]{1,2000}", re.IGNORECASE)
_SPACES = re.compile(r"[\x00-\x20\x7f-\x9f\u00a0\u2028\u2029]+")
_OFTEN_LEFT_OPEN = frozenset(["br", "col", "dd", "dt", "hr", "img", "li", "p", "td", "th", "tr"])
_OPENING = re.compile(r"<[a-zA-Z]")


def sanitise_html(html: str, *, may_have_math: bool = False) -> Markup:
    """Return HTML without anything that runs, loads, positions, or belongs to the page around it.

    Left are text, tables, lists, links to web pages, and pictures in ``data:`` addresses of PNG, JPEG and
    GIF. No ``style``, ``class``, ``id`` or event attribute stays.

    Args:
        html: anything.
        may_have_math: whether MathML elements stay (those that we made; see :func:`sanitise_math`).

    """
    if len(html) > MAX_CHARS:
        return Markup('<p class="note">This output has {:,} characters and is not shown here.</p>').format(
            len(html)
        )
    if _is_deep(html):
        return Markup('<p class="note">This output is nested too deeply to be shown here.</p>')
    cleaned = _cleaner(may_have_math=may_have_math).clean(clean_text(html))
    return Markup(cleaned)  # noqa: S704 - nh3 has just made it safe


def sanitise_math(mathml: str) -> Markup:
    """Return MathML in which no element of HTML and no address is left."""
    cleaner = nh3.Cleaner(
        tags=set(MATH_TAGS),
        clean_content_tags=set(_WITH_CONTENT),
        attributes={tag: set(names) for tag, names in _MATH_ATTRIBUTES.items()},
        attribute_filter=_filter_attribute,
        link_rel=None,
        url_schemes=set(),
    )
    return Markup(cleaner.clean(mathml))  # noqa: S704 - nh3 has just made it safe


def has_content(html: str) -> bool:
    """Return whether anything is left to be seen."""
    return "<img src" in html or bool(re.sub(r"<[^>]*>|\s", "", html))


def _is_deep(html: str) -> bool:
    """Return whether elements are nested deeper than any table or list is."""
    if len(_OPENING.findall(html)) <= MAX_DEPTH:
        return False
    depth = 0
    for tag in re.finditer(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)", html):
        if tag[2].lower() in _OFTEN_LEFT_OPEN:
            continue
        depth = max(0, depth - 1) if tag[1] else depth + 1
        if depth > MAX_DEPTH:
            return True
    return False


@cache
def _cleaner(*, may_have_math: bool) -> nh3.Cleaner:
    tags, attributes = set(TEXT_TAGS), {tag: set(names) for tag, names in _TEXT_ATTRIBUTES.items()}
    if may_have_math:
        tags |= MATH_TAGS
        attributes |= {tag: set(names) for tag, names in _MATH_ATTRIBUTES.items()}
    return nh3.Cleaner(
        tags=tags,
        clean_content_tags=set(_WITH_CONTENT),
        attributes=attributes,
        attribute_filter=_filter_attribute,
        link_rel="noopener noreferrer nofollow",
        url_schemes={"http", "https", "mailto", "data"},
        generic_attribute_prefixes=set(),
    )


def _filter_attribute(tag: str, name: str, value: str) -> str | None:
    if name == "href":
        value = _SPACES.sub("", value)
        return value if tag == "a" and _LINK.fullmatch(value) else None
    if name == "src":
        return image_address(value)
    if name in ("title", "alt", "alttext"):
        return value[:500]
    if name == "open":
        return ""
    pattern = _WORD if tag in MATH_TAGS or name == "scope" else _NUMBER
    return value if pattern.fullmatch(value) else None
