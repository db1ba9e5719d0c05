"""Group H: right answers in odd surroundings. Each must get every point that it deserves."""
# ruff: noqa: E501 - code in strings stands as it would be handed in

from __future__ import annotations

from attack_corpus.attack import FULL, POINTS, honest

_WITHOUT_COUNT = FULL - POINTS["count"]

ATTACKS = (
    honest("honest-right", "0", "right answers and nothing odd"),
    honest(
        "stderr-warnings",
        "143",
        "warns on stderr in cells and in tests",
        before="import sys, warnings\nwarnings.warn('careful')\nprint('noise', file=sys.stderr)",
        cells={
            "count": """
                import logging, sys, warnings
                def count_params(n_in, n_out):
                    warnings.warn("deprecated", DeprecationWarning)
                    logging.error("logged")
                    print("noise", file=sys.stderr)
                    return n_in * n_out + n_out
            """
        },
    ),
    honest(
        "huge-prints", "74", "prints two megabytes", before="for i in range(20_000):\n    print('x' * 100)"
    ),
    honest(
        "figures",
        "83",
        "draws figures",
        before="import matplotlib.pyplot as plt\nfor _ in range(3):\n    plt.plot([1, 2]); plt.title('$x$'); plt.show()",
    ),
    honest(
        "progress-bar",
        "143",
        "shows a progress bar",
        before="from tqdm.auto import tqdm\nfor _ in tqdm(range(50)):\n    pass",
    ),
    honest(
        "seeds",
        "105",
        "sets seeds everywhere",
        before="import random\nrandom.seed(1); np.random.seed(1); torch.manual_seed(1)",
    ),
    honest(
        "threads",
        "145",
        "computes with threads",
        before="""
            from concurrent.futures import ThreadPoolExecutor
            torch.set_num_threads(2)
            with ThreadPoolExecutor(4) as pool:
                assert sum(pool.map(lambda n: float(torch.randn(200, 200).matmul(torch.eye(200)).shape[0]), range(8))) == 1600
        """,
    ),
    honest(
        "changes-directory",
        "60",
        "works in a folder of its own",
        before="import os\nos.makedirs('work', exist_ok=True)\nos.chdir('work')\nopen('x.txt', 'w').write('x')",
    ),
    honest(
        "writes-files",
        "72",
        "saves and loads arrays and weights",
        before="""
            np.save("a.npy", np.arange(3)); assert np.load("a.npy").sum() == 3
            torch.save({"w": torch.ones(2)}, "w.pt"); assert torch.load("w.pt")["w"].sum() == 2
            import json, pickle, sqlite3, shutil, tempfile
            json.dump([1], open("x.json", "w")); shutil.copy("x.json", "y.json")
            with tempfile.TemporaryDirectory() as folder:
                pickle.dump([1], open(folder + "/p", "wb"))
            sqlite3.connect(":memory:").execute("select 1")
        """,
    ),
    honest(
        "many-globals",
        "25",
        "defines thousands of names",
        before="for i in range(5000):\n    globals()[f'name{i}'] = i",
    ),
    honest(
        "magics",
        "111",
        "uses the magics of every day",
        before="%matplotlib inline\n%time sum(range(10))\n%timeit -n1 -r1 sum(range(10))\n%load_ext autoreload\n%autoreload 2",
    ),
    honest("shell-listing", "111", "lists its folder with a program", before="!ls\nfiles = !ls\n%pwd"),
    honest("pip-install", "139", "asks for a package", before="%pip install nothing\n!pip install nothing"),
    honest(
        "display",
        "113",
        "displays tables and HTML",
        before="from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>'), 3, np.eye(2))",
    ),
    honest(
        "asks-for-input",
        "112",
        "asks a question that nobody answers",
        before="""
            try:
                name = input("Your name? ")
            except (EOFError, Exception) as error:
                print(type(error).__name__)
        """,
    ),
    honest(
        "asynchronous",
        "143",
        "awaits at the top of a cell",
        before="import asyncio\nawait asyncio.sleep(0.01)\nresults = await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2))",
    ),
    honest(
        "data-loader-workers",
        "65",
        "loads data with two worker processes",
        before="""
            from torch.utils.data import DataLoader, TensorDataset
            data = TensorDataset(torch.arange(32.0).reshape(16, 2))
            total = sum(float(batch[0].sum()) for batch in DataLoader(data, batch_size=4, num_workers=2))
            assert total == 496.0
        """,
    ),
    honest(
        "trains-a-model",
        "62",
        "trains a recurrent network",
        before="""
            model = torch.nn.GRU(4, 8, batch_first=True)
            optimiser = torch.optim.Adam(model.parameters())
            for _ in range(5):
                optimiser.zero_grad()
                model(torch.randn(2, 6, 4))[0].pow(2).mean().backward()
                optimiser.step()
        """,
    ),
    honest(
        "sees-the-machine",
        "30",
        "prints versions, processors and environment",
        before="import os, platform, sys\nprint(sys.version, platform.platform(), os.cpu_count(), dict(os.environ), os.getpid())",
    ),
    honest(
        "own-helpers",
        "20",
        "splits answers into helpers, classes and generators of its own",
        cells={
            "count": """
                from dataclasses import dataclass
                @dataclass
                class Layer:
                    n_in: int
                    n_out: int
                    def sizes(self):
                        yield self.n_in * self.n_out
                        yield self.n_out
                def count_params(n_in, n_out):
                    return sum(Layer(n_in, n_out).sizes())
            """
        },
    ),
    honest(
        "other-types",
        "147",
        "returns lists, tuples and NumPy numbers that mean the same",
        cells={
            "mean_rows": "def mean_rows(x):\n    return [float(row.mean()) for row in x]",
            "count": "def count_params(n_in, n_out):\n    return np.int64(n_in * n_out + n_out)",
            "fit": """
                def fit(xs, ys):
                    w, b = np.polyfit(xs, ys, 1)
                    return [np.float64(w), np.float32(b)]
            """,
        },
    ),
    honest(
        "needs-gradients",
        "147",
        "returns a tensor that remembers its gradient",
        cells={
            "softmax": """
                def softmax(z):
                    z = z.clone().requires_grad_()
                    return torch.exp(z) / torch.exp(z).sum(dim=-1, keepdim=True)
            """
        },
    ),
    honest(
        "later-cell-fails",
        "143",
        "a cell raises after everything was defined",
        cells={
            "count": "def count_params(n_in, n_out):\n    return n_in * n_out + n_out\nraise RuntimeError('on the way')"
        },
    ),
    honest(
        "one-answer-missing",
        "52",
        "leaves one answer as it was",
        cells={"count": "raise NotImplementedError()"},
        deserved=_WITHOUT_COUNT,
    ),
    honest(
        "syntax-error-in-one",
        "143",
        "one answer cannot be read by Python",
        cells={"count": "def count_params(n_in, n_out:\n    return 1"},
        deserved=_WITHOUT_COUNT,
    ),
    honest(
        "slow-but-fine",
        "142",
        "takes a second in every call",
        cells={"mean_rows": "import time\ndef mean_rows(x):\n    time.sleep(0.2)\n    return x.mean(axis=1)"},
    ),
    honest(
        "recursion",
        "71",
        "recurses three thousand deep",
        before="import sys\nsys.setrecursionlimit(5000)\ndef down(n):\n    return 0 if n == 0 else down(n - 1)\ndown(3000)",
    ),
    honest(
        "unicode-names",
        "122",
        "writes names and comments in other alphabets",
        before="größe = 3  # Ω ≠ ∅ 学生\nprint('🙂', größe)",
    ),
)
