# ---
# jupyter:
#   jupytext:
#     comment_magics: false
#     formats: md,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Counting with attention
#
# In this notebook you build a small transformer that learns to count: it reads two digits X and Y and then five more, and says how many more X than Y are among the five. You know the right way to do it, so you can look into the trained network and see whether it does it that way. And you find out why the same network, with its parts in slightly other places, needs many times as many steps, or never learns it.
#
# **When you are done, you can**
#
# - write attention, attention with several heads, an encoder layer and a network with a learned query, from matrix products;
# - say why a network that reads all positions at once needs a positional encoding, and where in this task;
# - train it, read its learning curve, and show what its query looks at;
# - explain what the place of the layer norm and the size of the first weights have to do with the speed of learning, from measurements.
#
# **You need** lab 03 (`self_attention`), or to know what queries, keys and values are; `nn.Module` and a training loop.
#
# **Time and hardware.** About two and a half hours. Any laptop; a GPU would not help. The training takes about 20 seconds on an idle core if all goes well, and some minutes if not. This part is a bonus.
#
# | question | | points | difficulty | importance | minutes |
# |---|---|---:|---|---|---:|
# | `sample` | code | 0.5 | ●○○○○ | ●●●○○ | 10 |
# | `attention` | code | 1 | ●●○○○ | ●●●●● | 15 |
# | `multi-head` | code | 1 | ●●●○○ | ●●●●● | 25 |
# | `encoding-layer` | code | 0.5 | ●●○○○ | ●●●●○ | 15 |
# | `net` | code, and a training run | 2 | ●●●●○ | ●●●●○ | 40 |
# | `parallel` | text, read by a person | 0.5 | ●●○○○ | ●●●●○ | 10 |
# | `qkv` | text, read by a person | 1 | ●●○○○ | ●●●●○ | 10 |
# | `why-heads` | text, read by a person | 0.5 | ●●○○○ | ●●●○○ | 10 |
#
# Of the 2 points for `net`, 1.4 are for a network that counts right after at most 25,000 steps of training, and 0.6 are a bonus for one that needs at most 4,500 steps, from each of three seeds.
#
# ## Symbols and shapes
#
# | symbol | in code | meaning | shape | type |
# |---|---|---|---|---|
# | $B$ | `batch_size` | sequences in a batch | 64 in training | integer |
# | | `SEQ_LEN` | digits in which X and Y are counted | 5 | integer |
# | $N$ | | all digits of a sequence, X and Y included | 7 | integer |
# | | `VOCAB_SIZE` | digits 0 to 5 | 6 | integer |
# | | `sequences` | what the network reads | $[B, 7]$ | int64 |
# | | `labels` | number of X minus number of Y, plus 5: 0 to 10 | $[B]$ | int64 |
# | $d$ | `num_hidden`, `embed_dim` | numbers of a vector | 64 | integer |
# | $h$ | `num_heads` | heads, side by side | 4 | integer |
# | $d_k$ | | numbers of a key in one head, $d / h$ | 16 | integer |
# | $Q, K, V$ | `Q`, `K`, `V` | queries, keys, values | $[\dots, N_q, d_k]$, $[\dots, N_k, d_k]$, $[\dots, N_k, d_v]$ | float32 |
# | $A$ | `weights` | attention weights; each row sums to 1 | $[\dots, N_q, N_k]$ | float32 |
# | | `logits` | one score for each possible count | $[B, 11]$ | float32 |
#
# ## Set-up

# %%
#!TAG LOCKED
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from counting_checks import expect_own
from counting_training import N_CLASSES, SEQ_LEN, VOCAB_SIZE, load_net, measure_accuracy, save_net, train_until
from labkit import expect, friendly, needs, plots, points, probe, profile, seed
from torch import nn
from torch.nn import functional as F

torch.set_flush_denormal(True)  # tiny numbers cost a CPU much time
seed(4)
friendly()


# %% [markdown]
# # 1. The task
#
# `1214211`: X is 1, Y is 2. Among the last five digits, `14211`, there are three 1s and one 2: the count is $3 - 1 = 2$. Counts go from −5 to 5. Classes must start at 0, so the label is the count plus 5, here 7.
#
# **Check by hand.** Which labels have `0155000` and `3345333`?
#
# <details>
# <summary>Answer</summary>
#
# `0155000`: three 0s, no 1: label 8. `3345333`: X and Y are both 3, so the difference is 0 whatever follows: label 5.
#
# </details>
#
# **Predict first.** All digits are drawn from 0 to 5 with equal chances. Which label is the most frequent one, and about how often is a network right that always says it?
#
# ## Task `sample`
#
# > **0.5 points** · difficulty ●○○○○ · importance ●●●○○ · 10 minutes
# >
# > Write `get_data_sample(batch_size)`: it draws sequences with `torch.randint` and returns `(sequences, labels)`, $[B, 7]$ and $[B]$, both int64. Every digit from 0 to `VOCAB_SIZE` − 1 occurs at every place. A batch of one has a label vector of length 1.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# Compare the last five columns with the first one: this gives True and False, and the sum of a row counts the Trues.
#
# </details>
#
# <details>
# <summary>Hint 2: nearly code</summary>
#
# ```text
# sequences = random integers, [B, 7]
# x, y, rest = column 0, column 1 (both with shape [B, 1]), columns 2 to the end
# count of x = sum over the rest of (rest equals x)
# labels = count of x - count of y + SEQ_LEN
# ```
#
# </details>
#
# <details>
# <summary>What goes wrong here?</summary>
#
# - `torch.randint(0, 5, …)` never draws a 5: the upper end is *exclusive*. The network learns the task without 5s all the same, its accuracy looks fine, and it fails on the first sequence with a 5.
# - `labels.squeeze()` turns $[1]$ into a number without axes when the batch has one sequence; `cross_entropy` then complains about something else.
# - Counting X and Y in the whole sequence, prompts included, gives the same label: one X and one Y more. (And if X equals Y?)
#
# </details>

# %%
#!TAG ANSWER sample
def get_data_sample(batch_size):
    """Draw sequences and their labels.

    Args:
        batch_size: B.

    Returns:
        (sequences, labels): [B, 7] and [B], int64.

    """
    #!TAG HWBEGIN
    #!MSG Draw, compare, count, add the offset.
    sequences = torch.randint(0, VOCAB_SIZE, (batch_size, SEQ_LEN + 2))  # [B, 7]
    x, y, rest = sequences[:, :1], sequences[:, 1:2], sequences[:, 2:]  # [B, 1], [B, 1], [B, 5]
    count = (rest == x).sum(dim=1) - (rest == y).sum(dim=1)  # [B]
    return sequences, count + SEQ_LEN  # [B, 7], [B]
    #!TAG HWEND


# %%
#!TAG SKIPQUESTEXEC
sequences, labels = get_data_sample(3)
for digits, label in zip(sequences.tolist(), labels.tolist(), strict=True):
    print("".join(map(str, digits)), "→ label", label, "= count", label - SEQ_LEN)
_, labels = get_data_sample(20_000)
share = torch.bincount(labels, minlength=N_CLASSES) / len(labels)
print("always saying", int(share.argmax()), f"is right in {share.max():.1%} of all cases")


# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# Three sequences with their labels, and: always saying 5 is right in about 42 % of all cases. This is the level at which a network stands that has learned nothing but the frequencies. You will meet it again.
#
# </details>

