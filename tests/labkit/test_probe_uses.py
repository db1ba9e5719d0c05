"""``probe.uses``: forbidden names are found through aliases and helpers, and honest code is left alone."""

# ruff: noqa: E501 - the snippets are easier to read in one piece

import textwrap

import pytest
from labkit import probe

NAMES = (
    "torch.nn.GRU",
    "torch.nn.LSTM",
    "torch.gru",
    "torch.nn.MultiheadAttention",
    "torch.nn.functional.scaled_dot_product_attention",
)

USING = {
    "plain": ("import torch\ndef f(x):\n    return torch.nn.GRU(2, 3)(x)", "torch.nn.GRU"),
    "from-import": ("from torch.nn import GRU\ndef f(x):\n    return GRU(2, 3)(x)", "torch.nn.GRU"),
    "renamed": ("from torch.nn import GRU as G\ndef f(x):\n    return G(2, 3)(x)", "torch.nn.GRU"),
    "module-alias": ("import torch.nn as n\ndef f(x):\n    return n.GRU(2, 3)(x)", "torch.nn.GRU"),
    "functional": (
        "import torch.nn.functional as F\ndef f(q):\n    return F.scaled_dot_product_attention(q, q, q)",
        "torch.nn.functional.scaled_dot_product_attention",
    ),
    "function": ("import torch\ndef f(x):\n    return torch.gru(x)", "torch.gru"),
    "inner-name": ("import torch\ndef f(x):\n    return torch._VF.gru(x)", "torch.gru"),
    "ops": ("import torch\ndef f(x):\n    return torch.ops.aten.gru.input(x)", "torch.gru"),
    "deep-path": ("import torch\ndef f(x):\n    return torch.nn.modules.rnn.GRU(2, 3)", "torch.nn.GRU"),
    "getattr": ("import torch\ndef f(x):\n    return getattr(torch.nn, 'GRU')(2, 3)(x)", "torch.nn.GRU"),
    "getattr-added": (
        "import torch\ndef f(x):\n    return getattr(torch.nn, 'GR' + 'U')(2, 3)(x)",
        "torch.nn.GRU",
    ),
    "getattr-nested": ("import torch\ndef f(x):\n    return getattr(torch, 'nn').GRU(2)", "torch.nn.GRU"),
    "star": ("from torch.nn import *\ndef f(x):\n    return GRU(2, 3)(x)", "torch.nn.GRU"),
    "helper": (
        "import torch.nn as nn\ndef g(x):\n    return nn.GRU(2, 3)(x)\ndef f(x):\n    return g(x)",
        "torch.nn.GRU",
    ),
    "helper-of-helper": (
        "import torch.nn as nn\ndef h(): return nn.GRU\ndef g(x): return h()(2, 3)(x)\ndef f(x): return g(x)",
        "torch.nn.GRU",
    ),
    "nested-function": (
        "from torch import nn\ndef f(x):\n    def inner():\n        return nn.LSTM(2, 3)\n    return inner()(x)",
        "torch.nn.LSTM",
    ),
    "class-body": (
        "from torch import nn\nclass C:\n    layer = nn.GRU(2, 3)\ndef f(x):\n    return C.layer(x)",
        "torch.nn.GRU",
    ),
    "base-class": (
        "from torch import nn\nclass C(nn.GRU):\n    pass\ndef f(x):\n    return C(2, 3)(x)",
        "torch.nn.GRU",
    ),
    "method": (
        "from torch import nn\nclass C:\n    def __init__(self):\n        self.a = nn.MultiheadAttention(4, 2)\n"
        "def f(x):\n    return C().a(x)",
        "torch.nn.MultiheadAttention",
    ),
    "global-instance": (
        "from torch import nn\nlayer = nn.GRU(2, 3)\ndef f(x):\n    return layer(x)",
        "torch.nn.GRU",
    ),
    "table": (
        "from torch import nn\ntable = {'a': nn.GRU}\ndef f(x):\n    return table['a'](2, 3)(x)",
        "torch.nn.GRU",
    ),
    "lambda": (
        "from torch import nn\nmake = lambda: nn.GRU(2, 3)\ndef f(x):\n    return make()(x)",
        "torch.nn.GRU",
    ),
    "default": ("from torch import nn\ndef f(x, kind=nn.GRU):\n    return kind(2, 3)(x)", "torch.nn.GRU"),
    "decorator": (
        "from torch import nn\ndef swap(g):\n    return nn.GRU(2, 3)\n@swap\ndef f(x):\n    return x",
        "torch.nn.GRU",
    ),
    "local-import": ("def f(x):\n    from torch.nn import GRU as G\n    return G(2, 3)(x)", "torch.nn.GRU"),
    "local-alias": ("import torch\ndef f(x):\n    n = torch.nn\n    return n.GRU(2, 3)(x)", "torch.nn.GRU"),
    "alias-chain": (
        "import torch\nm = torch.nn\nG = m.GRU\ndef f(x):\n    return G(2, 3)(x)",
        "torch.nn.GRU",
    ),
    "import-module": (
        "import importlib\ndef f(x):\n    return importlib.import_module('torch.nn').GRU(2, 3)(x)",
        "torch.nn.GRU",
    ),
    "dunder-import": ("def f(x):\n    return __import__('torch').nn.GRU(2, 3)(x)", "torch.nn.GRU"),
    "vars": ("import torch\ndef f(x):\n    return vars(torch.nn)['GRU'](2, 3)(x)", "torch.nn.GRU"),
    "dict": ("import torch\ndef f(x):\n    return torch.nn.__dict__['GRU'](2, 3)(x)", "torch.nn.GRU"),
    "globals": ("from torch.nn import GRU\ndef f(x):\n    return globals()['GRU'](2, 3)(x)", "torch.nn.GRU"),
    "sys-modules": ("import sys\ndef f(x):\n    return sys.modules['torch.nn'].GRU(2)", "torch.nn.GRU"),
    "attrgetter": (
        "import torch\nfrom operator import attrgetter\ndef f(x):\n    return attrgetter('nn.GRU')(torch)(2, 3)(x)",
        "torch.nn.GRU",
    ),
    "passed-module": (
        "import torch\ndef g(m):\n    return m.GRU(2, 3)\ndef f(x):\n    return g(torch.nn)(x)",
        "torch.nn.GRU",
    ),
    "rebound-later": (
        "from torch import nn\ndef f(x):\n    return x\ndef g(x):\n    return nn.GRU(2, 3)(x)\nf = g",
        "torch.nn.GRU",
    ),
    "wrapped-later": (
        "from torch import nn\ndef f(x):\n    return nn.GRU(2, 3)(x)\ndef twice(g):\n    return g\nf = twice(f)",
        "torch.nn.GRU",
    ),
    "attribute-set": (
        "from torch import nn\ndef f(x):\n    return f.layer(x)\nf.layer = nn.GRU(2, 3)",
        "torch.nn.GRU",
    ),
    "conditional": (
        "try:\n    from torch.nn import GRU as G\nexcept ImportError:\n    G = None\ndef f(x):\n    return G(2, 3)(x)",
        "torch.nn.GRU",
    ),
    "set-by-global": (
        "from torch import nn\ndef prepare():\n    global L\n    L = nn.GRU(2, 3)\ndef f(x):\n    return L(x)",
        "torch.nn.GRU",
    ),
    "eval": ("def f(x):\n    return eval('torch.nn.GR' 'U')(2, 3)(x)", "eval(…)"),
    "computed": (
        "import torch\ndef f(x, n='URG'):\n    return getattr(torch.nn, n[::-1])(2, 3)(x)",
        "getattr(… a computed name …)",
    ),
}

