"""Golden files: one folder of tests/corpus for each irregularity of real sources."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from labbuild.compile import compile_lab
from labbuild.compiled import CompiledLab
from labbuild.diagnostics import Diagnostic

CORPUS = Path(__file__).parent.parent / "corpus"
CASES = sorted(path.name for path in CORPUS.iterdir() if (path / "lab").is_dir())


def show_version(lab: CompiledLab, version: str) -> str:
    """Return all notebooks and modules of one version as one text."""
    rows: list[str] = []
    for notebook in lab.notebooks:
        content = getattr(notebook, version)
        rows.append(f"##### {notebook.name}.ipynb {json.dumps(content['metadata'], sort_keys=True)}")
        for index, cell in enumerate(content["cells"]):
            skipped = " (not executed)" if version == "student" and index in notebook.skip_execution else ""
            metadata = json.dumps(cell["metadata"], sort_keys=True) if cell["metadata"] else ""
            rows += [f"=== {cell['cell_type']} {cell['id']}{skipped} {metadata}".rstrip(), cell["source"]]
    for module in lab.modules:
        text = module.solution if version == "solution" else module.student
        rows += [f"##### {module.name}", text]
    return "\n".join(rows) + "\n"


def show_diagnostics(found: tuple[Diagnostic, ...]) -> str:
    """Return the diagnostics without the folder's place."""
    rows: list[str] = []
    for one in found:
        rows.append(f"{one.path.name}:{one.line}:{one.col} {one.severity} {one.code} {one.message}")
        if one.text.strip():
            rows.append(f"    {one.text}")
        if one.hint:
            rows.append(f"    hint: {one.hint}")
        if one.related:
            rows.append(f"    related: {', '.join(map(str, one.related))}")
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize("name", CASES)
def test_corpus_case_gives_its_golden_files(name: str, request: pytest.FixtureRequest) -> None:
    """Each irregularity gives exactly the versions and the diagnostics that were read and accepted."""
    lab = compile_lab(CORPUS / name / "lab")
    golden = {
        "diagnostics": show_diagnostics(lab.diagnostics),
        **({} if lab.has_errors else {v: show_version(lab, v) for v in ("student", "solution", "nbgrader")}),
    }
    for kind in ("diagnostics", "student", "solution", "nbgrader"):
        path = CORPUS / name / f"{kind}.txt"
        if request.config.getoption("--update-golden"):
            path.unlink(missing_ok=True)
            if kind in golden:
                path.write_bytes(golden[kind].encode())
            continue
        assert path.is_file() == (kind in golden), (
            f"{kind} of {name}: run pytest with --update-golden and read the diff"
        )
        if kind in golden:
            assert golden[kind] == path.read_bytes().decode()


@pytest.mark.parametrize("name", CASES)
def test_corpus_case_quotes_the_right_line(name: str) -> None:
    """Every diagnostic quotes the line of the file that its number names."""
    for one in compile_lab(CORPUS / name / "lab").diagnostics:
        if one.line and one.path.suffix in (".md", ".py"):
            rows = one.path.read_bytes().decode("utf-8-sig", "replace").replace("\r\n", "\n").split("\n")
            ours, theirs = one.text, rows[one.line - 1]
            assert ours == theirs or "\ufffd" in theirs
