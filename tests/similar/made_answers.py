# ruff: noqa: E501 - whole programs stand in one line each, so that alternatives can be compared by eye
"""A made-up class of answers: everybody decides alone, some copy and disguise.

Each answer is put together from decisions that students really take differently: how to loop, where to put a
product, whether to write a helper. Names are drawn too. A copy is an answer of somebody else whose names are
replaced, whose independent lines are exchanged, and into which comments are strewn.
"""

from __future__ import annotations

import ast
import random
import re

NAMES = {
    "STATE": ["h", "state", "hidden", "h_t", "ht", "s"],
    "OUT": ["outputs", "out", "result", "ys", "all_h", "res"],
    "T": ["t", "step", "i", "time", "k"],
    "X": ["x", "x_t", "xt", "inp", "current"],
    "R": ["r", "reset", "r_t", "rt"],
    "Z": ["z", "update", "z_t", "zt"],
    "N": ["n", "new", "cand", "h_new", "n_t"],
    "SIG": ["sigmoid", "sig", "logistic", "_sigmoid"],
    "SM": ["softmax", "sm", "_softmax", "normalise"],
    "HD": ["heads", "parts", "zs", "per_head"],
    "Q": ["q", "query", "Q"],
    "KK": ["k", "key", "K"],
    "V": ["v", "value", "V"],
    "S": ["scores", "s", "att", "logits", "raw"],
    "A": ["weights", "attention", "a", "probs", "alpha"],
    "E": ["e", "exps", "ex"],
}


def rnn(draw: random.Random) -> str:
    """Return an answer to the first question."""
    pick = draw.choice
    start = pick(
        [
            "STATE = init_state[0]",
            "STATE = init_state.squeeze(0)",
            "STATE = init_state[0].copy()",
            "STATE = init_state[-1, :, :]",
        ]
    )
    product = pick([
        "np.tanh(X @ wt_x + STATE @ wt_h + bias)", "np.tanh(STATE @ wt_h + X @ wt_x + bias)",
        "np.tanh(np.dot(X, wt_x) + np.dot(STATE, wt_h) + bias)", "np.tanh(bias + X @ wt_x + STATE @ wt_h)",
        "np.tanh(np.matmul(X, wt_x) + np.matmul(STATE, wt_h) + bias)",
    ])  # fmt: skip
    at = pick(["input_data[:, T, :]", "input_data[:, T]"])
    loop = pick(["for T in range(input_data.shape[1]):", "steps = input_data.shape[1]\nfor T in range(steps):",
                 "batch, steps, size = input_data.shape\nfor T in range(steps):"])  # fmt: skip
    how = draw.randrange(4)
    if how == 0:
        body = f"OUT = []\n{loop}\n    STATE = {product.replace('X', at)}\n    OUT.append(STATE)\nreturn np.stack(OUT, axis=1), STATE[np.newaxis]"
    elif how == 1:
        body = f"OUT = np.zeros((input_data.shape[0], input_data.shape[1], wt_h.shape[0]))\n{loop}\n    X = {at}\n    STATE = {product}\n    OUT[:, T, :] = STATE\nreturn OUT, STATE[None]"
    elif how == 2:
        body = f"OUT = []\nfor X in input_data.transpose(1, 0, 2):\n    STATE = {product}\n    OUT.append(STATE)\nreturn np.array(OUT).transpose(1, 0, 2), np.expand_dims(STATE, 0)"
    else:
        body = f"OUT = list()\n{loop}\n    X = {at}\n    STATE = {product}\n    OUT += [STATE]\nOUT = np.stack(OUT, 1)\nreturn OUT, OUT[:, -1][None]"
    order = draw.random() < 0.4 and how != 2
    text = f"{start}\n{body}"
    if order and body.startswith("OUT = []\n"):
        text = "OUT = []\n" + start + "\n" + body.removeprefix("OUT = []\n")
    return _function("rnn(wt_h, wt_x, bias, init_state, input_data)", text)