# %%
#!TAG TEST sample points=0.5
def expect_samples(batch_size):
    """Check form and range of a batch; return it as tensors."""
    call = f"get_data_sample({batch_size})"
    answer = get_data_sample(batch_size)
    expect.true(isinstance(answer, (tuple, list)) and len(answer) == 2, "two results: (sequences, labels)", call=call,
                cause="the function gives None: is a `return` missing?" if answer is None else "")
    sequences, labels = (torch.as_tensor(part) for part in answer)
    expect.true(tuple(sequences.shape) == (batch_size, SEQ_LEN + 2), f"sequences of the shape ({batch_size}, 7)", call=call,
                cause=f"their shape is {tuple(sequences.shape)}")
    expect.true(tuple(labels.shape) == (batch_size,), f"labels of the shape ({batch_size},)", call=call,
                cause=f"their shape is {tuple(labels.shape)}" + (": was a batch of one squeezed?" if labels.dim() == 0 else ""))
    expect.true(sequences.dtype == labels.dtype == torch.int64, "int64 for both", call=call,
                cause=f"they are {sequences.dtype} and {labels.dtype}")
    return sequences, labels


@points(0.1)
def test_sample_has_the_right_form():
    """A batch of 8 and a batch of 1 have the right shapes and types."""
    expect_samples(8)
    expect_samples(1)


#!TAG HIDDENBEGIN
@points(0.2)
@needs("test_sample_has_the_right_form")
def test_sample_labels_are_right():
    """The labels are number of X minus number of Y among the last five, plus 5."""
    sequences, labels = expect_samples(500)
    x, y, rest = sequences[:, :1], sequences[:, 1:2], sequences[:, 2:]
    ones, others = (rest == x).sum(1), (rest == y).sum(1)
    expect.equal(labels.tolist(), (ones - others + 5).tolist(), call="the labels of get_data_sample(500)", variants={
        "the offset of 5 is missing": (ones - others).tolist(),
        "X and Y are exchanged": (others - ones + 5).tolist(),
        "only X is counted": (ones + 5).tolist(),
        "the two counts are added": (ones + others + 5).tolist(),
        "the count does not begin with the third digit": ((sequences[:, 1:] == x).sum(1) - (sequences[:, 1:] == y).sum(1) + 5).tolist()})


@points(0.2)
@needs("test_sample_has_the_right_form")
def test_sample_draws_every_digit_everywhere():
    """Every digit from 0 to 5 occurs at every place about equally often, and two calls differ."""
    sequences, _ = expect_samples(3000)
    shares = torch.stack([torch.bincount(column, minlength=6)[:6] for column in sequences.T]) / 3000  # [7, 6]
    missing = [digit for digit in range(6) if float(shares[:, digit].min()) == 0]
    expect.true(not missing and sequences.min() >= 0 and sequences.max() <= 5, "digits 0 to 5 at every place", call="get_data_sample(3000)",
                cause=f"the digit {missing[0]} is missing: the upper end of randint is exclusive" if missing else "there are other numbers")
    expect.true(float((shares - 1 / 6).abs().max()) < 0.05, "every digit at every place in about a sixth of all cases",
                call="get_data_sample(3000)", cause=f"shares go from {float(shares.min()):.2f} to {float(shares.max()):.2f}")
    again, _ = expect_samples(3000)
    expect.true(not torch.equal(sequences, again), "other sequences at the second call", call="get_data_sample(3000), twice",
                cause="the random numbers start at the same place each time")
#!TAG HIDDENEND


# %% [markdown]
# # 2. Attention
#
# $$\mathrm{Attention}(Q, K, V) = \mathrm{softmax}\!\left(\frac{Q K^\top}{\sqrt{d_k}}\right) V \tag{1}$$
#
# This is section 3.2.1 and the left half of figure 2 of Vaswani et al. (2017). If you have written `attention` in lab 03, you have it already: the interface is the same here and in lab 05. A mask is True where a query may attend to a key.
#
# ## Task `attention`
#
# > **1 point** · difficulty ●●○○○ · importance ●●●●● · 15 minutes
# >
# > Write the module `Attention`. It has no parameters. `Attention()(Q, K, V, mask=None)` returns `(output, weights)`, over any number of leading axes.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# Scores $[\dots, N_q, N_k]$, divided by the root of the size of a key; softmax along the last axis; times $V$.
#
# </details>
#
# <details>
# <summary>Hint 2: nearly code</summary>
#
# ```text
# scores = Q times K with its last two axes exchanged, / sqrt(size of the last axis of K)
# if there is a mask: scores = -inf where the mask is False
# weights = softmax of scores along the last axis
# return weights times V, weights
# ```
#
# </details>

# %%
#!TAG ANSWER attention
class Attention(nn.Module):
    """Scaled dot-product attention, section 3.2.1 of the paper."""

    def forward(self, Q, K, V, mask=None):
        """Let every query attend to the keys.

        Args:
            Q: queries, [..., N_q, d_k].
            K: keys, [..., N_k, d_k].
            V: values, [..., N_k, d_v].
            mask: bool, broadcast to [..., N_q, N_k]; True: may attend. Each query may attend to at least one key.

        Returns:
            (output, weights): [..., N_q, d_v] and [..., N_q, N_k].

        """
        #!TAG HWBEGIN
        #!MSG Equation (1).
        scores = Q @ K.transpose(-2, -1) / math.sqrt(K.shape[-1])  # [..., N_q, N_k]
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)  # [..., N_q, N_k]
        weights = torch.softmax(scores, dim=-1)  # [..., N_q, N_k]
        return weights @ V, weights  # [..., N_q, d_v], [..., N_q, N_k]
        #!TAG HWEND


# %%
#!TAG SKIPQUESTEXEC
Q = torch.tensor([[1.0, 0.0], [0.0, 3.0]])  # [2, 2]
K = V = torch.eye(2)  # [2, 2]
output, weights = Attention()(Q, K, V)
print(weights)


# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# Rows 0.6698, 0.3302 and 0.1070, 0.8930: $e^{1/\sqrt2} / (e^{1/\sqrt2} + 1) = 0.6698$.
#
# </details>

# %%
#!TAG TEST attention points=1
def mixed(scores, V, axis=-1):
    """Return (output, weights) for given scores."""
    weights = torch.softmax(scores, dim=axis)
    return weights @ V, weights


def expect_attention(answer, right, call, mistakes=None):
    """Compare (output, weights) with a reference; `mistakes` are pairs that known mistakes give."""
    expect.true(isinstance(answer, (tuple, list)) and len(answer) == 2, "two results: (output, weights)", call=call,
                cause="the method gives None: is a `return` missing?" if answer is None else "")
    for part, name in ((1, "weights"), (0, "output")):
        expect.close(answer[part], right[part], call=f"{name} of {call}", tol=1e-4, read="equation (1)",
                     variants={cause: pair[part] for cause, pair in (mistakes or {}).items()})


@points(0.25)
def test_attention_of_a_small_example_is_right():
    """Two queries, three keys: weights and output are right."""
    expect_own(Attention, "attention")
    Q, K, V = torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), torch.eye(3)
    raw = Q @ K.T
    expect_attention(Attention()(Q, K, V), mixed(raw / 2**0.5, V), "Attention()(Q, K, V)", {
        "the scores were not scaled": mixed(raw, V),
        "the scores were divided by d_k instead of its root": mixed(raw / 2, V),
        "the scores were divided by the root of the number of keys": mixed(raw / 3**0.5, V),
        "the softmax runs over the queries": mixed(raw / 2**0.5, V, axis=-2)})


