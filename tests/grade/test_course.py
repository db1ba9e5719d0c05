"""A course's configuration, and reading labs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from labgrade.clearing import ClearingRules
from labgrade.course import read_course
from labgrade.course_config import load_config
from labgrade.errors import UsageError
from labgrade.lab import Lab, read_lab

SOURCE = Path(__file__).parents[1] / "courses" / "plain" / "source" / "ps1"


def _course(folder: Path, text: str) -> Path:
    (folder / "nbgrader_config.py").write_text(text)
    return folder


def test_read_course_without_configuration_has_nbgraders_defaults(tmp_path: Path) -> None:
    """A folder is a course."""
    found = read_course(tmp_path)
    assert found.folder("submitted", "ada", "ps1") == tmp_path / "submitted" / "ada" / "ps1"
    assert found.gradebook_url == f"sqlite:///{tmp_path / 'gradebook.db'}"
    assert found.rules == ClearingRules()
    assert found.timeout_s is None


SETTINGS = """
c = get_config()
c.CourseDirectory.course_id = "example"
c.CourseDirectory.source_directory = "master"
c.CourseDirectory.directory_structure = "{nbgrader_step}/{assignment_id}/{student_id}"
c.CourseDirectory.ignore = ["*.tmp"]
c.CourseDirectory.student_id_exclude = "instructor, test"
c.CourseDirectory.db_url = "sqlite:////tmp/x.db"
c.ClearSolutions.begin_solution_delimeter = "#<"
c.ClearSolutions.code_stub = {"python": "pass"}
c.ClearHiddenTests.begin_test_delimeter = "#(("
c.Autograde.exclude_overwriting = {"ps1": ["a.py"]}
c.Execute.timeout = 77
c.LateSubmissionPlugin.penalty_method = "zero"
c.Exchange.root = "/srv"
"""


@pytest.mark.parametrize("dynamic", [False, True])
def test_read_course_settings_are_the_same_read_or_run(tmp_path: Path, dynamic: bool) -> None:
    """Plain values are taken from the text; a configuration that computes is run. Both give the same."""
    if dynamic:
        text = SETTINGS.replace("c.Execute.timeout = 77", "for c.Execute.timeout in (1, 77): pass")
    else:
        text = "raise_if_run = undefined_name\n" + SETTINGS
    found = read_course(_course(tmp_path, text))
    assert found.course_id == "example"
    assert found.folder(found.source, ".", "ps1") == tmp_path / "master" / "ps1"
    assert found.ignore == ("*.tmp",)
    assert found.excluded_students == {"instructor", "test"}
    assert found.gradebook_url == "sqlite:////tmp/x.db"
    assert (found.rules.begin_solution, found.rules.begin_hidden) == ("#<", "#((")
    assert found.rules.code_stubs == {"python": "pass"}
    assert found.exclude_overwriting == {"ps1": ("a.py",)}
    assert found.timeout_s == 77
    assert found.late_method == "zero"


@pytest.mark.parametrize(
    "statement",
    [
        "import os; c.CourseDirectory.root = os.getcwd()",
        "if True:\n    c.Execute.timeout = 5",
        "c.Execute.update(timeout=5)",
        "section = c.Execute; section.timeout = 5",
        "get_config().Execute.timeout = 5",
        "c.ClearSolutions.code_stub = dict(python='x')",
    ],
)
def test_load_config_that_computes_is_run(tmp_path: Path, statement: str) -> None:
    """Nothing that could set a value in another way is missed: the file is run, as its last line shows."""
    text = f"c = get_config()\n{statement}\nraise ValueError('was run')"
    with pytest.raises(UsageError, match="was run"):
        load_config(_course(tmp_path, text) / "nbgrader_config.py")


def test_load_config_sub_file_is_run_only_if_it_is_there(tmp_path: Path) -> None:
    """``load_subconfig`` of a file that does not exist changes nothing."""
    text = 'c = get_config()\nc.Execute.timeout = 5\nif False:\n    load_subconfig("more.py")\n'
    path = _course(tmp_path, text + "undefined_name") / "nbgrader_config.py"
    assert load_config(path) == {"Execute": {"timeout": 5}}
    (tmp_path / "more.py").write_text("")
    with pytest.raises(UsageError, match="undefined_name"):
        load_config(path)


@pytest.mark.parametrize("text", ["c = get_config(\n", "c = get_config()\n1 / 0\nx = c\n"])
def test_read_course_broken_configuration_names_file_and_line(tmp_path: Path, text: str) -> None:
    """A mistake in the configuration is a diagnostic with its place."""
    with pytest.raises(UsageError) as caught:
        read_course(_course(tmp_path, text))
    assert caught.value.code == "course-config"
    assert f"{tmp_path / 'nbgrader_config.py'}:" in str(caught.value)


def test_read_course_setting_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    """A list where a mapping belongs is not a traceback."""
    with pytest.raises(UsageError, match="wrong type"):
        read_course(_course(tmp_path, "c = get_config()\nc.Autograde.exclude_overwriting = [1]\n"))


def test_read_course_does_not_import_nbgrader(tmp_path: Path) -> None:
    """A configuration that imports nbgrader for what does not concern us costs nothing."""
    text = (
        "from nbgrader_not_installed import X\nc = get_config()\nc.GenerateAssignment.preprocessors = [X]\n"
    )
    assert read_course(_course(tmp_path, text)).timeout_s is None
    assert "nbgrader_gone" not in sys.modules


def test_read_lab_texts_points_and_files(lab: Lab) -> None:
    """The lab as students get it, and as it is graded."""
    numbers = lab.spec.notebooks[0]
    total = numbers.cell("total")
    assert "result += value" in total.source
    assert "result" not in total.released
    assert "raise NotImplementedError()" in total.released
    test = numbers.cell("test-total")
    assert (test.is_test, test.points, test.locked) == (True, 2.0, True)
    assert "HIDDEN" in test.source
    assert "HIDDEN" not in test.released
    assert "MARK SCHEME" not in numbers.cell("draw").released
    assert numbers.cell("draw").is_manual
    assert set(lab.spec.given_files) == {"helper.py", "data/words.txt"}
    assert set(lab.spec.student_files) == {"mine.py"}


def test_read_lab_checksums_equal_nbgrader(lab: Lab, nbgrader_api: Any) -> None:
    """The checksum by which an untouched answer is known is nbgrader's own."""
    from nbformat.notebooknode import from_dict

    for spec, page in zip(lab.spec.notebooks, lab.pages, strict=True):
        for cell in spec.cells:
            if cell.grade_id:
                flags = {
                    name: getattr(cell, name)
                    for name in ("grade", "solution", "locked", "points", "grade_id")
                }
                node = {
                    "cell_type": cell.cell_type,
                    "source": page.saved[cell.index],
                    "metadata": {"nbgrader": flags},
                }
                assert page.checksums[cell.index] == nbgrader_api.utils.compute_checksum(from_dict(node))