def gru(draw: random.Random) -> str:
    """Return an answer to the second question."""
    pick = draw.choice
    sig = pick([
        "def SIG(x):\n    return 1 / (1 + np.exp(-x))\n\n", "def SIG(a):\n    return 0.5 * (1 + np.tanh(a / 2))\n\n",
        "SIG = lambda x: 1.0 / (1.0 + np.exp(-x))\n\n", "from scipy.special import expit as SIG\n\n",
        "def SIG(x):\n    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))\n\n",
    ])  # fmt: skip
    unpack = pick([
        "w_r, w_z, w_n, b_r, b_z, b_n = wt_x\nu_r, u_z, u_n, c_r, c_z, c_n = wt_h\n",
        "(w_r, b_r), (w_z, b_z), (w_n, b_n) = [(wt_x[j], wt_x[j + 3]) for j in range(3)]\n(u_r, c_r), (u_z, c_z), (u_n, c_n) = [(wt_h[j], wt_h[j + 3]) for j in range(3)]\n",
        "w_r, w_z, w_n = wt_x[:3]\nb_r, b_z, b_n = wt_x[3:]\nu_r, u_z, u_n = wt_h[:3]\nc_r, c_z, c_n = wt_h[3:]\n",
    ])  # fmt: skip
    gates = [
        pick(["R = SIG(X @ w_r + b_r + STATE @ u_r + c_r)", "R = SIG(X @ w_r + STATE @ u_r + b_r + c_r)", "R = SIG(b_r + c_r + np.dot(X, w_r) + np.dot(STATE, u_r))"]),
        pick(["Z = SIG(X @ w_z + b_z + STATE @ u_z + c_z)", "Z = SIG(X @ w_z + STATE @ u_z + b_z + c_z)", "Z = SIG(b_z + c_z + np.dot(X, w_z) + np.dot(STATE, u_z))"]),
    ]  # fmt: skip
    if draw.random() < 0.3:
        gates.reverse()
    gates.append(
        pick(
            [
                "N = np.tanh(X @ w_n + b_n + R * (STATE @ u_n + c_n))",
                "N = np.tanh((X @ w_n + b_n) + R * (STATE @ u_n + c_n))",
                "N = np.tanh(R * (np.dot(STATE, u_n) + c_n) + np.dot(X, w_n) + b_n)",
            ]
        )
    )
    gates.append(
        pick(
            [
                "STATE = (1 - Z) * N + Z * STATE",
                "STATE = Z * STATE + (1 - Z) * N",
                "STATE = N + Z * (STATE - N)",
                "STATE = (1.0 - Z) * N + Z * STATE",
            ]
        )
    )
    inner = "\n".join("    " + line for line in gates)
    how = draw.randrange(3)
    if how == 0:
        body = f"STATE = init_state[0]\nOUT = []\nfor T in range(input_data.shape[1]):\n    X = input_data[:, T]\n{inner}\n    OUT.append(STATE)\nreturn np.stack(OUT, axis=1), STATE[np.newaxis]"
    elif how == 1:
        body = f"OUT = np.empty(input_data.shape[:2] + (init_state.shape[-1],))\nSTATE = init_state[0]\nfor T in range(input_data.shape[1]):\n    X = input_data[:, T, :]\n{inner}\n    OUT[:, T] = STATE\nreturn OUT, STATE[None, :, :]"
    else:
        body = f"OUT, STATE = [], init_state[0]\nfor X in np.swapaxes(input_data, 0, 1):\n{inner}\n    OUT.append(STATE)\nreturn np.swapaxes(np.array(OUT), 0, 1), STATE.reshape(1, *STATE.shape)"
    return sig + _function("gru(wt_h, wt_x, init_state, input_data)", unpack + body)


