"""What belongs to a lab: notebooks, modules, given files; what must never leave."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from labbuild.compile import compile_lab
from labbuild.compiled import CompiledLab

MakeLab = Callable[..., Path]
NOTEBOOK = "# Lab\n\n```python\nimport helper\n```\n"


def codes(lab: CompiledLab) -> list[str]:
    """Return the codes of all diagnostics."""
    return [one.code for one in lab.diagnostics]


def test_folder_without_lab_toml_takes_all_notebooks_and_imported_modules(make_lab: MakeLab) -> None:
    """Markdown and percent scripts are notebooks; modules count if they are imported or have regions."""
    folder = make_lab(
        b_md=NOTEBOOK,
        a_py="# %%\nimport other\n",
        helper_py="import deeper\n",
        deeper_py="x = 1\n",
        other_py="#!TAG HWBEGIN\nx = 1\n#!TAG HWEND\n",
        old_solution_py="secret = 1\n",
        README_md="---\n---\n# Not a notebook\n",
    )
    lab = compile_lab(folder)
    assert [notebook.name for notebook in lab.notebooks] == ["a", "b"]
    assert [module.name for module in lab.modules] == ["deeper.py", "helper.py", "other.py"]
    assert codes(lab) == []


def test_folder_without_lab_toml_gives_files_that_students_text_links_to(make_lab: MakeLab) -> None:
    """An image in the student's text is given; one that only the solution shows is not, nor a source."""
    folder = make_lab(
        lab_md="![a](one.svg) [s](lab.md) [c](variants.toml)\n\n```python\n```\n\nText.\n"
        '#!TAG HWBEGIN\n![b](two.svg)\n#!TAG HWEND\n\n```python\n```\n\n<img alt="x" src="three.svg">\n',
        one_svg="1",
        two_svg="2",
        three_svg="3",
        variants_toml="",
    )
    assert sorted(compile_lab(folder).given) == ["one.svg", "three.svg"]


def test_folder_with_lab_toml_gives_only_listed_files(make_lab: MakeLab) -> None:
    """With a lab.toml nothing is given that it does not list; junk is left out even when listed."""
    folder = make_lab(
        lab_md="![a](one.svg)\n", lab_toml='files = ["*.csv", "sub/**/*"]\n', one_svg="1", a_csv="1"
    )
    for name in ("sub/deep/x.txt", "sub/__pycache__/y.pyc", "sub/.ipynb_checkpoints/z.ipynb"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("1")
    assert sorted(compile_lab(folder).given) == ["a.csv", "sub/deep/x.txt"]


def test_link_to_file_outside_the_folder_is_refused(make_lab: MakeLab, tmp_path: Path) -> None:
    """A symbolic link cannot carry a file out of its place."""
    (tmp_path / "secret.csv").write_text("1")
    folder = make_lab(lab_md="# Lab\n", lab_toml='files = ["*.csv"]\n')
    os.symlink(tmp_path / "secret.csv", folder / "data.csv")
    assert codes(compile_lab(folder)) == ["LB506"]


def test_module_that_only_the_solution_imports_stays(make_lab: MakeLab) -> None:
    """A module behind a solution region or a hidden test is not released, and the author is told."""
    folder = make_lab(
        lab_md="```python\n#!TAG HWBEGIN\nfrom reference import rnn\n#!TAG HWEND\n```\n",
        reference_py="rnn = 1\n",
    )
    lab = compile_lab(folder)
    assert lab.modules == ()
    assert codes(lab) == ["LB508"]


def test_package_that_students_import_comes_whole(make_lab: MakeLab) -> None:
    """All files of an imported package are modules of the lab."""
    folder = make_lab(lab_md="```python\nfrom tools import one\n```\n")
    (folder / "tools").mkdir()
    for name in ("__init__", "one"):
        (folder / "tools" / f"{name}.py").write_text("x = 1\n")
    assert [module.name for module in compile_lab(folder).modules] == ["tools/__init__.py", "tools/one.py"]


def test_folder_without_notebook_is_reported(make_lab: MakeLab) -> None:
    """An empty folder says what a source is."""
    assert codes(compile_lab(make_lab(notes_txt="x"))) == ["LB106"]


def test_given_notebook_in_place_of_built_one_is_reported(make_lab: MakeLab) -> None:
    """A given file cannot replace a built notebook."""
    folder = make_lab(lab_md="# Lab\n", lab_toml='files = ["*.ipynb"]\n', lab_ipynb="{}")
    assert codes(compile_lab(folder)) == ["LB507"]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [("lab.md", b"\0", "LB103"), ("lab.txt", b"x", "LB107"), ("none.md", None, "LB103")],
)
def test_file_that_cannot_be_a_source_is_reported(
    make_lab: MakeLab, name: str, data: bytes | None, code: str
) -> None:
    """Binary, unknown and missing files give a diagnostic, never an exception."""
    folder = make_lab()
    if data is not None:
        (folder / name).write_bytes(data)
    assert codes(compile_lab(folder / name)) == [code]


