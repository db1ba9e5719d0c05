# ruff: noqa: E501 - what a student wrote stands in one line
"""Tricks that aim at the score: none gets more than its real work deserves."""

from __future__ import annotations

import pytest
from handmade_labs import answer, given, make_lab, submit, test
from labgrade.model import Limits
from labgrade.verify.canaries import _wrong_values

LAB = make_lab(
    given("import numpy as np\nimport torch\nimport math"),
    answer("f", "def f(x):\n    return np.tanh(x) * 2"),
    test(
        "array",
        """
        x = np.linspace(-1, 1, 5)
        expected = np.tanh(x) * 2
        assert np.allclose(f(x), expected)
        assert f(x).shape == (5,)
        assert (f(x) == f(x)).all()
        np.testing.assert_allclose(f(x), expected)
        """,
        2,
    ),
    test(
        "number",
        "assert abs(float(f(np.float64(1.0))) - 1.5231883) < 1e-6\nassert f(np.float64(0.0)) == 0.0",
        2,
    ),
    test(
        "tensor",
        """
        t = torch.linspace(-1, 1, 4)
        result = torch.as_tensor(f(t.numpy()))
        torch.testing.assert_close(result, torch.tanh(t) * 2)
        assert torch.allclose(result, torch.tanh(t) * 2)
        """,
        2,
    ),
    test(
        "pytest",
        "import pytest\nassert f(np.zeros(2)).sum() == pytest.approx(0)\nassert f(np.ones(1))[0] == pytest.approx(2 * math.tanh(1))",
        2,
    ),
)
# What the wrong answer `return x * 0` deserves: nothing, in every test cell.
PAYLOADS = {
    "allclose patched": "np.allclose = torch.allclose = np.testing.assert_allclose = lambda *a, **k: True\nf = lambda x: x * 0",
    "assert_close patched": "torch.testing.assert_close = lambda *a, **k: None\nf = lambda x: x * 0",
    "array with __array_function__": """
        class A(np.ndarray):
            def __array_function__(self, *a): return True
            def __array_ufunc__(self, *a, **k): return np.ones(5, bool)
            def __eq__(self, other): return np.ones(5, bool)
        def f(x): return np.zeros(5).view(A)
        """,
    "tensor subclass": """
        class T(torch.Tensor):
            @classmethod
            def __torch_function__(cls, func, types, args=(), kwargs=None): return True
        def f(x): return torch.zeros(4).as_subclass(T)
        """,
    "float that equals everything": """
        class F(float):
            def __eq__(self, o): return True
            def __sub__(self, o): return 0.0
            __rsub__ = __sub__
            def __abs__(self): return 0.0
            def __lt__(self, o): return True
            def __float__(self): return 1.5231883
        def f(x): return F(1)
        """,
    "object that answers everything": """
        class Any:
            shape = (5,)
            def __getattr__(self, name): return lambda *a, **k: True
            def __eq__(self, o): return self
            def __sub__(self, o): return 0.0
            __rsub__ = __sub__
            def __bool__(self): return True
            def __abs__(self): return 0.0
            def __lt__(self, o): return True
            def __float__(self): return 1.5231883
            def __array__(self, *a, **k): return np.zeros(5)
            def all(self): return True
        def f(x): return Any()
        """,
    "builtins patched": """
        import builtins
        builtins.abs = lambda x: 0
        builtins.all = builtins.isinstance = lambda *a: True
        builtins.float = lambda x: 1.5231883
        f = lambda x: x * 0
        """,
    "asserts stripped by an AST transformer": """
        import ast
        class Strip(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
        get_ipython().ast_transformers.append(Strip())
        f = lambda x: x * 0
        """,
    "input transformer": """
        get_ipython().input_transformers_post.append(lambda lines: ["pass"])
        f = lambda x: x * 0
        """,
    "run_code replaced": """
        from IPython.core.interactiveshell import InteractiveShell
        async def run_code(self, *a, **k): return False
        InteractiveShell.run_code = run_code
        f = lambda x: x * 0
        """,
    "custom exception handler": "get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)\nf = lambda x: x * 0",
    "showtraceback": "get_ipython().showtraceback = lambda *a, **k: None\nf = lambda x: x * 0",
    "event hooks": """
        get_ipython().events.register("pre_run_cell", lambda info: get_ipython().user_ns.update(expected=0))
        f = lambda x: x * 0
        """,
    "names of the test rebound": "expected = np.zeros(5)\nnp = math = pytest = None\nclass Fake: pass\nf = lambda x: x * 0",
    "argument changed": """
        def f(x):
            x[...] = 0
            return x
        """,
    "frames and history": """
        import sys
        def f(x):
            frame = sys._getframe()
            while frame:
                if "expected" in frame.f_globals: return frame.f_globals["expected"]
                frame = frame.f_back
            return get_ipython().user_ns["In"][-1]
        """,
    "gc search": """
        import gc
        def f(x):
            for thing in gc.get_objects():
                if isinstance(thing, dict) and "expected" in thing: return thing["expected"]
            return x * 0
        """,
    "modules shadowed": """
        open("numpy.py", "w").write("allclose = lambda *a: True")
        open("pytest.py", "w").write("approx = lambda *a: 0")
        import sys
        sys.modules["pytest"] = None
        f = lambda x: x * 0
        """,
    "exit": "import os\ndef f(x): os._exit(0)",
    "sys.exit": "import sys\ndef f(x): sys.exit(0)",
    "raw bytes on the connection": """
        import os
        def f(x):
            for fd in range(3, 64):
                try: os.write(fd, b"SQ1\\n" + bytes(8) + b"garbage")
                except OSError: pass
            return x * 0
        """,
    "replies sent ahead": """
        import gc
        from labgrade.wire import Channel, Encoder
        def f(x):
            for thing in gc.get_objects():
                if isinstance(thing, Channel):
                    for n in range(200):
                        header, raw = Encoder().encode((n, "ok", ("value", [1.5231883] * 5)))
                        thing.send(header, raw)
            return x * 0
        """,
    "fake output": "print('4.0')\nfrom IPython.display import display\ndisplay({'text/plain': '2.0'}, raw=True)\nf = lambda x: x * 0",
    "NaN": "f = lambda x: x * float('nan')",
    "exception with a lying message": """
        class Passed(AssertionError):
            def __str__(self): raise SystemExit
        def f(x): raise Passed
        """,
    "giant reply": "def f(x): return np.zeros(30_000_000)",
    "deep reply": "def f(x):\n    v = []\n    for _ in range(5000): v = [v]\n    return v",
    "skip": "import unittest\ndef f(x): raise unittest.SkipTest",
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_trick_gets_no_points(engine, name):
    """A wrong answer with a trick gets what a wrong answer gets: nothing."""
    run = engine.run(LAB, submit(LAB, {"f": PAYLOADS[name]}))
    assert {cell.grade_id: cell.score for cell in run.notebooks[0].tests} == dict.fromkeys(
        ("array", "number", "tensor", "pytest"), 0
    )
    assert {cell.mode for cell in run.notebooks[0].tests} == {"apart"}


def test_right_answer_gets_all_points(engine):
    """The corpus above means something: the solution passes everything."""
    run = engine.run(LAB, submit(LAB))
    assert [cell.score for cell in run.notebooks[0].tests] == [2, 2, 2, 2]
    assert {cell.mode for cell in run.notebooks[0].tests} == {"apart"}


def test_right_answer_with_a_trick_keeps_its_points(engine):
    """What is patched in the student's process changes nothing either way."""
    text = "np.allclose = lambda *a, **k: False\ndef f(x): return np.tanh(x) * 2"
    assert [cell.score for cell in engine.run(LAB, submit(LAB, {"f": text})).notebooks[0].tests] == [
        2,
        2,
        2,
        2,
    ]


SEEN = make_lab(
    given("import math"),
    answer("f", "def f(x): return math.sqrt(x)"),
    test("t", "MARK = 'canary-5d1f'\nassert f(4) == 2  # canary-5d1f"),
    answer("look", "1", "pass"),
    test("u", "assert True"),
)


SEARCH = """
    import ctypes
    tail = bytes([0x35, 0x64, 0x31, 0x66])  # what is searched for never stands in memory in one piece
    found = mib = 0
    for line in open("/proc/self/maps").readlines():
        area, rights, _, _, _, *name = line.split()
        if "r" not in rights or (name and name[0].startswith(("[v", "/dev"))):
            continue
        low, high = (int(part, 16) for part in area.split("-"))
        for start in range(low, high, 1 << 22):
            data = ctypes.string_at(start, min(1 << 22, high - start))
            mib += len(data) / (1 << 20)
            at = data.find(b"canary-")
            while at >= 0:
                found += data[at + 7 : at + 11] == tail
                at = data.find(b"canary-", at + 1)
    print(found, "hits in", round(mib), "MiB")
    """


@pytest.mark.parametrize(("mark", "is_there"), [("", False), ("own = 'canary-5d1f'", True)])
def test_hidden_text_is_nowhere_in_the_students_memory(engine, mark, is_there):
    """A search of the whole process finds what the student wrote, and nothing of a test's text."""
    run = engine.run(SEEN, submit(SEEN, {"look": SEARCH}, extra=[(0, mark)]))
    hits, _, _, mib, _ = run.notebooks[0].cells[4].outputs[0]["text"].split()
    assert (int(hits) > 0) is is_there
    assert int(mib) > 100
    assert run.notebooks[0].tests[0].score == 1


TAMPER = make_lab(
    answer("a", "def my_sort(v): v.sort()", "pass"),
    test("t", "v = [2, 1]\nmy_sort(v)\nassert v == [1, 2]"),
)


STRIP = "import ast\nclass Strip(ast.NodeTransformer):\n    def visit_Assert(self, node): return ast.Pass()\n"
TRICKS = {
    "ast transformer": STRIP + "get_ipython().ast_transformers.append(Strip())",
    "input transformer": "get_ipython().input_transformers_post.append(lambda lines: ['pass\\n'])",
    "run_code": "from IPython.core.interactiveshell import InteractiveShell\n"
    "async def run_code(self, *a, **k): return False\nInteractiveShell.run_code = run_code",
    "custom exceptions": "get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)",
    "showtraceback": "get_ipython().showtraceback = lambda *a, **k: None",
    "builtin": "import builtins\nbuiltins.all = builtins.any = lambda *a: True",
    "numpy": "import numpy as np\nnp.allclose = lambda *a, **k: True",
    "torch": "import torch\ntorch.testing.assert_close = lambda *a, **k: None",
    "tensor": "import torch\ntorch.Tensor.__eq__ = lambda *a: torch.tensor(True)",
    "pytest": "import pytest, contextlib\npytest.raises = lambda *a, **k: contextlib.suppress(BaseException)",
    "labkit": "import labkit.expect\nlabkit.expect.close = lambda *a, **k: None",
    "module replaced": "import sys, types, numpy\nsys.modules['numpy'] = types.ModuleType('numpy')",
    # What only looks at the cell itself: no tool is replaced, and checks of other cells fail as they must.
    "only this cell": "import ast\nclass Strip(ast.NodeTransformer):\n    def visit_Assert(self, node):\n"
    "        return ast.copy_location(ast.Pass(), node) if 'my_sort' in text else node\n"
    "text = ''\nown = get_ipython().compile\nast_parse = type(own).ast_parse\n"
    "def parse(self, source, *a, **k):\n    global text\n    text = source\n    return Strip().visit(ast_parse(self, source, *a, **k))\n"
    "type(own).ast_parse = parse",
    "process ends itself when it is looked at": "import os\nimport labgrade.child.objects as o\n"
    "import numpy as np\nnp.allclose = lambda *a, **k: True\no.Objects.changed_tools = lambda self: os._exit(0)",
    "hangs when it is looked at": "import time\nimport labgrade.child.objects as o\n"
    "o.Objects.changed_tools = lambda self: time.sleep(99)",
}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
def test_in_kernel_tampering_is_seen(engine, trick):
    """Where a test has to run in the student's process, meddling costs the points even of a right answer."""
    engine.limits = Limits(cell_s=3 if "sleep" in trick else 20)
    answers = {"right": "def my_sort(v): v.sort()", "wrong": "def my_sort(v): pass"}
    found = {}
    for name, text in answers.items():
        run = engine.run(TAMPER, submit(TAMPER, {"a": f"{trick}\n{text}"}))
        (cell,) = run.notebooks[0].tests
        assert cell.mode == "in-kernel"
        found[name] = cell.score, [finding.code for finding in run.notebooks[0].findings]
    assert found["right"] == (0, ["tampered"])
    assert found["wrong"][0] == 0


def test_in_kernel_honest_work_is_believed(engine):
    """Magics, figures, hooks and own names like those of tools are no meddling, and leave no trace."""
    honest = (
        "%matplotlib inline\n%load_ext autoreload\n%autoreload 2\nimport matplotlib.pyplot as plt\nplt.plot([1])\n"
        "import numpy as np\nnp.seterr(all='ignore')\nallclose = max = sum = abs\n"
        "get_ipython().events.register('pre_run_cell', lambda *a: None)\ndef my_sort(v): v.sort()\nlen(In)"
    )
    run = engine.run(TAMPER, submit(TAMPER, {"a": honest}, extra=[(2, "len(In), In[-1], _")]))
    (cell,) = run.notebooks[0].tests
    assert (cell.score, run.notebooks[0].findings) == (1, ())
    shown = [one.outputs[-1]["data"]["text/plain"] for one in run.notebooks[0].cells if one.outputs]
    assert shown[-1] == "(4, 'len(In), In[-1], _', 2)"


@pytest.mark.parametrize(
    "text",
    [
        "%%capture\nv = [2, 1]\nmy_sort(v)\nassert v == [1, 2]",
        "%%time\nv = [2, 1]\nmy_sort(v)\nassert v == [1, 2];",
        "calls = globals().setdefault('calls', [])\ncalls.append(1)\nv = [2, 1]\nmy_sort(v)\nassert v == [1, len(calls) + 1]",
        "v = [2, 1]\nmy_sort(v)\n1.0 * (v == [1, 2])",
    ],
)
def test_in_kernel_cell_of_any_kind_is_believed(engine, text):
    """Magics, tests that pass only once, and partial credit are looked at without harm."""
    lab = make_lab(answer("a", "def my_sort(v): v.sort()", "pass"), test("t", text))
    (cell,) = engine.run(lab, submit(lab)).notebooks[0].tests
    assert (cell.mode, cell.score) == ("in-kernel", 1), cell.reason


def test_checks_that_must_fail_do_so_in_a_clean_process():
    """Each of them fails by itself with what it says, so that none is left out in silence."""
    import labkit.expect  # noqa: F401 - looked up by name
    import torch  # noqa: F401 - looked up by name

    sources = _wrong_values()
    assert len(sources) > 25
    for source in sources:
        with pytest.raises((AssertionError, pytest.fail.Exception)) as failed:
            exec(source, {})
        assert type(failed.value).__name__ in ("AssertionError", "Failure", "Failed")
        assert source.rpartition("# ")[2] in str(failed.value)


LOOPS = {
    "loop in a test": ("def f(x):\n    while True: pass", "timed out"),
    "loop that catches everything": (
        "def f(x):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass",
        "timed out",
    ),
    "signals ignored": (
        "import signal\ndef f(x):\n    signal.signal(signal.SIGINT, signal.SIG_IGN)\n    while True: pass",
        "timed out",
    ),
    "long multiplication": ("def f(x): return 9 ** (9 ** 9)", "timed out"),
    "sleep": ("import time\ndef f(x): time.sleep(100)", "timed out"),
    "death": ("import os\ndef f(x): os._exit(1)", "crashed"),
    "crash": ("import ctypes\ndef f(x): ctypes.string_at(0)", "crashed"),
    "recursion": ("def f(x): return f(x)", "crashed"),
    "memory": ("def f(x): return bytearray(1 << 40)", "crashed"),
}
TWO = make_lab(
    answer("f", "def f(x): return x"),
    answer("g", "state = 5\ndef g(x): return x + state"),
    test(
        "t",
        """
        from labkit import check
        def test_f(): assert f(1) == 1
        def test_g(): assert g(1) == 6
        check("f", points=2, tests=2)
        """,
        2,
    ),
)


@pytest.mark.parametrize("name", LOOPS)
def test_hang_or_death_costs_its_own_test(engine, name):
    """A test that hangs or kills the process costs that test; the others are asked of a fresh one."""
    text, outcome = LOOPS[name]
    engine.limits = Limits(cell_s=1)
    run = engine.run(TWO, submit(TWO, {"f": text}))
    (cell,) = run.notebooks[0].tests
    assert [test.outcome.value for test in cell.tests] == [outcome, "passed"]
    assert cell.score == 1
