"""Lab 02, notebook ``cells``: answers, checks, given modules, text."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn

if TYPE_CHECKING:
    from lab02_run import CellsOfLab02

LAB = Path(__file__).resolve().parents[2] / "exercises" / "02-recurrent-attention"
POINTS = {"rnn": 3, "gru": 5, "gru-as-rnn": 2, "gru-memory": 2, "mha": 5}


def _variants(kind: str) -> list[Any]:
    entries = tomllib.loads((LAB / "variants.toml").read_text(encoding="utf-8"))[kind]
    return [
        pytest.param(entry, id=f"{entry['question']}-{entry['name']}")
        for entry in entries
        if entry["question"] in POINTS
    ]


def _apply(lab02: CellsOfLab02, entry: dict[str, Any]) -> str:
    """Return the module with one answer varied."""
    from labbuild.check.apply import apply_variant
    from labbuild.check.variants import read_variants

    questions = {question.id: question for question in lab02.lab.questions}
    path = LAB / "variants.toml"
    variants = read_variants(path, tuple(questions)).variants
    variant = next(
        variant
        for variant in variants
        if (variant.question, variant.name) == (entry["question"], entry["name"])
    )
    changes, findings = apply_variant(lab02.lab, questions[variant.question], variant, path)
    assert not findings
    assert changes is not None
    return changes.modules["implementation.py"]


def test_solution_notebook_runs_from_top_to_bottom_with_full_points(lab02: CellsOfLab02) -> None:
    """Every cell of the solution runs without a warning, and every check gives all its points."""
    results, _ = lab02.run_everything()
    assert {result.question: result.points for result in results} == POINTS
    assert not [note for result in results for test in result.tests for note in test.notes]


def test_questions_have_the_points_of_the_lab(lab02: CellsOfLab02) -> None:
    """Five questions, 17 points, each answered in implementation.py."""
    found = {question.id: question for question in lab02.lab.questions if question.id in POINTS}
    assert set(found) == set(POINTS)
    assert all(place.file == "implementation.py" for question in found.values() for place in question.answers)
    graded = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell["metadata"]["nbgrader"]["points"]
        for cell in lab02.notebook.student["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade")
    }
    assert graded == {f"test-{question}": points for question, points in POINTS.items()}


def test_untouched_module_gets_nothing_and_is_called_not_attempted(lab02: CellsOfLab02) -> None:
    """The stub gets no points, and its first test says that nothing was written yet."""
    for question, result in lab02.check_all(lab02.module.student).items():
        assert result.points == 0, question
        assert not any(test.passed for test in result.tests), question
        assert result.tests[0].outcome == "not attempted", question


@pytest.mark.parametrize("entry", _variants("mutant"))
def test_mutant_loses_points_and_its_mistake_is_named(lab02: CellsOfLab02, entry: dict[str, Any]) -> None:
    """A known wrong answer loses points, no test blames itself, and a message says what is wrong."""
    result = lab02.check(_apply(lab02, entry), entry["question"])
    assert result.points < result.max_points
    assert not result.needs_person
    messages = [f"{test.message}\n{test.cause}" for test in result.tests if not test.passed]
    assert any(entry.get("says", "") in message for message in messages)


@pytest.mark.parametrize("entry", _variants("alternative"))
def test_alternative_keeps_all_points(lab02: CellsOfLab02, entry: dict[str, Any]) -> None:
    """Another right answer gets full points."""
    result = lab02.check(_apply(lab02, entry), entry["question"])
    assert result.points == result.max_points


def test_changed_input_is_noted_and_costs_nothing(lab02: CellsOfLab02) -> None:
    """An answer that writes into its inputs keeps its points and gets a note."""
    line = "return np.stack(outputs, axis=1), state[np.newaxis]"
    changed = lab02.module.solution.replace(line, f"input_data *= 0\n    {line}", 1)
    assert changed != lab02.module.solution
    result = lab02.check(changed, "rnn")
    assert result.points == result.max_points
    assert any("`input_data` was modified" in note for test in result.tests for note in test.notes)


@pytest.mark.parametrize("question", ["rnn", "gru", "mha"])
def test_visible_checks_alone_do_not_give_all_points(lab02: CellsOfLab02, question: str) -> None:
    """Hidden tests decide some points of each question, and the notebook says how many."""
    source = next(
        "".join(cell["source"])
        for cell in lab02.notebook.student["cells"]
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == f"test-{question}"
    )
    visible = re.findall(r"^def (test_\w+)", source, re.MULTILINE)
    complete = re.findall(r"^def (test_\w+)", lab02.tests[question][0], re.MULTILINE)
    assert 0 < len(visible) < len(complete)
    assert f"tests={len(complete)}" in source
    assert "HIDDEN" not in source


def test_answers_are_as_close_to_torch_as_float32_allows(lab02: CellsOfLab02) -> None:
    """On 40 examples of random sizes, answers and PyTorch differ by a few units of the last place."""
    namespace = lab02._namespace
    with lab02._answers_from(lab02.module.solution):
        rnn, gru, mha = (namespace[name] for name in ("rnn", "gru", "mha"))
    rng = np.random.default_rng(0)
    for _ in range(40):
        b, t, i, h = (int(size) for size in rng.integers(1, 9, 4))
        x, h0 = (rng.standard_normal(shape).astype(np.float32) for shape in ((b, t, i), (1, b, h)))
        for answer, weights, layer in (
            (rnn, namespace["random_rnn"](rng, i, h), namespace["torch_rnn"]),
            (gru, namespace["random_gru"](rng, i, h), namespace["torch_gru"]),
        ):
            for ours, theirs in zip(answer(*weights, h0, x), layer(*weights, h0, x), strict=True):
                assert ours.dtype == np.float32
                assert ours.shape == theirs.shape
                assert np.abs(ours - theirs).max() < 2e-6
        weights = namespace["random_mha"](rng, 3 * h, h)
        X = torch.from_numpy(rng.standard_normal((b, t, 3 * h)).astype(np.float32))
        assert np.abs(mha(*weights, X) - namespace["torch_mha"](*weights, X)).mean() < 2e-7


def test_helper_turns_the_weights_of_an_rnn_and_adds_its_biases(lab02: CellsOfLab02) -> None:
    """`get_rnn_params` gives float32 copies with rows as inputs."""
    layer = nn.RNN(3, 5, batch_first=True)
    wt_h, wt_x, bias = lab02._namespace["get_rnn_params"](layer)
    assert [array.shape for array in (wt_h, wt_x, bias)] == [(5, 5), (3, 5), (5,)]
    assert {array.dtype for array in (wt_h, wt_x, bias)} == {np.dtype(np.float32)}
    x, h = torch.randn(2, 3), torch.randn(2, 5)
    with torch.no_grad():
        step, _ = layer(x[:, None], h[None])
    np.testing.assert_allclose(np.tanh(x.numpy() @ wt_x + h.numpy() @ wt_h + bias), step[:, 0], atol=1e-6)
    wt_h[:] = 0
    assert layer.weight_hh_l0.abs().sum() > 0


def test_helper_gives_the_gates_of_a_gru_in_the_order_r_z_n(lab02: CellsOfLab02) -> None:
    """`get_gru_params` gives three groups of four, and `torch_gru` packs them back."""
    layer = nn.GRU(3, 5, batch_first=True)
    params = lab02._namespace["get_gru_params"](layer)
    assert [[part.shape for part in gate] for gate in params] == [[(3, 5), (5,), (5, 5), (5,)]] * 3
    np.testing.assert_array_equal(params[1][0], layer.weight_ih_l0[5:10].detach().numpy().T)
    np.testing.assert_array_equal(params[2][3], layer.bias_hh_l0[10:].detach().numpy())
    x, h0 = torch.randn(2, 4, 3), torch.randn(1, 2, 5)
    with torch.no_grad():
        outputs, _ = layer(x, h0)
    np.testing.assert_array_equal(lab02._namespace["torch_gru"](*params, h0.numpy(), x.numpy())[0], outputs)


def test_helper_cuts_attention_into_heads_of_consecutive_columns(lab02: CellsOfLab02) -> None:
    """`get_mha_params` gives lists of [E, K], and `torch_mha` packs them back."""
    layer = nn.MultiheadAttention(12, 4, bias=False, batch_first=True)
    Wq, Wk, Wv, Wo = lab02._namespace["get_mha_params"](layer)
    assert [len(heads) for heads in (Wq, Wk, Wv)] == [4, 4, 4]
    assert {head.shape for heads in (Wq, Wk, Wv) for head in heads} == {(12, 3)}
    np.testing.assert_array_equal(Wk[1], layer.in_proj_weight[12 + 3 : 12 + 6].detach().numpy().T)
    X = torch.randn(2, 5, 12)
    with torch.no_grad():
        result, _ = layer(X, X, X, need_weights=False)
    np.testing.assert_allclose(lab02._namespace["torch_mha"](Wq, Wk, Wv, Wo, X), result, atol=1e-6)


def test_twins_say_the_same() -> None:
    """cells.md and cells.py have the same cells."""
    command = [sys.executable, "-m", "labs.cli", "sync", "--check", str(LAB / "cells.md")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_test_has_a_sentence_for_students(lab02: CellsOfLab02) -> None:
    """Visible or hidden, the first line of a test's docstring is a sentence."""
    for question, (source, _) in lab02.tests.items():
        tests = re.findall(r'^def test_\w+\(\):\n    """(.*)"""$', source, re.MULTILINE)
        assert len(tests) == len(re.findall(r"^def test_", source, re.MULTILINE)), question
        assert all(sentence[0].isupper() or sentence[0] == "`" for sentence in tests)
        assert all(sentence.endswith(".") for sentence in tests)