HONEST = {
    "own-gru": "import torch\ndef gru(x):\n    return torch.tanh(x)\ndef f(x):\n    return gru(x)",
    "own-class": "from torch import nn\nclass GRU(nn.Module):\n    def forward(self, x):\n        return x\ndef f(x):\n    return GRU()(x)",
    "attribute": "class M:\n    def __init__(self):\n        self.gru = 1\ndef f(m):\n    return m.gru",
    "self-attribute": "class M:\n    def g(self):\n        return self.GRU\ndef f(x):\n    return M().g()",
    "comment": "import torch\ndef f(x):\n    '''Like torch.nn.GRU.'''\n    # torch.nn.GRU would do\n    return x",
    "text": "def f(x):\n    print('GRU')\n    return {'GRU': x}['GRU']",
    "annotation": "from torch import nn\ndef f(x: nn.GRU) -> nn.GRU:\n    y: nn.GRU = x\n    return y",
    "other-function": "from torch import nn\ndef g(x):\n    return nn.GRU(2, 3)(x)\ndef f(x):\n    return x",
    "replaced": "from torch import nn\ndef f(x):\n    return nn.GRU(2, 3)(x)\ndef f(x):\n    return x",
    "getattr-own": "def f(x, name):\n    return getattr(x, name)",
    "linear": "from torch import nn\nlayer = nn.Linear(2, 3)\ndef f(x):\n    return layer(x).softmax(-1)",
    "recursive": "def f(x):\n    return f(x[1:]) if x else 0",
    "shadowed": "from torch.nn import GRU\ndef f(GRU):\n    return GRU + 1",
}