#!TAG HIDDENBEGIN
@points(0.4)
@needs("test_attention_of_a_small_example_is_right")
def test_attention_with_leading_axes_is_right():
    """Leading axes, and other numbers of queries, keys and values, work."""
    g = torch.Generator().manual_seed(61)
    Q, K, V = (2 * torch.randn(2, 3, n, size, generator=g) for n, size in ((4, 6), (7, 6), (7, 5)))
    raw = Q @ K.transpose(-2, -1)
    expect_attention(Attention()(Q, K, V), mixed(raw / 6**0.5, V), "Attention()(Q, K, V) with leading axes 2, 3", {
        "the scores were not scaled": mixed(raw, V),
        "the scores were divided by d_k instead of its root": mixed(raw / 6, V),
        "the scores were divided by the root of the number of keys": mixed(raw / 7**0.5, V),
        "the softmax runs over the queries": mixed(raw / 6**0.5, V, axis=-2)})


@points(0.35)
@needs("test_attention_of_a_small_example_is_right")
def test_attention_with_a_mask_is_right():
    """Where the mask is False the weight is 0, and each row still sums to 1."""
    g = torch.Generator().manual_seed(62)
    Q, K, V = (torch.randn(2, n, size, generator=g) for n, size in ((3, 4), (5, 4), (5, 4)))
    mask = torch.tensor([[1, 0, 0, 1, 1], [0, 1, 0, 0, 0], [1, 1, 1, 0, 1]]).bool()
    scores = Q @ K.transpose(-2, -1) / 2
    cut = torch.softmax(scores, -1) * mask
    expect_attention(Attention()(Q, K, V, mask), mixed(scores.masked_fill(~mask, -torch.inf), V), "Attention()(Q, K, V, mask)", {
        "the mask is upside down: True means that a query may attend": mixed(scores.masked_fill(mask, -torch.inf), V),
        "the mask was ignored": mixed(scores, V),
        "the mask was applied after the softmax: the rows no longer sum to 1": (cut @ V, cut)})
#!TAG HIDDENEND


# %% [markdown]
# # 3. Several heads
#
# A head can look at one thing at a time. With $h$ heads, queries, keys and values are projected to $d$ numbers, cut into $h$ pieces of $d_k = d / h$, each piece attends by itself, and the results are laid side by side and projected once more (section 3.2.2, figure 2 right):
#
# $$\mathrm{head}_i = \mathrm{Attention}\big((X_q W_q)_i, (X_k W_k)_i, (X_v W_v)_i\big) \qquad \mathrm{output} = [\mathrm{head}_1, \dots, \mathrm{head}_h]\, W_o \tag{2}$$
#
# The cutting is a change of shape: $[B, N, d] \to [B, N, h, d_k] \to [B, h, N, d_k]$. The second step is a *transpose*; a `view` that goes to $[B, h, N, d_k]$ at once mixes positions and heads without any error.
#
# ## Task `multi-head`
#
# > **1 point** · difficulty ●●●○○ · importance ●●●●● · 25 minutes
# >
# > Write `MultiHeadAttention(embed_dim, num_heads)`. Its four maps are `to_query`, `to_key`, `to_value` and `to_output`, each `nn.Linear(d, d)` with bias; the weights start Xavier-initialised (uniform or normal), the biases at 0. `forward(query, key, value, mask=None)` takes $[B, N_q, d]$, $[B, N_k, d]$, $[B, N_k, d]$, returns $[B, N_q, d]$, and keeps the weights $[B, h, N_q, N_k]$ in `self.weights`, detached, for plots. Names and arguments are those of lab 05.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# Project, cut, attend, join, project. `Attention` takes any leading axes, so all heads go through it at once.
#
# </details>
#
# <details>
# <summary>Hint 2: the shapes</summary>
#
# `unflatten(-1, (h, d_k))` cuts the last axis, `transpose(1, 2)` brings the heads forward. The way back is the reverse: `transpose(1, 2)`, then `flatten(2)`.
#
# </details>
#
# <details>
# <summary>Hint 3: nearly code</summary>
#
# ```text
# q, k, v = each input through its map, cut: [B, N, d] -> [B, N, h, d_k] -> [B, h, N, d_k]
# output, weights = attention of q, k, v           [B, h, N_q, d_k], [B, h, N_q, N_k]
# keep the weights, detached
# join: [B, h, N_q, d_k] -> [B, N_q, h, d_k] -> [B, N_q, d]
# return it through the output map
# ```
#
# </details>

# %%
#!TAG ANSWER multi-head
class MultiHeadAttention(nn.Module):
    """Attention in several heads, section 3.2.2 of the paper.

    Args:
        embed_dim: d.
        num_heads: h; d is a multiple of it.

    """

    def __init__(self, embed_dim, num_heads):
        super().__init__()
        #!TAG HWBEGIN
        #!MSG Four maps, Xavier-initialised; an `Attention`.
        self.num_heads = num_heads
        self.to_query, self.to_key, self.to_value, self.to_output = (nn.Linear(embed_dim, embed_dim) for _ in range(4))
        for linear in (self.to_query, self.to_key, self.to_value, self.to_output):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        self.attention = Attention()
        self.weights = None
        #!TAG HWEND

    def forward(self, query, key, value, mask=None):
        """Let every query attend in all heads: [B, N_q, d] and twice [B, N_k, d] to [B, N_q, d]."""
        #!TAG HWBEGIN
        #!MSG Equation (2).
        q, k, v = (
            linear(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)  # [B, h, N, d_k]
            for linear, x in ((self.to_query, query), (self.to_key, key), (self.to_value, value))
        )
        output, weights = self.attention(q, k, v, mask)  # [B, h, N_q, d_k], [B, h, N_q, N_k]
        self.weights = weights.detach()
        return self.to_output(output.transpose(1, 2).flatten(2))  # [B, N_q, d]
        #!TAG HWEND


# %%
#!TAG SKIPQUESTEXEC
heads = MultiHeadAttention(12, 3)
x = torch.randn(2, 5, 12)  # [B, N, d]
print("output", tuple(heads(x, x, x).shape), "weights", tuple(heads.weights.shape))

# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# `output (2, 5, 12) weights (2, 3, 5, 5)`
#
# </details>

# %%
#!TAG TEST multi-head points=1
MAPS = ("to_query", "to_key", "to_value", "to_output")


def heads_by_hand(state, query, key, value, heads, mask=None, divisor=None, view_only=False, wrong_join=False, use=MAPS):
    """Compute equation (2) from a state dict; the other arguments are for known mistakes."""
    def through(name, x):
        return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def cut(x):
        if view_only:
            return x.reshape(x.shape[0], heads, x.shape[1], -1)
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    q, k, v = (cut(through(name, x)) for name, x in zip(use, (query, key, value), strict=False))
    scores = q @ k.transpose(-2, -1) / (divisor or k.shape[-1] ** 0.5)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    joined = torch.softmax(scores, -1) @ v  # [B, h, N_q, d_k]
    if wrong_join:
        joined = joined.reshape(query.shape)
    elif view_only:
        joined = joined.reshape(query.shape)
    else:
        joined = joined.transpose(1, 2).flatten(2)
    return through("to_output", joined) if len(use) == 4 else joined