def mha(draw: random.Random) -> str:
    """Return an answer to the third question."""
    pick = draw.choice
    softmax = pick([
        "def SM(x):\n    E = np.exp(x - x.max(axis=-1, keepdims=True))\n    return E / E.sum(axis=-1, keepdims=True)\n\n",
        "def SM(x, axis=-1):\n    E = np.exp(x - np.max(x, axis=axis, keepdims=True))\n    return E / np.sum(E, axis=axis, keepdims=True)\n\n",
        "from scipy.special import softmax as SM\n\n",
        "def SM(m):\n    m = m - np.amax(m, -1)[..., None]\n    return np.exp(m) / np.exp(m).sum(-1)[..., None]\n\n",
    ])  # fmt: skip
    how = draw.randrange(3)
    scale = pick(
        [
            "/ np.sqrt(Q.shape[-1])",
            "/ Q.shape[-1] ** 0.5",
            "/ math.sqrt(Q.shape[-1])",
            "* Q.shape[-1] ** -0.5",
        ]
    )
    turn = pick(["KK.transpose(0, 2, 1)", "np.swapaxes(KK, 1, 2)", "np.swapaxes(KK, -1, -2)"])
    if how == 0:
        body = f"HD = []\nfor j in range(len(Wq)):\n    Q = X @ Wq[j]\n    KK = X @ Wk[j]\n    V = X @ Wv[j]\n    S = Q @ {turn} {scale}\n    A = SM(S)\n    HD.append(A @ V)\nreturn np.concatenate(HD, axis=-1) @ Wo"
    elif how == 1:
        body = f"HD = []\nfor a, b, c in zip(Wq, Wk, Wv):\n    Q, KK, V = X @ a, X @ b, X @ c\n    A = SM((Q @ {turn}) {scale})\n    HD += [np.matmul(A, V)]\nreturn np.concatenate(HD, 2) @ Wo"
    else:
        body = f"Q = np.einsum('bse,hek->bhsk', X, Wq)\nKK = np.einsum('bse,hek->bhsk', X, Wk)\nV = np.einsum('bse,hek->bhsk', X, Wv)\nS = np.einsum('bhsk,bhtk->bhst', Q, KK) {scale}\nHD = np.einsum('bhst,bhtk->bshk', SM(S), V)\nreturn HD.reshape(*HD.shape[:2], -1) @ Wo"
    return softmax + _function("mha(Wq, Wk, Wv, Wo, X)", body)


QUESTIONS = {"rnn": rnn, "gru": gru, "mha": mha}


def _function(head: str, body: str) -> str:
    lines = [f"    {line}" if line else "" for line in body.split("\n")]
    return f"def {head}:\n" + "\n".join(lines) + "\n"


def _name(text: str, draw: random.Random, *, keep_x: bool) -> str:
    taken: set[str] = {"x", "a", "m"}
    for sign, choices in NAMES.items():
        if sign == "X" and keep_x:
            continue
        free = [name for name in choices if name not in taken] or [f"{choices[0]}_{len(taken)}"]
        name = draw.choice(free)
        taken.add(name)
        text = re.sub(rf"\b{sign}\b", name, text)
    temporary = draw.choice(["tmp", "part", "aux", "v", "first_"])
    return re.sub(r"\bTMP(\d+)\b", lambda found: f"{temporary}{found[1]}", text)


