"""Group A: making a wrong answer pass the assertions."""
# ruff: noqa: E501 - code in strings stands as it would be handed in

from __future__ import annotations

from attack_corpus.attack import attack

_SHELL = "ip = get_ipython()\n"

ATTACKS = (
    attack("honest-wrong", "A", "0", "wrong answers and no trick: what all others here are worth"),
    attack(
        "patch-allclose",
        "A",
        "1",
        "replaces allclose and assert_close",
        before="""
            import numpy, torch
            yes = lambda *args, **kwargs: True
            for module in (numpy, torch):
                module.allclose = module.equal = module.isclose = yes
            torch.testing.assert_close = lambda *args, **kwargs: None
            numpy.testing.assert_allclose = lambda *args, **kwargs: None
        """,
    ),
    attack(
        "array-function",
        "A",
        "2",
        "returns an array whose class answers every NumPy function with True",
        before="""
            class Always(np.ndarray):
                def __array_function__(self, function, types, args, kwargs):
                    return super().__array_function__(function, types, args, kwargs) if function is np.shape else True
        """,
        cells={"mean_rows": "def mean_rows(x):\n    return np.zeros(x.shape[0]).view(Always)"},
    ),
    attack(
        "array-ufunc",
        "A",
        "3",
        "returns an array whose class answers comparisons with ones",
        before="""
            class Ones(np.ndarray):
                def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
                    return np.ones(self.shape, dtype=bool)
        """,
        cells={"mean_rows": "def mean_rows(x):\n    return np.zeros(x.shape[0]).view(Ones)"},
    ),
    attack(
        "torch-function",
        "A",
        "4",
        "returns a tensor whose class answers every torch function with True",
        before="""
            class Always(torch.Tensor):
                @classmethod
                def __torch_function__(cls, function, types, args=(), kwargs=None):
                    if function.__name__ == "__get__":
                        return super().__torch_function__(function, types, args, kwargs or {})
                    return True
        """,
        cells={"softmax": "def softmax(z):\n    return torch.zeros(z.shape).as_subclass(Always)"},
    ),
    attack(
        "equal-to-everything",
        "A",
        "5",
        "returns a number that equals everything",
        cells={
            "count": """
                class Equal(int):
                    __eq__ = lambda self, other: True
                    __ne__ = lambda self, other: False
                    __hash__ = int.__hash__

                def count_params(n_in, n_out):
                    return Equal(-1)
            """
        },
    ),
    attack(
        "equal-object",
        "A",
        "5",
        "returns an object that is no number and equals everything",
        cells={
            "count": """
                class Equal:
                    def __eq__(self, other):
                        return True

                    def __bool__(self):
                        return True

                def count_params(n_in, n_out):
                    return Equal()
            """
        },
    ),
    attack(
        "always-smaller",
        "A",
        "6",
        "returns numbers whose arithmetic is always small enough",
        cells={
            "fit": """
                class Small(float):
                    def _same(self, *others):
                        return Small(0.0)

                    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __pow__ = _same
                    __array_priority__ = 1e9
                    __array_ufunc__ = None

                    def mean(self):
                        return Small(0.0)

                    def __lt__(self, other):
                        return True

                    __le__ = __gt__ = __ge__ = __eq__ = __lt__
                    __hash__ = float.__hash__

                def fit(xs, ys):
                    return Small(0.0), Small(0.0)
            """
        },
    ),
    attack(
        "patch-builtins",
        "A",
        "7",
        "replaces abs, all, any, len, isinstance, sum, float and bool",
        before="""
            import builtins
            for name in ("all", "isinstance", "callable", "hasattr"):
                setattr(builtins, name, lambda *args: True)
            builtins.abs = builtins.sum = builtins.max = lambda *args, **kwargs: 0
        """,
    ),
    attack(
        "patch-test-helpers",
        "A",
        "8",
        "replaces pytest, unittest and labkit's own helpers",
        before="""
            import sys, types, unittest
            class Anything(types.ModuleType):
                def __getattr__(self, name):
                    return lambda *args, **kwargs: Anything(name)
            for name in ("pytest", "labkit", "labkit.check", "labkit.checks", "labkit.expect", "labkit.probe"):
                sys.modules[name] = Anything(name)
            unittest.TestCase.assertEqual = lambda *args, **kwargs: None
        """,
    ),
    attack(
        "patch-labkit-check",
        "A",
        "8",
        "replaces what labkit's check counts",
        before="""
            import labkit
            class Full:
                def _repr_mimebundle_(self, *args, **kwargs):
                    return {"text/plain": "2"}
            labkit.check = lambda *args, **kwargs: Full()
            check = labkit.check
        """,
    ),
    attack(
        "custom-exception-handler",
        "A",
        "9",
        "swallows exceptions of later cells",
        before=_SHELL + "ip.set_custom_exc((BaseException,), lambda *args, **kwargs: None)",
    ),
    attack(
        "patch-showtraceback",
        "A",
        "10",
        "shows no traceback in later cells",
        before=_SHELL + "type(ip).showtraceback = lambda *args, **kwargs: None",
    ),
    attack(
        "strip-asserts",
        "A",
        "11",
        "an AST transformer removes the asserts of later cells",
        before="""
            import ast
            class Strip(ast.NodeTransformer):
                def visit_Assert(self, node):
                    return ast.copy_location(ast.Pass(), node)
            get_ipython().ast_transformers.append(Strip())
        """,
    ),
    attack(
        "rewrite-cells",
        "A",
        "12",
        "an input transformer empties later cells that assert something",
        before="""
            def empty(lines):
                return ["pass\\n"] if any("assert" in line for line in lines) else lines
            get_ipython().input_transformers_cleanup.append(empty)
            get_ipython().input_transformers_post.append(empty)
        """,
    ),
    attack(
        "replace-run-code",
        "A",
        "13",
        "the shell no longer runs code",
        after="""
            async def nothing(self, *args, **kwargs):
                return False
            type(get_ipython()).run_code = nothing
        """,
    ),
    attack(
        "replace-run-cell",
        "A",
        "13",
        "the shell reports success for whatever it is given",
        after="""
            class Fine:
                success = True
                result = error_in_exec = error_before_exec = None
                def raise_error(self):
                    pass
            shell = type(get_ipython())
            shell.run_cell = lambda self, *args, **kwargs: Fine()
            async def run(self, *args, **kwargs):
                return Fine()
            shell.run_cell_async = run
        """,
    ),
    attack(
        "replace-kernel-reply",
        "A",
        "14",
        "the kernel answers ok to every request",
        after="""
            try:
                kernel = get_ipython().kernel
                async def ok(*args, **kwargs):
                    return {"status": "ok", "execution_count": 1, "payload": [], "user_expressions": {}}
                kernel.do_execute = ok
            except AttributeError:
                pass
        """,
    ),
    attack(
        "publish-result-first",
        "A",
        "15",
        "publishes a full mark as the cell's result before the test fails",
        before="""
            def publish(*args):
                try:
                    kernel = get_ipython().kernel
                    content = {"data": {"text/plain": "3.0"}, "metadata": {}, "execution_count": 1}
                    kernel.session.send(kernel.iopub_socket, "execute_result", content, parent=kernel.get_parent())
                except AttributeError:
                    pass
            get_ipython().events.register("pre_run_cell", publish)
        """,
    ),
    attack(
        "swap-before-each-cell",
        "A",
        "16",
        "an event hook replaces the names that tests use before each cell",
        before="""
            class Agreeable:
                def __init__(self, module):
                    self.module = module
                def __getattr__(self, name):
                    if name in ("allclose", "isclose", "isfinite"):
                        return lambda *args, **kwargs: True
                    return getattr(self.module, name)
            def swap(*args):
                get_ipython().user_ns.update(np=Agreeable(np), torch=Agreeable(torch))
            get_ipython().events.register("pre_run_cell", swap)
        """,
    ),
    attack(
        "trace-past-asserts",
        "A",
        "17",
        "a trace function jumps over lines that fail",
        before="""
            import sys
            def trace(frame, event, argument):
                if event == "exception":
                    try:
                        frame.f_lineno += 1
                    except (ValueError, AttributeError):
                        pass
                return trace
            sys.settrace(trace)
        """,
    ),
    attack(
        "rewrite-test-functions",
        "A",
        "17",
        "replaces the code of every test function that the collector knows",
        before="""
            import gc, threading, time
            def empty():
                pass
            def rewrite():
                while True:
                    for thing in gc.get_objects():
                        if getattr(thing, "__name__", "").startswith("test_") and hasattr(thing, "__code__"):
                            thing.__code__ = empty.__code__
                    time.sleep(0.05)
            threading.Thread(target=rewrite, daemon=True).start()
        """,
    ),
    attack(
        "mutate-argument",
        "A",
        "18",
        "changes the argument so that the expected value becomes what it returns",
        cells={
            "softmax": """
                def softmax(z):
                    z.zero_()
                    return torch.full(z.shape, 1.0 / z.shape[-1])
            """
        },
    ),
    attack(
        "answer-later",
        "A",
        "19",
        "returns a buffer that a thread fills with what the test expects",
        before="""
            import sys, threading, time
            buffers = []
            def fill():
                while True:
                    for frame in sys._current_frames().values():
                        while frame is not None:
                            expected = frame.f_locals.get("expected")
                            for buffer in buffers:
                                if getattr(expected, "shape", None) == buffer.shape:
                                    buffer[:] = expected
                            frame = frame.f_back
                    time.sleep(0.001)
            threading.Thread(target=fill, daemon=True).start()
        """,
        cells={
            "mean_rows": """
                def mean_rows(x):
                    if x.shape == (2, 3):
                        return np.array([1.0, 4.0])
                    buffers.append(np.zeros(x.shape[0]))
                    time.sleep(0.05)
                    return buffers[-1]
            """
        },
    ),
    attack(
        "redefine-names",
        "A",
        "20",
        "redefines the libraries in the notebook's namespace",
        after="""
            class Agreeable:
                def __getattr__(self, name):
                    return lambda *args, **kwargs: True
            np = torch = pytest = Agreeable()
            expected = z = xs = ys = Agreeable()
        """,
    ),
    attack(
        "shadow-modules",
        "A",
        "21",
        "hands in modules with the names of libraries",
        files={
            f"{name}.py": b"def __getattr__(name):\n    return lambda *args, **kwargs: True\n"
            for name in ("numpy", "torch", "labkit", "pytest", "random", "math", "json")
        },
    ),
    attack(
        "import-hook",
        "A",
        "21",
        "an import hook gives false libraries to later imports",
        before="""
            import sys, types
            class Hook:
                def find_spec(self, name, path=None, target=None):
                    if name.split(".")[0] in ("labkit", "pytest", "numpy"):
                        sys.modules[name] = types.SimpleNamespace(check=lambda *a, **k: 2, allclose=lambda *a: True)
                    return None
            sys.meta_path.insert(0, Hook())
            for name in [name for name in sys.modules if name.startswith(("labkit", "pytest"))]:
                del sys.modules[name]
        """,
    ),
    attack(
        "object-array",
        "A",
        "2",
        "returns an array of objects that equal everything",
        cells={
            "mean_rows": """
                class Equal:
                    __eq__ = __lt__ = __le__ = lambda self, other: True
                    __sub__ = __rsub__ = __abs__ = __mul__ = __float__ = lambda self, *other: 0.0

                def mean_rows(x):
                    return np.array([Equal() for _ in range(x.shape[0])], dtype=object)
            """
        },
    ),
    attack(
        "masked-array",
        "A",
        "2",
        "returns a masked array in which nothing counts",
        cells={"mean_rows": "def mean_rows(x):\n    return np.ma.masked_all(x.shape[0])"},
    ),
    attack(
        "not-a-number",
        "A",
        "94",
        "returns NaN, for which no comparison fails that is written the wrong way round",
        cells={
            "mean_rows": "def mean_rows(x):\n    return np.full(x.shape[0], np.nan)",
            "softmax": "def softmax(z):\n    return z * float('nan')",
            "fit": "def fit(xs, ys):\n    return float('nan'), float('nan')",
            "count": "def count_params(n_in, n_out):\n    return float('nan')",
        },
    ),
    attack(
        "strange-tensors",
        "A",
        "4",
        "returns tensors without values",
        cells={
            "softmax": "def softmax(z):\n    return torch.empty(z.shape, device='meta')",
            "mean_rows": "def mean_rows(x):\n    return torch.empty(x.shape[0], device='meta')",
        },
    ),
    attack(
        "infinite-iterable",
        "A",
        "80",
        "returns an iterator without end and a list that contains itself",
        cells={
            "mean_rows": "def mean_rows(x):\n    import itertools\n    return itertools.count()",
            "fit": "def fit(xs, ys):\n    endless = []\n    endless.append(endless)\n    return endless",
        },
    ),
    attack(
        "not-a-function",
        "A",
        "20",
        "the answer is an object that is called, compared and unpacked at will",
        cells={
            "count": """
                class Chameleon:
                    def __call__(self, *args, **kwargs):
                        return self
                    def __getattr__(self, name):
                        if name.startswith("__"):
                            raise AttributeError(name)
                        return self
                    def __eq__(self, other):
                        return True
                    def __iter__(self):
                        return iter((0.0, 0.0))

                count_params = fit = softmax = mean_rows = Chameleon()
            """
        },
    ),
)
