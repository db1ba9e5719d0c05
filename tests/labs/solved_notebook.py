"""Run the solution of a notebook, cell by cell, in this process."""

from __future__ import annotations

import contextlib
import linecache
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from labbuild.compile import compile_lab
from labkit.checks import CheckResult, recording_results

__all__ = ["EXERCISES", "SolvedNotebook", "modules_of"]

EXERCISES = Path(__file__).resolve().parents[2] / "exercises"


@contextlib.contextmanager
def modules_of(folder: Path) -> Iterator[None]:
    """Let the modules of a lab's folder be imported, and forget them afterwards: labs share names."""
    before, path = set(sys.modules), list(sys.path)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - before:
            if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]


class SolvedNotebook:
    """The code cells of a notebook's solution.

    Args:
        lab: name of the lab's folder.
        notebook: its stem.
        folder: where the lab's modules are written, in their solution version.

    """

    def __init__(self, lab: str, notebook: str, folder: Path) -> None:
        compiled = compile_lab(EXERCISES / lab)
        found = next(each for each in compiled.notebooks if each.name == notebook)
        self.student = ["".join(cell["source"]) for cell in found.student["cells"]]
        self.text = ["".join(cell["source"]) for cell in found.solution["cells"]]
        self.cells = [
            (index, source)
            for index, source in enumerate(self.text)
            if found.solution["cells"][index]["cell_type"] == "code" and not source.startswith("%")
        ]
        for module in compiled.modules:
            (folder / module.name).write_text(module.solution, encoding="utf-8")
        self.name = f"{lab}-{notebook}"
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.results: list[CheckResult] = []

    def run(self, *parts: str, skip: tuple[str, ...] = ()) -> list[CheckResult]:
        """Run the cells that contain one of these texts (all, if none is given), and none of ``skip``."""
        with recording_results() as results:
            for index, source in self.cells:
                wanted = not parts or any(part in source for part in parts)
                if wanted and not any(part in source for part in skip):
                    name = f"<ipython-input-{self.name}-{index}>"
                    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
                    exec(compile(source, name, "exec"), self.names)
        self.results += results
        return results