class _Habits(ast.NodeTransformer):
    """Writes the same expression in a person's own way: operands exchanged, products named, calls chosen."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.product = draw.choice(["@", "@", "np.matmul", "np.dot", "method"])
        self.split = draw.choice([0.05, 0.25, 0.6])
        self.commute = draw.choice([0.0, 0.2, 0.5])
        self.extra = draw.choice([0.0, 0.1, 0.25])
        self.count = 0
        self.before: list[ast.stmt] = []

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        made: ast.expr = node
        if isinstance(node.op, ast.Add) and self.draw.random() < self.commute:
            made = ast.BinOp(node.right, node.op, node.left)
        elif isinstance(node.op, ast.MatMult) and self.product != "@":
            text = f"{self.product}(_a, _b)" if self.product != "method" else "_a.dot(_b)"
            made = _fill(text, {"_a": node.left, "_b": node.right})
        if isinstance(node.op, ast.Add | ast.MatMult) and self.draw.random() < self.split:
            self.count += 1
            name = f"TMP{self.count}"
            self.before.append(ast.Assign([ast.Name(name, ast.Store())], made))
            return ast.Name(name, ast.Load())
        return made

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.ListComp:
        return node

    def rewrite(self, body: list[ast.stmt]) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for node in body:
            self.before = []
            if isinstance(node, ast.For | ast.FunctionDef):
                node.body = self.rewrite(node.body)
                self.before = []
            else:
                self.visit(node)
            made += [*self.before, node]
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                made += self._aside(node.targets[0].id)
        return made

    def _aside(self, name: str) -> list[ast.stmt]:
        """Return what a person adds to see or to be sure."""
        if self.draw.random() >= self.extra:
            return []
        text = self.draw.choice([
            "print(_a.shape)", "assert np.isfinite(_a).all()", "_a = np.asarray(_a)", "_a = _a.astype(float)",
            "print('now', _a)", "assert _a is not None", "_a = np.array(_a, dtype=np.float64)", "_a = 1.0 * _a",
        ])  # fmt: skip
        return list(ast.parse(text.replace("_a", name)).body)


def _fill(text: str, parts: dict[str, ast.expr]) -> ast.expr:
    class Put(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return parts.get(node.id, node)

    return Put().visit(ast.parse(text, mode="eval").body)  # type: ignore[no-any-return]


def _in_own_way(text: str, draw: random.Random) -> str:
    tree = ast.parse(text)
    tree.body = _Habits(draw).rewrite(tree.body)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def honest(draw: random.Random) -> dict[str, str]:
    """Return the answers of a student who works alone."""
    return {
        question: _name(_in_own_way(write(draw), draw), draw, keep_x=question == "mha")
        for question, write in QUESTIONS.items()
    }


class _Rename(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(self.names.get(node.id, node.id), node.ctx), node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.copy_location(ast.arg(self.names.get(node.arg, node.arg)), node)


COMMENTS = [
    "# now the next step",
    "# see the lecture",
    "# shapes are fine",
    "# TODO tidy up",
    "# as in equation (2)",
]


def disguise(
    text: str, draw: random.Random, *, rename: bool = False, reorder: bool = False, comment: bool = False
) -> str:
    """Return the same code in a disguise."""
    tree = ast.parse(text)
    bound = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    if rename:
        fresh = draw.sample(
            [f"{a}{b}" for a in "abcdefgpqw" for b in ("_", "x", "1", "val", "vec")], len(bound)
        )
        tree = _Rename(dict(zip(sorted(bound), fresh, strict=True))).visit(tree)
    if reorder:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.For):
                _exchange(node.body, draw)
    lines = ast.unparse(ast.fix_missing_locations(tree)).split("\n")
    if comment:
        lines = [
            extra
            for line in lines
            for extra in (
                (line[: len(line) - len(line.lstrip())] + draw.choice(COMMENTS), line)
                if draw.random() < 0.4
                else (line,)
            )
        ]
    return "\n".join(lines) + "\n"


def _exchange(body: list[ast.stmt], draw: random.Random) -> None:
    """Exchange neighbouring assignments of which neither uses what the other binds."""
    for place in range(len(body) - 1):
        first, second = body[place : place + 2]
        if not (isinstance(first, ast.Assign) and isinstance(second, ast.Assign)):
            continue
        if _stored(first) & (_used(second) | _stored(second)) or _stored(second) & _used(first):
            continue
        if draw.random() < 0.7:
            body[place], body[place + 1] = second, first


def _stored(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}


def _used(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)}


def make_class(
    count: int, copies: int, seed: int
) -> tuple[dict[str, dict[str, str]], dict[tuple[str, str], str]]:
    """Return the answers of a class, and the pairs that were planted with the disguise of each.

    Args:
        count: students who work alone.
        copies: students who copy all answers of one of them.
        seed: of all decisions.

    """
    draw = random.Random(seed)
    students = {f"s{number:04d}": honest(draw) for number in range(count)}
    planted: dict[tuple[str, str], str] = {}
    sources = draw.sample(sorted(students), copies)
    kinds = [
        ("nothing changed", {}),
        ("renamed", {"rename": True}),
        ("renamed, reordered", {"rename": True, "reorder": True}),
        ("renamed, reordered, commented", {"rename": True, "reorder": True, "comment": True}),
    ]
    for number, source in enumerate(sources):
        name, how = kinds[number % len(kinds)]
        copier = f"x{number:04d}"
        students[copier] = {
            question: text if name == "nothing changed" else disguise(text, draw, **how)
            for question, text in students[source].items()
        }
        planted[source, copier] = name
    return students, planted
