"""Apply a variant to the solution: text in, text out."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labbuild.cell_content import cell_text, is_python
from labbuild.check.findings import Finding
from labbuild.check.variants import Variant
from labbuild.compiled import AnswerPlace, CompiledLab, Question

__all__ = ["Changes", "apply_variant", "place_text"]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a variant changes in the solution.

    Args:
        cells: (notebook, index) -> new text of the cell.
        modules: module file -> new text.

    """

    cells: Mapping[tuple[str, int], str] = field(default_factory=dict)
    modules: Mapping[str, str] = field(default_factory=dict)


def place_text(lab: CompiledLab, place: AnswerPlace) -> str:
    """Return the whole solution text of the cell or module in which an answer stands."""
    if place.kind == "module":
        return next(module.solution for module in lab.modules if module.name == place.file)
    notebook = next(notebook for notebook in lab.notebooks if notebook.name == place.file)
    assert place.cell is not None
    return cell_text(notebook.solution["cells"][place.cell])


def apply_variant(
    lab: CompiledLab, question: Question, variant: Variant, path: Path
) -> tuple[Changes | None, list[Finding]]:
    """Apply one variant.

    Args:
        lab: compiled.
        question: the variant's question.
        variant: what to change.
        path: the ``variants.toml``, for findings.

    Returns:
        The changes, and no finding; or None and what is wrong with the variant.

    """
    problem = _Problem(path, variant)
    places = [place for place in question.answers if not variant.file or place.file == variant.file]
    if not places:
        files = ", ".join(sorted({place.file for place in question.answers}))
        return None, [
            problem.finding("LC106", f"has no answer in {variant.file!r}", f"file = one of: {files}")
        ]
    answers = {place: _answer_of(place_text(lab, place), place) for place in places}
    if variant.cell is not None:
        if len({(place.file, place.cell) for place in places}) > 1 or places[0].kind == "module":
            where = ", ".join(f"{place.file}:{place.first_line}" for place in places)
            hint = "use `code` for a region of a module, `edits` for an answer in several cells"
            return None, [problem.finding("LC106", f"gives `cell`, and the answer stands at {where}", hint)]
        return _replace_cell(lab, places[0], variant.cell.strip("\n"), problem)
    if variant.code is not None:
        if len(places) > 1:
            where = ", ".join(f"{place.file}:{place.first_line}" for place in places)
            hint = 'write `file = "…"` if the files differ, `cell` for the whole cell, else `edits`'
            return None, [problem.finding("LC106", f"gives `code`, and the answer stands at {where}", hint)]
        changed = {places[0]: _indent_like(variant.code, answers[places[0]])}
    else:
        edited = _edit(answers, variant, problem)
        if isinstance(edited, Finding):
            return None, [edited]
        changed = edited
    return _merge(lab, changed, problem)


@dataclass(frozen=True, slots=True)
class _Problem:
    path: Path
    variant: Variant

    def finding(self, code: str, message: str, hint: str, text: str = "") -> Finding:
        variant = self.variant
        return Finding(
            code, self.path, variant.line, f"{variant.label} {message}", hint, variant.question, text
        )


def _answer_of(text: str, place: AnswerPlace) -> str:
    return "\n".join(text.split("\n")[place.first_line - 1 : place.last_line])


def _edit(
    answers: Mapping[AnswerPlace, str], variant: Variant, problem: _Problem
) -> dict[AnswerPlace, str] | Finding:
    texts = dict(answers)
    for old, new in variant.edits:
        count = sum(text.count(old) for text in texts.values()) if old else 0
        if count != 1:
            times = "does not stand" if count == 0 else f"stands {count} times"
            hint = (
                "take more of the line, so that it is the only one"
                if count
                else "copy the text from the answer; earlier edits of the same variant are already applied"
            )
            return problem.finding("LC103", f"replaces a text that {times} in the answer", hint, old)
        texts = {place: text.replace(old, new) for place, text in texts.items()}
    return texts


def _indent_like(code: str, answer: str) -> str:
    first = next((line for line in answer.split("\n") if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    return textwrap.indent(textwrap.dedent(code).strip("\n"), indent)


def _merge(
    lab: CompiledLab, changed: Mapping[AnswerPlace, str], problem: _Problem
) -> tuple[Changes | None, list[Finding]]:
    by_text: dict[tuple[str, int | None], list[AnswerPlace]] = {}
    for place in changed:
        by_text.setdefault((place.file, place.cell), []).append(place)
    cells: dict[tuple[str, int], str] = {}
    modules: dict[str, str] = {}
    is_new = False
    for (file, cell), places in by_text.items():
        before = place_text(lab, places[0])
        lines = before.split("\n")
        # From the bottom, so that the lines of the places above stay where they are.
        for place in sorted(places, key=lambda place: -place.first_line):
            lines[place.first_line - 1 : place.last_line] = changed[place].split("\n")
        text = "\n".join(lines)
        differs = _differs(text, before, problem)
        if isinstance(differs, Finding):
            return None, [differs]
        is_new |= differs
        if cell is None:
            modules[file] = text
        else:
            cells[file, cell] = text
    return (Changes(cells, modules), []) if is_new else (None, [_equal_to_solution(problem)])


def _replace_cell(
    lab: CompiledLab, place: AnswerPlace, text: str, problem: _Problem
) -> tuple[Changes | None, list[Finding]]:
    differs = _differs(text, place_text(lab, place), problem)
    if isinstance(differs, Finding):
        return None, [differs]
    if not differs:
        return None, [_equal_to_solution(problem)]
    assert place.cell is not None
    return Changes(cells={(place.file, place.cell): text}), []


def _differs(text: str, before: str, problem: _Problem) -> bool | Finding:
    try:
        return _meaning(text) != _meaning(before)
    except SyntaxError as error:
        hint = "a wrong answer must run to be wrong; mend it, or look at its indentation"
        return problem.finding("LC105", f"does not parse: {error.msg}", hint, (error.text or "").rstrip())


def _equal_to_solution(problem: _Problem) -> Finding:
    return problem.finding("LC104", "is equal to the solution", "change what it replaces, or drop it")


def _meaning(text: str) -> str:
    """Return what two texts have in common that differ in blanks and comments only."""
    if is_python(text):
        return ast.dump(ast.parse(text))
    return "\n".join(line.rstrip() for line in text.split("\n") if line.strip())