def expect_heads(d, h, query, key, mask=None):
    """Compare a new `MultiHeadAttention(d, h)` with equation (2) computed from its own weights."""
    module = MultiHeadAttention(d, h)
    state = probe.state(module)
    missing = [f"{name}.{kind}" for name in MAPS for kind in ("weight", "bias") if f"{name}.{kind}" not in state]
    expect.true(not missing, "four maps with the names to_query, to_key, to_value and to_output", call=f"MultiHeadAttention({d}, {h})",
                cause=f"there is no {missing[0]}" if missing else "")
    # Weights that are larger than those at the beginning, and biases that are not 0, show every mistake.
    g = torch.Generator().manual_seed(d)
    state = {name: 0.6 * torch.randn(value.shape, generator=g) for name, value in state.items()}
    probe.load_state(module, state)
    given = (query, key, key + 1.0)
    call = f"MultiHeadAttention({d}, {h})(query, key, value{', mask' if mask is not None else ''})"
    arguments = given if mask is None else (*given, mask)
    expect.close(module(*arguments), heads_by_hand(state, *given, h, mask), call=call, tol=1e-3, read="equation (2)", variants={
        "the scores were divided by the root of embed_dim: it is the size of one head that counts": heads_by_hand(state, *given, h, mask, d**0.5),
        "the scores were not scaled": heads_by_hand(state, *given, h, mask, 1.0),
        "the output map to_output was forgotten": heads_by_hand(state, *given, h, mask, use=MAPS[:3]),
        "there is one head only": heads_by_hand(state, *given, 1, mask),
        "the axes were viewed as [B, h, N, d_k] without a transpose: positions and heads are mixed":
            heads_by_hand(state, *given, h, mask, view_only=True) if mask is None else None,
        "the heads were joined without bringing their axis back: transpose before flatten": heads_by_hand(state, *given, h, mask, wrong_join=True),
        "keys and values are exchanged": heads_by_hand(state, query, key + 1.0, key, h, mask),
        "the mask was ignored": heads_by_hand(state, *given, h),
        "the mask is upside down": heads_by_hand(state, *given, h, ~mask) if mask is not None else None,
    })


@points(0.4)
def test_multi_head_equals_equation_2():
    """Three heads on a batch of two give equation (2) with the module's own weights."""
    expect_own(MultiHeadAttention, "multi-head attention")
    g = torch.Generator().manual_seed(71)
    expect_heads(12, 3, *(torch.randn(2, 5, 12, generator=g) for _ in range(2)))


#!TAG HIDDENBEGIN
@points(0.25)
@needs("test_multi_head_equals_equation_2")
def test_multi_head_with_other_sizes_equals_equation_2():
    """One query and seven keys, one head and as many heads as numbers, and a mask, give equation (2)."""
    g = torch.Generator().manual_seed(72)
    expect_heads(8, 4, torch.randn(3, 1, 8, generator=g), torch.randn(3, 7, 8, generator=g))
    expect_heads(6, 1, torch.randn(2, 4, 6, generator=g), torch.randn(2, 3, 6, generator=g))
    expect_heads(5, 5, torch.randn(1, 2, 5, generator=g), torch.randn(1, 4, 5, generator=g))
    mask = torch.tensor([[1, 0, 0, 1], [0, 1, 1, 0], [1, 1, 1, 0]]).bool()
    expect_heads(8, 2, torch.randn(2, 3, 8, generator=g), torch.randn(2, 4, 8, generator=g), mask)


@points(0.2)
@needs("test_multi_head_equals_equation_2")
def test_multi_head_starts_xavier_initialised():
    """At the beginning the weights have the spread of Xavier's rule, and the biases are 0."""
    state = probe.state(MultiHeadAttention(64, 4))
    for name in MAPS:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        expect.true(abs(float(weight.std()) - 0.125) < 0.01, "a standard deviation of sqrt(2 / (64 + 64)) = 0.125",
                    call=f"{name}.weight of MultiHeadAttention(64, 4)",
                    cause=f"it is {float(weight.std()):.3f}"
                    + (", which is what nn.Linear starts with: xavier_uniform_ was not called" if abs(float(weight.std()) - 0.0722) < 0.01 else ""))
        expect.true(float(bias.abs().max()) == 0, "a bias of 0", call=f"{name}.bias of MultiHeadAttention(64, 4)")


@points(0.15)
@needs("test_multi_head_equals_equation_2")
def test_multi_head_keeps_its_weights():
    """After a call, `weights` holds the attention weights of every head."""
    module = MultiHeadAttention(8, 2)
    module(torch.randn(3, 4, 8), torch.randn(3, 6, 8), torch.randn(3, 6, 8))
    weights = torch.as_tensor(module.weights)
    expect.shape(weights, (3, 2, 4, 6), call="module.weights", axes="batch head query key")
    expect.probabilities(weights, call="module.weights")
#!TAG HIDDENEND


# %% [markdown]
# # 4. The encoder layer
#
# An encoder layer has two parts: attention, in which positions exchange what they know, and a small network (two linear maps with a ReLU between them) that works on each position by itself. Each part has a **residual**, $x + \mathrm{part}(x)$, so that it only has to learn what to add; and a **layer norm** keeps the numbers of each position at mean 0 and variance 1 (Ba et al., 2016, section 3). Where the norm stands is left open here:
#
# $$\text{post-norm (the paper):}\quad \mathrm{norm}\big(x + \mathrm{part}(x)\big) \qquad\qquad \text{pre-norm:}\quad x + \mathrm{part}\big(\mathrm{norm}(x)\big) \tag{3}$$
#
# Section 8 measures what difference it makes. With pre-norm nothing norms the last sum, so one more layer norm stands behind the last layer.
#
# ## Task `encoding-layer`
#
# > **0.5 points** · difficulty ●●○○○ · importance ●●●●○ · 15 minutes
# >
# > Write `EncodingLayer(num_hidden, num_heads)`: $[B, N, d] \to [B, N, d]$, with attention, feed-forward network, residuals and layer norms.
#
# <details>
# <summary>Hint: nearly code, for pre-norm</summary>
#
# ```text
# normed = norm 1 of x
# x = x + attention with normed as query, key and value
# x = x + feed-forward of norm 2 of x
# ```
#
# Two or four times $d$ are usual for the hidden size of the feed-forward network.
#
# </details>

# %%
#!TAG ANSWER encoding-layer
class EncodingLayer(nn.Module):
    """One layer of the encoder: attention and a feed-forward network, each with residual and layer norm.

    Args:
        num_hidden: d.
        num_heads: h.

    """

    def __init__(self, num_hidden, num_heads):
        super().__init__()
        #!TAG HWBEGIN
        #!MSG Two layer norms, a MultiHeadAttention, two linear maps.
        self.attention = MultiHeadAttention(num_hidden, num_heads)
        self.norm_1, self.norm_2 = nn.LayerNorm(num_hidden), nn.LayerNorm(num_hidden)
        self.feed_forward = nn.Sequential(
            nn.Linear(num_hidden, 2 * num_hidden), nn.ReLU(), nn.Linear(2 * num_hidden, num_hidden)
        )
        #!TAG HWEND

    def forward(self, x):
        """Transform a batch of sequences, [B, N, d] to [B, N, d]."""
        #!TAG HWBEGIN
        #!MSG Equation (3), twice.
        normed = self.norm_1(x)  # [B, N, d]
        x = x + self.attention(normed, normed, normed)  # [B, N, d]
        return x + self.feed_forward(self.norm_2(x))  # [B, N, d]
        #!TAG HWEND


