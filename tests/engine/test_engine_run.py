# ruff: noqa: E501 - what a student wrote stands in one line
"""Cells run as in a kernel, tests are judged apart, and the scores are nbgrader's."""

from __future__ import annotations

import pytest
from handmade_labs import answer, given, make_lab, submit, test
from labgrade.model import CellState, Limits, Outcome

RNN = make_lab(
    given("import numpy as np\nimport torch\nfrom torch import nn\nSIZE = 3"),
    answer("rnn", "def rnn(W, U, b, h, x):\n    return np.tanh(W @ h + U @ x + b)"),
    test(
        "test-rnn",
        """
        from labkit import check
        def test_rnn_matches_torch():
            "One step equals torch."
            torch.manual_seed(0)
            cell = nn.RNNCell(2, SIZE)
            x, h = torch.randn(2), torch.randn(SIZE)
            bias = (cell.bias_hh + cell.bias_ih).detach().numpy()
            ours = rnn(cell.weight_hh.detach().numpy(), cell.weight_ih.detach().numpy(), bias, h.numpy(), x.numpy())
            assert np.allclose(ours, cell(x[None], h[None])[0].detach().numpy(), atol=1e-6)
        ### BEGIN HIDDEN TESTS
        def test_rnn_shape():
            "It keeps the shape."
            assert rnn(np.eye(2), np.eye(2), np.zeros(2), np.zeros(2), np.zeros(2)).shape == (2,)
        ### END HIDDEN TESTS
        check("rnn", points=3, tests=2)
        """,
        3,
    ),
    given("import matplotlib.pyplot as plt\nplt.plot([1, 2]); print('shown')\nSIZE + 1"),
    test(
        "plain",
        "assert SIZE == 3\nassert rnn(np.eye(2), np.eye(2), np.zeros(2), np.zeros(2), np.zeros(2)).sum() == 0",
        2,
    ),
)


def scores(run):
    return {cell.grade_id: cell.score for notebook in run.notebooks for cell in notebook.tests}


def only_test(run):
    (cell,) = run.notebooks[0].tests
    return cell


def one(source, solution="x = 1", points=1.0, **more):
    """A lab of one answer and one test."""
    return make_lab(answer("a", solution), test("t", source, points), **more)


def test_solution_gets_full_points_apart(engine):
    """The right answer passes hidden and visible tests, verified in the trusted process."""
    run = engine.run(RNN, submit(RNN))
    assert scores(run) == {"test-rnn": 3, "plain": 2}
    first = run.notebooks[0].tests[0]
    assert first.mode == "apart"
    assert [(t.name, t.outcome, t.hidden) for t in first.tests] == [
        ("test_rnn_matches_torch", Outcome.PASSED, False),
        ("test_rnn_shape", Outcome.PASSED, True),
    ]
    assert first.outputs[-1]["data"]["text/plain"] == "3.0"
    assert run.sandbox == engine.level


def test_cells_show_what_a_kernel_shows(engine):
    """Text, value and figure of a cell are outputs in nbformat's form."""
    cell = engine.run(RNN, submit(RNN)).notebooks[0].cells[3]
    assert [output["output_type"] for output in cell.outputs] == ["stream", "execute_result", "display_data"]
    assert cell.outputs[0]["text"] == "shown\n"
    assert cell.outputs[1]["data"] == {"text/plain": "4"}
    assert cell.outputs[1]["execution_count"] == cell.execution_count == 4
    assert cell.outputs[2]["data"]["image/png"].startswith("iVBOR")


@pytest.mark.parametrize(
    ("text", "expected", "outcomes"),
    [
        ("def rnn(*a): raise NotImplementedError", 0, {Outcome.NOT_ATTEMPTED}),
        ("x = 1", 0, {Outcome.NOT_ATTEMPTED}),
        ("def rnn(W, U, b, h, x): return h * 1.5", 1.5, {Outcome.PASSED, Outcome.FAILED}),
        ("def rnn(*a): return 1 / 0", 0, {Outcome.CRASHED}),
        ("def rnn(:", 0, {Outcome.NOT_ATTEMPTED}),
    ],
)
def test_wrong_answers_get_what_they_deserve(engine, text, expected, outcomes):
    """Each test gives its own share."""
    run = engine.run(RNN, submit(RNN, {"rnn": text}))
    assert scores(run)["test-rnn"] == expected
    assert {t.outcome for t in run.notebooks[0].tests[0].tests} == outcomes


def test_error_cell_has_one_error_output(engine):
    """An exception is shown once, with the cell's line, and later cells run."""
    run = engine.run(RNN, submit(RNN, {"rnn": "1 / 0"}))
    cell = run.notebooks[0].cells[1]
    assert cell.state is CellState.ERROR
    (error,) = cell.outputs
    assert (error["ename"], error["evalue"]) == ("ZeroDivisionError", "division by zero")
    assert "----> 1" in "\n".join(error["traceback"])
    assert run.notebooks[0].cells[3].state is CellState.OK


