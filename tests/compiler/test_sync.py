"""Twins: drift is found by content, and mended in the right direction."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from labbuild.compile import compile_lab
from labbuild.pairs import content_digest, read_side
from labbuild.sync import sync_pair

MakeLab = Callable[..., Path]
CORPUS = Path(__file__).parent.parent / "corpus"

SOURCE = """\
# Title

* a list

    indented code


Second paragraph cell.

<!-- #region tags=["keep"] -->
Two blank lines


inside a region.
#!TAG HWBEGIN
#!MSG   * answer
Answer.
#!TAG HWEND
<!-- #endregion -->

```python tags=["x"]
#!TAG SKIPQUESTEXEC
%matplotlib inline
!ls
def f():
    #!TAG HWBEGIN
    #!MSG write f
    return 1
    #!TAG HWEND
```

```python

```

```bash
echo other language
```
"""


@pytest.fixture
def pair(make_lab: MakeLab) -> Path:
    """Give the stem of a pair in step."""
    folder = make_lab(lab_md=SOURCE)
    assert sync_pair(folder / "lab").state == "written"
    return folder / "lab"


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def digest(path: Path) -> str:
    """Return the digest of a twin's content."""
    return content_digest(read_side(path).cells)


def test_sync_without_twin_makes_one_that_says_the_same(pair: Path) -> None:
    """A new percent twin has the same cells, markers bare in code, and does not comment magics."""
    script = pair.with_suffix(".py").read_text(encoding="utf-8")
    assert digest(pair.with_suffix(".md")) == digest(pair.with_suffix(".py"))
    assert "#     comment_magics: false" in script
    assert "\n#!TAG SKIPQUESTEXEC\n%matplotlib inline\n!ls\n" in script
    assert "\n# #!TAG HWBEGIN\n# #!MSG   * answer\n" in script
    assert sync_pair(pair).state == "same"


def test_sync_from_script_alone_makes_markdown(make_lab: MakeLab) -> None:
    """A percent script without a Markdown source gets one."""
    folder = make_lab(lab_py="# %% [markdown]\n# # Title\n# #!TAG HWBEGIN\n# x\n# #!TAG HWEND\n\n# %%\n!ls\n")
    assert sync_pair(folder / "lab").written == folder / "lab.md"
    assert digest(folder / "lab.md") == digest(folder / "lab.py")


@pytest.mark.parametrize("edited", [".md", ".py"])
def test_sync_after_edit_writes_the_other_twin(pair: Path, edited: str) -> None:
    """The twin that was edited is right, whatever the file times say."""
    other = ".py" if edited == ".md" else ".md"
    edit(pair.with_suffix(edited), "return 1", "return 2")
    os.utime(pair.with_suffix(other))  # the other one is now the newer file
    result = sync_pair(pair)
    assert (result.state, result.written) == ("written", pair.with_suffix(other))
    assert "return 2" in pair.with_suffix(other).read_text(encoding="utf-8")
    assert sync_pair(pair).state == "same"


def test_sync_changes_only_the_lines_of_edited_cells(pair: Path) -> None:
    """Cells that did not change keep their lines, header and region comments included."""
    before = pair.with_suffix(".md").read_text(encoding="utf-8")
    edit(pair.with_suffix(".py"), "return 1", "return 2")
    sync_pair(pair)
    assert pair.with_suffix(".md").read_text(encoding="utf-8") == before.replace("return 1", "return 2")


def test_sync_after_both_were_edited_refuses_until_told(pair: Path) -> None:
    """Two edits are a contradiction that names both places; --from decides it."""
    edit(pair.with_suffix(".md"), "return 1", "return 2")
    edit(pair.with_suffix(".py"), "return 1", "return 3")
    result = sync_pair(pair)
    assert (result.state, [one.code for one in result.diagnostics]) == ("refused", ["LB602"])
    assert sync_pair(pair, ".py").written == pair.with_suffix(".md")
    assert "return 3" in pair.with_suffix(".md").read_text(encoding="utf-8")