# %%
#!TAG TEST encoding-layer points=0.5
@points(0.1)
def test_encoding_layer_keeps_the_shape():
    """The layer turns [2, 7, 12] into [2, 7, 12]."""
    expect_own(EncodingLayer, "encoder layer")
    expect.shape(EncodingLayer(12, 3)(torch.randn(2, 7, 12)), (2, 7, 12), axes="batch position feature",
                 call="EncodingLayer(12, 3)(x)")


#!TAG HIDDENBEGIN
@points(0.2)
@needs("test_encoding_layer_keeps_the_shape")
def test_encoding_layer_has_residuals_and_a_norm():
    """What goes in comes through: residuals. It has a feed-forward network, and layer norms that are trained."""
    layer = EncodingLayer(16, 2)
    g = torch.Generator().manual_seed(81)
    x = 30 * torch.randn(4, 6, 16, generator=g)
    out = torch.as_tensor(layer(x)).detach()
    centred = [value - value.mean(-1, keepdim=True) for value in (x, out)]
    similar = float(F.cosine_similarity(*centred, dim=-1).mean())
    expect.true(similar > 0.5, "an output that is similar to the input when the input is large", call="EncodingLayer(16, 2)(x)",
                cause=f"the mean cosine is {similar:.2f}: is a residual missing, x + part(x)?", read="equation (3)")
    shapes = [tuple(value.shape) for value in probe.parameters(layer).values()]
    expect.true(probe.numel(layer) >= 4 * (16 * 16 + 16) + 2 * 16 * 16, "the parameters of attention and a feed-forward network",
                call="EncodingLayer(16, 2)", cause=f"it has {probe.numel(layer)} numbers: is the feed-forward network missing?")
    expect.true(shapes.count((16,)) >= 4 + 2 * 2, "two layer norms of 16 features", call="EncodingLayer(16, 2)",
                cause="there are too few parameters of this shape: is a layer norm missing?")


@points(0.2)
@needs("test_encoding_layer_keeps_the_shape")
def test_encoding_layer_treats_positions_alike_and_lets_them_talk():
    """Exchanging positions exchanges outputs, each sequence is read by itself, and positions see each other."""
    layer = EncodingLayer(16, 2)
    g = torch.Generator().manual_seed(82)
    x = torch.randn(3, 6, 16, generator=g)
    out = torch.as_tensor(layer(x)).detach()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    expect.close(layer(x[:, order]), out[:, order], call="EncodingLayer(16, 2)(x) with its positions exchanged", tol=1e-4,
                 variants={"the positions are treated differently": out})
    expect.close(layer(x[1:2]), out[1:2], call="EncodingLayer(16, 2)(x) of one sequence alone", tol=1e-4,
                 variants={"sequences of a batch are mixed: was a batch norm used, or the axes exchanged?": out[:1]})
    other = x.clone()
    other[:, 0] = torch.randn(3, 16, generator=g)
    moved = float((torch.as_tensor(layer(other)).detach() - out)[:, 1:].abs().max())
    expect.true(moved > 1e-4, "outputs that depend on the other positions", call="EncodingLayer(16, 2)(x)",
                cause="changing one position changes no other: is the attention missing?")
#!TAG HIDDENEND


# %% [markdown]
# # 5. The network
#
# 1. **Embedding**: every digit becomes a vector. Plus a **trainable positional encoding**, one vector for each of the seven positions: without it, `1214211` and `2114211` would look alike, for attention does not know which digit came first.
# 2. **Encoder layers**, as above.
# 3. **Decoder**, reduced to one attention block: its query is not computed from anything, it is *one learned vector*, the same for all sequences; keys and values come from the encoder. It asks the same question of every sequence.
# 4. A **linear map** from $d$ to the 11 classes.
#
# ![The digits and the positional encoding are added and go through the encoder layer. A learned query attends to its seven outputs; a linear map gives eleven logits.](figures/counting-net.svg)
#
# ## Task `net`
#
# > **2 points** · difficulty ●●●●○ · importance ●●●●○ · 40 minutes
# >
# > Write `Net(num_encoding_layers=1, num_hidden=64, num_heads=4)`: $[B, 7]$ digits to $[B, 11]$ logits. Then train it with the cell of section 6 and hand in the weights. Keep the decoder's `MultiHeadAttention` in `self.decoder`: a plot below reads its weights.
# >
# > Points: 0.4 for the form; 0.5 for weights that are right on at least 97 % of 4,000 fresh samples, after at most 25,000 steps; 0.5 for at least 99 %; and a bonus of 0.6 if networks that the grader trains from three seeds, with the same optimiser, are right on 99 % of 4,000 fresh samples after at most 4,500 steps. The bonus counts 0.2 for each seed.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# `nn.Parameter(…)` makes a tensor trainable: the positional encoding $[7, d]$, added to every sequence, and the query $[1, d]$, expanded to $[B, 1, d]$.
#
# </details>
#
# <details>
# <summary>Hint 2: nearly code</summary>
#
# ```text
# make:    embedding of VOCAB_SIZE digits, positions [SEQ_LEN + 2, d], a list of encoder layers,
#          a layer norm (for pre-norm), the query, the decoder's attention, a linear map to N_CLASSES
# forward: x = embedding + positions                  [B, 7, d]
#          x through every encoder layer               [B, 7, d]
#          x = layer norm of x
#          answer = decoder(query, x, x)               [B, 1, d]
#          logits = linear map of answer without its axis of 1     [B, 11]
# ```
#
# </details>
#
# <details>
# <summary>Hint 3: what makes it fast</summary>
#
# - Pre-norm, with a layer norm between encoder and decoder.
# - Small numbers at the beginning: `nn.init.normal_(…, std=0.2)` for the digits, `0.2 * torch.randn(…)` for the positions, half of it for the query. `nn.Embedding` starts with a standard deviation of 1.
#
# Section 8 has the measurements.
#
# </details>
#
# <details>
# <summary>Common mistakes</summary>
#
# - **Positions of zeros that are not trained**, or a tensor in place of `nn.Parameter`: the optimiser never sees it.
# - **A softmax at the end.** `cross_entropy` wants logits.
# - **`squeeze()` without an axis**: fails for a batch of one.
#
# </details>

# %%
#!TAG ANSWER net
class Net(nn.Module):
    """Counts with attention.

    Args:
        num_encoding_layers: encoder layers.
        num_hidden: d.
        num_heads: h.

    """

    def __init__(self, num_encoding_layers=1, num_hidden=64, num_heads=4):
        super().__init__()
        #!TAG HWBEGIN
        #!MSG Embedding, positions, encoder layers, query, decoder, output.
        self.embedding = nn.Embedding(VOCAB_SIZE, num_hidden)
        nn.init.normal_(self.embedding.weight, std=0.2)
        self.positions = nn.Parameter(0.2 * torch.randn(SEQ_LEN + 2, num_hidden))  # [7, d]
        self.layers = nn.ModuleList(EncodingLayer(num_hidden, num_heads) for _ in range(num_encoding_layers))
        self.norm = nn.LayerNorm(num_hidden)
        self.query = nn.Parameter(0.1 * torch.randn(1, num_hidden))  # [1, d]
        self.decoder = MultiHeadAttention(num_hidden, num_heads)
        self.output = nn.Linear(num_hidden, N_CLASSES)
        #!TAG HWEND

    def forward(self, sequences):
        """Give the logits of the counts.

        Args:
            sequences: digits, [B, 7] int64.

        Returns:
            Logits, [B, 11].

        """
        #!TAG HWBEGIN
        #!MSG From digits to logits.
        x = self.embedding(sequences) + self.positions  # [B, 7, d]
        for layer in self.layers:
            x = layer(x)  # [B, 7, d]
        x = self.norm(x)  # [B, 7, d]
        query = self.query.expand(len(sequences), 1, -1)  # [B, 1, d]
        answer = self.decoder(query, x, x)  # [B, 1, d]
        return self.output(answer[:, 0])  # [B, 11]
        #!TAG HWEND


