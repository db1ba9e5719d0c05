"""The same right answers in many disguises: what editors, exports and accidents do changes nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from labgrade.intake import RawSubmission
from labgrade.ipynb import format_notebook
from labgrade.lab import Lab
from labgrade.model import PreparedNotebook, Severity
from labgrade.prepare import prepare_submission

Notebook = dict[str, Any]
Disguise = Callable[[Notebook], Any]

DISGUISES: dict[str, tuple[Disguise, str]] = {}
"""Name -> (what happens to ``numbers.ipynb``, code of the finding that tells of it, or "")."""


def disguise(finding: str = "") -> Callable[[Disguise], Disguise]:
    """Register a change of the right notebook; it may return bytes, or (file name, notebook or bytes)."""

    def register(change: Disguise) -> Disguise:
        DISGUISES[change.__name__] = (change, finding)
        return change

    return register


def _meta(cell: Notebook) -> Notebook:
    found: Notebook = cell["metadata"].get("nbgrader", {})
    return found


def _at(notebook: Notebook, grade_id: str) -> int:
    return next(at for at, cell in enumerate(notebook["cells"]) if _meta(cell).get("grade_id") == grade_id)


def _drop_metadata(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        cell["metadata"] = {}


def _drop_ids(notebook: Notebook) -> None:
    for number, cell in enumerate(notebook["cells"]):
        cell["id"] = f"new-{number}"


@disguise()
def jupyter_7(notebook: Notebook) -> None:
    """As Jupyter 7 saves it."""
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(True)


@disguise()
def jupyter_4_without_cell_ids(notebook: Notebook) -> None:
    """Format 4.0 has no cell ids."""
    notebook["nbformat_minor"] = 0
    for cell in notebook["cells"]:
        del cell["id"]


@disguise("notebook-format-3")
def notebook_format_3(notebook: Notebook) -> Any:
    """Saved by IPython 2: worksheets, ``input``."""
    cells = []
    for cell in notebook["cells"]:
        new = {key: value for key, value in cell.items() if key != "id"}
        if cell["cell_type"] == "code":
            new["input"] = new.pop("source")
        cells.append(new)
    return json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}).encode()


@disguise()
def jupyterlab_collapsed_and_trusted(notebook: Notebook) -> None:
    """Interface state in the metadata."""
    for cell in notebook["cells"]:
        cell["metadata"] |= {"trusted": True, "jupyter": {"source_hidden": True}, "collapsed": False}


@disguise()
def colab_metadata_and_ids(notebook: Notebook) -> None:
    """Colab adds its own ids and a notebook section."""
    notebook["metadata"]["colab"] = {"provenance": [], "toc_visible": True}
    notebook["nbformat_minor"] = 0
    for number, cell in enumerate(notebook["cells"]):
        del cell["id"]
        cell["metadata"] |= {
            "id": f"aB{number}",
            "outputId": "x",
            "colab": {"base_uri": "https://localhost:8080/"},
        }


@disguise("metadata-lost")
def colab_without_nbgrader(notebook: Notebook) -> None:
    """Colab ids only: nbgrader's metadata is gone."""
    _drop_metadata(notebook)
    colab_metadata_and_ids(notebook)


@disguise("metadata-lost")
def vs_code_without_metadata(notebook: Notebook) -> None:
    """Cells re-created in VS Code keep nothing."""
    _drop_metadata(notebook)
    _drop_ids(notebook)
    for cell in notebook["cells"]:
        cell["metadata"] = {"vscode": {"languageId": "python"}}


@disguise("metadata-lost")
def metadata_lost_ids_kept(notebook: Notebook) -> None:
    """Only nbformat's ids survived."""
    _drop_metadata(notebook)


@disguise("metadata-lost")
def kaggle(notebook: Notebook) -> None:
    """Kaggle adds execution times and its own cell ids."""
    _drop_metadata(notebook)
    for cell in notebook["cells"]:
        cell["metadata"] = {"_uuid": "8f2839f25d086af736a60e9eeb907d3b93b6e0e5", "execution": {}}
    _drop_ids(notebook)


