"""Recurrent cells and attention by hand, in NumPy. This is the file you hand in beside `cells.ipynb`.

Five functions, 17 points. Each has its section in `cells.ipynb`, with the equations, hints and a check. The
names and arguments are fixed: the checks call them exactly so. NumPy is all you need; PyTorch's own recurrent
and attention layers are what you compare with, so an answer that calls them gets no points.

Sizes: B = batch, T = time steps, I = input size, H = hidden size, S = sequence length, E = embedding size,
N = heads, K = E / N. All data are float32; all matrices have inputs as rows: a linear map reads `x @ W + b`.
"""

import numpy as np


def rnn(wt_h, wt_x, bias, init_state, input_data):
    """Run an Elman RNN with tanh over a batch of sequences, as `torch.nn.RNN` does.

    Args:
        wt_h: hidden-to-hidden matrix, [H, H].
        wt_x: input-to-hidden matrix, [I, H].
        bias: [H].
        init_state: hidden state before the first step, [1, B, H] (the 1 is PyTorch's axis of layers).
        input_data: [B, T, I].

    Returns:
        `(outputs, final_state)`: the state after every step, [B, T, H], and after the last one, [1, B, H].

    """
    state = init_state[0]  # [B, H]
    outputs = []
    for step in range(input_data.shape[1]):
        state = np.tanh(input_data[:, step] @ wt_x + state @ wt_h + bias)  # [B, H]
        outputs.append(state)
    return np.stack(outputs, axis=1), state[np.newaxis]  # [B, T, H], [1, B, H]


def gru(linear_trans_r, linear_trans_z, linear_trans_n, init_state, input_data):
    """Run a GRU over a batch of sequences, as `torch.nn.GRU` does.

    Args:
        linear_trans_r: reset gate, `(wt_x [I, H], bias_x [H], wt_h [H, H], bias_h [H])`.
        linear_trans_z: update gate, the same four.
        linear_trans_n: candidate, the same four.
        init_state: hidden state before the first step, [1, B, H].
        input_data: [B, T, I].

    Returns:
        `(outputs, final_state)`: [B, T, H] and [1, B, H].

    """
    wt_xr, bias_xr, wt_hr, bias_hr = linear_trans_r
    wt_xz, bias_xz, wt_hz, bias_hz = linear_trans_z
    wt_xn, bias_xn, wt_hn, bias_hn = linear_trans_n

    def sigmoid(values):
        # The tanh form never takes the exponential of a large number, so it cannot overflow.
        return 0.5 * (1.0 + np.tanh(0.5 * values))

    state = init_state[0]  # [B, H]
    outputs = []
    for step in range(input_data.shape[1]):
        x = input_data[:, step]  # [B, I]
        reset = sigmoid(x @ wt_xr + bias_xr + state @ wt_hr + bias_hr)  # [B, H]
        update = sigmoid(x @ wt_xz + bias_xz + state @ wt_hz + bias_hz)  # [B, H]
        candidate = np.tanh(x @ wt_xn + bias_xn + reset * (state @ wt_hn + bias_hn))  # [B, H]
        state = (1.0 - update) * candidate + update * state  # [B, H]
        outputs.append(state)
    return np.stack(outputs, axis=1), state[np.newaxis]  # [B, T, H], [1, B, H]


def init_gru_with_rnn(wt_h, wt_x, bias):
    """Choose the weights of a GRU that computes the same as an RNN.

    Args:
        wt_h: the RNN's hidden-to-hidden matrix, [H, H].
        wt_x: the RNN's input-to-hidden matrix, [I, H].
        bias: the RNN's bias, [H].

    Returns:
        `(linear_trans_r, linear_trans_z, linear_trans_n)`,
        each `(wt_x [I, H], bias_x [H], wt_h [H, H], bias_h [H])`.

    """
    input_size, hidden_size = wt_x.shape
    no_x = np.zeros((input_size, hidden_size), dtype=np.float32)
    no_h = np.zeros((hidden_size, hidden_size), dtype=np.float32)
    no_bias = np.zeros(hidden_size, dtype=np.float32)
    # In float32 the sigmoid of 10,000 is exactly 1, and of -10,000 exactly 0, whatever the data.
    wide_open = np.full(hidden_size, 1e4, dtype=np.float32)
    reset = (no_x, wide_open, no_h, no_bias)  # r = 1: the candidate sees the whole state
    update = (no_x, -wide_open, no_h, no_bias)  # z = 0: the candidate becomes the state
    candidate = (wt_x, bias, wt_h, no_bias)
    return reset, update, candidate


def init_gru_with_long_term_memory(input_size, hidden_size):
    """Choose the weights of a GRU that keeps its initial state for a long time, whatever the inputs.

    Args:
        input_size: I.
        hidden_size: H.

    Returns:
        `(linear_trans_r, linear_trans_z, linear_trans_n)`,
        each `(wt_x [I, H], bias_x [H], wt_h [H, H], bias_h [H])`.

    """
    no_x = np.zeros((input_size, hidden_size), dtype=np.float32)
    no_h = np.zeros((hidden_size, hidden_size), dtype=np.float32)
    no_bias = np.zeros(hidden_size, dtype=np.float32)
    keep = np.full(hidden_size, 1e4, dtype=np.float32)  # z = 1 exactly: the state is copied
    anything = (no_x, no_bias, no_h, no_bias)
    return anything, (no_x, keep, no_h, no_bias), anything


def mha(Wq, Wk, Wv, Wo, X):
    """Run multi-head self-attention, as `torch.nn.MultiheadAttention` without biases does.

    Args:
        Wq: query projections, a list of N matrices [E, K].
        Wk: key projections, a list of N matrices [E, K].
        Wv: value projections, a list of N matrices [E, K].
        Wo: output projection, [E, E].
        X: the sequences, a torch tensor [B, S, E] that needs no gradient.

    Returns:
        [B, S, E], a NumPy array or a torch tensor.

    """
    x = np.asarray(X)  # [B, S, E]
    heads = []
    for head_q, head_k, head_v in zip(Wq, Wk, Wv, strict=True):
        query, key, value = x @ head_q, x @ head_k, x @ head_v  # each [B, S, K]
        scores = (
            query @ key.transpose(0, 2, 1) / query.shape[-1] ** 0.5
        )  # [B, S, S]: row = query, column = key
        # Subtracting the largest score of a row changes nothing but keeps the exponential finite.
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)  # every row sums to 1
        heads.append(weights @ value)  # [B, S, K]
    return np.concatenate(heads, axis=-1) @ Wo  # [B, S, E] @ [E, E] -> [B, S, E]
