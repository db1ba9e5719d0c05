"""Check a lab from end to end."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from labbuild.cell_content import cell_text
from labbuild.check.confidential import open_texts, secrets_of
from labbuild.check.findings import Finding, sort_findings
from labbuild.check.leaks import LeakIndex, search_places
from labbuild.check.links import find_broken_links
from labbuild.check.places import (
    Place,
    places_of_file,
    places_of_notebook,
    stray_files,
    unused_attachments,
)
from labbuild.check.points import check_points
from labbuild.check.report import LabReport
from labbuild.check.runner import open_runner, warm_modules
from labbuild.check.running import judge_solution_run, judge_student_run, places_of_run
from labbuild.check.trials import CheckedLab
from labbuild.check.variants import VARIANTS_FILE, CheckSettings, VariantsFile, read_variants
from labbuild.compile import compile_lab
from labbuild.compiled import CompiledLab
from labbuild.work_folder import fill_folder

__all__ = ["check_lab", "leak_index"]

_LARGEST_SEARCHED = 50_000_000


def check_lab(path: Path, progress: Callable[[int, int], None] = lambda done, known: None) -> LabReport:
    """Compile a lab, look at it, run it, and say all that is wrong.

    Args:
        path: a lab's folder, or one source file.
        progress: called with (runs done, runs known so far).

    """
    start = time.perf_counter()
    lab = compile_lab(path)
    findings = list(_findings_of_build(lab))
    if lab.has_errors:
        return LabReport(lab.name, path, (), sort_findings(findings), time.perf_counter() - start)
    graded = tuple(question.id for question in lab.questions if question.kind == "auto")
    folder = lab.folder if not lab.is_single_file else path.parent
    variants = (
        VariantsFile(folder / VARIANTS_FILE)
        if lab.is_single_file
        else read_variants(folder / VARIANTS_FILE, graded)
    )
    findings += variants.findings
    findings += _findings_of_form(lab)
    with tempfile.TemporaryDirectory(prefix="labs-check-") as base:
        folders = {version: str(Path(base, version)) for version in ("solution", "student")}
        fill_folder(lab, Path(folders["solution"]), "solution")
        fill_folder(lab, Path(folders["student"]), "student")
        with open_runner(warm_modules(_sources(lab))) as runner:
            points = check_points(CheckedLab(lab, variants, folders), runner, progress)
    findings += points.findings
    for notebook in lab.notebooks:
        findings += judge_solution_run(notebook, points.solution[notebook.name])
        findings += judge_student_run(notebook, points.student[notebook.name])
    shown = [
        place
        for notebook in lab.notebooks
        for place in places_of_run(notebook, points.student[notebook.name])
    ]
    leaks = search_places(leak_index(lab, variants.settings), [*_places(lab), *shown])
    leaks += [
        finding
        for notebook in lab.notebooks
        for finding in unused_attachments(notebook.name, notebook.student, notebook.path)
    ]
    leaks += stray_files(lab.given, lab.folder)
    findings += leaks
    questions = tuple(
        replace(question, leaks=sum(leak.question == question.id for leak in set(leaks)))
        for question in points.questions
    )
    return LabReport(lab.name, path, questions, sort_findings(findings), time.perf_counter() - start)


def leak_index(lab: CompiledLab, settings: CheckSettings) -> LeakIndex:
    """Return what knows this lab's answers."""
    return LeakIndex(secrets_of(lab), open_texts(lab), settings.leak_tokens, settings.allow)


def _findings_of_build(lab: CompiledLab) -> Iterator[Finding]:
    for item in lab.diagnostics:
        code = "LC001" if item.is_error else "LC206" if item.code == "LB409" else "LC002"
        yield Finding(code, item.path, item.line, f"{item.code} {item.message}", item.hint, text=item.text)


def _findings_of_form(lab: CompiledLab) -> Iterator[Finding]:
    import nbformat

    files = {f"{notebook.name}.ipynb" for notebook in lab.notebooks}
    files |= {module.name for module in lab.modules} | set(lab.given)
    for notebook in lab.notebooks:
        for version in ("student", "solution", "nbgrader"):
            try:
                nbformat.validate(getattr(notebook, version), version=4)
            except nbformat.ValidationError as error:
                message = f"the {version} version of {notebook.name} is not valid: {error.message}"
                yield Finding("LC501", notebook.path, 0, message)
        yield from find_broken_links(notebook, "student", files)
        yield from find_broken_links(notebook, "solution", files | set(lab.kept))


def _sources(lab: CompiledLab) -> Iterator[str]:
    for notebook in lab.notebooks:
        yield from (cell_text(cell) for cell in notebook.solution["cells"] if cell["cell_type"] == "code")
    yield from (module.solution for module in lab.modules)


def _places(lab: CompiledLab) -> Iterator[Place]:
    for notebook in lab.notebooks:
        yield from places_of_notebook(notebook.name, notebook.student)
    for module in lab.modules:
        code = "LC301" if module.has_regions else "LC305"
        yield Place(code, module.name, module.student)
    for name, source in lab.given.items():
        if source.stat().st_size <= _LARGEST_SEARCHED:
            yield from places_of_file(name, source.read_bytes())