@pytest.mark.parametrize(
    ("last", "expected", "reason"),
    [
        ("4.0 * frac()", 2, ""),
        ("np.float64(4 * frac())", 2, ""),
        ("float('nan')", 0, "NaN"),
        ("-1", 0, "negative"),
        ("4.5", 0, "more than"),
        ("'full'", 0, "no number"),
        ("True", 0, "no number"),
        ("None", 4, ""),
        ("pass", 4, ""),
        ("raise ValueError", 0, ""),
        ("frac", 0, "no number"),
        ("2;", 4, ""),
    ],
)
def test_last_value_is_partial_credit_and_fails_closed(engine, last, expected, reason):
    """nbgrader's rule; what is no number of points gives nothing and says why."""
    lab = make_lab(given("import numpy as np"), answer("a", "def frac(): return 0.5"), test("t", last, 4))
    cell = only_test(engine.run(lab, submit(lab)))
    assert cell.score == expected
    if cell.mode == "apart":
        assert reason in cell.reason


def test_text_on_stderr_costs_nothing(engine):
    """A warning is shown, not scored."""
    lab = one(
        "import sys\nprint('careful', file=sys.stderr)\nassert f() == 1",
        "import warnings\ndef f():\n    warnings.warn('hm')\n    return 1",
    )
    assert only_test(engine.run(lab, submit(lab))).score == 1


def test_check_with_fewer_tests_than_written_gives_nothing(engine):
    """A test that was deleted inside the cell counts as missing."""
    source = (
        "from labkit import check\ndef test_a(): pass\ndef test_b(): pass\ndel test_b\ncheck('q', points=1)"
    )
    cell = only_test(engine.run(one(source), submit(one(source))))
    assert cell.score == 0
    assert "tests were expected" in cell.reason


def test_values_of_the_student_arrive_as_plain_data(engine):
    """Numbers, containers, arrays and tensors can be compared as if they were here."""
    lab = one(
        "assert numbers == [1, 2.5, 'a', None, (1,)]\nassert table['x'].tolist() == [0.0, 1.0]\n"
        "import torch\nassert torch.equal(tensor, torch.ones(2))\nassert sizes == torch.Size([2])",
        "import numpy as np, torch\nnumbers = [1, 2.5, 'a', None, (1,)]\ntable = {'x': np.arange(2.0)}\n"
        "tensor = torch.ones(2)\nsizes = tensor.shape",
    )
    cell = only_test(engine.run(lab, submit(lab)))
    assert (cell.score, cell.mode) == (1, "apart")


def test_functions_classes_and_generators_can_be_used_through_proxies(engine):
    """Calls, attributes, items, iteration, callbacks, exceptions and signatures work across the border."""
    lab = one(
        """
        import inspect, math, pytest
        import numpy as np
        box = Box(3)
        assert box.size == 3 and len(box) == 3 and list(box) == [0, 1, 2] and box[1] == 1
        box.size = 5
        assert box.grow(2) == 7 and box.size == 7
        assert isinstance(box, Box) and not isinstance(3, Box)
        assert str(box) == "Box of 7" and hasattr(box, "size") and not hasattr(box, "other")
        assert list(count(3)) == [0, 1, 2] and next(count(3)) == 0
        assert apply(lambda v: v * 2, [1, 2]) == [2, 4]
        assert apply(np.sqrt, [4.0]) == [2.0] and apply(math.sqrt, [4.0]) == [2.0]
        assert apply(add_one, [1]) == [2]
        with pytest.raises(ZeroDivisionError):
            apply(lambda v: 1 / v, [0])
        with pytest.raises(ValueError, match="too small"):
            Box(-1)
        assert list(inspect.signature(apply).parameters) == ["f", "values"]
        assert apply.__name__ == "apply" and "each" in apply.__doc__
        with box as inner:
            assert inner.size == 7
        """,
        """
        class Box:
            def __init__(self, size):
                if size < 0:
                    raise ValueError("too small")
                self.size = size
            def __len__(self): return self.size
            def __getitem__(self, i): return list(range(self.size))[i]
            def __iter__(self): return iter(range(self.size))
            def grow(self, by):
                self.size += by
                return self.size
            def __str__(self): return f"Box of {self.size}"
            def __enter__(self): return self
            def __exit__(self, *exc): return False
        def count(n):
            yield from range(n)
        def apply(f, values):
            "Apply to each."
            return [f(v) for v in values]
        def add_one(v): return v + 1
        """,
    )
    cell = only_test(engine.run(lab, submit(lab)))
    assert (cell.score, cell.mode, cell.reason) == (1, "apart", "")


