"""PyTorch's own attention and blocks, and their weights under your names. Given; read it.

PyTorch packs the maps of queries, keys and values into one matrix, [3 d, d]; yours are three. Its masks of
`nn.MultiheadAttention` say where a query may *not* look; ours say where it may. Both are turned here.
"""

import torch
from torch import nn
from torch.nn import functional


def torch_attention(Q, K, V, mask=None):
    """Compute what `attention` should give with PyTorch's function: output and weights."""
    output = functional.scaled_dot_product_attention(Q, K, V, attn_mask=mask)
    # With the unit matrix for values, the output is the weights.
    unit = torch.eye(K.shape[-2], dtype=K.dtype).expand(*K.shape[:-1], K.shape[-2])
    return output, functional.scaled_dot_product_attention(Q, K, unit, attn_mask=mask)


def randomize(module, seed):
    """Give every parameter, biases and norms too, random numbers, so that none can be forgotten unseen."""
    dice = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            size = parameter.shape[-1] ** -0.5 if parameter.dim() > 1 else 0.5
            parameter.copy_(size * torch.randn(parameter.shape, generator=dice) + (parameter == 1).float())
    return module.eval()


def torch_heads(d_model, n_heads, seed=0):
    """Make PyTorch's multi-head attention with random weights and biases."""
    return randomize(nn.MultiheadAttention(d_model, n_heads, batch_first=True), seed)


def state_of_heads(layer):
    """Return the weights of an `nn.MultiheadAttention` under the names of `MultiHeadAttention`."""
    weights, biases = layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)
    state = {}
    for name, weight, bias in zip(("to_query", "to_key", "to_value"), weights, biases, strict=True):
        state |= {f"{name}.weight": weight, f"{name}.bias": bias}
    state |= {"to_output.weight": layer.out_proj.weight, "to_output.bias": layer.out_proj.bias}
    return {name: value.detach().clone() for name, value in state.items()}


def run_heads(layer, query, key, value, mask=None):
    """Call PyTorch's layer with a mask that says where a query may look; return output and weights."""
    blocked = None
    if mask is not None:
        # [n_q, n_k] or [B, 1 or n_q, n_k] -> [B * h, n_q, n_k], True where it may not look
        whole = mask.expand(len(query), query.shape[1], key.shape[1])
        blocked = ~whole.repeat_interleave(layer.num_heads, dim=0)
    with torch.no_grad():
        return layer(query, key, value, attn_mask=blocked, average_attn_weights=False)


def torch_block(d_model, n_heads, hidden_size, norm_first, seed=0, activation=functional.relu):
    """Make PyTorch's encoder layer with random weights and biases, in evaluation mode."""
    layer = nn.TransformerEncoderLayer(
        d_model,
        n_heads,
        hidden_size,
        dropout=0.3,
        activation=activation,
        batch_first=True,
        norm_first=norm_first,
    )
    return randomize(layer, seed)


def state_of_block(layer):
    """Return the weights of an `nn.TransformerEncoderLayer` under the names of `Block`."""
    state = {f"attention.{name}": value for name, value in state_of_heads(layer.self_attn).items()}
    names = {
        "feed_forward.expand": layer.linear1,
        "feed_forward.contract": layer.linear2,
        "norm_1": layer.norm1,
        "norm_2": layer.norm2,
    }
    for name, part in names.items():
        state |= {f"{name}.{kind}": value.detach().clone() for kind, value in part.named_parameters()}
    return state


def run_block(layer, X, mask=None):
    """Call PyTorch's encoder layer with a mask [n, n] that says where a query may look."""
    # With gradients on, the layer takes its plain path, whose rounding does not depend on the machine.
    return layer(X, src_mask=None if mask is None else ~mask).detach()