@disguise()
def pycharm(notebook: Notebook) -> None:
    """PyCharm's cell markers."""
    for cell in notebook["cells"]:
        cell["metadata"]["pycharm"] = {"name": "#%%\n", "is_executing": False}


@disguise("notebook-byte-order-mark")
def byte_order_mark(notebook: Notebook) -> Any:
    """Saved by a Windows editor."""
    return b"\xef\xbb\xbf" + format_notebook(notebook)


@disguise()
def crlf_everywhere(notebook: Notebook) -> None:
    """Windows line ends in the sources."""
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n")


@disguise("json-trailing-comma")
def trailing_comma(notebook: Notebook) -> Any:
    """A hand edit left a comma."""
    return json.dumps(notebook).encode()[:-1] + b",}"


@disguise("notebook-renamed")
def downloaded_twice(notebook: Notebook) -> Any:
    """The browser counts copies."""
    return "numbers (1).ipynb", notebook


@disguise("notebook-renamed")
def copy_of(notebook: Notebook) -> Any:
    """Colab names copies."""
    return "Copy of numbers.ipynb", notebook


@disguise("notebook-renamed")
def jupyter_copy(notebook: Notebook) -> Any:
    """Jupyter names copies."""
    return "numbers-Copy2.ipynb", notebook


@disguise("notebook-renamed")
def final_version(notebook: Notebook) -> Any:
    """Students name versions."""
    return "numbers_v2_final.ipynb", notebook


@disguise("notebook-renamed")
def unrelated_name(notebook: Notebook) -> Any:
    """A name that says nothing; the content does."""
    return "Homework Lovelace.ipynb", notebook


@disguise("cell-duplicated")
def answer_duplicated(notebook: Notebook) -> None:
    """An answer cell copied, id and all."""
    at = _at(notebook, "total")
    notebook["cells"].insert(at + 1, copy.deepcopy(notebook["cells"][at]))


@disguise("cell-duplicated")
def empty_stub_copied_below(notebook: Notebook) -> None:
    """The copy that comes last is the empty stub: the answer counts."""
    at = _at(notebook, "root")
    stub = copy.deepcopy(notebook["cells"][at]) | {"source": "# YOUR CODE HERE\nraise NotImplementedError()"}
    notebook["cells"].insert(at + 1, stub)


@disguise("cell-duplicated")
def locked_cell_duplicated(notebook: Notebook) -> None:
    """A test cell copied and the copy played with."""
    at = _at(notebook, "test-total")
    notebook["cells"].insert(at, copy.deepcopy(notebook["cells"][at]) | {"source": "total([1])"})


@disguise("cell-restored")
def locked_cell_deleted(notebook: Notebook) -> None:
    """A test cell deleted."""
    del notebook["cells"][_at(notebook, "test-total")]


@disguise("cell-restored")
def all_tests_deleted(notebook: Notebook) -> None:
    """All locked cells deleted, tests and given code."""
    notebook["cells"] = [cell for cell in notebook["cells"] if not _meta(cell).get("locked")]


@disguise("cell-edited")
def locked_cell_edited(notebook: Notebook) -> None:
    """A test weakened."""
    notebook["cells"][_at(notebook, "test-total")]["source"] = "assert True"


@disguise("cell-type-changed")
def locked_cell_turned_into_text(notebook: Notebook) -> None:
    """A test made a text cell."""
    cell = notebook["cells"][_at(notebook, "test-total")]
    cell["cell_type"] = "markdown"


@disguise("cell-retagged")
def locked_cell_retagged(notebook: Notebook) -> None:
    """The metadata of a test changed: no grade, a solution, many points."""
    _meta(notebook["cells"][_at(notebook, "test-root")]).update(grade=False, solution=True, points=99)


@disguise("cell-id-unknown")
def locked_cell_renamed(notebook: Notebook) -> None:
    """The id of a test changed; its text tells what it is."""
    cell = notebook["cells"][_at(notebook, "test-total")]
    _meta(cell)["grade_id"] = "mine"
    cell["id"] = "elsewhere"


@disguise("metadata-ignored")
def skip_execution_everywhere(notebook: Notebook) -> None:
    """The tag that nbgrader obeys."""
    for cell in notebook["cells"]:
        cell["metadata"]["tags"] = ["skip-execution", "remove_cell"]


