"""Prepare a whole submission: its notebooks, matched with the lab's, and the files beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from labgrade.intake import RawSubmission
from labgrade.ipynb import NotebookError, RawNotebook, read_notebook
from labgrade.lab import Lab
from labgrade.model import Finding, PreparedNotebook, PreparedSubmission, Severity
from labgrade.prepare.exports import find_exports
from labgrade.prepare.frame import NotebookFrame
from labgrade.prepare.naming import assign_notebooks, stems
from labgrade.prepare.notebook import prepare_notebook

__all__ = ["Prepared", "prepare_submission"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A submission ready to run.

    Args:
        submission: what the engine needs.
        frames: name of a notebook -> what else its file holds; none for a notebook that is missing.
        unreadable: names of notebooks that a person has to look at before they can have a grade.

    """

    submission: PreparedSubmission
    frames: Mapping[str, NotebookFrame]
    unreadable: frozenset[str] = frozenset()


def prepare_submission(lab: Lab, raw: RawSubmission) -> Prepared:
    """Match a submission with the lab; whatever is wrong with it becomes a finding, never an exception."""
    findings = list(raw.findings)
    readable: dict[str, RawNotebook] = {}
    faults: dict[str, NotebookError] = {}
    for path, data in raw.notebooks.items():
        try:
            readable[path] = read_notebook(data)
        except NotebookError as fault:
            faults[path] = fault
    chosen = assign_notebooks(lab.spec.notebooks, readable, findings)
    unreadable = _name_unreadable(lab, chosen, faults, findings)
    lab_files = frozenset(lab.spec.given_files) | frozenset(lab.spec.student_files)
    sought = [spec for spec in lab.spec.notebooks if spec.name not in unreadable]
    for name, (path, notebook) in find_exports(sought, chosen, raw.files, lab_files, findings).items():
        chosen[name], readable[path] = path, notebook
    notebooks: list[PreparedNotebook] = []
    frames: dict[str, NotebookFrame] = {}
    for spec, page in zip(lab.spec.notebooks, lab.pages, strict=True):
        found = chosen.get(spec.name)
        if found is None:
            notebooks.append(PreparedNotebook(spec, (), missing=True))
            if spec.name not in unreadable:
                findings.append(_missing(spec.name, raw))
            continue
        source = readable[found]
        prepared, frame = prepare_notebook(spec, page, source)
        own = tuple(replace(finding, notebook=spec.name) for finding in source.findings)
        notebooks.append(replace(prepared, findings=own + prepared.findings))
        frames[spec.name] = frame
    if not chosen:  # nothing at all to grade: a person decides, not a row of zeros
        unreadable |= {spec.name for spec in lab.spec.notebooks}
    return Prepared(
        PreparedSubmission(
            student=raw.student,
            notebooks=tuple(notebooks),
            files=_lay_files(lab, raw, findings),
            timestamp=raw.timestamp,
            digest=raw.digest,
            findings=tuple(findings),
        ),
        frames,
        frozenset(unreadable),
    )


def _name_unreadable(
    lab: Lab, chosen: Mapping[str, str], faults: Mapping[str, NotebookError], findings: list[Finding]
) -> set[str]:
    """Say what is wrong with each file that cannot be read, and which notebook it should have been."""
    open_names = [spec.name for spec in lab.spec.notebooks if spec.name not in chosen]
    unreadable: set[str] = set()
    for path, fault in sorted(faults.items()):
        name = next((name for name in open_names if name.casefold() in stems(path)), "")
        if not name and len(open_names) == 1 and len(faults) == 1:
            name = open_names[0]
        severity = Severity.FAILURE if name else Severity.LOOK
        findings.append(Finding(fault.code, f"'{path}': {fault.message}", severity, name))
        if name:
            unreadable.add(name)
    return unreadable


def _missing(name: str, raw: RawSubmission) -> Finding:
    others = sorted(
        path
        for path in raw.files
        if path != "timestamp.txt" and path.rpartition(".")[2] in ("py", "md", "html", "pdf")
    )
    instead = f"; there is {', '.join(repr(path) for path in others[:3])}" if others else ""
    return Finding("notebook-missing", f"'{name}.ipynb' was not handed in{instead}", Severity.LOOK, name)


def _lay_files(lab: Lab, raw: RawSubmission, findings: list[Finding]) -> dict[str, bytes]:
    """Return the files of the work folder: the student's, with the lab's given files over them."""
    given = lab.spec.given_files
    files = dict(raw.files)
    for wanted, stub in lab.spec.student_files.items():
        if wanted in files:
            continue
        twins = [
            path
            for path in raw.files
            if path not in given and wanted.removesuffix(".py").casefold() in stems(path, ".py")
        ]
        if len(twins) == 1:
            files[wanted] = files.pop(twins[0])
            findings.append(Finding("file-renamed", f"'{twins[0]}' was taken for '{wanted}'"))
        else:
            files[wanted] = stub
            findings.append(
                Finding(
                    "file-missing", f"'{wanted}' was not handed in; the empty version was used", Severity.LOOK
                )
            )
    for wanted, data in given.items():
        for path in [
            path for path in files if path.startswith(wanted + "/") or wanted.startswith(path + "/")
        ]:
            findings.append(
                Finding("file-in-the-way", f"'{path}' stood where the lab has '{wanted}': left out")
            )
            del files[path]
        files[wanted] = data
    return files