def test_sync_in_fresh_clone_asks_git_which_twin_was_edited(pair: Path) -> None:
    """Without a note of ours the last commit tells which twin is as it was."""
    (pair.parent / ".labs-cache" / "pairs.json").unlink()
    git = ["git", "-C", str(pair.parent), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "lab.md", "lab.py"], ["commit", "-q", "-m", "both"]):
        subprocess.run([*git, *command], check=True)
    edit(pair.with_suffix(".py"), "return 1", "return 2")
    assert sync_pair(pair).written == pair.with_suffix(".md")


def test_sync_without_any_base_refuses(pair: Path) -> None:
    """Where nothing tells which twin was edited, nothing is overwritten."""
    (pair.parent / ".labs-cache" / "pairs.json").write_text("damaged")
    edit(pair.with_suffix(".py"), "return 1", "return 2")
    assert [one.code for one in sync_pair(pair).diagnostics] == ["LB602"]


def test_sync_check_writes_nothing(pair: Path) -> None:
    """With only_check the twins are compared and left alone."""
    edit(pair.with_suffix(".py"), "return 1", "return 2")
    assert sync_pair(pair, only_check=True).state == "would write"
    assert "return 1" in pair.with_suffix(".md").read_text(encoding="utf-8")


def test_sync_beside_module_of_same_name_refuses(make_lab: MakeLab) -> None:
    """A module in the place of a twin is not overwritten."""
    folder = make_lab(lab_md="# A\n", lab_py="import os\n")
    assert [one.code for one in sync_pair(folder / "lab").diagnostics] == ["LB603"]
    assert (folder / "lab.py").read_text() == "import os\n"


def test_sync_from_script_with_commented_magics_uncomments_them(make_lab: MakeLab) -> None:
    """A script as Jupytext writes it by default has its magics commented; the Markdown source does not."""
    folder = make_lab(lab_py="# %%\n# %matplotlib inline\n#!TAG HWBEGIN\nx = 1\n#!TAG HWEND\n")
    sync_pair(folder / "lab")
    assert "\n%matplotlib inline\n#!TAG HWBEGIN\n" in (folder / "lab.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("edited", [".md", ".py"])
def test_build_of_drifted_pair_refuses_and_names_both_lines(pair: Path, edited: str) -> None:
    """A build does not choose between twins that differ."""
    assert not compile_lab(pair.parent).has_errors
    edit(pair.with_suffix(edited), "return 1", "return 2")
    (found,) = [one for one in compile_lab(pair.parent).diagnostics if one.is_error]
    rows = pair.with_suffix(".md").read_text(encoding="utf-8").split("\n")
    there = pair.with_suffix(".py").read_text(encoding="utf-8").split("\n")
    assert found.code == "LB601"
    assert "return" in rows[found.line - 1]
    assert f"(line {next(n for n, row in enumerate(there, 1) if 'return' in row)})" in found.message


def test_build_of_single_twin_refuses_drift_too(pair: Path) -> None:
    """Also a single file is not built when its twin says something else."""
    edit(pair.with_suffix(".py"), "Title", "Other")
    for suffix in (".md", ".py"):
        found = compile_lab(pair.with_suffix(suffix)).diagnostics
        assert "LB601" in [one.code for one in found]


def test_both_twins_build_to_the_same_student_cells(pair: Path) -> None:
    """Built from either twin, all versions have the same cells."""
    first, second = (compile_lab(pair.with_suffix(suffix)).notebooks[0] for suffix in (".md", ".py"))
    for version in ("student", "solution", "nbgrader"):
        ours, theirs = getattr(first, version)["cells"], getattr(second, version)["cells"]
        assert ours == theirs


@pytest.mark.parametrize("name", sorted(path.parent.name for path in CORPUS.glob("*/student.txt")))
def test_corpus_source_survives_the_way_to_the_twin_and_back(name: str, tmp_path: Path) -> None:
    """md -> py -> md (or py -> md -> py) keeps the content of every source of the corpus."""
    for source in (CORPUS / name / "lab").glob("lab.*"):
        if source.suffix == ".toml":
            continue
        path = tmp_path / source.name
        path.write_bytes(source.read_bytes())
        before = digest(path)
        written = sync_pair(tmp_path / "lab").written
        assert written is not None
        path.unlink()
        assert sync_pair(tmp_path / "lab").written == path
        assert digest(path) == before
