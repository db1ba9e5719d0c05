"""The transformer, piece by piece. This is the file you hand in beside `build.ipynb`.

Four functions and four classes, 15 points. Each has its section in `build.ipynb`, with the equations, hints
and a check. Names and arguments are fixed: the checks and the notebook `shakespeare` call them exactly so.
`nn.Linear`, `nn.LayerNorm`, `nn.Dropout` and `nn.Embedding` are yours to use; PyTorch's own attention is
what you compare with, so an answer that calls it gets no points.

Sizes: B = sequences of a batch, n = positions, V = vocabulary_size, d = d_model, h = n_heads, d_k = d / h.
A mask is a tensor of True and False; **True means: this query may attend to this key**.

Source: Vaswani et al. (2017), Attention Is All You Need, sections 3.1 to 3.5.
"""

import math

import torch
from torch import nn


def positional_encoding(length, d_model):
    """Give every position a pattern of sines and cosines of its own.

    Args:
        length: n, how many positions.
        d_model: how many numbers for each; even or odd.

    Returns:
        [n, d] float32: sine at the even columns, cosine at the odd ones.

    Source: section 3.5.

    """
    position = torch.arange(length).unsqueeze(1)  # [n, 1]
    two_i = torch.arange(0, d_model, 2)  # [ceil(d / 2)]
    angle = position / 10000 ** (two_i / d_model)  # [n, ceil(d / 2)]
    encoding = torch.zeros(length, d_model)  # [n, d]
    encoding[:, 0::2] = torch.sin(angle)
    encoding[:, 1::2] = torch.cos(angle[:, : d_model // 2])  # an odd d has one cosine fewer
    return encoding


def attention(Q, K, V, mask=None):
    """Compute scaled dot-product attention over any leading dimensions.

    Args:
        Q: queries, [..., n_q, d_k].
        K: keys, [..., n_k, d_k].
        V: values, [..., n_k, d_v].
        mask: True where a query may attend to a key, [n_q, n_k] or with leading dimensions that fit; None:
            everywhere.

    Returns:
        `(output, weights)`: [..., n_q, d_v] and [..., n_q, n_k]. Each row of the weights sums to 1. A query
        that may attend to no key gets weights 0 and the output 0.

    Source: equation (1), section 3.2.1.

    """
    scores = Q @ K.transpose(-2, -1) / math.sqrt(Q.shape[-1])  # [..., n_q, n_k]
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = torch.softmax(scores, dim=-1)  # [..., n_q, n_k]
    if mask is not None:  # a row of −∞ only is 0/0 in the softmax: here it becomes a row of zeros
        weights = weights.masked_fill(~mask, 0.0)
    return weights @ V, weights  # [..., n_q, d_v], [..., n_q, n_k]


def causal_mask(n):
    """Allow every position to see itself and what came before.

    Returns:
        [n, n] bool: the entry [i, j] is True where j <= i.

    """
    return torch.ones(n, n, dtype=torch.bool).tril()


def padding_mask(lengths, n):
    """Allow every position to see the true positions of its sequence, and not the padding behind them.

    Args:
        lengths: true positions of each sequence, [B] int64.
        n: positions including padding.

    Returns:
        [B, 1, n] bool: the entry [b, 0, j] is True where j < lengths[b]. The axis of length 1 is that of the
        queries: all queries of a sequence see the same keys.

    """
    return torch.arange(n) < lengths[:, None, None]  # [n] against [B, 1, 1] -> [B, 1, n]


class MultiHeadAttention(nn.Module):
    """Attention in several heads side by side.

    The four linear maps are named `to_query`, `to_key`, `to_value` and `to_output`, each `nn.Linear(d, d)`
    with bias; head 1 has the first d_k columns of queries, keys and values, head 2 the next, and so on.

    Args:
        d_model: d.
        n_heads: h; divides d.

    Attributes:
        weights: of the last call, [B, h, n_q, n_k], without gradient; for plots.

    Source: section 3.2.2.

    """

    def __init__(self, d_model, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.to_query = nn.Linear(d_model, d_model)
        self.to_key = nn.Linear(d_model, d_model)
        self.to_value = nn.Linear(d_model, d_model)
        self.to_output = nn.Linear(d_model, d_model)
        self.weights = None

    def forward(self, query, key, value, mask=None):
        """Let queries attend to keys in every head, and join what the heads give.

        Args:
            query: [B, n_q, d].
            key: [B, n_k, d].
            value: [B, n_k, d].
            mask: True where a query may attend to a key, [n_q, n_k], [B, 1, n_k] or [B, n_q, n_k]; the same
                for all heads.

        Returns:
            [B, n_q, d].

        """
        d_k = query.shape[-1] // self.n_heads
        heads = []
        for linear, X in ((self.to_query, query), (self.to_key, key), (self.to_value, value)):
            split = linear(X).unflatten(-1, (self.n_heads, d_k))  # [B, n, d] -> [B, n, h, d_k]
            heads.append(split.transpose(1, 2))  # [B, h, n, d_k]
        if mask is not None and mask.dim() == 3:
            mask = mask.unsqueeze(1)  # [B, 1, n_q or 1, n_k]: the same for all heads
        output, weights = attention(*heads, mask)  # [B, h, n_q, d_k], [B, h, n_q, n_k]
        self.weights = weights.detach()
        joined = output.transpose(1, 2).flatten(-2)  # [B, n_q, h, d_k] -> [B, n_q, d]
        return self.to_output(joined)


class FeedForward(nn.Module):
    """Two linear maps with a ReLU between them, for every position by itself.

    Args:
        d_model: d.
        hidden_size: between the maps.
        dropout: share of the hidden numbers that are left out in training.

    Source: equation (2), section 3.3.

    """

    def __init__(self, d_model, hidden_size=2048, dropout=0.1):
        super().__init__()
        self.expand = nn.Linear(d_model, hidden_size)
        self.contract = nn.Linear(hidden_size, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, X):
        """Transform every position: [B, n, d] -> [B, n, d]."""
        hidden = torch.relu(self.expand(X))  # [B, n, hidden_size]
        return self.contract(self.dropout(hidden))  # [B, n, d]


class Block(nn.Module):
    """One layer of the transformer: self-attention, then a feed-forward network, each with a residual.

    The parts are named `attention` (a `MultiHeadAttention`), `feed_forward` (a `FeedForward`), `norm_1` and
    `norm_2` (`nn.LayerNorm(d)`); one `nn.Dropout` acts on what each part gives, before it is added.

    Args:
        d_model: d.
        n_heads: h.
        hidden_size: of the feed-forward network.
        dropout: share of numbers that are left out in training.
        norm_first: True: pre-norm, X + part(norm(X)). False: post-norm, norm(X + part(X)), as in the paper.

    Source: section 3.1 and figure 1; Xiong et al. (2020), figure 1, for the order of the norm.

    """

    def __init__(self, d_model, n_heads, hidden_size=2048, dropout=0.1, norm_first=True):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.feed_forward = FeedForward(d_model, hidden_size, dropout)
        self.norm_1 = nn.LayerNorm(d_model)
        self.norm_2 = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        self.norm_first = norm_first

    def forward(self, X, mask=None):
        """Transform a batch of sequences: [B, n, d] -> [B, n, d]; the mask as in `MultiHeadAttention`."""
        if self.norm_first:
            normed = self.norm_1(X)  # [B, n, d]
            X = X + self.dropout(self.attention(normed, normed, normed, mask))
            return X + self.dropout(self.feed_forward(self.norm_2(X)))
        X = self.norm_1(X + self.dropout(self.attention(X, X, X, mask)))
        return self.norm_2(X + self.dropout(self.feed_forward(X)))


class Transformer(nn.Module):
    """A stack of blocks that turns ids into logits.

    The parts are named `embedding` (`nn.Embedding(V, d)`), `blocks` (`nn.ModuleList`), `norm`
    (`nn.LayerNorm(d)`, used with pre-norm only: nothing else norms the last sum) and `output`
    (`nn.Linear(d, V)`). A dropout acts on the sum of embedding and positional encoding.

    Args:
        vocabulary_size: V.
        d_model: d.
        n_heads: h.
        hidden_size: of the feed-forward networks.
        n_layers: how many blocks.
        dropout: share of numbers that are left out in training.
        norm_first: pre-norm (True) or post-norm (False).

    Source: sections 3.1, 3.4 and 3.5, without the encoder-decoder attention.

    """

    def __init__(
        self,
        vocabulary_size,
        d_model=512,
        n_heads=8,
        hidden_size=2048,
        n_layers=6,
        dropout=0.1,
        norm_first=True,
    ):
        super().__init__()
        self.d_model = d_model
        self.embedding = nn.Embedding(vocabulary_size, d_model)
        nn.init.normal_(self.embedding.weight, std=d_model**-0.5)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            Block(d_model, n_heads, hidden_size, dropout, norm_first) for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(d_model) if norm_first else nn.Identity()
        self.output = nn.Linear(d_model, vocabulary_size)

    def forward(self, tokens, mask=None):
        """Give the logits of every position.

        Args:
            tokens: ids, [B, n] int64.
            mask: True where a position may attend to another, as in `MultiHeadAttention`; None: everywhere.

        Returns:
            [B, n, V].

        """
        X = self.embedding(tokens) * math.sqrt(self.d_model)  # [B, n] -> [B, n, d]
        X = X + positional_encoding(tokens.shape[1], self.d_model).to(X)  # [n, d] is added to every sequence
        X = self.dropout(X)
        for block in self.blocks:
            X = block(X, mask)  # [B, n, d]
        return self.output(self.norm(X))  # [B, n, V]
