"""The student's own work: which cells belong to which question, and how they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from labgrade.clearing import COVER
from labgrade.feedback.content import SourceFile, Work
from labgrade.feedback.modules import StudentModule, imported_names
from labgrade.feedback.notebook import NotebookCell
from labgrade.feedback.secrets import Secrets
from labgrade.pages import OutputRenderer, highlight_python, render_markdown
from labgrade.pages.markdown import FindImage

__all__ = ["FAILED_UNSEEN", "WorkShop", "assign_cells"]

MAX_WORKS = 60
"""Cells that are shown of one question; a lab has some ten."""
FAILED_UNSEEN = Markup('<p class="note">It failed in a part of the test that is not shown.</p>')

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_PLACE = re.compile(r"^(?:Cell In|File )", re.MULTILINE)
_ARROW = re.compile(r"^-+>", re.MULTILINE)


def assign_cells(
    cells: Sequence[NotebookCell], owners: Mapping[str, str]
) -> tuple[dict[str, list[NotebookCell]], list[NotebookCell]]:
    """Give each question the cells from the end of the one before to its own last graded cell.

    Args:
        cells: of a notebook, in order.
        owners: graded cell -> question.

    Returns:
        The cells of each question, and those after the last one. What follows a task up to the next cell
        that nbgrader knows is the answer to it.

    """
    found: dict[str, list[NotebookCell]] = {}
    waiting: list[NotebookCell] = []
    task = ""
    for cell in cells:
        if task and not cell.grade_id:
            found[task].append(cell)
            continue
        task = ""
        waiting.append(cell)
        if cell.grade_id in owners:
            found.setdefault(owners[cell.grade_id], []).extend(waiting)
            waiting = []
            task = owners[cell.grade_id] if cell.task else ""
    return found, waiting


class WorkShop:
    """Makes a student's cells and files ready to be shown on one page.

    Args:
        secrets: what may not be shown.
        modules: files that the student wrote.
        find_image: pictures that lie beside the notebook.

    """

    def __init__(
        self, secrets: Secrets, modules: Sequence[StudentModule], find_image: FindImage = lambda _: None
    ) -> None:
        self._secrets = secrets
        self._modules = {module.module: module for module in modules if module.module}
        self._files = [(module, _show_file(module)) for module in modules]
        self._lines = {module.module: lines for module, lines in self._files}
        self._find_image = find_image
        self._outputs = OutputRenderer()

    def show_cells(self, cells: Iterable[NotebookCell], *, is_task: bool = False) -> tuple[Work, ...]:
        """Return what is shown of a question's cells: answers at once, the lab's code folded, outputs always.

        Args:
            cells: of one question, or those after the last.
            is_task: text cells without an id are part of the answer.

        """
        cells = list(cells)
        works = list(self._from_modules(cells))
        for cell in cells:
            work = self._show(cell, is_task=is_task)
            if work is not None:
                works.append(work)
        return tuple(works[:MAX_WORKS])

    def show_test(self, cell: NotebookCell) -> Work | None:
        """Return the outputs of a plain test cell, which says no sentences of its own."""
        if any(_is_unseen(output) for output in cell.outputs):
            return Work("What the test said", outputs=(FAILED_UNSEEN,))
        shown = self._show_outputs(cell)
        return Work("What the test said", outputs=shown) if shown else None

    def show_files(self) -> tuple[SourceFile, ...]:
        """Return the files that the student wrote, whole."""
        return tuple(
            SourceFile(module.name, Markup("\n").join(lines), module.note) for module, lines in self._files
        )

    def _from_modules(self, cells: Sequence[NotebookCell]) -> Iterable[Work]:
        sources = (cell.source for cell in cells if cell.cell_type == "code" and "import" in cell.source)
        for module, names in imported_names(sources).items():
            known = self._modules.get(module)
            for name in names if known is not None else ():
                if known is not None and name in known.parts:
                    first, last = known.parts[name]
                    body = Markup("\n").join(self._lines[module][first - 1 : last])
                    yield Work(f"`{name}` in `{known.name}`", _source(body), is_answer=True)

    def _show(self, cell: NotebookCell, *, is_task: bool) -> Work | None:
        if cell.grade and not cell.solution:
            return None  # a test: its checks are told in sentences
        if cell.cell_type == "code":
            outputs = self._show_outputs(cell)
            if not (cell.solution or outputs or (is_task and cell.source.strip())):
                return None
            caption = f"Your answer `{cell.grade_id}`" if cell.solution else "A cell of the notebook"
            body = _source(highlight_python(cell.source)) if cell.source.strip() else Markup("")
            return Work(caption, body, outputs, is_answer=cell.solution or is_task)
        if not cell.source.strip() or not (cell.solution or (is_task and not cell.task)):
            return None
        text = render_markdown(cell.source, cell.attachments, self._find_image)
        name = f" `{cell.grade_id}`" if cell.grade_id else ""
        return Work(f"Your answer{name}", Markup('<div class="prose">{}</div>').format(text), is_answer=True)

    def _show_outputs(self, cell: NotebookCell) -> tuple[Markup, ...]:
        covered = [dict(self._secrets.cover_output(output)) for output in cell.outputs]
        return tuple(self._outputs.render_cell(covered))


def _show_file(module: StudentModule) -> list[Markup]:
    """Return the lines of a file; the highlighter closes its elements at the end of each line."""
    shown = highlight_python(module.source) if module.module else Markup.escape(module.source)
    return shown.split("\n")


def _source(body: Markup) -> Markup:
    return Markup('<pre class="source"><code>{}</code></pre>').format(body)


def _is_unseen(output: Mapping[str, object]) -> bool:
    """Return whether an error arose in a hidden line: its message too would tell what is tested."""
    trace = output.get("traceback")
    if output.get("output_type") != "error" or not isinstance(trace, list):
        return False
    text = _ANSI.sub("", "\n".join(map(str, trace)))
    return COVER in text and len(_ARROW.findall(text)) < max(1, len(_PLACE.findall(text)))