def test_figures_say_what_they_show() -> None:
    """Every figure of the text exists, has a title and a description, and alt text where it is used."""
    text = (LAB / "cells.md").read_text(encoding="utf-8")
    used = {name: alt for alt, name in re.findall(r"!\[([^\]]*)\]\((figures/[^)]*)\)", text)}
    assert set(used) == {f"figures/{path.name}" for path in (LAB / "figures").glob("*.svg")}
    for name, alt in used.items():
        svg = (LAB / name).read_text(encoding="utf-8")
        assert len(alt) > 60, name
        assert "<title" in svg, name
        assert "<desc" in svg, name


def test_expected_output_of_the_text_is_what_the_solution_prints(lab02: CellsOfLab02) -> None:
    """The numbers under “Expected output” are those that the solution prints, within a factor of ten."""
    _, printed = lab02.run_everything()
    text = (LAB / "cells.md").read_text(encoding="utf-8")
    label = r"(?:relative|mean) [^:\n]*|(?:your GRU|nn.GRU) with [^:\n]*?"
    pattern = rf"^`?({label}) ?:?\s+(?:relative difference )?(\d\.\de[-+]\d\d)"
    stated = dict(re.findall(pattern, text, re.MULTILINE))
    shown = dict(re.findall(pattern, printed, re.MULTILINE))
    assert len(stated) >= 5
    for label, number in stated.items():
        ours, theirs = float(shown[label]), float(number)
        assert ours <= max(10 * theirs, 1e-6), f"{label}: {ours} instead of {theirs}"


def test_student_notebook_is_plain_json_without_outputs_that_tell(lab02: CellsOfLab02) -> None:
    """Nothing of an answer's formulas stands in what students get, outputs and metadata included."""
    everything = json.dumps(lab02.notebook.student, ensure_ascii=False) + lab02.module.student
    for formula in ("(1.0 - update) * candidate", "np.tanh(input_data", "keepdims=True))", "wide_open"):
        assert formula not in everything.replace("# keep the axis: keepdims=True", ""), formula
