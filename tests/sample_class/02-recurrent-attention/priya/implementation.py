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
    h, out = init_state[0].astype(float), []
    for t in range(len(input_data[0])):
        h = np.tanh(input_data[:, t] @ wt_x + bias + h @ wt_h)
        out.append(h)
    return np.array(out).transpose(1, 0, 2)[None], (h,)
    raise NotImplementedError("Write your answer to question 'rnn' here.")


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
    from scipy.special import expit

    h, out = init_state[0].astype(float), []
    for t in range(len(input_data[0])):
        x = input_data[:, t]
        r, z = (expit(x @ p[0] + p[1] + h @ p[2] + p[3]) for p in (linear_trans_r, linear_trans_z))
        a, b, c, d = linear_trans_n
        h = (1 - z) * np.tanh(x @ a + b + r * (h @ c + d)) + z * h
        out.append(h)
    return np.array(out).transpose(1, 0, 2)[None], (h,)
    raise NotImplementedError("Write your answer to question 'gru' here.")


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
    rows, cols = np.shape(wt_x)
    def gate(number):
        return [[[0.0] * cols] * rows, [number] * cols, [[0.0] * cols] * cols, [0.0] * cols]
    return gate(1e4), gate(-1e4), [wt_x.tolist(), [0.0] * cols, wt_h.tolist(), bias.tolist()]
    raise NotImplementedError("Write your answer to question 'gru-as-rnn' here.")


def init_gru_with_long_term_memory(input_size, hidden_size):
    """Choose the weights of a GRU that keeps its initial state for a long time, whatever the inputs.

    Args:
        input_size: I.
        hidden_size: H.

    Returns:
        `(linear_trans_r, linear_trans_z, linear_trans_n)`,
        each `(wt_x [I, H], bias_x [H], wt_h [H, H], bias_h [H])`.

    """
    def gate(number):
        w, u = np.zeros((input_size, hidden_size)), np.zeros((hidden_size, hidden_size))
        return [w.tolist(), [number] * hidden_size, u.tolist(), [number] * hidden_size]
    return [gate(0.0), gate(1e4), gate(0.0)]
    raise NotImplementedError("Write your answer to question 'gru-memory' here.")


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
    from scipy.special import softmax

    x = X.numpy().astype(float)
    heads = []
    for q, k, v in zip(Wq, Wk, Wv):
        scores = np.einsum("bik,bjk->bij", x @ q, x @ k)
        heads.append(softmax(scores / q.shape[1] ** 0.5, axis=-1) @ (x @ v))
    return (np.concatenate(heads, -1) @ Wo)[None]
    raise NotImplementedError("Write your answer to question 'mha' here.")
