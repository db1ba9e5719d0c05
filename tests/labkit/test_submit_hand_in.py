"""Handing in: what is looked at, what is refused, and the one file that comes out."""

import hashlib
import json
import pickle
import zipfile

import nbformat
import pytest
import torch
from click.testing import CliRunner
from labkit.cli.submit import submit
from labkit.submit import hand_in
from labkit.submit_models import inspect_model
from labkit.submit_notebook import read_module, read_notebook
from labkit.submit_run import try_notebook
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.utils import compute_checksum
from safetensors.torch import save_file


def _answer(source: str, grade_id: str = "rnn", released: str | None = None):
    """Return an answer cell as nbgrader releases it, with the student's source in it."""
    cell = new_code_cell(released if released is not None else source)
    cell.metadata["nbgrader"] = {
        "grade_id": grade_id,
        "grade": False,
        "solution": True,
        "locked": False,
        "task": False,
        "schema_version": 3,
    }
    if released is not None:
        cell.metadata["nbgrader"]["checksum"] = compute_checksum(cell)
    cell.source = source
    return cell


def _write(path, *cells, run: bool = True):
    path.parent.mkdir(exist_ok=True)
    for number, cell in enumerate(cells, 1):
        if cell.cell_type == "code" and run:
            cell.execution_count = number
    nbformat.write(new_notebook(cells=list(cells)), path)
    return path


@pytest.fixture
def lab(tmp_path):
    """A lab's folder with an answered notebook, its module and its weights."""
    folder = tmp_path / "02-recurrent-attention"
    folder.mkdir()
    (folder / "rnn_lm.py").write_text("class SentenceModel:\n    pass\n")
    save_file({"w": torch.ones(3)}, folder / "sentence_model.safetensors")
    _write(
        folder / "sentences.ipynb",
        new_markdown_cell("# Sentences"),
        _answer("from rnn_lm import SentenceModel\nweights = 'sentence_model.safetensors'", released="..."),
    )
    return folder


def test_hand_in_complete_lab_writes_one_zip_with_manifest(lab):
    """Notebook, imported module and named weights go in, with a manifest of their hashes."""
    receipt = hand_in(folder=lab)
    assert receipt.remarks == ()
    assert receipt.path == lab / "02-recurrent-attention-submission.zip"
    with zipfile.ZipFile(receipt.path) as bundle:
        names = ["manifest.json", "rnn_lm.py", "sentence_model.safetensors", "sentences.ipynb"]
        assert bundle.namelist() == names
        manifest = json.loads(bundle.read("manifest.json"))
        for name in names[1:]:
            assert manifest["files"][name]["sha256"] == hashlib.sha256(bundle.read(name)).hexdigest()
    assert manifest["lab"] == "02-recurrent-attention"
    assert manifest["answered"] == {"sentences.ipynb": ["rnn"]}
    assert hashlib.sha256(receipt.path.read_bytes()).hexdigest() == receipt.sha256
    assert receipt.sha256 in str(receipt)


def test_hand_in_twice_gives_the_same_bytes(lab):
    """The same work gives the same SHA-256; the earlier zip is not packed into the next."""
    assert hand_in(folder=lab).sha256 == hand_in(folder=lab).sha256


def test_hand_in_untouched_answer_is_a_note_and_does_not_block(lab):
    """A question left open is said, and the rest can be handed in."""
    _write(lab / "sentences.ipynb", _answer("...", released="..."))
    receipt = hand_in(folder=lab)
    assert receipt.untouched == ("rnn",)
    assert receipt.is_written
    assert "not answered: rnn" in str(receipt)


def test_hand_in_empty_name_blocks(lab):
    """NAME = "" stops the hand-in, and nothing is written."""
    _write(
        lab / "sentences.ipynb",
        new_code_cell('NAME = ""\nCOLLABORATORS = ""'),
        _answer("x = 1", released="..."),
    )
    receipt = hand_in(folder=lab)
    assert not receipt.is_written
    assert "NAME is empty" in str(receipt)
    assert not list(lab.glob("*.zip"))


@pytest.mark.parametrize("ids", [["…"], [], ["s1", ""], None])
def test_hand_in_members_without_ids_block(lab, ids):
    """A group's list that nobody filled in blocks; a filled one does not."""
    members = [{"name": "Ada", "id": text} for text in (["s1815"] if ids is None else ids)]
    _write(lab / "sentences.ipynb", _answer(f"members = {members!r}", released="..."))
    receipt = hand_in(folder=lab)
    assert receipt.is_written is (ids is None)
    assert (
        [remark.code for remark in receipt.remarks if remark.blocks] == [] if ids is None else ["name-empty"]
    )