@pytest.mark.parametrize("case", USING)
def test_uses_forbidden_name_reached_is_found(case):
    """Every way of reaching a forbidden name is seen in the text."""
    text, expected = USING[case]
    assert expected in probe.find_uses(text, "f", NAMES)


@pytest.mark.parametrize("case", HONEST)
def test_uses_honest_code_is_left_alone(case):
    """Own names, comments, texts and annotations that look alike are not reported."""
    assert probe.find_uses(HONEST[case], "f", NAMES) == ()


@pytest.mark.parametrize("case", [case for case in USING if case not in ("star",)])
def test_uses_object_in_this_process_gives_the_same(case, tmp_path, monkeypatch):
    """Asked for the live function instead of a text, the answer is the same."""
    import importlib.util

    text, expected = USING[case]
    path = tmp_path / "answers.py"
    # Nothing is called: only definitions run. Layers are built, which is quick.
    path.write_text(textwrap.dedent(text))
    spec = importlib.util.spec_from_file_location("answers", path)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "answers", module)
    spec.loader.exec_module(module)
    assert expected in probe.uses(module.f, NAMES)


def test_uses_cells_of_a_notebook_are_read_together():
    """Imports of one cell count in another; magics are passed over; a cell that does not parse is absent."""
    cells = [
        "%matplotlib inline\nfrom torch import nn",
        "!ls\ndef f(x):\n    return nn.GRU(2, 3)(x)",
        "def (",
    ]
    assert probe.find_uses(cells, "f", NAMES) == ("torch.nn.GRU",)


@pytest.mark.parametrize(
    "cell",
    [
        "from implementation import f",
        "from implementation import g as f",
        "import implementation\nf = implementation.f",
        "import implementation as m\ndef f(x):\n    return m.g(x)",
        "from implementation import *",
    ],
)
def test_uses_module_of_the_student_is_followed(cell):
    """What a cell imports from a file of the student's is read in that file's text."""
    module = "from torch import nn\ndef g(x):\n    return nn.GRU(2, 3)(x)\ndef f(x):\n    return g(x)"
    assert probe.find_uses([module, cell], "f", NAMES) == ("torch.nn.GRU",)
    assert probe.find_uses(cell, "f", NAMES, {"implementation": module}) == ("torch.nn.GRU",)


def test_uses_decoy_in_a_cell_does_not_hide_the_modules_helper():
    """A module's function uses the module's helper, whatever the cells call by the same name."""
    module = "from torch import nn\ndef g(x):\n    return nn.GRU(2, 3)(x)\ndef f(x):\n    return g(x)"
    cells = ["from implementation import f", "def g(x):\n    return x"]
    assert probe.find_uses(cells, "f", NAMES, {"implementation": module}) == ("torch.nn.GRU",)


def test_uses_module_that_imports_another_is_followed_and_honest_ones_are_left_alone():
    """Modules of a package are found by their dotted names, with relative imports too; what is not reached is not."""
    modules = {
        "pack.deep": "from torch import nn\ndef g(x):\n    return nn.LSTM(2, 3)(x)\ndef h(x):\n    return x",
        "pack.top": "from pack.deep import g, h\ndef f(x):\n    return g(x)\ndef honest(x):\n    return h(x)",
    }
    assert probe.find_uses("from pack.top import f", "f", NAMES, modules) == ("torch.nn.LSTM",)
    assert probe.find_uses("from pack.top import honest", "honest", NAMES, modules) == ()
    passed_on = "import pack.deep as d\ndef f(x, m=d):\n    return m.g(x)"
    assert probe.find_uses(passed_on, "f", NAMES, modules) == ("torch.nn.LSTM",)


