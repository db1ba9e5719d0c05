"""Bodies of the five functions of lab 02, as students write them: three right styles, and many wrong ones.

Nothing here is a copy of the lab's own answers: a grader that compared texts would be found out.
"""

from __future__ import annotations

__all__ = ["LOOPS", "SCIPY", "TORCH", "WRONG"]

Answers = dict[str, str]

LOOPS: Answers = {
    "rnn": """
    batch_size, num_steps, _ = input_data.shape
    hidden_size = wt_h.shape[0]
    h = init_state.reshape(batch_size, hidden_size)
    outputs = np.zeros((batch_size, num_steps, hidden_size), dtype=np.float32)
    for t in range(num_steps):
        h = np.tanh(np.dot(input_data[:, t, :], wt_x) + np.dot(h, wt_h) + bias)
        outputs[:, t, :] = h
    return outputs, h.reshape(1, batch_size, hidden_size)
""",
    "gru": """
    def sigmoid(a):
        # e to the minus |a| is never larger than 1
        e = np.exp(-np.abs(a))
        return np.where(a >= 0, 1.0 / (1.0 + e), e / (1.0 + e))

    def gate(params, x, h):
        return np.dot(x, params[0]) + params[1] + np.dot(h, params[2]) + params[3]

    W_n, b_n, U_n, c_n = linear_trans_n
    h = init_state[0]
    outputs = np.zeros((input_data.shape[0], input_data.shape[1], h.shape[1]), dtype=np.float32)
    for t in range(input_data.shape[1]):
        x = input_data[:, t, :]
        r = sigmoid(gate(linear_trans_r, x, h))
        z = sigmoid(gate(linear_trans_z, x, h))
        n = np.tanh(np.dot(x, W_n) + b_n + r * (np.dot(h, U_n) + c_n))
        h = n - z * n + z * h
        outputs[:, t, :] = h
    return outputs, h[None]
""",
    "gru-as-rnn": """
    I, H = wt_x.shape
    Wx, Wh, b = np.zeros((I, H)), np.zeros((H, H)), np.zeros(H)
    return (Wx, b + 1e5, Wh, b), (Wx, b - 1e5, Wh, b), (wt_x, bias, wt_h, b)
""",
    "gru-memory": """
    Wx, Wh = np.zeros((input_size, hidden_size)), np.zeros((hidden_size, hidden_size))
    b = np.zeros(hidden_size)
    return (Wx, b, Wh, b), (Wx, b + 1e5, Wh, b), (Wx, b, Wh, b)
""",
    "mha": """
    X = np.asarray(X)
    results = []
    for h in range(len(Wq)):
        Q, K, V = np.matmul(X, Wq[h]), np.matmul(X, Wk[h]), np.matmul(X, Wv[h])
        S = np.matmul(Q, np.swapaxes(K, 1, 2)) / np.sqrt(Q.shape[2])
        E = np.exp(S - np.max(S, axis=2, keepdims=True))
        A = E / np.sum(E, axis=2, keepdims=True)
        results.append(np.matmul(A, V))
    return np.matmul(np.concatenate(results, axis=2), Wo)
""",
}

TORCH: Answers = {
    "rnn": """
    import torch

    W, U, b = (torch.as_tensor(a) for a in (wt_x, wt_h, bias))
    h = torch.as_tensor(init_state).squeeze(0)
    steps = []
    for x in torch.as_tensor(input_data).unbind(dim=1):
        h = (x @ W + h @ U + b).tanh()
        steps.append(h)
    return torch.stack(steps, dim=1), h
""",
    "gru": """
    import torch

    gates = (linear_trans_r, linear_trans_z, linear_trans_n)
    r_, z_, n_ = ([torch.as_tensor(a) for a in gate] for gate in gates)
    h = torch.as_tensor(init_state).squeeze(0)
    steps = []
    for x in torch.as_tensor(input_data).unbind(dim=1):
        r = torch.sigmoid(x @ r_[0] + r_[1] + h @ r_[2] + r_[3])
        z = torch.sigmoid(x @ z_[0] + z_[1] + h @ z_[2] + z_[3])
        n = torch.tanh(x @ n_[0] + n_[1] + r * (h @ n_[2] + n_[3]))
        h = (1 - z) * n + z * h
        steps.append(h)
    return torch.stack(steps, dim=1), h
""",
    "gru-as-rnn": """
    import torch

    i, h = wt_x.shape
    zero = [torch.zeros(i, h), torch.zeros(h), torch.zeros(h, h), torch.zeros(h)]
    on = [zero[0], torch.full((h,), 1e10), zero[2], zero[3]]
    off = [zero[0], torch.full((h,), -1e10), zero[2], zero[3]]
    return on, off, [torch.tensor(wt_x), torch.tensor(bias), torch.tensor(wt_h), zero[3]]
""",
    "gru-memory": """
    import torch

    zero = [torch.zeros(input_size, hidden_size), torch.zeros(hidden_size)]
    zero += [torch.zeros(hidden_size, hidden_size), torch.zeros(hidden_size)]
    keep = [zero[0], torch.full((hidden_size,), 1e10), zero[2], zero[3]]
    return zero, keep, zero
""",
    "mha": """
    import torch

    q, k, v = (torch.stack([X @ torch.as_tensor(w) for w in heads], dim=1) for heads in (Wq, Wk, Wv))
    weights = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, dim=-1)
    joined = (weights @ v).permute(0, 2, 1, 3).reshape(X.shape)
    return joined @ torch.as_tensor(Wo)
""",
}

