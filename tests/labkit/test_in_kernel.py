"""One notebook in a real kernel: checks, friendly errors, figures and progress as a student meets them."""

import os
import re
import warnings

import pytest

CELLS = [
    "import labkit\nfrom labkit import check, expect, plots, progress\nlabkit.friendly()",
    "def rnn(x):\n    raise NotImplementedError('write rnn here')",
    "h = rnn(1)",
    "def test_rnn():\n    '''It doubles.'''\n    expect.close(rnn(2), 4)\ncheck('rnn', points=2)",
    "def rnn(x):\n    print('inside')\n    return x + 1",
    "def test_rnn():\n    '''It doubles.'''\n    expect.close(rnn(2), 4, variants={'one was added': 3})\n"
    "check('rnn', points=2)",
    "plots.attention_map([[0.5, 0.5], [0.1, 0.9]], ['a', 'b'])",
    "for _ in progress(range(3)):\n    pass",
]


@pytest.fixture(scope="module")
def notebook():
    """Run the cells once in a kernel and return the notebook."""
    import nbclient
    import nbformat

    cells = [nbformat.v4.new_code_cell(text) for text in CELLS]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client's own, about event loops and sockets
        client = nbclient.NotebookClient(notebook, allow_errors=True, timeout=120)
        client.execute(env={**os.environ, "OMP_NUM_THREADS": "1"})
    return notebook


def test_kernel_unanswered_cell_is_an_error_of_one_line(notebook):
    """nbclient stores an error output, whose traceback is the friendly line."""
    [output] = notebook.cells[2].outputs
    assert output.output_type == "error"
    assert output.ename == "NotImplementedError"
    assert output.traceback == ["○ Not answered yet: write rnn here"]


def test_kernel_check_shows_outcomes_and_no_error(notebook):
    """A check's cell ends well whatever its outcome, with HTML and text, and nothing on stderr."""
    for cell, words in ((notebook.cells[3], "not attempted"), (notebook.cells[5], "one was added")):
        [output] = cell.outputs
        assert output.output_type == "execute_result"
        assert words in output.data["text/plain"]
        assert words in output.data["text/html"]
    assert "it printed" in notebook.cells[5].outputs[0].data["text/plain"]


def test_kernel_figure_is_shown_once_and_nbconvert_keeps_its_description(notebook):
    """One output, whose alternative text reaches the HTML page."""
    from nbconvert import HTMLExporter

    [output] = notebook.cells[6].outputs
    assert {"text/html", "image/png"} <= set(output.data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page, _ = HTMLExporter().from_notebook_node(notebook)
    images = re.findall(r"<img[^>]*>", page)
    assert len(images) == 1
    assert "strongest per row: a to a 0.50, b to b 0.90" in images[0]


def test_kernel_short_progress_leaves_no_trace(notebook):
    """What takes no time shows no bar, and above all nothing on stderr."""
    assert notebook.cells[7].outputs == []