def test_uses_helper_imported_from_a_file_is_followed_in_this_process(tmp_path, monkeypatch, run_cells):
    """In a notebook a function may call what it imported from the student's own file."""
    import sys

    (tmp_path / "own_layers.py").write_text("from torch import nn\ndef g(x):\n    return nn.GRU(2, 3)(x)\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for line in (
        "from own_layers import g",
        "import own_layers\ng = own_layers.g",
        "from own_layers import *",
    ):
        namespace = run_cells(line, "def f(x):\n    return g(x)", f"{line}\ndef h(x):\n    return g(x)")
        assert probe.uses(namespace["f"], NAMES) == ("torch.nn.GRU",)
        assert probe.uses(namespace["h"], NAMES) == ("torch.nn.GRU",)
        assert probe.uses(namespace["g"], NAMES) == ("torch.nn.GRU",)
    del sys.modules["own_layers"]


def test_uses_several_star_imports_are_all_considered():
    """A later star import does not hide an earlier one."""
    text = "from torch.nn import *\nfrom math import *\ndef f(x):\n    return GRU(2, 3)(x)"
    assert probe.find_uses(text, "f", NAMES) == ("torch.nn.GRU",)


def test_uses_entry_that_is_not_defined_is_reported():
    """Where there is no source, nothing can be said, and that is said."""
    assert probe.find_uses("x = 1", "f", NAMES) == ("f (its source cannot be read)",)


def test_uses_library_function_itself_is_found():
    """A student's name that simply stands for the forbidden thing is found."""
    import torch

    assert probe.uses(torch.nn.GRU, NAMES) == ("torch.nn.GRU",)
    assert "torch.gru" in probe.uses(torch.gru, NAMES)
    assert probe.uses(torch.nn.GRU(2, 3), NAMES) == ("torch.nn.GRU",)


def test_uses_part_of_a_module_is_found():
    """A layer hidden in a container is found by looking at the parts."""
    import torch

    assert probe.uses(torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.GRU(2, 3)), NAMES) == (
        "torch.nn.GRU",
    )


def test_uses_lists_name_things_that_exist():
    """The ready lists name what torch has; a name that disappears is noticed here."""
    import torch

    for name in (*probe.RECURRENT_LAYERS, *probe.ATTENTION_LAYERS):
        if name.startswith("torch."):
            *path, last = name.split(".")[1:]
            owner = torch
            for part in path:
                owner = getattr(owner, part)
            assert hasattr(owner, last) or hasattr(torch.ops.aten, last), name


def test_uses_function_of_a_cell_follows_the_other_cells(run_cells):
    """In a notebook the helper and the import stand in other cells than the function."""
    namespace = run_cells(
        "from torch.nn import LSTM as L",
        "def helper(x):\n    return L(2, 3)(x)",
        "def f(x):\n    return helper(x)\ndef g(x):\n    return x + 1",
    )
    assert probe.uses(namespace["f"], NAMES) == ("torch.nn.LSTM",)
    assert probe.uses(namespace["g"], NAMES) == ()


def test_uses_layer_bound_in_another_cell_is_found(run_cells):
    """A layer that stands ready as a global value is found by its type."""
    namespace = run_cells("import torch\nlayer = torch.nn.GRU(2, 3)", "def f(x):\n    return layer(x)")
    assert probe.uses(namespace["f"], NAMES) == ("torch.nn.GRU",)


def test_uses_function_made_by_exec_cannot_be_read():
    """A function without source is reported, not passed."""
    namespace = {"__name__": "answers"}
    exec("def f(x):\n    return x", namespace)
    assert probe.uses(namespace["f"], NAMES) == ("f (its source cannot be read)",)


def test_uses_nested_function_and_lambda_are_read(run_cells):
    """What a function closes over is followed too."""
    namespace = run_cells(
        "from torch import nn\ndef make():\n    layer = nn.GRU\n    def inner(x):\n        return layer(2, 3)(x)\n"
        "    return inner\nf = make()\ng = lambda x: nn.LSTM(2, 3)(x)"
    )
    assert "torch.nn.GRU" in probe.uses(namespace["f"], NAMES)
    assert "torch.nn.LSTM" in probe.uses(namespace["g"], NAMES)