@disguise()
def answer_split_in_two(notebook: Notebook) -> None:
    """Editors split cells; the second half has no id."""
    at = _at(notebook, "total")
    notebook["cells"][at]["source"] = "def helper(a, b):\n    return a + b"
    new = {"cell_type": "code", "id": "half", "metadata": {}, "outputs": [], "execution_count": None}
    new["source"] = (
        "def total(values):\n    result = 0\n    for v in values:\n        result = helper(result, v)\n"
        "    return result"
    )
    notebook["cells"].insert(at + 1, new)


@disguise("answer-below")
def answer_in_a_new_cell_below(notebook: Notebook) -> None:
    """The stub stays; the answer stands in a new cell."""
    at = _at(notebook, "root")
    new = {"cell_type": "code", "id": "below", "metadata": {}, "outputs": [], "execution_count": None}
    new["source"] = notebook["cells"][at]["source"]
    notebook["cells"][at]["source"] = "# YOUR CODE HERE\nraise NotImplementedError()"
    notebook["cells"].insert(at + 1, new)


@disguise("cell-matched")
def answer_cell_recreated(notebook: Notebook) -> None:
    """The answer cell deleted and a new one made in its place."""
    cell = notebook["cells"][_at(notebook, "total")]
    cell["metadata"], cell["id"] = {}, "recreated"


def _merge(notebook: Notebook, *grade_ids: str) -> None:
    """Put cells together as Colab and Jupyter do: the first keeps its metadata."""
    first, *others = [notebook["cells"][_at(notebook, grade_id)] for grade_id in grade_ids]
    for other in others:
        first["source"] += "\n" + other["source"]
        notebook["cells"].remove(other)


@disguise("cells-parted")
def two_answers_merged(notebook: Notebook) -> None:
    """Two answers in one cell; the test between them is still run."""
    _merge(notebook, "total", "root")


@disguise("cells-parted")
def answer_merged_with_its_test(notebook: Notebook) -> None:
    """The test is cut out of the answer again, and is the lab's."""
    _merge(notebook, "root", "test-root")


@disguise("cells-parted")
def given_code_merged_with_answer_and_test(notebook: Notebook) -> None:
    """Three cells in one, the answer in the middle, under the given cell's id."""
    _merge(notebook, "numbers-given", "total", "test-total")


@disguise("cells-parted")
def answer_merged_into_its_test(notebook: Notebook) -> None:
    """The answer stands in the test's own cell, above the test."""
    answer, test = (notebook["cells"][_at(notebook, grade_id)] for grade_id in ("root", "test-root"))
    test["source"] = answer["source"] + "\n" + test["source"]
    notebook["cells"].remove(answer)


@disguise("cells-parted")
def all_code_in_one_cell_metadata_lost(notebook: Notebook) -> None:
    """Everything merged, no id left."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code[0]["source"] = "\n\n".join(cell["source"] for cell in code)
    notebook["cells"] = [cell for cell in notebook["cells"] if cell not in code[1:]]
    _drop_metadata(notebook)
    _drop_ids(notebook)


@disguise()
def colab_forms(notebook: Notebook) -> None:
    """Colab's form fields are comments and metadata."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["metadata"] |= {"cellView": "form"}
    answer = notebook["cells"][_at(notebook, "total")]
    form = "#@title Sum {display-mode: 'form'}\nstep = 1 #@param {type: 'slider'}\n"
    answer["source"] = form + answer["source"]


@disguise()
def widgets_with_state(notebook: Notebook) -> None:
    """The state of ipywidgets in the notebook's metadata, and views in the outputs."""
    state = {"model_module": "@jupyter-widgets/controls", "model_name": "IntSliderModel", "state": {}}
    kind = "application/vnd.jupyter.widget-state+json"
    notebook["metadata"]["widgets"] = {kind: {"a1": state, "version_major": 2}}
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "a1"}, "text/plain": ["IntSlider()"]}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "display_data", "data": view, "metadata": {}}]


@disguise("notebook-byte-order-mark")
def utf_16(notebook: Notebook) -> Any:
    """Saved by an editor that calls this "Unicode"."""
    return json.dumps(notebook).encode("utf-16")


