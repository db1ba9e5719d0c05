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
    batch_size, num_steps, _ = input_data.shape
    hidden_size = wt_h.shape[0]
    h = init_state.reshape(batch_size, hidden_size)
    outputs = np.zeros((batch_size, num_steps, hidden_size), dtype=np.float32)
    for t in range(num_steps):
        h = np.tanh(np.dot(input_data[:, t, :], wt_x) + np.dot(h, wt_h) + bias)
        outputs[:, t, :] = h
    return outputs, h.reshape(1, batch_size, hidden_size)
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
    I, H = wt_x.shape
    Wx, Wh, b = np.zeros((I, H)), np.zeros((H, H)), np.zeros(H)
    return (Wx, b + 1e5, Wh, b), (Wx, b - 1e5, Wh, b), (wt_x, bias, wt_h, b)
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
    Wx, Wh = np.zeros((input_size, hidden_size)), np.zeros((hidden_size, hidden_size))
    b = np.zeros(hidden_size)
    return (Wx, b, Wh, b), (Wx, b + 1e5, Wh, b), (Wx, b, Wh, b)
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
    X = np.asarray(X)
    results = []
    for h in range(len(Wq)):
        Q, K, V = np.matmul(X, Wq[h]), np.matmul(X, Wk[h]), np.matmul(X, Wv[h])
        S = np.matmul(Q, np.swapaxes(K, 1, 2)) / np.sqrt(Q.shape[2])
        E = np.exp(S - np.max(S, axis=2, keepdims=True))
        A = E / np.sum(E, axis=2, keepdims=True)
        results.append(np.matmul(A, V))
    return np.matmul(np.concatenate(results, axis=2), Wo)
    raise NotImplementedError("Write your answer to question 'mha' here.")
