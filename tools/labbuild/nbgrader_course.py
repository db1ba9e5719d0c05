"""The ``nbgrader_config.py`` that goes with the built sources.

It does two things: it makes ``nbgrader generate_assignment`` put our placeholders where it takes a solution
out, and it closes what nbgrader leaves open, as far as settings can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["CONFIG_NAME", "course_config"]

CONFIG_NAME = "nbgrader/nbgrader_config.py"

_TEMPLATE = '''\
"""Settings of nbgrader for the assignments in source/. Written by `labs build`; do not edit.

Settings of your own go into course_settings.py beside this file: it is read last, so it wins.
"""

import os
import re
from pathlib import Path

from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.preprocessors import ClearSolutions, DeduplicateIds

c = get_config()  # noqa: F821


class ClearSolutionsWithStubs(ClearSolutions):
    """Replace `### BEGIN SOLUTION stub=LINE` by LINE, or by nothing when LINE is empty.

    A plain `### BEGIN SOLUTION` is replaced by the stub of the course, as ever.
    """

    _MARK = re.compile(r"BEGIN SOLUTION stub=(.*?)\\s*(?:-->)?\\s*$")

    def _replace_solution_region(self, cell, language):
        rows, kept, is_open, replaced = cell.source.split("\\n"), [], False, False
        if not any(self._MARK.search(row) for row in rows):
            return super()._replace_solution_region(cell, language)
        for row in rows:
            mark = self._MARK.search(row)
            if self.begin_solution_delimeter in row:
                if is_open:
                    raise RuntimeError("encountered nested begin solution statements")
                is_open = replaced = True
                stub = mark[1] if mark else self._course_stub(cell, language)
                indent = re.match(r"\\s*", row).group(0)
                kept += [indent + line for line in stub.split("\\n")] if stub else []
            elif self.end_solution_delimeter in row:
                is_open = False
            elif not is_open:
                kept.append(row)
        if is_open:
            raise RuntimeError("no end solution statement found")
        cell.source = "\\n".join(kept)
        return replaced

    def _course_stub(self, cell, language):
        return self.code_stub[language] if cell.cell_type == "code" else self.text_stub


class DeduplicateIdsSafely(DeduplicateIds):
    """Take a duplicated cell's nbgrader metadata away: an empty one stops nbgrader's whole batch."""

    def preprocess_cell(self, cell, resources, cell_index):
        cell, resources = super().preprocess_cell(cell, resources, cell_index)
        if "nbgrader" in cell.metadata and not cell.metadata["nbgrader"]:
            del cell.metadata["nbgrader"]
        return cell, resources


def _with(classes, old, new):
    return [new if cls is old else cls for cls in classes]


c.GenerateAssignment.preprocessors = _with(
    GenerateAssignment.class_traits()["preprocessors"].default(), ClearSolutions, ClearSolutionsWithStubs
)
c.Autograde.sanitize_preprocessors = _with(
    Autograde.class_traits()["sanitize_preprocessors"].default(), DeduplicateIds, DeduplicateIdsSafely
)

# A student who deletes a test cell gets it back.
c.OverwriteCells.add_missing_cells = True
# The tag "skip-execution" would give full points for a cell that is not run; no cell has this tag.
c.Execute.skip_cells_with_tag = "__never__"
c.Execute.timeout = {timeout_s}
c.Execute.startup_timeout = 120
# A warning on stderr would cost all points of a test cell.
os.environ.setdefault("PYTHONWARNINGS", "ignore")
# Modules that students write; everything else is replaced by the master copy before grading.
c.Autograde.exclude_overwriting = {exclude}

if (Path(__file__).parent / "course_settings.py").is_file():
    load_subconfig("course_settings.py", path=str(Path(__file__).parent))  # noqa: F821
'''


def course_config(student_modules: Mapping[str, Sequence[str]], timeout_s: int = 120) -> bytes:
    """Return ``nbgrader_config.py``.

    Args:
        student_modules: lab -> companion modules that students fill in.
        timeout_s: seconds for one cell.

    Returns:
        Python source, UTF-8.

    """
    table = {lab: sorted(names) for lab, names in sorted(student_modules.items()) if names}
    rows = "".join(f"    {lab!r}: {names!r},\n" for lab, names in table.items())
    exclude = "{\n" + rows + "}" if rows else "{}"
    return _TEMPLATE.replace("{timeout_s}", str(timeout_s)).replace("{exclude}", exclude).encode()
