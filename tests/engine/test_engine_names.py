"""Which names are the student's follows from the instructor's text."""

from __future__ import annotations

import ast

import pytest
from handmade_labs import answer, given, make_lab, test
from labgrade.verify.names import plan_notebook, student_modules, to_python


def plan(*cells, files=None, student_files=None):
    lab = make_lab(*cells, files=files, student_files=student_files)
    notebook = lab.notebooks[0]
    modules = student_modules(lab.given_files, lab.student_files, notebook)
    return plan_notebook(notebook, modules, {**lab.student_files, **lab.given_files})


def student_names(*cells, **more):
    """The student's names when the last cell is reached."""
    made = plan(*cells, test("t", "pass"), **more)
    return set(made.cells[len(cells)].student_names)


def test_answer_binds_the_students_names():
    """Functions, classes and variables of an answer are the student's; modules it imports are not."""
    source = (
        "import numpy as np\nfrom math import pi\ndef f(): pass\nclass A: pass\nx = y = 1\nfor i in (): pass"
    )
    assert student_names(answer("a", source)) == {"f", "A", "x", "y", "i"}


def test_given_constants_are_trusted():
    """What a given cell computes without the student's names runs here."""
    made = plan(given("import math\nSIZE = 3\ndef helper(n): return n * SIZE"), test("t", "pass"))
    assert made.cells[0].trusted_names == {"math", "SIZE", "helper"}
    assert not made.cells[1].student_names


def test_given_statement_that_needs_an_answer_is_the_students_alone():
    """Statements are followed one by one, not cell by cell."""
    names = student_names(
        answer("a", "def f(): return 1"), given("data = [1]\nresult = f()\nmore = result + 1\nsize = 2")
    )
    assert names == {"f", "result", "more"}


def test_given_function_that_calls_an_answer_is_the_students():
    """A helper that calls an answer runs where the answer is."""
    assert "helper" in student_names(answer("a", "def f(): return 1"), given("def helper(): return f()"))


def test_local_variable_of_the_same_name_does_not_taint():
    """A local name is not the student's global one."""
    cells = answer("a", "x = 1"), given("def helper():\n    x = 2\n    return x")
    assert student_names(*cells) == {"x"}


def test_rebinding_in_a_given_cell_takes_a_name_back():
    """The last binding counts."""
    assert student_names(answer("a", "x = 1"), given("x = 2")) == set()


@pytest.mark.parametrize(
    "source", ["params['lr'] = 1", "params.update(a=1)", "params.x.y = 2", "del params['a']", "params += [1]"]
)
def test_answer_that_changes_given_data_makes_it_the_students(source):
    """Changing an object in place is following its name."""
    assert student_names(given("params = {}"), answer("a", source)) == {"params"}


def test_answer_function_that_is_called_on_given_data_makes_it_the_students():
    """A call of the student's function for its effect may change what it is given."""
    names = student_names(given("table = []"), answer("a", "def fill(t): t.append(1)"), given("fill(table)"))
    assert names == {"fill", "table"}


def test_printing_given_data_does_not_make_it_the_students():
    """Looking at data leaves it trusted."""
    assert student_names(given("table = [1]"), answer("a", "print(table)\nlen(table)")) == set()


def test_imports_of_the_students_module_are_the_students():
    """Names from a companion module with regions are asked for."""
    files = {"implementation.py": b"def rnn(x): ...\ndef gru(x): ...\n_private = 1\n"}
    names = student_names(given("from implementation import rnn\nimport numpy as np"), student_files=files)
    assert names == {"rnn"}
    assert student_names(given("from implementation import *"), student_files=files) == {"rnn", "gru"}


def test_given_module_that_imports_the_students_is_the_students():
    """A helper file on top of the student's module runs in the student's process, and what imports it too."""
    lab = make_lab(
        files={
            "helper.py": b"from implementation import rnn\n",
            "top.py": b"import helper\n",
            "free.py": b"x = 1\n",
        },
        student_files={"implementation.py": b""},
    )
    found = student_modules(lab.given_files, lab.student_files, lab.notebooks[0])
    assert found == {"implementation", "helper", "top"}


def test_module_that_an_answer_writes_is_the_students():
    """%%writefile in an answer makes a module."""
    lab = make_lab(answer("a", "%%writefile tools.py\nx = 1"))
    assert student_modules({}, {}, lab.notebooks[0]) == {"tools"}


@pytest.mark.parametrize("source", ["get_ipython().run_cell('x')", "assert In[-1]", "!ls", "%who", "Out[1]"])
def test_test_that_uses_the_kernel_needs_it(source):
    """A test cell that speaks of the kernel is told by its text."""
    assert plan(test("t", source)).cells[0].kernel_reason


def test_names_that_a_test_binds_are_its_own():
    """A name that a test rebinds is not the student's until an answer binds it again."""
    made = plan(
        answer("a", "x = 1"), test("t", "x = 2"), test("u", "assert x"), answer("b", "x = 3"), test("v", "x")
    )
    assert "x" not in made.cells[2].student_names
    assert "x" in made.cells[4].student_names


def test_given_cell_that_needs_a_test_runs_in_the_students_process():
    """What a test binds and a given cell uses cannot be computed before the test."""
    made = plan(test("t", "data = [1]"), given("size = len(data)"), test("u", "assert size"))
    assert not made.cells[1].trusted
    assert "size" in made.cells[2].student_names


def test_cell_that_is_not_python_has_no_trusted_statements():
    """Magics of unknown effect leave a cell to the student's process."""
    made = plan(given("%%bash\nls"), given("def broken("), test("t", "pass"))
    assert not made.cells[1].trusted


def test_wrapping_magics_keep_their_lines():
    """%%time wraps Python; line numbers stay."""
    assert ast.parse(to_python("%%time\nx = 1\ny = 2")).body[1].lineno == 3