def _commented(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in text.split("\n"))


@disguise("notebook-exported")
def vs_code_script(notebook: Notebook) -> Any:
    """VS Code, PyCharm, Spyder: a percent script."""
    parts = []
    for cell in notebook["cells"]:
        code = cell["cell_type"] == "code"
        parts.append(f"# %%\n{cell['source']}" if code else f"# %% [markdown]\n{_commented(cell['source'])}")
    return "numbers.py", "\n\n".join(parts).encode()


@disguise("notebook-exported")
def jupyter_script(notebook: Notebook) -> Any:
    """Jupyter's "Save and Export Notebook As: Executable Script"."""
    text = "#!/usr/bin/env python\n# coding: utf-8\n\n"
    for cell in notebook["cells"]:
        code = cell["cell_type"] == "code"
        text += f"# In[ ]:\n\n\n{cell['source']}\n\n\n" if code else f"{_commented(cell['source'])}\n\n"
    return "numbers (1).py", text.encode()


@disguise("notebook-exported")
def colab_script(notebook: Notebook) -> Any:
    """Colab's "Download .py": text cells are strings, code cells have no mark."""
    text = '# -*- coding: utf-8 -*-\n"""numbers.ipynb\n\nAutomatically generated by Colab.\n"""\n\n'
    for cell in notebook["cells"]:
        code = cell["cell_type"] == "code"
        text += f"{cell['source']}\n\n" if code else f'"""{cell["source"]}"""\n\n'
    return "Copy of numbers.py", text.replace("\n", "\r\n").encode()


@disguise("notebook-exported")
def jupyter_markdown(notebook: Notebook) -> Any:
    """Jupyter's and Jupytext's Markdown."""
    parts = [
        f"```python\n{cell['source']}\n```\n\n    its output"
        if cell["cell_type"] == "code"
        else cell["source"]
        for cell in notebook["cells"]
    ]
    return "homework.md", ("\n\n".join(parts) + "\n").encode()


@disguise("cell-moved")
def answer_moved_to_the_end(notebook: Notebook) -> None:
    """An answer cut and pasted below its test."""
    notebook["cells"].append(notebook["cells"].pop(_at(notebook, "total")))


