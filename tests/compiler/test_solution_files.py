"""Files that go with the solution and never to students."""

from labbuild.compile import compile_lab
from labbuild.outputs import stage_lab


def _lab(make_lab, config: str):
    return make_lab(
        lab_md="# A lab\n\n```python\nprint(1)\n```\n",
        weights_bin=b"\0" * 10,
        lab_toml=config,
    )


def test_solution_files_go_with_the_solution_only(make_lab, tmp_path):
    """The solution folder has them; the student's and nbgrader's folders do not."""
    lab = compile_lab(_lab(make_lab, 'solution_files = ["*.bin"]\n'))
    assert not lab.has_errors
    assert list(lab.kept) == ["weights.bin"]
    assert stage_lab(lab, tmp_path / "out", (), (), None, lambda *_: None) == ()
    found = sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("weights.bin")
    )
    assert found == ["solution/mylab/weights.bin"]


def test_solution_files_without_a_match_are_reported(make_lab):
    """A pattern that names nothing is a diagnostic with its line."""
    lab = compile_lab(_lab(make_lab, 'solution_files = ["none.bin"]\n'))
    assert [(d.code, d.line) for d in lab.diagnostics if d.code == "LB505"] == [("LB505", 1)]


def test_solution_files_that_are_also_given_are_given(make_lab):
    """What students get is not kept back."""
    lab = compile_lab(_lab(make_lab, 'files = ["*.bin"]\nsolution_files = ["*.bin"]\n'))
    assert list(lab.given) == ["weights.bin"]
    assert not lab.kept
