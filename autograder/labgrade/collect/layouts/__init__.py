"""Which LMS a download comes from: told by the names of its members alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from labgrade.collect.layouts.base import Context, Layout
from labgrade.collect.layouts.blackboard import BLACKBOARD
from labgrade.collect.layouts.canvas import CANVAS
from labgrade.collect.layouts.github import GITHUB
from labgrade.collect.layouts.gradescope import GRADESCOPE
from labgrade.collect.layouts.ilias import ILIAS
from labgrade.collect.layouts.inbound import INBOUND
from labgrade.collect.layouts.moodle import MOODLE
from labgrade.collect.layouts.olat import OLAT
from labgrade.collect.layouts.plain import PLAIN
from labgrade.collect.layouts.submitted import SUBMITTED
from labgrade.collect.model import Claim

__all__ = ["LAYOUTS", "Choice", "Context", "Layout", "choose_layout"]

LAYOUTS = (MOODLE, BLACKBOARD, INBOUND, GRADESCOPE, OLAT, CANVAS, GITHUB, SUBMITTED, ILIAS, PLAIN)
"""The most unmistakable first; the last one takes everything."""
MIN_SHARE = 0.5
"""Part of the names that a layout must explain."""
MAX_WRAPPERS = 3


@dataclass(frozen=True, slots=True)
class Choice:
    """The layout that explains most.

    Args:
        layout: the one.
        claims: parallel to the names.
        wrapper: folders around everything, "" if there are none.
        shares: layout's name -> part of the names that it explains, 0 to 1, of those that explain any.

    """

    layout: Layout
    claims: tuple[Claim | None, ...]
    wrapper: str
    shares: dict[str, float]


def choose_layout(names: Sequence[str], context: Context, only: str = "") -> Choice:
    """Choose a layout by the names of all members.

    Args:
        names: of the members, clean.
        context: of the lab.
        only: name of the layout to take whatever the names say, "" to choose.

    """
    best: Choice | None = None
    rank = (-1.0, 0, 0)
    shares: dict[str, float] = {}
    for depth, (wrapper, inner) in enumerate(_unwrapped(names)):
        for order, layout in enumerate(LAYOUTS):
            if only and layout.name != only:
                continue
            if layout is PLAIN and not only and not _is_bare(inner, depth, context):
                continue
            claims = layout.read(inner, context)
            share = sum(claim is not None for claim in claims) / len(names) if names else 0.0
            if share:
                shares[layout.name] = max(share, shares.get(layout.name, 0.0))
            fits = bool(only) or layout is PLAIN or share >= MIN_SHARE
            new = (0.0 if layout is PLAIN and not only else share, -order, -depth)
            if fits and new > rank:
                best, rank = Choice(layout, tuple(claims), wrapper, shares), new
    if best is None:
        best = Choice(PLAIN, tuple(PLAIN.read(names, context)), "", shares)
    return best


def _unwrapped(names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return the names, and the names without each folder that is around all of them."""
    found = [("", list(names))]
    while len(found) <= MAX_WRAPPERS:
        wrapper, inner = found[-1]
        firsts = {name.partition("/")[0] for name in inner if "/" in name}
        if len(firsts) != 1 or any("/" not in name for name in inner):
            break
        first = firsts.pop()
        found.append((f"{wrapper}{first}/", [name[len(first) + 1 :] for name in inner]))
    return found


def _is_bare(inner: Sequence[str], depth: int, context: Context) -> bool:
    """Return whether submissions lie here and not one folder further down.

    A single folder of an archive is around everything if what it holds looks like submissions: more folders,
    or notebooks that are not called like the lab's.
    """
    if not context.is_archive:
        return depth == 0
    firsts = {name.partition("/")[0] for name in inner}
    if len(firsts) > 1 or any("/" not in name for name in inner):
        return True
    below = [name.partition("/")[2] for name in inner]
    notebooks = [name.rpartition(".")[0] for name in below if "/" not in name and name.endswith(".ipynb")]
    return bool(notebooks) and any(name in context.notebooks for name in notebooks)
