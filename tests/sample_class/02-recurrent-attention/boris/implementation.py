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
    import torch

    W, U, b = (torch.as_tensor(a) for a in (wt_x, wt_h, bias))
    h = torch.as_tensor(init_state).squeeze(0)
    steps = []
    for x in torch.as_tensor(input_data).unbind(dim=1):
        h = (x @ W + h @ U + b).tanh()
        steps.append(h)
    return torch.stack(steps, dim=1), h
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
    import torch

    i, h = wt_x.shape
    zero = [torch.zeros(i, h), torch.zeros(h), torch.zeros(h, h), torch.zeros(h)]
    on = [zero[0], torch.full((h,), 1e10), zero[2], zero[3]]
    off = [zero[0], torch.full((h,), -1e10), zero[2], zero[3]]
    return on, off, [torch.tensor(wt_x), torch.tensor(bias), torch.tensor(wt_h), zero[3]]
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
    import torch

    zero = [torch.zeros(input_size, hidden_size), torch.zeros(hidden_size)]
    zero += [torch.zeros(hidden_size, hidden_size), torch.zeros(hidden_size)]
    keep = [zero[0], torch.full((hidden_size,), 1e10), zero[2], zero[3]]
    return zero, keep, zero
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
    import torch

    q, k, v = (torch.stack([X @ torch.as_tensor(w) for w in heads], dim=1) for heads in (Wq, Wk, Wv))
    weights = torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5, dim=-1)
    joined = (weights @ v).permute(0, 2, 1, 3).reshape(X.shape)
    return joined @ torch.as_tensor(Wo)
    raise NotImplementedError("Write your answer to question 'mha' here.")