def test_hand_in_pickled_module_is_refused_without_running_it(lab, tmp_path):
    """A pickled object in a weights file is never opened: its code does not run."""
    witness = tmp_path / "ran"

    class Hostile:
        def __reduce__(self):
            return open, (str(witness), "w")

    (lab / "model.pt").write_bytes(pickle.dumps(Hostile()))
    _write(lab / "sentences.ipynb", _answer("path = 'model.pt'", released="..."))
    receipt = hand_in(folder=lab)
    assert not receipt.is_written
    assert "pickled module" in str(receipt)
    assert "safetensors.torch.save_file" in str(receipt)
    assert not witness.exists()


def test_hand_in_missing_weights_is_a_note(lab):
    """Weights that the notebook names but that are not there are missed."""
    (lab / "sentence_model.safetensors").unlink()
    assert "names sentence_model.safetensors, which is not there" in str(hand_in(folder=lab))


def test_hand_in_listed_files_leave_other_weights_out(lab):
    """Where files are listed, weights that the notebook names elsewhere are neither packed nor missed."""
    save_file({"w": torch.ones(1)}, lab / "trial.safetensors")
    cell = _answer("a, b, c = 'trial.safetensors', 'sentence_model.safetensors', 'gone.pt'", released="...")
    _write(lab / "sentences.ipynb", cell)
    receipt = hand_in(lab / "sentences.ipynb", ["sentence_model.safetensors"])
    assert sorted(receipt.files) == ["sentence_model.safetensors", "sentences.ipynb"]
    assert receipt.remarks == ()
    assert repr(receipt) == str(receipt)


def test_hand_in_folder_without_notebook_says_so(tmp_path):
    """An empty folder gives one problem and no file."""
    receipt = hand_in(folder=tmp_path)
    assert [remark.code for remark in receipt.remarks] == ["no-notebook"]


def test_hand_in_broken_notebook_blocks(tmp_path):
    """A notebook that was cut is named."""
    (tmp_path / "a.ipynb").write_text('{"nbgrader"')
    assert "cannot be read" in str(hand_in(tmp_path / "a.ipynb"))


@pytest.mark.parametrize(
    ("save", "says"),
    [
        (lambda path: torch.save(torch.nn.Linear(2, 2), path), "pickled module"),
        (lambda path: torch.save({"model": {"w": torch.ones(1)}, "epoch": 3}, path), "not a tensor"),
        (lambda path: torch.save([torch.ones(1)], path), "holds a list"),
        (lambda path: torch.save({"w": torch.tensor([float("nan")])}, path), "NaN or infinity in 'w'"),
        (lambda path: torch.save({}, path), "holds no tensors"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(b"PK\x03\x04 cut"), "not a complete file"),
        (lambda path: path.write_bytes(bytes(3 * 2**20)), "has 3.0 MiB; 2 MiB are allowed"),
    ],
)
def test_inspect_model_unusable_file_says_why(tmp_path, save, says):
    """Every kind of wrong weights file has its own sentence and a hint."""
    save(tmp_path / "model.pt")
    model = inspect_model(tmp_path / "model.pt", limit_mib=2)
    assert says in model.problem
    assert model.hint


def test_inspect_model_state_dict_and_safetensors_are_fine(tmp_path):
    """Both safe forms are read and counted."""
    state = torch.nn.Linear(3, 2).state_dict()
    torch.save(state, tmp_path / "a.pth")
    save_file(state, tmp_path / "a.safetensors")
    for name in ("a.pth", "a.safetensors"):
        model = inspect_model(tmp_path / name)
        assert (model.problem, model.n_tensors, model.n_values) == ("", 2, 8)


def test_inspect_model_cut_safetensors_is_refused(tmp_path):
    """A file that was not written to the end is named."""
    save_file({"w": torch.ones(100)}, tmp_path / "a.safetensors")
    data = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(data[:-50])
    assert "not a complete safetensors file" in inspect_model(tmp_path / "a.safetensors").problem


def test_inspect_model_missing_file_says_what_to_do(tmp_path):
    """A file that is not there is not an exception."""
    assert inspect_model(tmp_path / "a.pt").problem == "is not there"