def test_gradients_cross(engine):
    """Backward through a student's module gives the gradients of inputs and parameters."""
    lab = one(
        """
        import torch
        from torch import nn
        from labkit import probe
        torch.manual_seed(0)
        net = Net()
        torch.manual_seed(0)
        reference = nn.Linear(3, 2)
        x = torch.randn(4, 3, requires_grad=True)
        net(x).pow(2).sum().backward()
        ours, x.grad = x.grad, None
        reference(x).pow(2).sum().backward()
        assert torch.allclose(ours, x.grad)
        assert torch.allclose(net.fc.weight.grad, reference.weight.grad)
        assert isinstance(net, nn.Module) and issubclass(Net, nn.Module)
        (gradient,) = probe.vjp(net, x, cotangent=torch.ones(4, 2))
        assert torch.allclose(gradient, reference.weight.sum(0).expand(4, 3))
        assert probe.numel(net) == 8 and list(probe.state(net)) == ["fc.weight", "fc.bias"]
        probe.load_state(net, {"fc.weight": torch.zeros(2, 3), "fc.bias": torch.ones(2)})
        with torch.no_grad():
            assert not net(x).requires_grad and torch.equal(net(x), torch.ones(4, 2))
        result, after = probe.call_inplace(clear, torch.ones(2))
        assert result is None and after[0].sum() == 0
        """,
        """
        import torch
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.fc = nn.Linear(3, 2)
            def forward(self, x): return self.fc(x)
        def clear(t): t.zero_()
        """,
    )
    cell = only_test(engine.run(lab, submit(lab)))
    assert (cell.score, cell.mode, cell.reason) == (1, "apart", "")


MODULE = make_lab(
    given("import torch\nfrom implementation import rnn\nfrom helper import twice"),
    test(
        "test-rnn",
        """
        from labkit import check, expect, probe
        from implementation import rnn
        import implementation
        def test_value(): assert rnn(2) == 4 and implementation.rnn(3) == 6 and twice(1) == 2
        def test_own(): assert not probe.uses(rnn, ["torch.nn.RNN", "torch.rnn_tanh"])
        check("rnn", points=2, tests=2)
        """,
        2,
    ),
    files={"helper.py": b"def twice(x): return 2 * x\n"},
    student_files={"implementation.py": b"def rnn(x): raise NotImplementedError\n"},
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"def rnn(x): return 2 * x\n", 2),
        (b"def rnn(x): raise NotImplementedError\n", 1),
        (b"import torch\ndef rnn(x):\n    torch.nn.RNN(1, 1)\n    return 2 * x\n", 1),
        (
            b"from torch import nn\ndef f(x): return nn.RNN(1, 1) and 2 * x\nrnn = f\nrnn.__name__ = 'helper'\n",
            1,
        ),
        (b"def rnn(:\n", 0),
    ],
)
def test_companion_module_is_verified_apart(engine, text, expected):
    """Names of the student's module are asked for; what its text uses is read here, whatever the process says."""
    run = engine.run(MODULE, submit(MODULE, files={"implementation.py": text}))
    assert scores(run) == {"test-rnn": expected}


HIDES = b"from torch import nn\ndef f(x): return nn.RNN(1, 1) and 2 * x\n"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"implementation.py": b"from mine import f\ndef rnn(x): return f(x)\n", "mine.py": HIDES}, 1),
        ({"implementation.py": b"import mine as m\ndef rnn(x): return m.f(x)\n", "mine.py": HIDES}, 1),
        ({"implementation.py": b"from mine import f as rnn\n", "mine.py": HIDES}, 1),
        ({"implementation.py": b"from mine import *\nrnn = f\n", "mine.py": HIDES}, 1),
        ({"implementation.py": b"from a.b import f as rnn\n", "a/b.py": b"from .c import f\n", "a/c.py": HIDES}, 1),
        (
            {
                "implementation.py": b"import sys\nsys.path.insert(0, 'deep')\nimport mine\ndef rnn(x): return mine.f(x)\n",
                "deep/mine.py": HIDES,
                "mine.py": b"def f(x): return 2 * x\n",
            },
            1,
        ),
        (
            {
                "implementation.py": b"open('made.py', 'w').write('def f(x): return 2 * x')\n"
                b"import made\ndef rnn(x): return made.f(x)\n"
            },
            1,
        ),
        ({"implementation.py": b"from mine import g as rnn\n", "mine.py": HIDES + b"def g(x): return 2 * x\n"}, 2),
        ({"implementation.py": b"from mine import f as rnn\n", "mine.py": b"def f(x): return 2 * x\n", "old/mine.py": HIDES}, 2),
        ({"implementation.py": b"import math\ndef rnn(x): return int(math.ldexp(x, 1))\n", "mine.py": HIDES}, 2),
    ],
)  # fmt: skip
def test_layer_hidden_in_a_file_of_the_students_is_found(engine, files, expected):
    """Modules that the student handed in beside the lab's are read too, and only what an answer reaches counts."""
    assert scores(engine.run(MODULE, submit(MODULE, files=files))) == {"test-rnn": expected}


