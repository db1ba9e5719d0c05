"""PyTorch's layers with given weights: the reference of this lab. Given: read it.

The arguments are those of your own functions, so `torch_rnn(…)` stands beside `rnn(…)`. `torch_gru` shows how
PyTorch packs three gates into one matrix, and `torch_mha` how it packs the projections of all heads.
"""

import numpy as np
import torch
from torch import nn


def as_tensor(values):
    """Return numbers of any kind as a float32 tensor."""
    return torch.tensor(np.asarray(values, dtype=np.float32))


def run_layer(layer, weights, *inputs):
    """Set the weights of a layer and run it without gradients; results are NumPy arrays."""
    layer.load_state_dict({name: as_tensor(value) for name, value in weights.items()})
    with torch.no_grad():
        return tuple(result.numpy() for result in layer(*map(as_tensor, inputs)))


def torch_rnn(wt_h, wt_x, bias, init_state, input_data):
    """Run `nn.RNN`: returns outputs [B, T, H] and the final state [1, B, H]."""
    input_size, hidden_size = np.shape(wt_x)
    weights = {
        "weight_ih_l0": np.transpose(wt_x),  # [H, I]
        "weight_hh_l0": np.transpose(wt_h),  # [H, H]
        "bias_ih_l0": bias,  # [H]
        "bias_hh_l0": np.zeros(hidden_size),  # PyTorch's second bias is only ever added to the first
    }
    return run_layer(nn.RNN(input_size, hidden_size, batch_first=True), weights, input_data, init_state)


def torch_gru(linear_trans_r, linear_trans_z, linear_trans_n, init_state, input_data):
    """Run `nn.GRU`: returns outputs [B, T, H] and the final state [1, B, H]."""
    gates = (linear_trans_r, linear_trans_z, linear_trans_n)  # PyTorch's order
    wt_x, bias_x, wt_h, bias_h = ([np.asarray(gate[part]) for gate in gates] for part in range(4))
    input_size, hidden_size = np.shape(wt_x[0])
    weights = {
        "weight_ih_l0": np.concatenate([w.T for w in wt_x]),  # three of [H, I], stacked: [3H, I]
        "weight_hh_l0": np.concatenate([w.T for w in wt_h]),  # [3H, H]
        "bias_ih_l0": np.concatenate(bias_x),  # [3H]
        "bias_hh_l0": np.concatenate(bias_h),  # [3H]
    }
    return run_layer(nn.GRU(input_size, hidden_size, batch_first=True), weights, input_data, init_state)


def torch_mha(Wq, Wk, Wv, Wo, X):
    """Run `nn.MultiheadAttention` as self-attention without biases: returns [B, S, E]."""
    projections = (np.concatenate(heads, axis=1) for heads in (Wq, Wk, Wv))  # each N x [E, K] -> [E, E]
    weights = {
        "in_proj_weight": np.concatenate([full.T for full in projections]),  # [3E, E]
        "out_proj.weight": np.transpose(Wo),  # [E, E]
    }
    layer = nn.MultiheadAttention(len(Wo), len(Wq), bias=False, batch_first=True)
    return run_layer(layer, weights, X, X, X)[0]


def relative_difference(ours, theirs):
    """Return the largest |a - b| / (|a| + |b|) of the outputs plus that of the final states.

    Args:
        ours: (outputs, final_state).
        theirs: the same, from PyTorch.

    """
    total = 0.0
    for mine, right in zip(ours, theirs, strict=True):
        right = np.asarray(right)
        mine = np.reshape(mine, right.shape)
        total += np.max(np.abs(mine - right) / np.maximum(1e-8, np.abs(mine) + np.abs(right)))
    return float(total)