def test_digest_changes_with_what_can_change_a_score(lab: Lab, tmp_path: Path, course: Any) -> None:
    """Points, tests and given files count; outputs do not."""
    import shutil

    source = Path(
        shutil.copytree(Path(__file__).parents[1] / "courses" / "plain" / "source" / "ps1", tmp_path / "ps1")
    )

    def digest() -> str:
        return read_lab(source, course).spec.digest

    base = digest()
    assert base == lab.spec.digest
    notebook = json.loads((source / "numbers.ipynb").read_text())
    notebook["cells"][1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    (source / "numbers.ipynb").write_text(json.dumps(notebook))
    assert digest() == base
    notebook["cells"][3]["metadata"]["nbgrader"]["points"] = 3
    (source / "numbers.ipynb").write_text(json.dumps(notebook))
    changed = digest()
    (source / "helper.py").write_text("# other\n")
    assert len({base, changed, digest()}) == 3


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"grade_id": ""}, "lab-no-id"),
        ({"grade_id": "root"}, "lab-duplicate-id"),
        ({"schema_version": 1}, "lab-schema"),
        ({"points": -1, "grade": True}, "lab-points"),
        ({"points": "many", "grade": True}, "lab-points"),
        ({"solution": False, "locked": True}, "lab-marks"),
    ],
)
def test_read_lab_mistake_of_the_instructor_is_named(
    tmp_path: Path, course: Any, change: dict[str, Any], code: str
) -> None:
    """Each mistake in a source notebook has a code and a place."""
    notebook = json.loads((SOURCE / "numbers.ipynb").read_text())
    notebook["cells"][2]["metadata"]["nbgrader"].update(change)
    (tmp_path / "numbers.ipynb").write_text(json.dumps(notebook))
    with pytest.raises(UsageError) as caught:
        read_lab(tmp_path, course)
    assert caught.value.code == code
    assert "numbers.ipynb:cell" in caught.value.where


def test_read_lab_empty_folder_says_what_to_name(tmp_path: Path, course: Any) -> None:
    """A folder without notebooks is no lab."""
    with pytest.raises(UsageError, match="no notebook") as caught:
        read_lab(tmp_path, course)
    assert "labs build" in caught.value.hint


def test_clear_solution_mark_may_name_its_stub() -> None:
    """``labs build`` writes marks with a stub of their own, for places where the course's would not parse."""
    rules = ClearingRules()
    source = (
        "x = f(\n    ### BEGIN SOLUTION stub=None,\n    1,\n    ### END SOLUTION\n)\n"
        "### BEGIN SOLUTION stub=\ny\n### END SOLUTION"
    )
    cleared = rules.clear_solution(source, cell_type="code", language="python", solution=True)
    assert cleared == "x = f(\n    None,\n)"
