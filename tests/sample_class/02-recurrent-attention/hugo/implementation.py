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
    # Your answer to question `rnn` (3 points).
    # Loop over the T steps; the equation is (1) in the notebook. Return (outputs, final_state).
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
    # Your answer to question `gru` (5 points).
    # Equations (2) to (5) in the notebook. Your sigmoid must be right, and silent, for inputs of 10,000.
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
    # Your answer to question `gru-as-rnn` (2 points).
    # Which value must each gate have for equations (4) and (5) to become (1)?
    # How do weights force it there?
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
    # Your answer to question `gru-memory` (2 points).
    # Which single gate decides whether the old state survives, and which value must it have?
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
    # Your answer to question `mha` (5 points).
    # Equations (6) to (8) in the notebook. `np.asarray(X)` turns the tensor into an array.
    raise NotImplementedError("Write your answer to question 'mha' here.")