@disguise()
def text_and_scratch_cells_added(notebook: Notebook) -> None:
    """Notes and experiments between the cells."""
    for at in (1, 4, 7):
        scratch = {
            "cell_type": "code",
            "id": f"s{at}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        notebook["cells"].insert(at, scratch | {"source": f"scratch = {at}"})
        notebook["cells"].insert(
            at, {"cell_type": "markdown", "id": f"m{at}", "metadata": {}, "source": "note"}
        )


@disguise()
def outputs_of_widgets(notebook: Notebook) -> None:
    """Outputs of all kinds, and broken ones."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [
                {"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {}}}
            ]


@disguise("metadata-lost")
def prose_deleted_and_metadata_lost(notebook: Notebook) -> None:
    """Only code is left, without any id."""
    notebook["cells"] = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    _drop_metadata(notebook)
    _drop_ids(notebook)


def _prepare(lab: Lab, change: Disguise, notebooks: dict[str, Notebook]) -> tuple[Any, PreparedNotebook]:
    disguised = copy.deepcopy(notebooks)
    result = change(disguised["numbers.ipynb"])
    name, content = result if isinstance(result, tuple) else ("numbers.ipynb", result)
    data = {"words.ipynb": format_notebook(disguised["words.ipynb"])}
    files = {"mine.py": b""}
    target = data if name.endswith(".ipynb") else files
    target[name] = content if isinstance(content, bytes) else json.dumps(disguised["numbers.ipynb"]).encode()
    prepared = prepare_submission(lab, RawSubmission("ada", data, files))
    return prepared, prepared.submission.notebooks[0]


@pytest.mark.parametrize("name", DISGUISES)
def test_prepare_disguised_notebook_runs_the_same(lab: Lab, answered: dict[str, Notebook], name: str) -> None:
    """Tests are the lab's, each once, after the answers they test; the answers are the student's."""
    change, code = DISGUISES[name]
    prepared, notebook = _prepare(lab, change, answered)
    spec, page = lab.spec.notebooks[0], lab.pages[0]
    ran = [
        (cell.spec.grade_id, cell) for cell in notebook.cells if cell.spec is not None and cell.spec.grade_id
    ]
    order = [grade_id for grade_id, _ in ran]
    for cell in spec.cells:
        if cell.locked:
            assert order.count(cell.grade_id) == 1
            found = dict(ran)[cell.grade_id]
            assert (found.source, found.cell_type) == (page.saved[cell.index], cell.cell_type)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    for answer, test in (("def total(", "test-total"), ("def root(", "test-root")):
        test_at = texts.index(page.saved[next(cell.index for cell in spec.cells if cell.grade_id == test)])
        assert any(answer in text for text in texts[:test_at]), "the answer runs before its test"
    codes = {finding.code for finding in (*notebook.findings, *prepared.submission.findings)}
    assert code in codes if code else not codes


def test_grade_disguised_submissions_get_equal_points(
    lab: Lab, answered: dict[str, Notebook], tmp_path: Path, write_submission: Any, grade_folder: Any
) -> None:
    """Run for run: each disguise gets the points of the plain submission."""
    write_submission(tmp_path / "in" / "plain", dict(answered))
    for name, (change, _) in DISGUISES.items():
        disguised = copy.deepcopy(answered)
        result = change(disguised["numbers.ipynb"])
        file_name, content = result if isinstance(result, tuple) else ("numbers.ipynb", result)
        if not isinstance(content, bytes):
            content = json.dumps(disguised["numbers.ipynb"]).encode()
        notebooks: dict[str, Any] = {"words.ipynb": disguised["words.ipynb"], file_name: content}
        write_submission(tmp_path / "in" / name, notebooks)
    results = grade_folder(tmp_path / "in", tmp_path / "out")
    points = {
        result.student: {cell.grade_id: cell.score for page in result.notebooks for cell in page.cells}
        for result in results
    }
    assert len(points) == len(DISGUISES) + 1
    assert {name: found for name, found in points.items() if found != points["plain"]} == {}
    assert points["plain"]["test-root"] == 4.0


def test_disguises_are_at_least_25() -> None:
    """The table does not shrink unnoticed."""
    assert len(DISGUISES) >= 25


@pytest.mark.parametrize("name", ["vs_code_without_metadata", "prose_deleted_and_metadata_lost"])
def test_prepare_lost_metadata_matches_each_answer(
    lab: Lab, answered: dict[str, Notebook], name: str
) -> None:
    """Without any id each answer is still found, the hand-graded one too."""
    _, notebook = _prepare(lab, DISGUISES[name][0], answered)
    found = {cell.spec.grade_id: cell.source for cell in notebook.cells if cell.spec and cell.spec.solution}
    assert set(found) == {"total", "root", "by-hand"}
    assert "def total" in found["total"]
    assert "def root" in found["root"]
    assert found["by-hand"] == "print([1, 2, 3])"


def test_prepare_essay_below_its_empty_cell_is_taken(lab: Lab, answered: dict[str, Notebook]) -> None:
    """A hand-graded answer in a new cell below goes where it is graded, for a person to see."""
    words = answered["words.ipynb"]
    at = _at(words, "essay")
    words["cells"][at]["source"] = "YOUR ANSWER HERE"
    words["cells"].insert(at + 1, {"cell_type": "markdown", "id": "e", "metadata": {}, "source": "My essay."})
    raw = RawSubmission(
        "ada", {name: format_notebook(one) for name, one in answered.items()}, {"mine.py": b""}
    )
    notebook = prepare_submission(lab, raw).submission.notebooks[1]
    essay = next(cell for cell in notebook.cells if cell.spec and cell.spec.grade_id == "essay")
    assert essay.source == "My essay."
    assert [(one.code, one.severity) for one in notebook.findings] == [("answer-below", Severity.LOOK)]


def test_prepare_deleted_essay_gets_a_place_to_be_graded(lab: Lab, answered: dict[str, Notebook]) -> None:
    """A hand-graded cell that is gone is put back with a remark, and a person must look."""
    words = answered["words.ipynb"]
    del words["cells"][_at(words, "essay")]
    raw = RawSubmission(
        "ada", {name: format_notebook(one) for name, one in answered.items()}, {"mine.py": b""}
    )
    notebook = prepare_submission(lab, raw).submission.notebooks[1]
    essay = next(cell for cell in notebook.cells if cell.spec and cell.spec.grade_id == "essay")
    assert "missing" in essay.source
    assert notebook.findings[0].severity is Severity.LOOK


def test_prepare_untouched_answers_are_marked(lab: Lab, released: dict[str, Notebook]) -> None:
    """A stub is known as a stub."""
    raw = RawSubmission(
        "ada", {name: format_notebook(one) for name, one in released.items()}, {"mine.py": b""}
    )
    notebook = prepare_submission(lab, raw).submission.notebooks[0]
    assert [cell.untouched for cell in notebook.cells if cell.spec and cell.spec.solution] == [
        True,
        True,
        True,
    ]


def test_prepare_metadata_of_a_student_never_survives_as_nbgraders(
    lab: Lab, answered: dict[str, Notebook]
) -> None:
    """What the autograded notebook says about points comes from the lab."""
    numbers = answered["numbers.ipynb"]
    _meta(numbers["cells"][_at(numbers, "test-total")])["points"] = 1000
    raw = RawSubmission(
        "ada", {name: format_notebook(one) for name, one in answered.items()}, {"mine.py": b""}
    )
    frames = prepare_submission(lab, raw).frames
    assert all("nbgrader" not in cell.metadata for cell in frames["numbers"].cells)


def test_prepare_export_in_markdown_finds_free_text_answers(lab: Lab, answered: dict[str, Notebook]) -> None:
    """Text cells run together in Markdown; the lab's own text shows where an answer begins and ends."""
    parts = [cell["source"] for cell in answered["words.ipynb"]["cells"] if cell["cell_type"] == "markdown"]
    code = [cell["source"] for cell in answered["words.ipynb"]["cells"] if cell["cell_type"] == "code"]
    text = "\n\n".join([*parts, *(f"```python\n{source}\n```" for source in code)])
    numbers = json.dumps(answered["numbers.ipynb"]).encode()
    files = {"mine.py": b"", "words.md": text.encode()}
    prepared = prepare_submission(lab, RawSubmission("ada", {"numbers.ipynb": numbers}, files))
    found = {cell.spec.grade_id: cell.source for cell in prepared.submission.notebooks[1].cells if cell.spec}
    assert found["essay"] == "It depends on the language."
    assert "read_words('data/words.txt')" in found["read"]


def test_prepare_script_of_the_students_own_is_no_export(lab: Lab, answered: dict[str, Notebook]) -> None:
    """A module beside the notebooks, or one that has nothing of the lab, is taken for nothing."""
    files = {"mine.py": b"", "numbers.py": b"print(1)\n", "helper2.py": b"x = 1\n"}
    words = json.dumps(answered["words.ipynb"]).encode()
    prepared = prepare_submission(lab, RawSubmission("ada", {"words.ipynb": words}, files))
    assert prepared.submission.notebooks[0].missing
    assert {finding.code for finding in prepared.submission.findings} == {"notebook-missing"}


def test_prepare_doubtful_match_carries_both_texts(lab: Lab, answered: dict[str, Notebook]) -> None:
    """A person sees the student's cell beside what was given, and never the solution."""
    notebook = answered["numbers.ipynb"]
    del notebook["cells"][_at(notebook, "root")]
    scratch = {"cell_type": "code", "id": "z", "metadata": {}, "source": "square_root = 3", "outputs": []}
    notebook["cells"].append(scratch)
    data = {"numbers.ipynb": json.dumps(notebook).encode()}
    prepared = prepare_submission(lab, RawSubmission("ada", data, {"mine.py": b""}))
    finding = next(one for one in prepared.submission.notebooks[0].findings if one.cell == "root")
    assert finding.severity is Severity.LOOK
    assert finding.found == "square_root = 3"
    assert "NotImplementedError" in finding.expected
    assert "isqrt" not in finding.expected