def test_layer_hidden_in_a_file_that_a_cell_writes_is_found(engine):
    """``%%writefile`` and ``%run`` give the notebook code as well as cells do."""
    lab = make_lab(
        answer("a", "def rnn(x): return 2 * x"),
        test(
            "t", "from labkit import probe\nassert rnn(1) == 2\nassert not probe.uses(rnn, ['torch.nn.RNN'])"
        ),
    )
    hides = HIDES.decode()
    written = submit(lab, {"a": "from mine import f as rnn"}, extra=[(0, f"%%writefile mine.py\n{hides}")])
    assert scores(engine.run(lab, written)) == {"t": 0}
    ran = submit(lab, {"a": "%run mine.py\ndef rnn(x): return f(x)"}, files={"mine.py": HIDES})
    assert scores(engine.run(lab, ran)) == {"t": 0}


def test_cell_that_needs_its_process_is_found_by_the_solution(engine):
    """A test of an effect on its argument passes for the solution only in its process: so it runs there."""
    lab = one("v = [3, 1, 2]\nmy_sort(v)\nassert v == [1, 2, 3]", "def my_sort(v): v.sort()")
    cell = only_test(engine.run(lab, submit(lab)))
    assert (cell.score, cell.mode) == (1, "in-kernel")
    assert "only in the student's process" in cell.reason
    assert only_test(engine.run(lab, submit(lab, {"a": "def my_sort(v): pass"}))).score == 0


def test_in_kernel_on_request_gives_the_same_scores(started_engine):
    """The other mode is nbgrader's; the record says so."""
    from labgrade.engine import Engine

    lab = one("4 * frac()", "def frac(): return 0.5", 4)
    with Engine(Limits(), tests="in-kernel", preload=("numpy",)) as engine:
        cell = only_test(engine.run(lab, submit(lab)))
        assert (cell.score, cell.mode) == (2, "in-kernel")


def test_names_of_a_visible_test_can_be_used_by_later_cells(engine):
    """What a visible test binds is there for the student's cells, as in a kernel."""
    lab = make_lab(
        test("t", "data = [1, 2]\nassert True"),
        answer("a", "total = sum(data)"),
        test("u", "assert total == 3"),
    )
    assert scores(engine.run(lab, submit(lab))) == {"t": 1, "u": 1}


def test_given_data_is_never_the_students(engine):
    """A student who rebinds what a given cell made changes nothing in a test."""
    lab = make_lab(
        given("expected = [1, 2]\ndef same(a, b): return a == b"),
        answer("a", "def f(): return [1, 2]"),
        test("t", "assert same(f(), expected)"),
    )
    cheat = "def f(): return 7\nexpected = 7\ndef same(a, b): return True"
    assert scores(engine.run(lab, submit(lab, {"a": cheat}))) == {"t": 0}
    assert scores(engine.run(lab, submit(lab))) == {"t": 1}


def test_trusted_state_does_not_leak_between_submissions(engine):
    """A test that changes its own data begins afresh for each submission."""
    lab = make_lab(given("seen = []"), answer("a", "x = 1"), test("t", "seen.append(x)\nassert seen == [1]"))
    for _ in range(2):
        assert scores(engine.run(lab, submit(lab))) == {"t": 1}


def test_missing_cells_and_notebooks_are_named(engine):
    """A test cell that is not there gives nothing and says so."""
    from dataclasses import replace

    lab = one("assert x == 1")
    whole = submit(lab)
    cut = replace(whole, notebooks=(replace(whole.notebooks[0], cells=whole.notebooks[0].cells[:1]),))
    assert "missing" in only_test(engine.run(lab, cut)).reason
    gone = replace(whole, notebooks=(replace(whole.notebooks[0], cells=(), missing=True),))
    assert "not handed in" in only_test(engine.run(lab, gone)).reason


def test_same_submission_gives_the_same_result(engine):
    """Scores, outputs and random numbers do not change from run to run."""
    lab = make_lab(
        given("import random, numpy as np, torch"),
        answer("a", "x = random.random(), np.random.rand(), torch.rand(1).item(), list({'a', 'b', 'c'})\nx"),
        test("t", "assert x"),
    )
    first, second = (engine.run(lab, submit(lab)).notebooks[0].cells[1].outputs for _ in range(2))
    assert first == second