def test_source_in_other_jupytext_format_is_refused(make_lab: MakeLab) -> None:
    """A MyST file is named as what it is."""
    folder = make_lab(
        lab_md="---\njupytext:\n  text_representation:\n    format_name: nonsense\n---\n\n# A\n"
    )
    assert codes(compile_lab(folder)) == ["LB107"]


def test_single_file_knows_answers_of_its_neighbours(make_lab: MakeLab) -> None:
    """A notebook built on its own may test what a module of the same folder answers."""
    folder = make_lab(
        lab_md="```python\n#!TAG TEST f points=1\nassert answers.f()\n```\n",
        answers_py="def f():\n    #!TAG ANSWER f\n    #!TAG HWBEGIN\n    return 1\n    #!TAG HWEND\n",
    )
    assert codes(compile_lab(folder / "lab.md")) == []
    assert codes(compile_lab(folder / "answers.py")) == []


def test_test_and_answer_in_two_notebooks_meet(make_lab: MakeLab) -> None:
    """A TEST may be in another notebook of the lab than its ANSWER; tests are numbered over all of them."""
    test = "```python\n#!TAG TEST q points=2\nassert q\n```\n"
    folder = make_lab(a_md="## Question\n\n```python\n#!TAG ANSWER q\nq = 1\n```\n\n" + test, b_md=test)
    (question,) = compile_lab(folder).questions
    assert (question.points, question.tests, question.title) == (4, ("test-q", "test-q-2"), "Question")
    assert question.points_by_cell == {"test-q": 2, "test-q-2": 2}


def test_answer_places_name_lines_of_the_solution(make_lab: MakeLab) -> None:
    """The lines of an answer in the solution version are where labs check puts a mutant."""
    module = "x = 0\n#!TAG ANSWER m\n#!TAG HWBEGIN\n#!MSG write\ny = 1\nz = 2\n#!TAG HWEND\n"
    cell = "```python\n#!TAG ANSWER c\na = 0\n#!TAG HWBEGIN\nb = 1\n#!TAG HWEND\n```\n\n"
    tests = "".join(f"```python\n#!TAG TEST {q} points=1\nassert 1\n```\n\n" for q in "cm")
    lab = compile_lab(make_lab(lab_md="# T\n\n" + cell + tests, answers_py=module))
    places = {question.id: question.answers for question in lab.questions}
    (in_cell,), (in_module,) = places["c"], places["m"]
    rows = lab.notebooks[0].solution["cells"][in_cell.cell]["source"].split("\n")
    assert rows[in_cell.first_line - 1 : in_cell.last_line] == ["b = 1"]
    rows = lab.modules[0].solution.split("\n")
    assert rows[in_module.first_line - 1 : in_module.last_line] == ["y = 1", "z = 2"]
    assert (in_module.file, in_module.kind, in_module.cell) == ("answers.py", "module", None)


def test_answer_places_count_the_cells_that_the_builder_adds(make_lab: MakeLab) -> None:
    """With a Colab badge and set-up cell the index of an answer is still the right one, in all versions."""
    folder = make_lab(
        lab_md="# T\n\n```python\n#!TAG ANSWER c\nb = 1\n```\n\n"
        "```python\n#!TAG TEST c points=1\nassert b\n```\n",
        lab_toml='[colab]\nnotebook_url = "https://x/{lab}/{notebook}"\nrelease_url = "https://x/{lab}.zip"\n',
    )
    lab = compile_lab(folder)
    (notebook,), (question,) = lab.notebooks, lab.questions
    place = question.answers[0]
    for version in ("student", "solution", "nbgrader"):
        cells = getattr(notebook, version)["cells"]
        assert [cell["id"] for cell in cells[:3]] == ["colab-badge", cells[1]["id"], "colab-setup"]
        assert cells[place.cell]["id"] == "c"
    assert notebook.cell_lines[0] == 0
    assert notebook.answer_cells == (place.cell,)
