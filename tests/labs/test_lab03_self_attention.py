"""Lab 03, notebook ``self_attention``: its numbers, its proof, and memory that grows in proportion to N."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from solved_notebook import EXERCISES, SolvedNotebook, modules_of

LAB = "03-sequence-models"


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SolvedNotebook]:
    """The notebook with its answers, its plots left out."""
    import matplotlib

    matplotlib.use("Agg")
    folder = tmp_path_factory.mktemp("lab03")
    with modules_of(folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABS_PROFILE", "quick")
        notebook = SolvedNotebook(LAB, "self_attention", folder)
        notebook.run(skip=("hand_in", "plots.Plot(", "plots.attention_map", "set_printoptions"))
        yield notebook


def test_self_attention_solution_gets_all_points(solved: SolvedNotebook) -> None:
    """Every check of the notebook gives its full points, 6.5 in all; 3.5 are given by a person."""
    results = solved.results
    assert {result.question: result.points for result in results} == {
        "by-hand": 1,
        "dot-product": 2,
        "online-softmax": 1.5,
        "tiled-attention": 2,
    }
    by_hand = re.findall(r"TAG ANSWER \S+ points=([\d.]+)", _source())
    assert sum(map(float, by_hand)) + sum(result.points for result in results) == 10


def _source() -> str:
    return (EXERCISES / LAB / "self_attention.md").read_text(encoding="utf-8")


def test_self_attention_numbers_of_the_text_are_those_of_the_formula(solved: SolvedNotebook) -> None:
    """The matrices in the model answer, and the numbers typed by hand, are the rounded exact ones."""
    names = solved.names
    Q, K, V = (names["x"] @ names[name] for name in ("W_q", "W_k", "W_v"))
    output, weights = names["attention"](Q, K, V)
    assert [names["Q_by_hand"], names["K_by_hand"], names["V_by_hand"]] == [m.tolist() for m in (Q, K, V)]
    shown = re.findall(r"(A V|A) = \\begin\{pmatrix\} (.*?) \\end", _source())
    matrices = {
        name: [[float(n) for n in row.split("&")] for row in text.split("\\\\")] for name, text in shown
    }
    assert matrices["A"] == [[round(value, 3) for value in row] for row in weights.tolist()]
    assert matrices["A V"] == [[round(value, 2) for value in row] for row in output.tolist()]
    assert names["weights_of_bob"] == matrices["A"][2]
    assert names["output_of_bob"] == matrices["A V"][2]


def test_self_attention_proof_is_for_the_solution_only(solved: SolvedNotebook) -> None:
    """The proof stands in a Markdown cell of the solution; students see a place for their own."""
    proof = next(text for text in solved.text if "**`tiled-proof`**" in text)
    task = next(text for text in solved.student if "**`tiled-proof`**" in text)
    assert "**The normaliser.**" in proof
    assert "Your proof here" in task
    assert "normaliser.**" not in task
    assert "Marking notes" not in "".join(solved.student)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(-200, 200, width=32), min_size=1, max_size=5), min_size=1, max_size=6))
def test_self_attention_online_softmax_of_any_blocks_is_softmax(
    solved: SolvedNotebook, rows: list[list[float]]
) -> None:
    """However a row is cut, the blocks give its softmax."""
    blocks = [torch.tensor(row) for row in rows]
    torch.testing.assert_close(
        solved.names["online_softmax"](blocks), torch.softmax(torch.cat(blocks), 0), atol=1e-6, rtol=1e-4
    )


def test_self_attention_memory_is_linear_in_tiles_and_quadratic_without(solved: SolvedNotebook) -> None:
    """From 256 to 512 words the peak doubles in tiles, and grows fourfold for the plain version."""
    plain, tiled = solved.names["peak_of_plain"], solved.names["peak_of_tiled"]
    assert 3.8 < plain(512) / plain(256) < 4.2
    assert 1.7 < tiled(512, 32) / tiled(256, 32) < 2.3


def test_self_attention_meter_counts_what_is_alive_at_one_time(solved: SolvedNotebook) -> None:
    """Views cost nothing, freed tensors are taken off, arrays of NumPy count."""
    measure = solved.names["measure_peak_bytes"]
    x = torch.zeros(100_000)

    def one_after_the_other(x: torch.Tensor) -> torch.Tensor:
        for _ in range(5):
            y = x + 1.0
            del y
        return x[10:].view(-1)

    small = 30_000  # bytes that Python itself needs
    assert 400_000 <= measure(one_after_the_other, x)[1] < 400_000 + small
    assert 1_200_000 <= measure(lambda x: [x + n for n in range(3)], x)[1] < 1_200_000 + small
    assert 800_000 <= measure(lambda x: x.numpy().astype("float64"), x)[1] < 800_000 + small


def test_self_attention_figure_and_module_are_in_the_folder() -> None:
    """What the text shows and imports lies in the lab's folder."""
    folder = EXERCISES / LAB
    for name in re.findall(r"\((figures/\S+\.svg)\)", _source()):
        assert (folder / Path(name)).is_file(), name
    assert (folder / "tensor_memory.py").is_file()