SCIPY: Answers = {
    "rnn": """
    h, out = init_state[0].astype(float), []
    for t in range(len(input_data[0])):
        h = np.tanh(input_data[:, t] @ wt_x + bias + h @ wt_h)
        out.append(h)
    return np.array(out).transpose(1, 0, 2)[None], (h,)
""",
    "gru": """
    from scipy.special import expit

    h, out = init_state[0].astype(float), []
    for t in range(len(input_data[0])):
        x = input_data[:, t]
        r, z = (expit(x @ p[0] + p[1] + h @ p[2] + p[3]) for p in (linear_trans_r, linear_trans_z))
        a, b, c, d = linear_trans_n
        h = (1 - z) * np.tanh(x @ a + b + r * (h @ c + d)) + z * h
        out.append(h)
    return np.array(out).transpose(1, 0, 2)[None], (h,)
""",
    "gru-as-rnn": """
    rows, cols = np.shape(wt_x)
    def gate(number):
        return [[[0.0] * cols] * rows, [number] * cols, [[0.0] * cols] * cols, [0.0] * cols]
    return gate(1e4), gate(-1e4), [wt_x.tolist(), [0.0] * cols, wt_h.tolist(), bias.tolist()]
""",
    "gru-memory": """
    def gate(number):
        w, u = np.zeros((input_size, hidden_size)), np.zeros((hidden_size, hidden_size))
        return [w.tolist(), [number] * hidden_size, u.tolist(), [number] * hidden_size]
    return [gate(0.0), gate(1e4), gate(0.0)]
""",
    "mha": """
    from scipy.special import softmax

    x = X.numpy().astype(float)
    heads = []
    for q, k, v in zip(Wq, Wk, Wv):
        scores = np.einsum("bik,bjk->bij", x @ q, x @ k)
        heads.append(softmax(scores / q.shape[1] ** 0.5, axis=-1) @ (x @ v))
    return (np.concatenate(heads, -1) @ Wo)[None]
""",
}

# What each changes in LOOPS: question -> (text there, text instead). Each old text stands there once.
_EDITS: dict[str, tuple[str, str, str]] = {
    "bias forgotten": ("rnn", " + bias)", ")"),
    "endless loop": ("rnn", "for t in range(num_steps):\n", "t = 0\n    while t < num_steps:\n"),
    "rnn NaN": ("rnn", " + bias)", " + np.log(-np.abs(bias)))"),
    "z swapped": ("gru", "n - z * n + z * h", "z * n + h - z * h"),
    "reset before": ("gru", "r * (np.dot(h, U_n) + c_n)", "np.dot(r * h, U_n) + c_n"),
    "gru NaN": (
        "gru",
        "return np.where(a >= 0, 1.0 / (1.0 + e), e / (1.0 + e))",
        "return np.log(-1.0 - e)  # 1 / (1 + e) did not look right",
    ),
    "soft RNN": (
        "gru-as-rnn",
        "(Wx, b + 1e5, Wh, b), (Wx, b - 1e5, Wh, b)",
        "(Wx, b + 6, Wh, b), (Wx, b - 6, Wh, b)",
    ),
    "bias twice": ("gru-as-rnn", "(wt_x, bias, wt_h, b)", "(wt_x, bias, wt_h, bias)"),
    "z the wrong way": ("gru-as-rnn", "b - 1e5", "b + 1e5"),
    "soft memory": ("gru-memory", "b + 1e5", "b + 9"),
    "memory shut": ("gru-memory", "b + 1e5", "b - 1e5"),
    "scale by E": ("mha", "np.sqrt(Q.shape[2])", "np.sqrt(X.shape[2])"),
    "softmax over queries": (
        "mha",
        "E = np.exp(S - np.max(S, axis=2, keepdims=True))\n        A = E / np.sum(E, axis=2, keepdims=True)",
        "E = np.exp(S - np.max(S, axis=1, keepdims=True))\n        A = E / np.sum(E, axis=1, keepdims=True)",
    ),
    "no maximum": ("mha", "np.exp(S - np.max(S, axis=2, keepdims=True))", "np.exp(S)"),
    "mha NaN": ("mha", "E / np.sum(E, axis=2, keepdims=True)", "E / (0 * E)"),
}


def _edit(question: str, old: str, new: str) -> str:
    text = LOOPS[question]
    if text.count(old) != 1:
        raise ValueError(f"{old!r} stands {text.count(old)} times in the answer to {question}")
    return text.replace(old, new)


WRONG: dict[str, str] = {name: _edit(*edit) for name, edit in _EDITS.items()} | {
    "time first": """
    h, outputs = init_state[0], []
    for x in input_data:
        h = np.tanh(x @ wt_x + h @ wt_h + bias)
        outputs.append(h)
    return np.array(outputs), h
""",
    "calls nn.GRU": """
    import torch
    from torch import nn

    model = nn.GRU(input_data.shape[2], init_state.shape[2], batch_first=True)
    gates = (linear_trans_r, linear_trans_z, linear_trans_n)
    with torch.no_grad():
        for i, parameter in zip((0, 2, 1, 3), model.parameters()):
            parameter.copy_(torch.tensor(np.concatenate([np.transpose(gate[i]) for gate in gates])))
        outputs, state = model(torch.tensor(input_data), torch.tensor(init_state))
    return outputs.numpy(), state.numpy()
""",
    "pickled states": """
    batch_size = input_data.shape[0]
    h = init_state[0]
    outputs = []
    for t in range(input_data.shape[1]):
        h = np.tanh(input_data[:, t] @ wt_x + h @ wt_h + bias)
        outputs.append(h)
    return Parcel(np.stack(outputs, 1)), Parcel(h)
""",
    "pickled result": """
    import pickle

    return pickle.dumps(Parcel(np.asarray(X)))
""",
}
"""Wrong answers by what is wrong with them."""
