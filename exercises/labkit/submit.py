"""Make the one file to hand in, after a look at what could go wrong with it.

In a notebook: ``from labkit import submit; submit.hand_in()``; in a terminal: ``labs submit``.
"""

from __future__ import annotations

import hashlib
import html
import io
import json
import os
import platform
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.submit_models import MODEL_LIMIT_MIB, MODEL_SUFFIXES, inspect_model
from labkit.submit_notebook import NotebookReport, Remark, read_module, read_notebook
from labkit.submit_run import TRYING, try_notebook

__all__ = ["Receipt", "hand_in"]

MANIFEST = "manifest.json"
_FORMAT = 1
# The same answers give the same zip, whatever the clock says.
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, repr=False)
class Receipt:
    """What was handed in, or why nothing was written.

    Args:
        path: the zip, or None where a remark blocks.
        sha256: of the zip, in hex; "" where there is none.
        files: name -> (bytes, SHA-256 in hex).
        answered: ids of the questions that were answered in notebooks.
        untouched: ids of those that were not.
        remarks: what should be looked at; those that block first.

    """

    path: Path | None
    sha256: str
    files: dict[str, tuple[int, str]]
    answered: tuple[str, ...]
    untouched: tuple[str, ...]
    remarks: tuple[Remark, ...]

    @property
    def is_written(self) -> bool:
        """Whether there is a file to hand in."""
        return self.path is not None

    def __str__(self) -> str:
        lines = [f"{'PROBLEM' if remark.blocks else 'note'}  {remark}" for remark in self.remarks]
        if self.path is None:
            return "\n".join([*lines, "Nothing was written: mend what is marked PROBLEM and run this again."])
        lines.append(f"Receipt: {self.path.name}, {self.path.stat().st_size:,} bytes")
        lines.append(f"SHA-256 {self.sha256}")
        lines += [f"  {size:>10,}  {digest[:12]}  {name}" for name, (size, digest) in self.files.items()]
        total = len(self.answered) + len(self.untouched)
        if total:
            lines.append(f"{len(self.answered)} of {total} answer cells were changed.")
        lines.append("Hand in this one file.")
        lines.append("The same files give the same SHA-256, so you can check it later.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """Show the receipt in a notebook as preformatted text: easy to copy into a mail."""
        return f"<pre>{html.escape(str(self))}</pre>"

    def to_json(self) -> dict[str, Any]:
        """Return the receipt as plain data, for ``labs submit --json``."""
        return {
            "path": str(self.path) if self.path else None,
            "sha256": self.sha256,
            "files": {name: {"bytes": size, "sha256": digest} for name, (size, digest) in self.files.items()},
            "answered": list(self.answered),
            "untouched": list(self.untouched),
            "remarks": [
                {"code": r.code, "where": r.where, "message": r.message, "hint": r.hint, "blocks": r.blocks}
                for r in self.remarks
            ],
        }


def hand_in(
    notebook: str | Path | None = None,
    files: Sequence[str | Path] = (),
    *,
    folder: str | Path = ".",
    limit_mib: float = MODEL_LIMIT_MIB,
    run: bool = False,
) -> Receipt:
    """Check the notebook and its files and write ``LAB-submission.zip``.

    Args:
        notebook: the notebook; without it, every notebook in the folder that has graded cells.
        files: further ones. Modules that the notebooks import are found, and weights that they name too,
            unless files are given here.
        folder: where the lab lies.
        limit_mib: largest file of weights, in MiB.
        run: also run the notebooks from top to bottom, in a copy of the folder and a fresh kernel, as
            ``labs submit`` does; without it the saved outputs must tell.

    Returns:
        The receipt; it shows itself. Nothing is written if one of its remarks blocks.

    """
    if TRYING in os.environ:
        here = Remark("trial", "this cell", "does nothing while the notebook is tried")
        return Receipt(None, "", {}, (), (), (here,))
    base = Path(notebook).parent if notebook is not None else Path(folder)
    reports = [read_notebook(path) for path in _find_notebooks(notebook, base)]
    remarks = [remark for report in reports for remark in report.remarks]
    if not reports:
        hint = "go to the lab's folder, or name the notebook: labs submit NOTEBOOK.ipynb"
        remarks.append(
            Remark("no-notebook", str(base.resolve()), "there is no graded notebook", hint, blocks=True)
        )
    remarks += [_saved_remark(report) for report in reports if _running_cell_is_missing(report.path)]
    chosen = _choose_files(reports, files, base)
    remarks += _file_remarks(chosen, limit_mib)
    if not files:
        remarks += _missing_models(reports, base)
    if run and not any(remark.blocks for remark in remarks):
        remarks += [remark for report in reports for remark in try_notebook(report.path)]
    remarks.sort(key=lambda remark: not remark.blocks)
    answered = tuple(id_ for report in reports for id_ in report.answered)
    untouched = tuple(id_ for report in reports for id_ in report.untouched)
    if any(remark.blocks for remark in remarks):
        return Receipt(None, "", {}, answered, untouched, tuple(remarks))
    contents = {_name_in_zip(path, base): path.read_bytes() for path in chosen}
    manifest = _manifest(contents, reports, base)
    target = base / f"{base.resolve().name}-submission.zip"
    digest = _write_zip(target, {**contents, MANIFEST: manifest})
    facts = {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in contents.items()}
    return Receipt(target, digest, facts, answered, untouched, tuple(remarks))


def _find_notebooks(notebook: str | Path | None, base: Path) -> list[Path]:
    """Return the notebook that was named, or all in the folder that nbgrader knows something about."""
    if notebook is not None:
        return [Path(notebook)]
    found = []
    for path in sorted(base.glob("*.ipynb")):
        try:
            if '"nbgrader"' in path.read_text(encoding="utf-8"):
                found.append(path)
        except (OSError, UnicodeDecodeError):
            found.append(path)  # read_notebook says what is wrong with it
    return found


def _running_cell_is_missing(path: Path) -> bool:
    """Whether the cell that runs right now differs from what is saved: then the notebook was not saved.

    Known only inside a notebook; False elsewhere.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None or not hasattr(shell, "kernel"):
        return False
    running = str(shell.user_ns.get("In", [""])[-1]).strip()
    if "hand_in" not in running:
        return False
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        saved = {"".join(cell.get("source", "")).strip() for cell in cells}
    except (OSError, ValueError, KeyError, TypeError):
        return False  # read_notebook has said so
    return bool(any("hand_in" in source for source in saved) and running not in saved)


def _saved_remark(report: NotebookReport) -> Remark:
    return Remark(
        "not-saved",
        report.path.name,
        "the cell that you are running is not in the saved file",
        "save the notebook (Ctrl+S or Cmd+S) and run this cell again",
        blocks=True,
    )


def _choose_files(reports: list[NotebookReport], files: Sequence[str | Path], base: Path) -> list[Path]:
    """Return notebooks, then the files they name, then the ones that were asked for; each once."""
    named = [path if (path := Path(file)).is_absolute() else base / path for file in files]
    candidates = [report.path for report in reports]
    found = [path for report in reports for path in report.files]
    candidates += [path for path in found if not (files and path.suffix in MODEL_SUFFIXES)]
    return list({path.resolve(): path for path in [*candidates, *named]}.values())


def _file_remarks(chosen: list[Path], limit_mib: float) -> list[Remark]:
    """Say what is wrong with modules and weights."""
    remarks: list[Remark] = []
    for path in chosen:
        if path.suffix == ".py":
            remarks += read_module(path)
        elif path.suffix in MODEL_SUFFIXES:
            model = inspect_model(path, limit_mib)
            if model.problem:
                remarks.append(Remark("model-refused", path.name, model.problem, model.hint, blocks=True))
        elif not path.is_file():
            remarks.append(Remark("file-missing", path.name, "is not there", blocks=True))
    return remarks


def _missing_models(reports: list[NotebookReport], base: Path) -> list[Remark]:
    """Say which weights a notebook names that are not there."""
    hint = "run the cell that trains and saves the model, then hand in again"
    return [
        Remark("model-missing", report.path.name, f"names {name}, which is not there", hint)
        for report in reports
        for name in report.wanted_models
        if not (base / name).exists()
    ]


def _name_in_zip(path: Path, base: Path) -> str:
    """Return the path below the lab's folder, or the bare name of a file from elsewhere."""
    try:
        return path.resolve().relative_to(base.resolve()).as_posix()
    except ValueError:
        return path.name


def _manifest(contents: dict[str, bytes], reports: list[NotebookReport], base: Path) -> bytes:
    """Return the JSON text that says what is in the zip; without a time: equal work gives equal bytes."""
    names = {f"{report.path.name}:{variable}": text for report in reports for variable, text in report.names}
    document = {
        "format": _FORMAT,
        "lab": base.resolve().name,
        "names": names,
        "answered": {report.path.name: list(report.answered) for report in reports},
        "untouched": {report.path.name: list(report.untouched) for report in reports},
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(contents.items())
        },
        "python": platform.python_version(),
    }
    return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def _write_zip(target: Path, contents: dict[str, bytes]) -> str:
    """Write the zip beside its place and move it there; return its SHA-256."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name in sorted(contents):
            bundle.writestr(zipfile.ZipInfo(name, _ZIP_TIME), contents[name], zipfile.ZIP_DEFLATED)
    data = buffer.getvalue()
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".submission-", delete=False) as file:
        file.write(data)
    Path(file.name).chmod(0o644)
    os.replace(file.name, target)
    return hashlib.sha256(data).hexdigest()
