"""An unanswered question is one line, in IPython and in a real kernel; it still is an error."""

import atexit
import sys

import pytest
from labkit.friendliness import friendly


@pytest.fixture
def shell(monkeypatch):
    """Return an IPython shell of our own with friendly errors, and what it shows."""
    from IPython.core.interactiveshell import InteractiveShell

    shown = []
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
    monkeypatch.setattr(shell, "_showtraceback", lambda kind, error, lines: shown.append("\n".join(lines)))
    friendly()
    shell.shown = shown
    yield shell
    shell.atexit_operations()
    atexit.unregister(shell.atexit_operations)


def run(shell, text):
    shell.shown.clear()
    result = shell.run_cell(text, store_history=True)
    return result.error_in_exec, "\n".join(shell.shown)


def test_friendly_stub_is_one_line_and_still_an_error(shell):
    """The stub's own words are shown, and the name of its function."""
    error, shown = run(shell, "def rnn(x):\n    raise NotImplementedError('write the step here')\nh = rnn(1)")
    assert isinstance(error, NotImplementedError)
    assert shown == "○ Not answered yet: write the step here (needed here: rnn)"


def test_friendly_name_of_an_unanswered_cell_is_explained(shell):
    """What such a cell would have bound is traced to it; a later answer takes that away."""
    run(shell, "def f():\n    raise NotImplementedError\nQ = f()\nK, V = 1, 2")
    error, shown = run(shell, "print(Q)")
    assert isinstance(error, NameError)
    assert shown == "○ Not answered yet: Q comes from a question above that has no answer yet"
    _, shown = run(shell, "loss = Q + 1")
    assert "loss" not in shown
    assert "Q comes from" in shown
    assert "loss comes from" in run(shell, "print(loss)")[1]
    assert run(shell, "Q = 1\nprint(Q)")[0] is None


def test_friendly_placeholder_in_an_expression_is_one_line(shell):
    """A `...` that was left in place is named, whatever it breaks."""
    assert (
        run(shell, "x = ...\nx + 1")[1] == "○ Not answered yet: a ... still stands where your code should be"
    )
    assert "Not answered" in run(shell, "x.shape")[1]


@pytest.mark.parametrize("text", ["1 / 0", "undefined", "None + 1", "[].nothing", "int('x')"])
def test_friendly_other_errors_are_shown_as_ever(shell, text):
    """Every other exception keeps IPython's full traceback."""
    error, shown = run(shell, text)
    assert error is not None
    assert "Traceback (most recent call last)" in shown
    assert "Not answered" not in shown


def test_friendly_magics_and_syntax_errors_do_not_disturb_it(shell):
    """A cell that is not plain Python is met without harm."""
    _, shown = run(shell, "x = %pwd\ndef f():\n    raise NotImplementedError('later')\ny = f()")
    assert "later" in shown
    assert run(shell, "def (")[0] is None
    assert "y comes from" in run(shell, "print(y)")[1]


def test_friendly_outside_ipython_does_nothing(monkeypatch):
    """A script may call it as well."""
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: None)
    friendly()
    monkeypatch.setitem(sys.modules, "IPython.core.getipython", None)
    friendly()