# %%
#!TAG SKIPQUESTEXEC
net = Net()
sequences, labels = get_data_sample(1000)
loss = F.cross_entropy(net(sequences), labels).item()
print(f"{sum(p.numel() for p in net.parameters()):,} parameters")
print(f"loss of the untrained network: {loss:.2f}, ln 11 = {math.log(N_CLASSES):.2f}")
print(f"accuracy of the untrained network: {measure_accuracy(net, sequences, labels):.3f}")

# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# 51,851 parameters for our sizes; a loss of 2.77, not far from $\ln 11 = 2.40$, and an accuracy near chance. A loss of 5 or more means that the first logits are too large.
#
# </details>
#
# **Can it learn at all?** Before the long run, let it learn 32 sequences by heart.

# %%
#!TAG SKIPQUESTEXEC
seed(5)
learner = Net()
few, their_labels = get_data_sample(32)
optimizer = torch.optim.SGD(learner.parameters(), lr=0.02, momentum=0.9)
for step in range(profile.pick(quick=150, full=400)):
    loss = F.cross_entropy(learner(few), their_labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"loss after learning 32 sequences by heart: {loss.item():.3f}")

# %% [markdown]
# # 6. Training
#
# The next cell is given; do not change it. It stops when the last ten measurements were all above 99.5 %, and after 25,000 steps at the latest.

