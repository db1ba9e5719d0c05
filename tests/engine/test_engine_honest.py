# ruff: noqa: E501 - what a student wrote stands in one line
"""Honest oddities cost nothing, and refused calls show one clear line."""

from __future__ import annotations

import pytest
from handmade_labs import answer, make_lab, submit, test
from labgrade.model import CellState

LAB = make_lab(answer("a", "x = 1"), test("t", "assert x == 1"))
CELLS = {
    "subprocess": (
        "import subprocess\nr = subprocess.run(['ls'], capture_output=True, text=True).stdout\nx = 1",
        "ls: commands are not run",
    ),
    "os.system": ("import os\nos.system('ls')\nx = 1", "commands are not run"),
    "!ls": ("!ls -l\nx = 1", "!ls -l: commands are not run"),
    "files = !ls": ("files = !ls\nx = 1", "commands are not run"),
    "%pip": ("%pip install numpy\nx = 1", "%pip install numpy: packages cannot be installed"),
    "!pip": ("!pip install numpy\nx = 1", "commands are not run"),
    "%time": ("%time x = 1", "Wall time"),
    "%%capture": ("%%capture out\nprint(1)\nx = 1", ""),
    "display": ("from IPython.display import display, HTML\ndisplay(HTML('<b>hi</b>'))\nx = 1", "<b>hi</b>"),
    "async": ("import asyncio\nawait asyncio.sleep(0.001)\nx = 1", ""),
    "tqdm": ("from tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass\nx = 1", "3/3"),
    "DataLoader": (
        "import torch\nfrom torch.utils.data import DataLoader, TensorDataset\n"
        "loader = DataLoader(TensorDataset(torch.zeros(10, 2)), batch_size=2, num_workers=2)\n"
        "print(sum(len(batch[0]) for batch in loader))\nx = 1",
        "10",
    ),
    "input": (
        "try:\n    x = input('number?')\nexcept EOFError as error:\n    print(error)\n    x = 1",
        "input() is not available",
    ),
    "warning": ("import warnings\nwarnings.warn('hm')\nx = 1", "UserWarning: hm"),
    "stderr": ("import sys\nprint('careful', file=sys.stderr)\nx = 1", "careful"),
    "many prints": (
        "for i in range(20_000): print('x' * 50)\nx = 1",
        "more characters of output were left out",
    ),
    "other folder": ("import os\nos.makedirs('d')\nos.chdir('d')\nopen('f', 'w').write('x')\nx = 1", ""),
    "many globals": ("for i in range(3000): globals()[f'v{i}'] = i\nx = 1", ""),
    "threads": (
        "import threading\nt = threading.Thread(target=print, args=('thread',))\nt.start(); t.join()\nx = 1",
        "thread",
    ),
    "torch threads": (
        "import torch\ntorch.set_num_threads(2)\nprint((torch.ones(300, 300) @ torch.ones(300, 300)).sum())\nx = 1",
        "tensor(",
    ),
    "C output": (
        "import ctypes, os\nctypes.CDLL(None).puts(b'from C')\nos.write(1, b'raw')\nx = 1",
        "from C",
    ),
    "processes": (
        "import multiprocessing\nwith multiprocessing.Pool(2) as p: print(p.map(abs, [-1, 2]))\nx = 1",
        "[1, 2]",
    ),
    "network": (
        "import socket\ntry:\n    socket.create_connection(('127.0.0.1', 80), 1)\nexcept OSError as e: print('refused')\nx = 1",
        "refused",
    ),
    "recursion": ("def f(): f()\ntry: f()\nexcept RecursionError: print('deep')\nx = 1", "deep"),
    "exit": ("x = 1\nexit()", ""),
    "sys.exit": ("x = 1\nimport sys\nsys.exit()", "SystemExit"),
    "magics": ("%matplotlib inline\n%load_ext autoreload\n%autoreload 2\nx = 1", ""),
    "figure": (
        "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.savefig('a.png'); plt.show()\nx = 1",
        "image/png",
    ),
    "dataclass": ("from dataclasses import dataclass\n@dataclass\nclass B:\n    y: int = 1\nx = B().y", ""),
    "pickle": ("import pickle\nclass A: pass\npickle.loads(pickle.dumps(A()))\nx = 1", ""),
    "own module": ("open('foo.py', 'w').write('z = 1')\nimport foo\nx = foo.z", ""),
    "clear_output": (
        "from IPython.display import clear_output\nprint('gone')\nclear_output(wait=True)\nprint('kept')\nx = 1",
        "kept",
    ),
    "update": (
        "from IPython.display import display\nh = display('old', display_id=True)\nh.update('new')\nx = 1",
        "new",
    ),
    "checkpoint": ("import torch\ntorch.save({'a': torch.ones(2)}, 'm.pt')\ntorch.load('m.pt')\nx = 1", ""),
    "help": ("int?\nx = 1", "Init signature"),
    "temporary file": ("import tempfile\nwith tempfile.TemporaryFile() as f: f.write(b'a')\nx = 1", ""),
    "seeds": (
        "import random, numpy, torch\nrandom.seed(1); numpy.random.seed(1); torch.manual_seed(1)\nx = 1",
        "",
    ),
}


@pytest.mark.parametrize("name", CELLS)
def test_oddity_costs_nothing_and_is_shown(engine, name):
    """The answer counts, and what the cell shows says what happened."""
    source, shown = CELLS[name]
    notebook = engine.run(LAB, submit(LAB, {"a": source})).notebooks[0]
    assert notebook.tests[0].score == 1, notebook
    assert shown in repr(notebook.cells[0].outputs)
    if name != "sys.exit":
        assert notebook.cells[0].state is CellState.OK


def test_output_is_kept_up_to_its_limit(engine):
    """Of much text the first part is kept, and a line says how much was left out."""
    notebook = engine.run(LAB, submit(LAB, {"a": "print('a' * 3_000_000)\nx = 1"})).notebooks[0]
    text = "".join(output["text"] for output in notebook.cells[0].outputs)
    assert len(text) < 300 * 1024
    assert "left out" in text


def test_worker_of_the_student_does_not_disturb_the_connection(engine):
    """What a forked worker prints is shown, after the cell's own text."""
    source = "import os\npid = os.fork()\nif pid == 0:\n    print('worker')\n    os._exit(0)\nos.waitpid(pid, 0)\nprint('cell')\nx = 1"
    notebook = engine.run(LAB, submit(LAB, {"a": source})).notebooks[0]
    assert notebook.tests[0].score == 1
    assert {"worker", "cell"} <= set("".join(o["text"] for o in notebook.cells[0].outputs).split())
