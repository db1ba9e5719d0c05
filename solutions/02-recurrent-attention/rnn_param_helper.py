"""Take the weights out of PyTorch layers as NumPy arrays, turned so that rows are inputs. Given: read it.

PyTorch stores a weight as [outputs, inputs] and computes ``x @ W.T + b``. Here every matrix is transposed
once, so that a step reads ``x @ W + b``. All arrays are float32 copies: changing them leaves the layer alone.

Sizes: I = input size, H = hidden size, E = embedding size, K = E / number of heads.

Source: the weight layouts in the PyTorch pages of ``torch.nn.RNN``, ``GRU`` and ``MultiheadAttention``.
"""

import numpy as np


def _rows_are_inputs(weight):
    """Return a torch weight [outputs, inputs] as a float32 array [inputs, outputs]."""
    return np.array(weight.detach().cpu().numpy().T, dtype=np.float32, order="C")


def _vector(bias):
    """Return a torch bias as a float32 array."""
    return np.array(bias.detach().cpu().numpy(), dtype=np.float32)


def get_rnn_params(rnn):
    """Return the parameters of a one-layer ``nn.RNN``.

    Args:
        rnn: ``torch.nn.RNN(input_size, hidden_size, batch_first=True)``.

    Returns:
        ``(wt_h [H, H], wt_x [I, H], bias [H])``. PyTorch keeps two biases, one for each product; they are
        only ever added, so ``bias`` is their sum.

    """
    wt_h = _rows_are_inputs(rnn.weight_hh_l0)  # [H, H]
    wt_x = _rows_are_inputs(rnn.weight_ih_l0)  # [I, H]
    bias = _vector(rnn.bias_ih_l0 + rnn.bias_hh_l0)  # [H]
    return wt_h, wt_x, bias


def get_gru_params(gru):
    """Return the parameters of a one-layer ``nn.GRU``, one group for each gate.

    Args:
        gru: ``torch.nn.GRU(input_size, hidden_size, batch_first=True)``.

    Returns:
        ``(linear_trans_r, linear_trans_z, linear_trans_n)`` for the reset gate, the update gate and the
        candidate. Each is ``(wt_x [I, H], bias_x [H], wt_h [H, H], bias_h [H])``. The two biases stay apart:
        in the candidate, ``bias_h`` is multiplied by the reset gate and ``bias_x`` is not.

    """
    # PyTorch stacks the three gates along the outputs, in the order r, z, n: [3H, I] and [3H, H].
    gates_of_wt_x = gru.weight_ih_l0.chunk(3)
    gates_of_bias_x = gru.bias_ih_l0.chunk(3)
    gates_of_wt_h = gru.weight_hh_l0.chunk(3)
    gates_of_bias_h = gru.bias_hh_l0.chunk(3)
    return tuple(
        (_rows_are_inputs(wt_x), _vector(bias_x), _rows_are_inputs(wt_h), _vector(bias_h))
        for wt_x, bias_x, wt_h, bias_h in zip(
            gates_of_wt_x, gates_of_bias_x, gates_of_wt_h, gates_of_bias_h, strict=True
        )
    )


def get_mha_params(mha):
    """Return the parameters of an ``nn.MultiheadAttention``, one matrix for each head.

    Args:
        mha: ``torch.nn.MultiheadAttention(embed_dim, num_heads, bias=False, batch_first=True)``.

    Returns:
        ``(Wq, Wk, Wv, Wo)``. ``Wq``, ``Wk`` and ``Wv`` are lists of ``num_heads`` arrays [E, K]: the heads
        are consecutive groups of K columns of the full [E, E] matrix. ``Wo`` is [E, E].

    """
    # PyTorch stacks the three projections along the outputs, in the order q, k, v: [3E, E].
    q, k, v = (_rows_are_inputs(weight) for weight in mha.in_proj_weight.chunk(3))  # each [E, E]
    Wq, Wk, Wv = (np.split(full, mha.num_heads, axis=1) for full in (q, k, v))  # lists of [E, K]
    return Wq, Wk, Wv, _rows_are_inputs(mha.out_proj.weight)