# %%
#!TAG LOCKED
#!TAG SKIPQUESTEXEC
seed(1)
net = Net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.005, momentum=0.9)
history = []
for step in range(1, profile.pick(quick=200, full=25_000) + 1):
    sequences, labels = get_data_sample(64)  # [64, 7], [64]
    loss = F.cross_entropy(net(sequences), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        history.append((step, loss.item(), measure_accuracy(net, *get_data_sample(1000))))
        print(f"step {step:>6}: loss {history[-1][1]:.3f}, accuracy {history[-1][2]:.3f}")
        if min(accuracy for _, _, accuracy in history[-10:]) > 0.995 and len(history) >= 10:
            break
save_net(net, profile.pick(quick="counting_trial.safetensors", full="counting_net.safetensors"))

# %%
#!TAG SKIPQUESTEXEC
steps, losses, accuracies = zip(*history, strict=True)
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
left.plot(steps, losses, "o-", color="#0072B2", markersize=3)
left.axhline(math.log(N_CLASSES), color="#000000", linestyle=":", label="ln 11: guessing")
left.set(xlabel="step", ylabel="loss of a batch (nats)")
left.legend()
right.plot(steps, accuracies, "o-", color="#0072B2", markersize=3)
right.axhline(0.42, color="#000000", linestyle=":", label="always saying 0")
right.set(xlabel="step", ylabel="accuracy on 1,000 fresh samples", ylim=(0, 1.02))
right.legend()
plt.close(figure)
plots.Plot(
    figure,
    alt=f"Left: the loss falls from {losses[0]:.2f} to {losses[-1]:.2f} in {steps[-1]} steps. Right: the accuracy rises from "
    f"{accuracies[0]:.2f} to {accuracies[-1]:.3f}.",
)

# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# First the network learns the frequencies, and stands at 42 % for a while: the loss falls, the accuracy does not. Then it finds out how to compare a digit with X and Y, and the accuracy jumps within a few hundred steps. There is no overfitting here: every batch is new.
#
# </details>
#
# The weights that you hand in are in `counting_net.safetensors`, written by the cell above in the full profile. Load them into a fresh network:

# %%
#!TAG LOCKED
#!TAG SKIPQUESTEXEC
trained = load_net(Net(), Path("counting_net.safetensors"))
print(f"accuracy on 4,000 fresh samples: {measure_accuracy(trained, *get_data_sample(4000)):.4f}")


# %% [markdown]
# The grader trains with the function below: your `Net`, your `get_data_sample`, the optimiser of the cell above.

# %%
#!TAG LOCKED
def train_from(number):
    """Train a fresh network from a seed until it is right on 99.5 % of 2,000 samples, or for 4,500 steps."""
    seed(number)
    network = Net()
    train_until(network, get_data_sample, most_steps=4500)
    return network.eval()


# %%
#!TAG TEST net points=2
def draw(batch_size, number):
    """Draw sequences and labels that nobody has seen."""
    sequences = torch.randint(0, 6, (batch_size, 7), generator=torch.Generator().manual_seed(number))
    x, y, rest = sequences[:, :1], sequences[:, 1:2], sequences[:, 2:]
    return sequences, (rest == x).sum(1) - (rest == y).sum(1) + 5


def accuracy_of(network, number, call):
    """Return a network's share of right answers on 4,000 fresh samples."""
    sequences, labels = draw(4000, number)
    with torch.no_grad():
        logits = torch.as_tensor(network(sequences)).detach()
    expect.shape(logits, (4000, 11), call=call, axes="batch class")
    expect.finite(logits, call=call)
    return float((logits.argmax(1) == labels).float().mean())


@points(0.2)
def test_net_gives_eleven_logits():
    """A batch of five, and a batch of one, give eleven logits for each sequence."""
    expect_own(Net, "network")
    for size in (5, 1):
        shape = tuple(torch.as_tensor(Net()(draw(size, 91)[0])).shape)
        expect.true(shape == (size, 11), f"logits of the shape ({size}, 11)", call=f"Net()(sequences) with a batch of {size}",
                    cause=f"their shape is {shape}")


#!TAG HIDDENBEGIN
@points(0.1)
@needs("test_net_gives_eleven_logits")
def test_net_knows_positions():
    """Exchanging X and Y changes the logits, and a positional encoding for seven positions is trained."""
    network = Net()
    sequences = torch.tensor([[1, 2, 1, 4, 2, 1, 1], [2, 1, 1, 4, 2, 1, 1]])
    logits = torch.as_tensor(network(sequences)).detach()
    expect.true(float((logits[0] - logits[1]).abs().max()) > 1e-6, "other logits for 1214211 than for 2114211", call="Net()(sequences)",
                cause="the network does not know which digit comes first: is the positional encoding missing?", read="section 5")
    trained_parts = [tuple(size for size in value.shape if size > 1) for value in probe.parameters(network).values()]
    expect.true((7, 64) in trained_parts or (64, 7) in trained_parts, "a trainable positional encoding of 7 times 64 numbers", call="Net()",
                cause="there is no parameter of this shape: was a plain tensor used in place of nn.Parameter?")


@points(0.1)
@needs("test_net_gives_eleven_logits")
def test_net_starts_untrained_and_takes_its_sizes():
    """An untrained network does not know the answer; more layers and other sizes give more or fewer parameters."""
    untrained = accuracy_of(Net(), 92, "Net()(sequences)")
    expect.true(untrained < 0.6, "an untrained network that is not right yet", call="Net()(sequences)",
                cause=f"it is right on {untrained:.0%} of 4,000 samples: the answer is computed, not learned")
    one, two, small = (probe.numel(Net(*sizes)) for sizes in ((1, 64, 4), (2, 64, 4), (1, 32, 2)))
    expect.true(two > one, "more parameters with two encoder layers", call="Net(2, 64, 4)", cause=f"{two:,} against {one:,} numbers")
    expect.true(small < one, "fewer parameters with num_hidden=32", call="Net(1, 32, 2)", cause=f"{small:,} against {one:,} numbers")
    both = draw(6, 93)[0]
    network = Net()
    expect.close(network(both[2:3]), torch.as_tensor(network(both))[2:3].detach(), tol=1e-4,
                 call="Net()(sequences) of one sequence alone, compared with the same one in a batch")


@points(1.0)
@needs("test_net_knows_positions", "test_net_starts_untrained_and_takes_its_sizes")
def test_net_trained_weights_count_right():
    """The weights that you hand in, from at most 25,000 steps, are right on at least 97 % (half) or 99 % (all) of 4,000 fresh samples."""
    return expect.tiers(accuracy_of(trained, 94, "the network with your weights"), {0.97: 0.5, 0.99: 1.0}, lower_is_better=False,
                        what="the accuracy on 4,000 fresh samples")


def expect_fast(number):
    """Let the student's process train from a seed, and measure here."""
    accuracy = accuracy_of(train_from(number), 95 + number, f"a network trained from seed {number}")
    expect.true(accuracy >= 0.99, "an accuracy of at least 0.99 on 4,000 fresh samples after at most 4,500 steps",
                call=f"a network trained from seed {number}", cause=f"it is {accuracy:.3f}", read="section 8")


@points(0.2)
@needs("test_net_knows_positions", "test_net_starts_untrained_and_takes_its_sizes")
def test_net_learns_within_4500_steps_from_seed_11():
    """Trained from a first seed for at most 4,500 steps, it is right on at least 99 % of 4,000 fresh samples (bonus)."""
    expect_fast(11)


@points(0.2)
@needs("test_net_learns_within_4500_steps_from_seed_11")
def test_net_learns_within_4500_steps_from_seed_12():
    """The same from a second seed (bonus)."""
    expect_fast(12)


@points(0.2)
@needs("test_net_learns_within_4500_steps_from_seed_12")
def test_net_learns_within_4500_steps_from_seed_13():
    """The same from a third seed (bonus)."""
    expect_fast(13)
#!TAG HIDDENEND


# %% [markdown]
# # 7. What the query looks at
#
# The decoder's query is the same for every sequence, so its weights show what the network thinks worth reading. **Predict first:** at which of the seven positions should it look?

# %%
#!TAG SKIPQUESTEXEC
shown = torch.tensor([[1, 2, 1, 4, 2, 1, 1], [0, 1, 5, 5, 0, 0, 0]])  # [2, 7]
with torch.no_grad():
    logits = trained(shown)
weights = trained.decoder.weights[:, :, 0]  # [2, h, 7]
names = ["X", "Y", *(f"digit {place}" for place in range(1, SEQ_LEN + 1))]
for digits, row in zip(shown.tolist(), logits, strict=True):
    print("".join(map(str, digits)), "→ count", int(row.argmax()) - SEQ_LEN)
plots.attention_map(
    weights,
    [f"head {number}" for number in range(1, 5)],
    names,
    heads=["".join(map(str, digits)) for digits in shown.tolist()],
    title="What the learned query attends to",
)

# %% [markdown]
# One sequence proves little. Averaged over 2,000 sequences:

# %%
#!TAG SKIPQUESTEXEC
with torch.no_grad():
    trained(get_data_sample(2000)[0])
mean = trained.decoder.weights[:, :, 0].mean(dim=0)  # [h, 7]
plots.attention_map(mean, [f"head {number}" for number in range(1, 5)], names, title="Mean over 2,000 sequences")

# %% [markdown]
# And the encoder, where digits are compared:

# %%
#!TAG SKIPQUESTEXEC
with torch.no_grad():
    trained(shown[:1])
tokens = [f"{name}={digit}" for name, digit in zip(["X", "Y", *"abcde"], shown[0].tolist(), strict=True)]
plots.attention_map(trained.layers[0].attention.weights[0], tokens, title="Encoder, 1214211")

# %% [markdown]
# # 8. Why so slow?
#
# Built from the same parts, networks differ enormously in how many steps they need. The record `counting-places.json` beside this notebook holds runs of ours: networks with a feed-forward part of 64 units, trained from one seed with the optimiser of section 6 until they were right on 99 % of 4,000 fresh samples, or for 2,000 steps. "Small" means a standard deviation of 0.1 for the digits and the positions at the beginning; the query starts with 1, except in one of them.

# %%
runs = json.loads(Path("records/counting-places.json").read_text(encoding="utf-8"))["epochs"]
print(f"{'what is where':<42} {'steps to 99 %':>13} {'best accuracy':>14}")
for run in sorted(runs, key=lambda run: (run["steps"] or 9999, -run["best_accuracy"])):
    print(f"{run['kind']:<42} {run['steps'] or 'not in 2,000':>13} {run['best_accuracy']:>14.3f}")

# %%
figure, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
styles = ("-", "--", "-.", ":")
colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00")
for number, run in enumerate(runs):
    steps, accuracies = zip(*run["curve"], strict=True)
    axes.plot(steps, accuracies, styles[number % 4], marker="os^DvPX*"[number], color=colours[number % 6], label=run["kind"])
axes.axhline(0.99, color="#888888", linewidth=1)
axes.set(xlabel="step", ylabel="accuracy on 4,000 fresh samples", ylim=(0.3, 1.02), title="One seed each")
axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
plt.close(figure)
ends = "; ".join(f"{run['kind']}: {run['best_accuracy']:.3f}" for run in runs)
plots.Plot(figure, alt=f"Accuracy over at most 2,000 steps, a line for each network. Highest accuracy: {ends}.")

# %% [markdown]
# One seed is no proof, and the order of two neighbours in this table may well change with another one. But the two networks without a norm do not leave 42 to 46 % in 2,000 steps, and those with a norm do.
#
# The solution has digits and positions of 0.2 and a query of 0.1. From other seeds, beside it the same network without any layer norm, and without the positional encoding:

# %%
for name in ("pre-norm", "no-norm", "wrong-no-positions"):
    for run in json.loads(Path(f"records/counting-{name}.json").read_text(encoding="utf-8"))["epochs"]:
        print(
            f"{name:<20} seed {run['seed']}: {run['steps'] or 'not in 4,500'} steps to 99 %, best {run['best_accuracy']:.3f}, "
            f"{60 * run['cpu_minutes']:.0f} CPU seconds on a busy machine"
        )

# %% [markdown]
# <details>
# <summary>What to notice, and why</summary>
#
# The network has two things to find out at once: which positions hold X and Y, and whether a digit is equal to them. As long as it has found neither, there is nothing to gain from half of one, and it stays at 42 %. What decides is how large the first steps out of there are.
#
# 1. **Can a position be seen?** Queries and keys are made from *digit plus position*, and a layer norm divides the sum by its size. If digits start with standard deviation 1 (what `nn.Embedding` gives) and positions with 0.1, what says *where* a digit stands is a tenth of what says *which* digit it is. The positions must grow first, and that takes steps. Started with the same size, both are there from the beginning.
# 2. **Does the signal keep its size?** With small first numbers and no norm, scores are products of small numbers: all attention weights are nearly equal, and the gradient with respect to queries and keys is a product of small numbers too. A layer norm in front of each part gives every position size 1, whatever came in. That is what lets small first numbers work at all, and small ones are good here, because the same step of SGD changes them more: the gradient of a norm is inversely proportional to the size of its input. (Xiong et al., 2020, show it for the gradients of pre- and post-norm at the beginning of training.) For the same reason they must not be too small: the steps become too large.
# 3. **Where does the norm stand?** With post-norm the *sum* is divided by its size after each part, so the digits and positions themselves are scaled down each time something is added to them, and every gradient on its way back passes through all norms. With pre-norm the sum is left alone: there is a path from the loss to the embeddings with nothing on it but the last norm.
#
# Adam divides every gradient by its own typical size. Exchange the optimiser, and see how much of this is left.
#
# </details>
#
# # 9. Questions

# %% [markdown]
# ## `parallel`
#
# > **0.5 points** · difficulty ●●○○○ · importance ●●●●○ · 10 minutes
#
# #!TAG ANSWER parallel points=0.5
# **`parallel`** An RNN cannot be computed for all time steps at once, the transformer's encoder can. Why? And what about a convolution: what does it compute at once, and what must still wait?
#
# #!TAG HWBEGIN
# #!MSG *Your answer here: about five sentences.*
#
# The state $h_t$ of an RNN is a nonlinear function of $h_{t-1}$: step $t$ cannot begin before step $t - 1$ is done, so a sequence of $N$ positions needs $N$ operations one after the other, however many processors there are. In the encoder, queries, keys and values of all positions are computed from the layer's input, which is known for all of them, and the scores are one matrix product: a constant number of operations one after the other in each layer. A convolution also computes all positions of one layer at once, but each output sees only $k$ neighbours. For two positions at distance $n$ to meet, about $n / k$ layers (or $\log_k n$ with growing gaps) must be stacked, and layers wait for each other: over the reach of the sequence it cannot be parallelised as attention can, where the path has length 1.
#
# **Marking notes.** 0.2: the recurrence, $h_t$ needs $h_{t-1}$. 0.15: attention is matrix products over all positions of the layer's input. 0.15: a convolution is parallel within a layer and needs several layers one after the other for distant positions (an answer that says only "a convolution is parallel" gets 0.05, one that says it is not, without the reason, 0).
# #!TAG HWEND

# %% [markdown]
# ## `qkv`
#
# > **1 point** · difficulty ●●○○○ · importance ●●●●○ · 10 minutes
#
# #!TAG ANSWER qkv points=1
# **`qkv`** How are $Q$, $K$ and $V$ computed in the encoder and in the decoder of a transformer, and in the decoder of this network? What is the role of each of the three?
#
# #!TAG HWBEGIN
# #!MSG *Your answer here: about six sentences.*
#
# All three are linear maps with weights of their own. In the encoder (self-attention) they are computed from the same input, the output of the layer before: $Q = X W_q$, $K = X W_k$, $V = X W_v$. The decoder of a transformer has two kinds of attention: self-attention over the words generated so far, with a mask that hides the later ones, and attention to the encoder, with $Q$ from the decoder and $K$, $V$ from the encoder's output. In this network the decoder has only the second kind, and its query is computed from one learned vector: it does not depend on the sequence, while $K$ and $V$ do. The query says what a position looks for; the key says what a position can be found by, and query and key together decide the weights; the value is what is passed on, in proportion to the weight.
#
# **Marking notes.** 0.25: encoder, all from the same input. 0.25: decoder, query from the decoder, keys and values from the encoder (masked self-attention is worth mentioning, not required). 0.2: here the query is a parameter. 0.3: the three roles, 0.1 each.
# #!TAG HWEND

# %% [markdown]
# ## `why-heads`
#
# > **0.5 points** · difficulty ●●○○○ · importance ●●●○○ · 10 minutes
#
# #!TAG ANSWER why-heads points=0.5
# **`why-heads`** Why can several heads be better than a single one of the same total size? Say it for this task.
#
# #!TAG HWBEGIN
# #!MSG *Your answer here: three or four sentences.*
#
# A softmax gives one distribution: a single head that wants to read X and Y mixes their values into one average, and what belongs to which is hard to tell apart afterwards. Several heads have several distributions at the cost of one, since each works with $d / h$ numbers. Here one head can look for digits equal to X while another looks for those equal to Y, and the output map subtracts the two; other heads are free for something else. The price is that each head compares with fewer numbers, so more heads are not better without end.
#
# **Marking notes.** 0.25: several distributions, or subspaces, at the same time, where one head averages. 0.15: an example from this task. 0.1: no more work, or the limit.
# #!TAG HWEND

# %% [markdown]
# **Not scored.** Think about these, and talk about them with others.
#
# 1. Why is `SEQ_LEN` added to the labels?
# 2. Why does this network need a positional encoding? Which positions could share one?
# 3. Which similar task needs none?
# 4. What do your results say, and what would speed up training further?
#
# #!TAG HWBEGIN
# #!MSG *Your notes here.*
#
# 1. `cross_entropy` wants classes from 0 on. The counts go from −5 to 5; the offset makes them 0 to 10.
# 2. Attention treats its keys as a set. Without positions `1214211` and `2114211` give the same logits (the seven vectors are the same), though their counts are 2 and −2: no training can mend that. The five last positions could share one vector, as their order does not matter: three vectors would do.
# 3. Any function of the digits as a set: "how many 1s are there", "how many different digits", "the largest digit". Or the same task with X and Y fixed once and for all, or marked as other symbols.
# 4. Section 8 has the measurements. Further: a learning rate that is warmed up and larger, Adam, larger batches late in training, sharing the positions of the last five digits; or a curriculum that begins with shorter sequences.
# #!TAG HWEND

# %% [markdown]
# **Open questions.**
#
# 1. The network stands at 42 % for some hundred steps before anything happens. What is it that it must find out *at the same time*, so that finding one half is not rewarded?
# 2. Train with `SEQ_LEN = 5` and test with ten digits. What fails first: the positions, the classes, or the counting?
# 3. A mean over five values and a sum differ by a constant. With sequences of different lengths they do not. Which of the two does attention compute, and how would you count with it?
#
# **Bonus track** (no points). Take the feed-forward network out and train again; take one head; take `num_hidden=16`. How small a network still counts?

# %% [markdown]
# ## References
#
# - A. Vaswani et al. (2017). *Attention is all you need.* arXiv:1706.03762. Attention: section 3.2.1; heads: 3.2.2; encoder and decoder: 3.1; why self-attention: section 4.
# - R. Xiong et al. (2020). *On layer normalization in the transformer architecture.* arXiv:2002.04745. Pre- and post-norm: figure 1; gradients at the beginning: section 3.3.
# - J. L. Ba, J. R. Kiros, G. E. Hinton (2016). *Layer normalization.* arXiv:1607.06450, section 3.
# - X. Glorot, Y. Bengio (2010). *Understanding the difficulty of training deep feedforward neural networks.* AISTATS, section 4.2: the initial scale that is named after its first author.

# %% [markdown]
# ## Before you hand in
#
# Restart the kernel and run all cells in the full profile; the training cell writes the file of weights. The next cell looks at both and writes the one file to hand in.

# %%
#!TAG SKIPQUESTEXEC
from labkit.submit import hand_in

hand_in("counting.ipynb", files=["counting_net.safetensors"])
