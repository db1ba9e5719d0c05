"""What students must not get: regions, answers and hidden tests, read from the sources themselves.

This reads markers on its own, in a few lines, and not through the compiler: a leak check that believed the
compiler could not find the compiler's mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labbuild.check.apply import place_text
from labbuild.check.findings import line_of_text
from labbuild.compiled import CompiledLab

__all__ = ["Secret", "open_texts", "secrets_of"]


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that must not reach students.

    Args:
        text: the lines.
        path: the source it stands in.
        line: 1-based first line there.
        question: id of the question it answers, "" for an ungraded region or a hidden test.
        is_answer: it answers a graded question.

    """

    text: str
    path: Path
    line: int
    question: str = ""
    is_answer: bool = False


def secrets_of(lab: CompiledLab) -> list[Secret]:
    """Collect the answers of the questions, and every region and hidden test of the sources."""
    secrets = []
    paths = _paths(lab)
    for question in lab.questions:
        for place in question.answers:
            lines = place_text(lab, place).split("\n")[place.first_line - 1 : place.last_line]
            text = "\n".join(lines)
            if text.strip():
                line = line_of_text(paths[place.file], next(line for line in lines if line.strip()))
                secrets.append(Secret(text, paths[place.file], line, question.id, is_answer=True))
    for path in dict.fromkeys(paths.values()):
        for line, text, is_secret in _segments(path):
            if is_secret and text.strip():
                secrets.append(Secret(text, path, line))
    return secrets


def open_texts(lab: CompiledLab) -> list[str]:
    """Return what the sources say outside of regions, hidden tests and answers: what may be known."""
    answers = [
        "\n".join(place_text(lab, place).split("\n")[place.first_line - 1 : place.last_line])
        for question in lab.questions
        for place in question.answers
    ]
    modules = {module.path: module for module in lab.modules}
    texts = []
    for path in dict.fromkeys(_paths(lab).values()):
        if path in modules and not modules[path].has_regions:
            continue  # a helper that is handed out is searched, so it is no excuse
        for _, text, is_secret in _segments(path):
            if is_secret:
                continue
            for answer in answers:
                # An answer cell without a region is an answer from its first line to its last.
                if answer.strip():
                    text = text.replace(answer, "\n")
            texts.append(text)
    return texts


def _paths(lab: CompiledLab) -> dict[str, Path]:
    paths = {notebook.name: notebook.path for notebook in lab.notebooks}
    return paths | {module.name: module.path for module in lab.modules}


def _segments(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Cut a source into (first line, text, whether it is between BEGIN and END); markers are in neither."""
    is_secret = False
    start, held = 1, list[str]()
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, 1):
        marker = line.partition("#!TAG")[2].split() if "#!TAG" in line else []
        word = marker[0] if marker else ""
        if word in ("HWBEGIN", "HIDDENBEGIN", "HWEND", "HIDDENEND"):
            yield start, "\n".join(held), is_secret
            start, held = number + 1, []
            # A BEGIN inside a region is a mistyped END.
            is_secret = word.endswith("BEGIN") and not is_secret
        elif not marker and "#!MSG" not in line:
            held.append(line)
    yield start, "\n".join(held), is_secret
