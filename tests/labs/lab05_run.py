"""Run the checks of lab 05 on any version of the students' three modules, in this process."""

from __future__ import annotations

import contextlib
import importlib
import io
import linecache
import sys
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from labbuild.compile import compile_lab
from labkit.checks import CheckResult, recording_results

__all__ = ["LAB", "STUDENT_MODULES", "Lab05"]

LAB = Path(__file__).resolve().parents[2] / "exercises" / "05-transformer"
STUDENT_MODULES = ("transformer", "palindromes", "word_model")
# The given cells that the checks need: set-up, shared helpers, the plays.
_NEEDED = ("friendly()", "from build_checks import", "load_shakespeare()")


class Lab05:
    """The notebooks `build` and `shakespeare`, their set-up cells run once; answers come and go.

    Args:
        folder: for the modules under test.

    """

    def __init__(self, folder: Path) -> None:
        self.lab = compile_lab(LAB)
        self.notebooks = {notebook.name: notebook for notebook in self.lab.notebooks}
        self.modules = {module.name.removesuffix(".py"): module for module in self.lab.modules}
        self.tests: dict[str, tuple[str, str, str]] = {}
        self._folder, self._runs = folder, 0
        self._namespaces: dict[str, dict[str, Any]] = {}

    def prepare(self) -> None:
        """Run the set-up cells with the solution's modules, and collect the test cells."""
        with self.answers({}), contextlib.redirect_stdout(io.StringIO()):
            for name in ("build", "shakespeare"):
                namespace: dict[str, Any] = {"__name__": "__main__"}
                for index, cell in enumerate(self.notebooks[name].solution["cells"]):
                    source = "".join(cell["source"])
                    grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
                    place = f"<ipython-input-lab05-{name}-{index}>"
                    linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
                    if grade_id.startswith("test-"):
                        self.tests[grade_id.removeprefix("test-")] = (source, place, name)
                    elif cell["cell_type"] == "code" and any(text in source for text in _NEEDED):
                        exec(compile(source, place, "exec"), namespace)
                self._namespaces[name] = namespace

    @contextlib.contextmanager
    def answers(self, texts: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Import the students' modules, the solution's where no text is given; afterwards they are gone.

        Args:
            texts: module's name -> its text.

        """
        self._runs += 1
        folder = self._folder / f"run-{self._runs}"
        folder.mkdir()
        for name in STUDENT_MODULES:
            text = texts.get(name, self.modules[name].solution)
            (folder / f"{name}.py").write_text(text, encoding="utf-8")
            sys.modules.pop(name, None)
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        try:
            names: dict[str, Any] = {}
            for name in STUDENT_MODULES:
                module = importlib.import_module(name)
                names |= {
                    key: value
                    for key, value in vars(module).items()
                    if getattr(value, "__module__", "") == name
                }
                names[name] = module
            yield names
        finally:
            sys.path.remove(str(folder))
            for name in STUDENT_MODULES:
                sys.modules.pop(name, None)

    def check(self, question: str, texts: Mapping[str, str]) -> CheckResult:
        """Run the complete check of a question on modules' texts."""
        source, place, notebook = self.tests[question]
        with self.answers(texts) as names, warnings.catch_warnings(), recording_results() as results:
            warnings.simplefilter("ignore")
            exec(compile(source, place, "exec"), {**self._namespaces[notebook], **names})
        return results[0]
