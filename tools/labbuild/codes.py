"""Every diagnostic the builder can give: its code, how grave it is, and what it means.

Codes are stable: a code is never given a second meaning. ``docs/diagnostics.md`` has a section for each of
them (a test compares the two lists).
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["CODES", "Severity"]


class Severity(StrEnum):
    """What a diagnostic does to the build."""

    ERROR = "error"
    """Nothing is written."""
    WARNING = "warning"
    """The source was mended in memory, or something deserves a look; the build goes on."""


_E, _W = Severity.ERROR, Severity.WARNING

CODES: dict[str, tuple[Severity, str]] = {
    # 1xx: reading a source
    "LB101": (_W, "The file is not UTF-8"),
    "LB102": (_W, "The text looks as if it had been decoded wrongly (mojibake)"),
    "LB103": (_E, "The file cannot be read"),
    "LB104": (_E, "The header is not valid YAML"),
    "LB105": (_W, "The kernelspec is not one that every machine has"),
    "LB106": (_E, "There is nothing to build here"),
    "LB107": (_E, "The source format is not supported"),
    "LB108": (_E, "The notebook is read differently from what its lines say"),
    # 2xx: how a marker is written
    "LB201": (_E, "Unknown TAG"),
    "LB202": (_E, "Almost a marker"),
    "LB203": (_W, "Something stray stands beside a marker"),
    "LB204": (_E, "A marker shares its line with other text"),
    "LB205": (_E, "A marker's arguments cannot be read"),
    "LB206": (_E, "Points are missing"),
    "LB207": (_E, "An id is missing or has characters that ids cannot have"),
    "LB208": (_W, "A marker is indented differently from its region"),
    # 3xx: regions
    "LB301": (_E, "A region ends that never began"),
    "LB302": (_E, "A region is not closed"),
    "LB303": (_E, "A region begins inside another one"),
    "LB304": (_W, "HWBEGIN typed for HWEND"),
    "LB305": (_E, "A region spans cells"),
    "LB306": (_W, "A region closes its own Markdown region"),
    "LB307": (_W, "A Markdown region is split by blank lines"),
    "LB308": (_W, "A region stands around a whole cell"),
    "LB309": (_W, "A message stands outside a region"),
    "LB310": (_E, "What is left without the region does not parse"),
    "LB311": (_W, "The code does not parse"),
    "LB312": (_W, "SKIPQUESTEXEC does not stand at the top of a code cell"),
    "LB313": (_E, "A hidden region stands outside a test cell"),
    "LB314": (_W, "A region is empty"),
    "LB315": (_E, "A cell is never closed"),
    # 4xx: grading
    "LB401": (_E, "An id is used twice"),
    "LB402": (_E, "A test has no answer to test"),
    "LB403": (_W, "Nobody grades this answer"),
    "LB404": (_E, "A tag stands in the wrong kind of cell"),
    "LB405": (_E, "Two tags contradict each other"),
    "LB406": (_E, "A solution region stands where students cannot write"),
    "LB407": (_E, "The nbgrader metadata of a cell is not valid"),
    "LB408": (_E, "A test cell does not parse"),
    "LB409": (_W, "A test cell has only hidden lines"),
    "LB410": (_E, "A tag in a module has no region"),
    # 5xx: lab.toml and the lab's folder
    "LB501": (_E, "lab.toml is not valid TOML"),
    "LB502": (_E, "Unknown key in lab.toml"),
    "LB503": (_E, "A value in lab.toml has the wrong type"),
    "LB504": (_E, "lab.toml names something that is not there"),
    "LB505": (_W, "A pattern in lab.toml matches no file"),
    "LB506": (_E, "lab.toml would give away a file that must stay"),
    "LB507": (_E, "Two sources make the same output"),
    "LB508": (_W, "Only the solution imports this module"),
    # 6xx: pairs
    "LB601": (_E, "The Markdown source and its percent twin differ"),
    "LB602": (_E, "Both twins were changed"),
    "LB603": (_E, "The twin cannot say what the source says"),
    # 7xx: writing
    "LB701": (_E, "An output was edited by hand"),
    "LB702": (_E, "The output folder is not a place to write to"),
    "LB703": (_E, "An output is not a valid notebook"),
    "LB704": (_E, "A cell fails when it is executed"),
    "LB705": (_W, "nbgrader would release a file that the build did not make"),
    "LB706": (_E, "A PDF could not be made"),
}
"""Code -> (severity, what it means in one line)."""