def test_read_notebook_order_and_errors_are_remarked(tmp_path):
    """Cells run out of order and saved errors are said."""
    first, second = new_code_cell("a = 1"), new_code_cell("b = 2")
    path = _write(tmp_path / "a.ipynb", first, second)
    notebook = nbformat.read(path, 4)
    notebook.cells[0].execution_count = 9
    notebook.cells[1].outputs = [
        nbformat.v4.new_output("error", ename="NameError", evalue="no", traceback=[])
    ]
    nbformat.write(notebook, path)
    assert [remark.code for remark in read_notebook(path).remarks] == ["run-out-of-order", "cell-error"]


def test_read_notebook_never_run_is_remarked(tmp_path):
    """A notebook without outputs was not run."""
    path = _write(tmp_path / "a.ipynb", new_code_cell("a = 1"), run=False)
    assert [remark.code for remark in read_notebook(path).remarks] == ["not-run"]


def test_read_notebook_stub_without_checksum_is_untouched(tmp_path):
    """Colab drops nothing, but some tools drop checksums: a stub's own words tell too."""
    path = _write(
        tmp_path / "a.ipynb", _answer('raise NotImplementedError("gru")', "gru"), _answer("x = 2", "rnn")
    )
    report = read_notebook(path)
    assert report.untouched == ("gru",)
    assert report.answered == ("rnn",)


def test_read_module_stubs_and_syntax_errors_are_named(tmp_path):
    """A companion module's open functions and broken lines are said."""
    path = tmp_path / "implementation.py"
    path.write_text("def rnn(x):\n    raise NotImplementedError('rnn')\n\ndef gru(x):\n    return x\n")
    assert read_module(path)[0].message == "not answered: rnn"
    path.write_text("def rnn(x):\nreturn x\n")
    assert read_module(path)[0].where == "implementation.py:2"


def test_submit_command_json_gives_the_receipt(lab, monkeypatch):
    """`labs submit --json` prints one document and ends with 0 when all is well."""
    monkeypatch.chdir(lab)
    result = CliRunner().invoke(submit, ["--json", "--no-run"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["answered"] == ["rnn"]


def test_submit_command_missing_notebook_is_wrong_usage(tmp_path, monkeypatch):
    """A notebook that is not there ends with 2 and no traceback."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(submit, ["none.ipynb"])
    assert result.exit_code == 2
    assert "none.ipynb is not there" in result.output


def test_submit_command_runs_the_notebook_in_a_copy_and_names_the_cell_that_fails(tmp_path, monkeypatch):
    """Saved outputs look fine, but a name was only in the old kernel; the folder stays as it was."""
    path = _write(
        tmp_path / "lab" / "cells.ipynb",
        _answer("width = 3", released="..."),
        new_code_cell("open('made-by-a-cell.txt', 'w').close()"),
        new_code_cell("from labkit.submit import hand_in\nassert hand_in().path is None"),
        new_code_cell("hidden_state"),
        new_code_cell("raise NotImplementedError('rnn')"),
    )
    monkeypatch.chdir(path.parent)
    result = CliRunner().invoke(submit, ["--json"], catch_exceptions=False)
    receipt = json.loads(result.output)
    assert [(remark["code"], remark["where"]) for remark in receipt["remarks"]] == [
        ("run-fails", "cells.ipynb, code cell 4"),
        ("run-fails", "cells.ipynb, code cell 5"),
    ]
    assert "NameError: name 'hidden_state' is not defined" in receipt["remarks"][0]["message"]
    assert sorted(file.name for file in path.parent.iterdir()) == ["cells.ipynb", "lab-submission.zip"]
    assert result.exit_code == 1


def test_try_notebook_waiting_cells_are_no_failures_and_slow_ones_are_named(tmp_path):
    """A cell that waits for an answer is not reported again; a cell without end is."""
    path = _write(
        tmp_path / "cells.ipynb",
        new_code_cell("error = ValueError()\nerror._render_traceback_ = lambda: ['○ Not answered yet: rnn']"),
        new_code_cell("raise error"),
        new_code_cell("import time\ntime.sleep(600)"),
    )
    remarks = try_notebook(path, timeout_s=6.0)
    assert [(remark.code, remark.where) for remark in remarks] == [("run-slow", "cells.ipynb, code cell 3")]
