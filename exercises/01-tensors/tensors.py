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
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Tensors, embeddings and attention by hand
#
# **After this lab you can**
#
# - read and change the shape of a tensor on purpose, and say why it must be that shape,
# - turn words into vectors with an embedding layer, and count what a network learns,
# - build a small network that labels every token of a sentence, and compute its loss,
# - carry out self-attention for a three-word sentence, number by number, and read the result.
#
# **You need** Python functions and classes, matrix multiplication, the chain rule by name. No earlier lab.
#
# **Time** about three hours, alone or in pairs. **Hardware** any laptop: every cell runs in well under a second on one CPU core.
#
# **32 points.** Fourteen questions are checked by tests, eight are read by a person. A check in the notebook
# shows you some of the tests; when your work is graded, more tests of the same kind are run.

# %% [markdown]
# ## How to hand in
#
# One notebook for each group. Its name is made of the members' ids: `<id1>_<id2>_tensors.ipynb` (working alone: `<id1>_tensors.ipynb`).
# Fill in the next cell: the program that collects the notebooks reads it, so that the grade reaches both of you.

# %% nbgrader={"grade": false, "grade_id": "members", "locked": false, "schema_version": 3, "solution": true}
members = [
    #!TAG HWBEGIN
    #!MSG {"name": "First Member", "id": "…"}, {"name": "Second Member", "id": "…"}
    {"name": "Ada Lovelace", "id": "s1815"},
    {"name": "Emmy Noether", "id": "s1882"},
    #!TAG HWEND
]

# %%
#!TAG LOCKED
import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from labkit import check, expect, needs, plots, points, probe

_ = torch.manual_seed(0)

# %% [markdown]
# ## Letters and shapes
#
# | letter | meaning | shape in this lab | dtype |
# |---|---|---|---|
# | $B$ | sequences in a batch | a number | |
# | $T$, $N$ | steps, or words, in a sequence | a number | |
# | $V$ | words in the vocabulary | a number | |
# | $D$ | size of a word's vector (embedding dimension) | a number | |
# | $E$ | embedding matrix, one row a word | $V \times D$ | float32 |
# | $x$ | token ids, or the vectors of the words | $T$, or $N \times D$ | int64, or float32 |
# | $W_q, W_k$ | projections to queries and keys | $D \times d_k$ | float32 |
# | $Q, K$ | queries and keys | $N \times d_k$ | float32 |
# | $A$ | attention weights; every row sums to 1 | $N \times N$ | float32 |
# | $z$ | logits: one raw score for each class | $T \times C$ | float32 |
#
# A comment such as `# (B, T, D)` at the end of a line gives the shape of what the line makes. Keep the habit: most
# mistakes with sequence models are mistakes with shapes.
#
# # 1 Shapes
#
# A tensor is a block of numbers and a *shape* that says how to count through them. An axis of size 1 holds no extra numbers;
# it is there so that shapes fit together. `squeeze` takes such axes away, `unsqueeze` puts one in.

# %% [markdown]
# ## 1.1 Reading `squeeze` and `unsqueeze`
#
# `squeeze-read` 1 point, `squeeze-read-why` 1 point · difficulty ●○○○○ · importance ●●●●○ · 10 minutes
#
# **Predict first, then run.** Three snippets:
#
# ```
# a = torch.zeros(1, 3, 1, 5).squeeze()
# b = torch.zeros(2, 1, 3, 1).squeeze(-1)
# c = torch.zeros(4, 6).unsqueeze(1).unsqueeze(-1)
# ```
#
# Write the shape that each result has as a tuple, before you run anything.
#
# <details><summary>Hint: the idea</summary>
#
# A negative axis counts from the end: -1 is the last axis. For `unsqueeze` it counts in the *new* shape.
# </details>
#
# <details><summary>Hint: what happens without an axis</summary>
#
# `squeeze()` removes every axis of size 1, wherever it stands. `squeeze(k)` removes axis `k` if its size is 1, and does nothing
# if it is not: no error, no warning.
# </details>

# %%
#!TAG ANSWER squeeze-read
shape_a = (
    #!TAG HWBEGIN
    #!MSG the shape of a, for example 7, 1, 2
    3,
    5,
    #!TAG HWEND
)
shape_b = (
    #!TAG HWBEGIN
    #!MSG the shape of b
    2,
    1,
    3,
    #!TAG HWEND
)
shape_c = (
    #!TAG HWBEGIN
    #!MSG the shape of c
    4,
    1,
    6,
    1,
    #!TAG HWEND
)


# %%
#!TAG TEST squeeze-read points=1
def test_squeeze_read_answers_are_shapes():
    """The three answers are shapes: tuples of whole numbers."""
    for name, shape in (("shape_a", shape_a), ("shape_b", shape_b), ("shape_c", shape_c)):
        expect.answered(shape, name)
        expect.true(
            isinstance(shape, (tuple, list)) and all(isinstance(size, int) for size in shape),
            f"{name} should be a tuple of whole numbers such as (2, 3)",
        )


#!TAG HIDDENBEGIN
@points(0.9)
def test_squeeze_read_shapes_are_right():
    """The three shapes are what the snippets make."""
    expect.answered(shape_a, "shape_a")
    expect.equal(
        tuple(shape_a), (3, 5), call="shape_a",
        variants={"squeeze() without an axis removes every axis of size 1, not only the first": (3, 1, 5),
                  "squeeze() without an axis removes every axis of size 1, not only the inner one": (1, 3, 5)},
    )
    expect.answered(shape_b, "shape_b")
    expect.equal(
        tuple(shape_b), (2, 1, 3), call="shape_b",
        variants={"squeeze(-1) removes the last axis only": (2, 3)},
    )
    expect.answered(shape_c, "shape_c")
    expect.equal(
        tuple(shape_c), (4, 1, 6, 1), call="shape_c",
        variants={"unsqueeze(-1) puts the new axis at the very end": (4, 1, 1, 6),
                  "unsqueeze(1) puts the new axis at place 1, behind the 4": (1, 4, 6, 1)},
    )
#!TAG HIDDENEND


# %% [markdown]
# #!TAG ANSWER squeeze-read-why points=1
# **`squeeze-read-why`** In your own words: what does `squeeze()` do, what changes when it is given an axis, and what does a negative axis mean?
#
# #!TAG HWBEGIN
# #!MSG *Your answer here: two or three sentences.*
#
# `squeeze()` removes all axes of size 1 and leaves the numbers and their order alone. With an axis it looks at that axis only: it removes
# it if its size is 1, and otherwise returns the tensor unchanged. A negative axis counts from the end, so -1 is the last one; for
# `unsqueeze` the count is in the result, so `unsqueeze(-1)` makes a new last axis.
#
# **Marking notes.** 0.5: all axes of size 1 against the named one only. 0.25: nothing happens, and nothing is said, when the named
# axis is larger than 1. 0.25: counting from the end.
# #!TAG HWEND

# %% [markdown]
# ## 1.2 Writing with `squeeze` and `unsqueeze`
#
# `squeeze-write` 2 points · difficulty ●●○○○ · importance ●●●○○ · 10 minutes
#
# Write `rearrange(x)`: it takes a tensor of shape `(3, 1, 4, 1)` to shape `(1, 3, 4, 1, 1)`. Use `squeeze` and `unsqueeze` only; `view`, `reshape`,
# `permute` and their relatives are not allowed here. The numbers keep their order. The function is tried on other sizes too: the first and third axis may
# have any size, 1 included.
#
# <details><summary>Hint: the idea</summary>
#
# Compare the two shapes from left to right. Which axis of size 1 has to go? Where do new ones have to appear?
# </details>
#
# <details><summary>Hint: the steps</summary>
#
# Take axis 1 away; put one in front; put one at the end.
# </details>
#
# <details><summary>Common mistake</summary>
#
# `squeeze()` without an axis looks shorter, and works for `(3, 1, 4, 1)`. Try it on `(1, 1, 4, 1)`.
# </details>

# %%
#!TAG ANSWER squeeze-write
def rearrange(x):
    """Take (a, 1, b, 1) to (1, a, b, 1, 1); the numbers keep their order."""
    #!TAG HWBEGIN
    #!MSG squeeze and unsqueeze only
    x = x.squeeze(1)  # (a, b, 1)
    x = x.unsqueeze(0)  # (1, a, b, 1)
    return x.unsqueeze(-1)  # (1, a, b, 1, 1)
    #!TAG HWEND


# %%
#!TAG TEST squeeze-write points=2
def test_squeeze_write_shape_is_right():
    """`rearrange` takes shape (3, 1, 4, 1) to (1, 3, 4, 1, 1)."""
    result = rearrange(torch.arange(12.0).reshape(3, 1, 4, 1))
    expect.shape(result, (1, 3, 4, 1, 1), call="rearrange(x) with x of shape (3, 1, 4, 1)")


#!TAG HIDDENBEGIN
import ast

FORBIDDEN_IN_REARRANGE = {"view", "reshape", "permute", "transpose", "swapaxes", "movedim", "flatten", "unflatten", "expand",
                          "view_as", "reshape_as", "as_strided", "resize_", "einsum", "moveaxis", "swapdims", "T", "mT"}


def test_squeeze_write_keeps_the_order_on_other_sizes():
    """The numbers keep their order, on other sizes too, and with axes of size 1 that must stay."""
    for a, b in ((3, 4), (5, 2), (1, 4), (3, 1), (1, 1)):
        x = torch.arange(float(a * b)).reshape(a, 1, b, 1)  # (a, 1, b, 1)
        called = f"rearrange(x) with x of shape {tuple(x.shape)}"
        result = rearrange(x)
        if tuple(result.shape) != (1, a, b, 1, 1) and 1 in (a, b):
            raise AssertionError(f"called: {called}\nexpected: shape {(1, a, b, 1, 1)}\ncame back: shape {tuple(result.shape)}\n"
                                 "likely cause: squeeze() without an axis also removes an axis of size 1 that must stay")
        expect.shape(result, (1, a, b, 1, 1), call=called)
        expect.equal(result.flatten().tolist(), x.flatten().tolist(), call=f"the numbers of {called}")


@needs("test_squeeze_write_shape_is_right")
def test_squeeze_write_uses_only_squeeze_and_unsqueeze():
    """Only `squeeze` and `unsqueeze` are used."""
    names = {node.attr for node in ast.walk(ast.parse(probe.source(rearrange))) if isinstance(node, ast.Attribute)}
    used = sorted(names & FORBIDDEN_IN_REARRANGE)
    expect.true(not used, f"only squeeze and unsqueeze are used; rearrange uses {', '.join(used)}")
#!TAG HIDDENEND


# %% [markdown]
# ## 1.3 Many matrix products at once
#
# `bmm-shape` 2 points · difficulty ●●○○○ · importance ●●●●● · 10 minutes
#
# `torch.bmm` multiplies two stacks of matrices, pair by pair. Here `a` and `b` are given, and `x = torch.bmm(a, b)`.
# Make a tensor `d` (its numbers do not matter) such that `torch.bmm(x, d)` has shape `(64, 128, 9)`.
#
# <details><summary>Hint: the idea</summary>
#
# In a product of matrices the inner sizes must agree and disappear: $(n \times k)(k \times m) = n \times m$. `bmm` does that for each of the 64 pairs.
# </details>
#
# <details><summary>Hint: the shape of x</summary>
#
# `x` is `(64, 128, 512)`: the 256 has disappeared. Which two sizes of `d` are now fixed by `x`, and which one by the goal?
# </details>

# %%
#!TAG LOCKED
a = torch.randn(64, 128, 256)  # (B, n, k)
b = torch.randn(64, 256, 512)  # (B, k, m)
x_bmm = torch.bmm(a, b)  # (B, n, m)

# %%
#!TAG ANSWER bmm-shape
d = (
    #!TAG HWBEGIN
    #!MSG a tensor of the right shape, for example torch.zeros(2, 3, 4)
    torch.zeros(64, 512, 9)
    #!TAG HWEND
)


# %%
#!TAG TEST bmm-shape points=2
def test_bmm_shape_product_has_the_wanted_shape():
    """`torch.bmm(x, d)` has shape (64, 128, 9)."""
    expect.answered(d, "d")
    expect.true(isinstance(d, torch.Tensor), "d should be a tensor, made for example with torch.zeros(...)")
    expect.equal(
        tuple(d.shape), (64, 512, 9), call="the shape of d",
        variants={"the last two sizes of d are swapped: its rows must match the columns of x": (64, 9, 512),
                  "bmm needs one matrix for each of the 64 in the batch": (512, 9),
                  "bmm does not repeat one matrix over the batch; d needs all 64": (1, 512, 9),
                  "256 is gone after the first product; the columns of x are 512": (64, 256, 9),
                  "this is the shape of the result, not of d": (64, 128, 9)},
    )


#!TAG HIDDENBEGIN
def test_bmm_shape_product_can_be_computed():
    """`d` can really be multiplied with `x`."""
    expect.answered(d, "d")
    expect.true(d.dtype.is_floating_point, f"d holds {d.dtype}; bmm needs the dtype of x, float32")
    product = torch.bmm(torch.ones(64, 128, 512), d.to(torch.float32))  # (B, n, 9)
    expect.shape(product, (64, 128, 9), call="torch.bmm(x, d)")
#!TAG HIDDENEND


# %% [markdown]
# #!TAG ANSWER bmm-why points=2
# **`bmm-why`** Which shape has `torch.bmm(a, b)`, and why must `d` have the shape you chose? Then: in a sequence model the sizes of such a product are called
# *batch*, *seq_length*, *embedding_dim* and *output_dim*. Say what each means for a text, for a sound recording and for an image.
#
# #!TAG HWBEGIN
# #!MSG *Your answer here: about six sentences.*
#
# `torch.bmm(a, b)` is (64, 128, 512): each of the 64 products is (128 × 256)(256 × 512). A second product needs matrices with 512 rows, as many matrices as there
# are in the batch, and nine columns to reach (64, 128, 9): so (64, 512, 9).
#
# | | text | sound | image |
# |---|---|---|---|
# | batch | sentences handled together | recordings handled together | pictures handled together |
# | seq_length | tokens in a sentence | frames (short slices of time) | patches, or pixels in reading order |
# | embedding_dim | numbers that describe a token | features of a frame, e.g. bands of a spectrogram | numbers that describe a patch |
# | output_dim | scores for each token, e.g. word classes | scores for each frame, e.g. phonemes | scores for each patch, e.g. what it shows |
#
# **Marking notes.** 0.5: shape of the intermediate. 0.5: inner sizes agree, one matrix for each member of the batch. 1: the four names, 0.25 each; at least two of the
# three kinds of data must be right for each name.
# #!TAG HWEND

# %% [markdown]
# # 2 Words become vectors
#
# An embedding layer is a table: row $i$ is the vector of token $i$. To look a token up is to multiply its one-hot vector with that matrix, only cheaper. The rows
# are parameters, so training moves words that are used alike towards each other.

# %% [markdown]
# ## 2.1 Filling in an embedding layer
#
# `embed-fill` 1 point · difficulty ●○○○○ · importance ●●●●○ · 5 minutes
#
# A data set has 10 different tokens, and every token shall become a vector of 5 numbers. Set `vocab_size` and `embedding_dim`.
#
# <details><summary>Hint</summary>
#
# `nn.Embedding(rows, columns)`: one row for each token, one column for each number of a vector. Ids start at 0.
# </details>

# %%
#!TAG ANSWER embed-fill
vocab_size = (
    #!TAG HWBEGIN
    #!MSG a number
    10
    #!TAG HWEND
)
embedding_dim = (
    #!TAG HWBEGIN
    #!MSG a number
    5
    #!TAG HWEND
)


# %%
#!TAG TEST embed-fill points=1
def test_embed_fill_table_has_the_right_size():
    """The embedding table has one row for each token and one column for each number of a vector."""
    expect.answered(vocab_size, "vocab_size")
    expect.answered(embedding_dim, "embedding_dim")
    expect.true(isinstance(vocab_size, int) and isinstance(embedding_dim, int), "both answers are whole numbers")
    if (vocab_size, embedding_dim) == (5, 10):
        raise AssertionError("the two numbers are swapped: nn.Embedding takes the number of tokens first")
    if vocab_size == 9:
        raise AssertionError("vocab_size is 9: ids run from 0 to 9, which makes one row more than the largest id")


#!TAG HIDDENBEGIN
@points(0.9)
def test_embed_fill_tokens_can_be_looked_up():
    """The tokens 1, 3, 5, 7, 9 become five vectors of five numbers, and the table is no larger than needed."""
    expect.answered(vocab_size, "vocab_size")
    expect.answered(embedding_dim, "embedding_dim")
    expect.equal(vocab_size, 10, call="vocab_size",
                 variants={"ids run from 0 to 9: that is one row more than the largest id": 9, "the two numbers are swapped": 5,
                           "id 9 is the last one, so 10 rows are enough": 11})
    expect.equal(embedding_dim, 5, call="embedding_dim", variants={"the two numbers are swapped": 10})
    looked_up = nn.Embedding(vocab_size, embedding_dim)(torch.tensor([1, 3, 5, 7, 9]))  # (T, D)
    expect.shape(looked_up, (5, 5), call="the five tokens looked up")
#!TAG HIDDENEND


# %% [markdown]
# #!TAG ANSWER embed-why points=1
# **`embed-why`** What is the embedding layer for, and what do its two arguments decide?
#
# #!TAG HWBEGIN
# #!MSG *Your answer here: two or three sentences.*
#
# It turns token ids, which are only names, into vectors that a network can compute with, and learns those vectors, so that tokens used alike get similar ones. The first argument
# is the number of different tokens, which is the number of rows; ids must be smaller than it. The second is the length of each vector, which decides how much about a token can be
# told apart, and how many parameters that costs.
#
# **Marking notes.** 0.5: ids to learned vectors. 0.25 for each argument.
# #!TAG HWEND

# %% [markdown]
# ## 2.2 An id outside the table
#
# `embed-range` 1 point · difficulty ●●○○○ · importance ●●●○○ · 10 minutes
#
# The given table has 10 rows. Set `bad_index` to an id that it cannot look up, and write `look_up(index)`: it returns the vector of that id, or `None`
# when the table has no such row. Do it by catching the exception that PyTorch raises, not by comparing with 10: the function would then be wrong for the next table.
#
# <details><summary>Hint</summary>
#
# `try:` … `except IndexError:` …. Python lists accept -1; an embedding table does not.
# </details>

# %%
#!TAG LOCKED
table = nn.Embedding(10, 5)

# %%
#!TAG ANSWER embed-range
bad_index = (
    #!TAG HWBEGIN
    #!MSG a whole number
    10
    #!TAG HWEND
)


def look_up(index):
    """Return the vector of token `index`, (D,), or None if the table has no such row."""
    #!TAG HWBEGIN
    #!MSG try, and catch what PyTorch raises
    try:
        return table(torch.tensor(index))  # (D,)
    except IndexError:
        return None
    #!TAG HWEND


# %%
#!TAG TEST embed-range points=1
def test_embed_range_finds_what_is_there():
    """`look_up(3)` returns a vector of 5 numbers."""
    expect.shape(look_up(3), (5,), call="look_up(3)")


def test_embed_range_bad_index_is_outside():
    """`bad_index` is an id that the table does not have, and `look_up` answers None for it."""
    expect.answered(bad_index, "bad_index")
    expect.true(bad_index < 0 or bad_index >= 10, f"{bad_index} is inside the table: ids run from 0 to 9")
    expect.true(look_up(bad_index) is None, "look_up(bad_index) should be None: catch the IndexError and return None")


#!TAG HIDDENBEGIN
@points(0.5)
def test_embed_range_edges_are_right():
    """The first and last row are found; ids just outside give None."""
    for index in (0, 9):
        vector = look_up(index)
        expect.true(vector is not None, f"look_up({index}) is None, but ids run from 0 to 9")
        expect.shape(vector, (5,), call=f"look_up({index})")
    for index in (-1, 10, 1000):
        expect.true(look_up(index) is None, f"look_up({index}) should be None: the table has the ids 0 to 9")
#!TAG HIDDENEND


# %% [markdown]
# # 3 What a network learns

# %% [markdown]
# ## 3.1 Counting parameters
#
# `params-count` 2 points · difficulty ●●○○○ · importance ●●●○○ · 10 minutes
#
# A network has 236 inputs, two hidden layers of 472 units and 10 classes, all layers fully connected and **without** bias. Write `count_parameters(sizes)` for a list of layer
# sizes, and use it for this network.
#
# <details><summary>Hint: the idea</summary>
#
# A layer from $m$ to $n$ units has one weight for each pair.
# </details>
#
# <details><summary>Hint: pseudocode</summary>
#
# For every two neighbours in the list: multiply them; add the products up. `zip(sizes, sizes[1:])` gives the neighbours.
# </details>
#
# <details><summary>Expected output</summary>
#
# 338896, which is 236 · 472 + 472 · 472 + 472 · 10.
# </details>

# %%
#!TAG ANSWER params-count
def count_parameters(sizes):
    """Return the number of weights of a fully connected network without bias; `sizes` lists its layers."""
    #!TAG HWBEGIN
    #!MSG sizes is a list such as [236, 472, 472, 10]
    return sum(inputs * outputs for inputs, outputs in zip(sizes, sizes[1:]))
    #!TAG HWEND


# %%
#!TAG TEST params-count points=2
def test_params_count_one_layer():
    """A single layer from 3 to 2 units has 6 weights."""
    expect.equal(count_parameters([3, 2]), 6, call="count_parameters([3, 2])",
                 variants={"a bias was counted; this network has none": 8, "the sizes were added instead of multiplied": 5})


#!TAG HIDDENBEGIN
@points(1.5)
def test_params_count_any_sizes():
    """The count is right for the network of the task and for others."""
    for sizes in ([236, 472, 472, 10], [7, 5], [4, 6, 3], [2, 9, 4, 8, 3]):
        layers = list(zip(sizes, sizes[1:]))
        right = sum(m * n for m, n in layers)
        expect.equal(
            count_parameters(list(sizes)), right, call=f"count_parameters({sizes})",
            variants={"a bias was counted; this network has none": right + sum(sizes[1:]),
                      "the sizes were added instead of multiplied": sum(sizes),
                      "one of the layers is missing": right - layers[-1][0] * layers[-1][1],
                      "the first layer is missing": right - layers[0][0] * layers[0][1],
                      "the number for one network was written down": 338896},
        )
#!TAG HIDDENEND


# %% [markdown]
# #!TAG ANSWER params-hyper points=2
# **`params-hyper`** What is the difference between a parameter and a hyper-parameter? Name three hyper-parameters and what each of them does.
#
# #!TAG HWBEGIN
# #!MSG *Your answer here: about five sentences.*
#
# Parameters are the numbers that training changes: weights, biases, embedding rows. Hyper-parameters are set before training and shape it; gradient descent does not change them. Three of many: the
# learning rate sets how far each step goes (too large: the loss swings or grows; too small: it falls slowly). The batch size sets how many examples share one step, which trades noise in the gradient
# against memory and parallel work. The hidden size sets how much the network can represent, and with it the cost and the danger of overfitting.
#
# **Marking notes.** 0.5: learned from data against set beforehand. 0.5 for each hyper-parameter with its role; a name without a role gets 0.25.
# #!TAG HWEND

# %% [markdown]
# ## 3.2 A label for every token
#
# `model` 4 points · difficulty ●●●○○ · importance ●●●●● · 25 minutes
#
# A small network gives every token of a sentence one of 4 labels:
#
# $$e = E\,x \qquad h = \mathrm{ReLU}(W e + b) \qquad z = U h + c$$
#
# with $E$ an embedding of 8 tokens in 6 dimensions, $W$ a linear layer to 10 units, $U$ a linear layer to 4 classes, both with bias. The output $z$ are raw scores, *logits*, one row a token.
#
# | tensor | shape |
# |---|---|
# | $x$ | (T,) token ids |
# | $e$ | (T, 6) |
# | $h$ | (T, 10) |
# | $z$ | (T, 4) |
#
# Name the three layers `E`, `W` and `U`. Then write `compute_loss(logits, targets)`: the mean cross-entropy over the tokens.
#
# <details><summary>Hint: the idea</summary>
#
# Three layers in `__init__`, three lines in `forward`. `nn.Linear` has a bias unless told otherwise.
# </details>
#
# <details><summary>Hint: the loss</summary>
#
# `F.cross_entropy` takes raw scores: it applies the logarithm of the softmax itself. Applying softmax before it is a common mistake, and a quiet one: nothing fails, training is only worse.
# </details>
#
# <details><summary>Expected output</summary>
#
# Logits of shape (4, 4), and a loss not far from $\ln 4 \approx 1.39$: an untrained network is about as good as guessing among four labels. The exact
# value depends on the random weights, which differ between releases of PyTorch.
# </details>

# %%
#!TAG ANSWER model
class TokenLabeller(nn.Module):
    """Give every token of a sentence raw scores for 4 labels: (T,) int64 -> (T, 4) float32."""

    def __init__(self):
        super().__init__()
        #!TAG HWBEGIN
        #!MSG self.E = …, self.W = …, self.U = …
        self.E = nn.Embedding(8, 6)
        self.W = nn.Linear(6, 10)
        self.U = nn.Linear(10, 4)
        #!TAG HWEND

    def forward(self, x):
        #!TAG HWBEGIN
        #!MSG three lines: e, h, z
        e = self.E(x)  # (T, 6)
        h = torch.relu(self.W(e))  # (T, 10)
        return self.U(h)  # (T, 4)
        #!TAG HWEND


def compute_loss(logits, targets):
    """Return the mean cross-entropy of raw scores (T, C) and labels (T,), a scalar tensor."""
    #!TAG HWBEGIN
    #!MSG one line
    return F.cross_entropy(logits, targets)
    #!TAG HWEND


# %%
#!TAG SKIPQUESTEXEC
x = torch.tensor([1, 2, 3, 7])  # (T,)
y = torch.tensor([1, 0, 1, 3])  # (T,)
labeller = TokenLabeller()
print("logits", tuple(labeller(x).shape), " loss", round(compute_loss(labeller(x), y).item(), 2))


# %%
#!TAG TEST model points=4
@points(0.5)
def test_model_logits_have_the_right_shape():
    """Four tokens give logits of shape (4, 4)."""
    logits = TokenLabeller()(torch.tensor([1, 2, 3, 7]))
    expect.shape(logits, (4, 4), call="TokenLabeller()(x) with x = [1, 2, 3, 7]")


@points(0.5)
def test_model_loss_is_one_number():
    """`compute_loss` gives one number, near ln 4 for equal scores."""
    loss = compute_loss(torch.zeros(5, 4), torch.tensor([0, 1, 2, 3, 0]))
    expect.close(loss, torch.tensor(1.3862944), call="compute_loss of five rows of zeros",
                 variants={"the losses were added up instead of averaged": torch.tensor(6.931472)})


#!TAG HIDDENBEGIN
MODEL_SHAPES = {"E.weight": (8, 6), "W.weight": (10, 6), "W.bias": (10,), "U.weight": (4, 10), "U.bias": (4,)}


@points(0.5)
def test_model_layers_have_the_right_sizes():
    """The layers E, W and U have the sizes of the task, and both linear layers have a bias."""
    state = probe.state(TokenLabeller())
    for name, shape in MODEL_SHAPES.items():
        layer = name.split(".")[0]
        if name.endswith("bias"):
            expect.true(name in state, f"layer {layer} has no bias: bias left out?")
        expect.true(name in state, f"there is no {name}: the layers must be called E, W and U, as attributes of the model")
        expect.shape(state[name], shape, call=f"the shape of {name}")


@points(1.5)
def test_model_forward_follows_the_equations():
    """The logits are what the three equations give with the model's own weights."""
    model = TokenLabeller()
    state = probe.state(model)
    expect.true(set(MODEL_SHAPES) <= set(state), "the layers E, W and U with their weights and biases are needed first: bias left out?")
    x = torch.tensor([1, 2, 3, 7, 0, 5])  # (T,)
    e = state["E.weight"][x]  # (T, 6)
    before = e @ state["W.weight"].T + state["W.bias"]  # (T, 10)
    z = torch.relu(before) @ state["U.weight"].T + state["U.bias"]  # (T, 4)
    expect.close(
        model(x), z, call="TokenLabeller()(x)", tol=1e-5,
        variants={"there is a ReLU on the output; the task wants raw logits": torch.relu(z),
                  "there is a softmax on the output; the task wants raw logits": torch.softmax(z, dim=-1),
                  "there is a log-softmax on the output; the task wants raw logits": torch.log_softmax(z, dim=-1),
                  "the ReLU between W and U is missing": before @ state["U.weight"].T + state["U.bias"],
                  "there is a tanh where the task wants a ReLU": torch.tanh(before) @ state["U.weight"].T + state["U.bias"],
                  "the bias of U is not used": torch.relu(before) @ state["U.weight"].T},
    )


@points(1)
def test_model_loss_is_the_mean_cross_entropy():
    """`compute_loss` is the mean cross-entropy of raw scores."""
    logits = torch.tensor([[2.0, -1.0, 0.5, 0.0], [0.3, 0.1, -2.0, 1.7], [5.0, 4.0, -3.0, 0.2]])  # (T, C)
    targets = torch.tensor([2, 3, 0])  # (T,)
    log_p = logits.log_softmax(dim=-1)  # (T, C)
    right = -log_p[torch.arange(3), targets].mean()
    expect.close(
        compute_loss(logits, targets), right, call="compute_loss(logits, targets)",
        variants={"softmax was applied before the cross-entropy, which applies it again": F.cross_entropy(logits.softmax(dim=-1), targets),
                  "the losses were added up instead of averaged": F.cross_entropy(logits, targets, reduction="sum"),
                  "the sign is wrong: a loss is minus the log-probability": -right,
                  "nll_loss wants log-probabilities, not raw scores": F.nll_loss(logits, targets)},
    )
#!TAG HIDDENEND


# %% [markdown]
# ## 3.3 Reading the model
#
# `model-why` 1 point, `model-why-output` 1 point · difficulty ●●○○○ · importance ●●●●○ · 5 minutes
#
# For the network above: is the task `"binary"` or `"multi-class"`, how many classes are there, how many tokens does the vocabulary have, and what does
# `y[2] == 1` say? Choose `"A"`: token 2 of the vocabulary has class 1. `"B"`: the third token of the sentence has class 1. `"C"`: class 2 has the probability 1.

# %%
#!TAG ANSWER model-why
kind_of_task = (
    #!TAG HWBEGIN
    #!MSG "binary" or "multi-class"
    "multi-class"
    #!TAG HWEND
)
number_of_classes = (
    #!TAG HWBEGIN
    #!MSG a number
    4
    #!TAG HWEND
)
vocabulary = (
    #!TAG HWBEGIN
    #!MSG a number
    8
    #!TAG HWEND
)
meaning_of_y = (
    #!TAG HWBEGIN
    #!MSG "A", "B" or "C"
    "B"
    #!TAG HWEND
)


# %%
#!TAG TEST model-why points=1
@points(0.1)
def test_model_why_answers_have_the_right_form():
    """The answers are one of the choices, and two numbers."""
    for name, answer in (("kind_of_task", kind_of_task), ("number_of_classes", number_of_classes),
                         ("vocabulary", vocabulary), ("meaning_of_y", meaning_of_y)):
        expect.answered(answer, name)
    expect.true(kind_of_task in ("binary", "multi-class"), 'kind_of_task is "binary" or "multi-class"')
    expect.true(meaning_of_y in ("A", "B", "C"), 'meaning_of_y is "A", "B" or "C"')


#!TAG HIDDENBEGIN
@points(0.5)
def test_model_why_task_is_right():
    """The kind of task and the number of classes are right."""
    expect.answered(kind_of_task, "kind_of_task")
    expect.answered(number_of_classes, "number_of_classes")
    expect.equal(kind_of_task, "multi-class", call="kind_of_task", variants={"binary means two classes; U has four outputs": "binary"})
    expect.equal(number_of_classes, 4, call="number_of_classes", variants={"this is the size of the vocabulary": 8, "this is the hidden size": 10})


@points(0.4)
def test_model_why_tokens_are_right():
    """The size of the vocabulary and the meaning of y are right."""
    expect.answered(vocabulary, "vocabulary")
    expect.answered(meaning_of_y, "meaning_of_y")
    expect.equal(vocabulary, 8, call="vocabulary", variants={"this is the number of tokens in the sentence": 4, "this is the size of a word vector": 6})
    expect.equal(meaning_of_y, "B", call="meaning_of_y", variants={"y is indexed by the place in the sentence, not by the token's id": "A",
                                                                  "y holds classes, not probabilities": "C"})
#!TAG HIDDENEND


# %% [markdown]
# #!TAG ANSWER model-why-output points=1
# **`model-why-output`** Why is there no activation function on the output of this network?
#
# #!TAG HWBEGIN
# #!MSG *Your answer here: two or three sentences.*
#
# The loss wants raw scores: cross-entropy applies the logarithm of the softmax itself, in a form that stays exact for large scores. A ReLU would cut off negative scores, and with them the
# gradient of every class that is judged unlikely; a softmax would be applied twice, which flattens the gradient. For choosing a label the activation changes nothing either: softmax keeps the order.
#
# **Marking notes.** 0.5: the loss contains the (log-)softmax. 0.5: one harm of an activation (cut-off scores, softmax twice, numerical range).
# #!TAG HWEND

# %% [markdown]
# # 4 Attention by hand
#
# The sentence is *he likes cats*. Each word has a vector of two numbers, a row of $x$. Attention asks, for each word: which words of the sentence
# matter to it? Every word makes a *query* (what it looks for) and a *key* (what it offers); a query and a key that point the same way give a high score.
#
# $$Q = x W_q \qquad K = x W_k \qquad S = Q K^\top \qquad A = \mathrm{softmax}\!\left(\frac{S}{\sqrt{d_k}}\right) \text{ along each row}$$
#
# This is scaled dot-product attention (Vaswani et al., *Attention Is All You Need*, 2017, section 3.2.1), up to the weights; the values come in the next lab.

# %%
#!TAG LOCKED
words = ["he", "likes", "cats"]
x_words = torch.tensor([[1.0, 2.0], [2.0, 1.0], [1.5, 1.5]])  # (N, D)
W_q = torch.tensor([[0.5, 2.0], [3.0, 1.5]])  # (D, d_k)
W_k = torch.tensor([[1.0, 0.4], [0.6, 1.2]])  # (D, d_k)


# %% [markdown]
# ## 4.1 Queries and keys
#
# `attn-qk` 1 point · difficulty ●○○○○ · importance ●●●●○ · 5 minutes
#
# Write `queries_and_keys(x, W_q, W_k)`. **By hand first:** the query of *he* is $(1 \cdot 0.5 + 2 \cdot 3,\; 1 \cdot 2 + 2 \cdot 1.5)$. What is its key?
#
# <details><summary>Hint</summary>
#
# Words are rows, so the matrices stand on the right: `x @ W_q`.
# </details>
#
# <details><summary>Expected output</summary>
#
# Q = [[6.5, 5.0], [4.0, 5.5], [5.25, 5.25]], K = [[2.2, 2.8], [2.6, 2.0], [2.4, 2.4]].
# </details>

# %%
#!TAG ANSWER attn-qk
def queries_and_keys(x, W_q, W_k):
    """Return (Q, K), each (N, d_k), for word vectors x (N, D)."""
    #!TAG HWBEGIN
    #!MSG two products
    return x @ W_q, x @ W_k  # (N, d_k), (N, d_k)
    #!TAG HWEND


# %%
#!TAG TEST attn-qk points=1
def test_attn_qk_sentence_is_right():
    """The queries and keys of *he likes cats* are right."""
    Q, K = queries_and_keys(x_words, W_q, W_k)
    expect.close(Q, torch.tensor([[6.5, 5.0], [4.0, 5.5], [5.25, 5.25]]), call="Q of queries_and_keys(x_words, W_q, W_k)",
                 variants={"the matrix was transposed": x_words @ W_q.T, "queries and keys are swapped": x_words @ W_k})
    expect.close(K, torch.tensor([[2.2, 2.8], [2.6, 2.0], [2.4, 2.4]]), call="K of queries_and_keys(x_words, W_q, W_k)",
                 variants={"the matrix was transposed": x_words @ W_k.T, "K was made with W_q": x_words @ W_q})


#!TAG HIDDENBEGIN
def test_attn_qk_other_sizes_are_right():
    """Other sentences and sizes work too: 4 words of 3 numbers, queries of 5 numbers."""
    g = torch.Generator().manual_seed(3)
    x, q, k = torch.randn(4, 3, generator=g), torch.randn(3, 5, generator=g), torch.randn(3, 5, generator=g)
    Q, K = queries_and_keys(x, q, k)
    expect.close(Q, x @ q, call="Q for 4 words of 3 numbers", variants={"queries and keys are swapped": x @ k})
    expect.close(K, x @ k, call="K for 4 words of 3 numbers", variants={"K was made with W_q": x @ q})
#!TAG HIDDENEND


# %% [markdown]
# ## 4.2 Scores
#
# `attn-scores` 2 points · difficulty ●●○○○ · importance ●●●●● · 10 minutes
#
# Write `attention_scores(x, W_q, W_k)`: it returns the raw scores $S = QK^\top$ and the scaled ones $S/\sqrt{d_k}$. Take $d_k$ from `W_k`: it is the size of the keys, not of the words.
# In this sentence both are 2, so a mix-up would not show here; the graded tests use other sizes.
#
# <details><summary>Hint</summary>
#
# `K.T` turns the keys into columns: row i, column j of `Q @ K.T` is query i times key j. The square root: `W_k.shape[1] ** 0.5`.
# </details>
#
# <details><summary>Expected output</summary>
#
# The first row of the raw scores is [28.3, 26.9, 27.6]; scaled: [20.01, 19.02, 19.52].
# </details>

# %%
#!TAG ANSWER attn-scores
def attention_scores(x, W_q, W_k):
    """Return (raw, scaled) scores, each (N, N): row i holds the scores of query i with every key."""
    #!TAG HWBEGIN
    #!MSG use queries_and_keys; take d_k from W_k
    Q, K = queries_and_keys(x, W_q, W_k)  # (N, d_k), (N, d_k)
    d_k = W_k.shape[1]
    raw = Q @ K.T  # (N, N)
    return raw, raw / d_k**0.5  # (N, N), (N, N)
    #!TAG HWEND


# %%
#!TAG TEST attn-scores points=2
@points(0.5)
def test_attn_scores_sentence_is_right():
    """The first row of raw scores is [28.3, 26.9, 27.6]."""
    raw, scaled = attention_scores(x_words, W_q, W_k)
    expect.shape(raw, (3, 3), call="the raw scores of attention_scores(x_words, W_q, W_k)")
    expect.close(raw[0], torch.tensor([28.3, 26.9, 27.6]), call="the first row of raw scores", tol=1e-4,
                 variants={"the scores are transposed: rows belong to queries": torch.tensor([28.3, 24.2, 26.25])})


#!TAG HIDDENBEGIN
@points(0.75)
def test_attn_scores_raw_other_sizes():
    """Raw scores are right for other sentences and sizes."""
    g = torch.Generator().manual_seed(5)
    x, q, k = torch.randn(4, 3, generator=g), torch.randn(3, 5, generator=g), torch.randn(3, 5, generator=g)
    raw, _ = attention_scores(x, q, k)
    right = (x @ q) @ (x @ k).T  # (N, N)
    expect.close(raw, right, call="the raw scores for 4 words of 3 numbers, keys of 5",
                 variants={"the scores are transposed: rows belong to queries": right.T,
                           "the raw scores are scaled already": right / 5**0.5})


@points(0.75)
def test_attn_scores_scaled_by_the_root_of_the_key_size():
    """Scaled scores are the raw ones divided by the square root of d_k, the size of the keys."""
    g = torch.Generator().manual_seed(6)
    x, q, k = torch.randn(4, 3, generator=g), torch.randn(3, 5, generator=g), torch.randn(3, 5, generator=g)
    _, scaled = attention_scores(x, q, k)
    right = (x @ q) @ (x @ k).T  # (N, N)
    expect.close(scaled, right / 5**0.5, call="the scaled scores for 4 words of 3 numbers, keys of 5",
                 variants={"divided by d_k instead of its square root": right / 5,
                           "divided by the root of the size of the words; d_k is the size of the keys": right / 3**0.5,
                           "divided by the root of the number of words": right / 4**0.5,
                           "not scaled at all": right,
                           "the scores are transposed: rows belong to queries": right.T / 5**0.5})
#!TAG HIDDENEND


# %% [markdown]
# ## 4.3 Why the scores are scaled
#
# `attn-variance` 0.5 points, `attn-variance-source` 0.5 points · difficulty ●●○○○ · importance ●●●○○ · 10 minutes
#
# The variance of a sum of $d_k$ products grows with $d_k$, and a softmax of large numbers is nearly one-hot, with a gradient near zero. Write `variance_of_scores(raw, scaled)`: it returns the variance of the raw scores, that of the
# scaled scores, and the first divided by the second. Find the function in PyTorch's documentation.
#
# **Predict first:** which ratio do you expect?
#
# <details><summary>Hint</summary>
#
# Dividing all numbers by $c$ divides their variance by $c^2$.
# </details>
#
# <details><summary>Expected output</summary>
#
# The ratio is 2.0: it equals $d_k$, whichever of the two usual definitions of variance you take.
# </details>

# %%
#!TAG ANSWER attn-variance
def variance_of_scores(raw, scaled):
    """Return (variance of raw, variance of scaled, their ratio): three numbers."""
    #!TAG HWBEGIN
    #!MSG the variance over all numbers of the matrix
    variance_raw, variance_scaled = raw.var(), scaled.var()
    return variance_raw, variance_scaled, variance_raw / variance_scaled
    #!TAG HWEND


# %%
#!TAG TEST attn-variance points=0.5
@points(0.1)
def test_attn_variance_gives_three_numbers():
    """`variance_of_scores` returns three numbers."""
    answer = variance_of_scores(torch.tensor([[1.0, 2.0], [3.0, 5.0]]), torch.tensor([[0.5, 1.0], [1.5, 2.5]]))
    expect.true(isinstance(answer, (tuple, list)) and len(answer) == 3, "variance_of_scores should return three numbers")


#!TAG HIDDENBEGIN
@points(0.4)
def test_attn_variance_is_right():
    """The two variances and their ratio are right."""
    g = torch.Generator().manual_seed(8)
    raw = torch.randn(4, 5, generator=g) * 3 + 1
    scaled = raw / 7**0.5
    first, second, ratio = variance_of_scores(raw, scaled)
    biased = torch.as_tensor(float(first)) * 20 / 19  # the definition with n instead of n - 1
    if abs(float(biased) - float(raw.var())) > 1e-3:
        expect.close(float(first), float(raw.var()), call="the variance of the raw scores", tol=1e-4,
                     variants={"this is the standard deviation, the root of the variance": float(raw.std()),
                               "this is the mean": float(raw.mean())})
    expect.close(float(ratio), 7.0, call="the ratio, for d_k = 7", tol=1e-3,
                 variants={"the ratio is the wrong way round": 1 / 7, "this is the ratio of the standard deviations": 7**0.5})
#!TAG HIDDENEND


# %% [markdown]
# #!TAG ANSWER attn-variance-source points=0.5
# **`attn-variance-source`** Which function did you use, and which page of the documentation describes it? Which definition of variance does it take by default?
#
# #!TAG HWBEGIN
# #!MSG *Your answer here: the name, the page, one sentence.*
#
# `torch.var`, described on the page "torch.var" of PyTorch's documentation (section "Reduction Ops"). By default it divides by $n - 1$ (`correction=1`, Bessel's correction).
#
# **Marking notes.** 0.25: a function and its page. 0.25: $n-1$ (or $n$, for NumPy's `var`). The link need not be to the newest release.
# #!TAG HWEND

# %% [markdown]
# ## 4.4 Weights
#
# `attn-weights` 1 point · difficulty ●●○○○ · importance ●●●●● · 5 minutes
#
# Write `attention_weights(scaled)`: softmax such that the weights of each *query* sum to 1.
#
# <details><summary>Hint</summary>
#
# Queries are rows. Which axis do you sum over when you add up a row?
# </details>
#
# <details><summary>Expected output</summary>
#
# [[0.5047, 0.1876, 0.3077], [0.6624, 0.0915, 0.2461], [0.5874, 0.1331, 0.2796]]
# </details>

# %%
#!TAG ANSWER attn-weights
def attention_weights(scaled):
    """Return the attention weights (N, N); every row sums to 1."""
    #!TAG HWBEGIN
    #!MSG one line
    return scaled.softmax(dim=-1)  # (N, N)
    #!TAG HWEND


# %%
#!TAG TEST attn-weights points=1
def test_attn_weights_rows_sum_to_one():
    """Every row of weights sums to 1."""
    weights = attention_weights(torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 5.0], [-1.0, 1.0, 0.0]]))
    expect.shape(weights, (3, 3), call="attention_weights(scaled)")
    expect.close(weights.sum(dim=-1), torch.ones(3), call="the sums of the rows",
                 variants={"softmax went along the columns; the weights of a query stand in a row":
                           torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 5.0], [-1.0, 1.0, 0.0]]).softmax(dim=0).sum(dim=-1)})


#!TAG HIDDENBEGIN
def test_attn_weights_are_right():
    """The weights are the softmax of each row, also for large scores."""
    g = torch.Generator().manual_seed(9)
    for scaled in (torch.randn(5, 5, generator=g), 200 * torch.randn(4, 4, generator=g)):
        expect.close(attention_weights(scaled), scaled.softmax(dim=-1), call="attention_weights(scaled)",
                     variants={"softmax went along the columns; the weights of a query stand in a row": scaled.softmax(dim=0),
                               "the sum is right but the exponential is missing": scaled / scaled.sum(dim=-1, keepdim=True),
                               "softmax went over all numbers at once": scaled.flatten().softmax(0).view_as(scaled)})
#!TAG HIDDENEND


# %% [markdown]
# The map of the weights: a row for each word that looks, a column for each word that is looked at.

# %%
#!TAG SKIPQUESTEXEC
_, scaled_scores = attention_scores(x_words, W_q, W_k)
weights = attention_weights(scaled_scores)  # (N, N)
plots.attention_map(weights, queries=words, title="Who attends to whom in “he likes cats”")

# %% [markdown]
# ## 4.5 Reading the weights
#
# `attn-read` 1 point, `attn-read-why` 1 point · difficulty ●●○○○ · importance ●●●●● · 5 minutes
#
# Which word attends most to *likes*? Set `most_to_likes` to that word and `weight_to_likes` to its weight, to four decimals.
#
# <details><summary>Hint</summary>
#
# *Attending to likes* is a column, the one under the key *likes*. *Likes attending* is a row.
# </details>

# %%
#!TAG ANSWER attn-read
most_to_likes = (
    #!TAG HWBEGIN
    #!MSG "he", "likes" or "cats"
    "he"
    #!TAG HWEND
)
weight_to_likes = (
    #!TAG HWBEGIN
    #!MSG a number with four decimals
    0.1876
    #!TAG HWEND
)


# %%
#!TAG TEST attn-read points=1
@points(0.1)
def test_attn_read_answer_is_a_word_and_a_number():
    """The answers are a word of the sentence and a number between 0 and 1."""
    expect.answered(most_to_likes, "most_to_likes")
    expect.answered(weight_to_likes, "weight_to_likes")
    expect.true(most_to_likes in ("he", "likes", "cats"), 'most_to_likes is "he", "likes" or "cats"')
    expect.true(0 <= float(weight_to_likes) <= 1, "a weight lies between 0 and 1")


#!TAG HIDDENBEGIN
@points(0.9)
def test_attn_read_column_is_read():
    """The word that attends most to *likes*, and its weight, are right."""
    expect.answered(most_to_likes, "most_to_likes")
    expect.answered(weight_to_likes, "weight_to_likes")
    expect.equal(most_to_likes, "he", call="most_to_likes",
                 variants={"this is read from the wrong place: “attends to likes” is the column of likes": "likes",
                           "compare the three numbers in the column of likes again": "cats"})
    expect.close(float(weight_to_likes), 0.1876, call="weight_to_likes", tol=5e-3,
                 variants={"this is the row of likes: what likes attends to": 0.6624,
                           "this is the first number of the row, the weight on he": 0.5047})
#!TAG HIDDENEND


# %% [markdown]
# #!TAG ANSWER attn-read-why points=1
# **`attn-read-why`** What do the first and the last row of the weights say about the sentence?
#
# #!TAG HWBEGIN
# #!MSG *Your answer here: two or three sentences.*
#
# The first row belongs to the query *he*: it attends to itself with 0.50, to *cats* with 0.31 and to *likes* with 0.19. The last row belongs to *cats*: it looks mostly at *he* (0.59), then at itself (0.28), least at
# *likes* (0.13). Each row is one word's distribution over the sentence and sums to 1. With untrained matrices such as these, the numbers say nothing about grammar.
#
# **Marking notes.** 0.5 for each row: whose query it is, and where most of its weight lies. The remark on untrained matrices is not needed.
# #!TAG HWEND

# %% [markdown]
# # 5 Choosing how to descend

# %% [markdown]
# ## 5.1 Three ways to use the data
#
# `optim-choose` 2 points · difficulty ●●○○○ · importance ●●●○○ · 5 minutes
#
# *Gradient descent* computes each step from all samples, *stochastic gradient descent* from one, *mini-batch gradient descent* from a few dozen or hundred. Which would you use when …
#
# - **(a)** there are millions of samples and a GPU with little memory, and you want steady progress and parallel work?
# - **(b)** samples arrive one by one from a live stream, must be used at once and cannot be kept?
#
# <details><summary>Hint</summary>
#
# How many samples are at hand at the moment of a step?
# </details>

# %%
#!TAG ANSWER optim-choose
GD, SGD, MINI_BATCH = "gradient descent", "stochastic gradient descent", "mini-batch gradient descent"
choice_a = (
    #!TAG HWBEGIN
    #!MSG GD, SGD or MINI_BATCH
    MINI_BATCH
    #!TAG HWEND
)
choice_b = (
    #!TAG HWBEGIN
    #!MSG GD, SGD or MINI_BATCH
    SGD
    #!TAG HWEND
)

# %%
#!TAG TEST optim-choose points=2
METHODS = ("gradient descent", "stochastic gradient descent", "mini-batch gradient descent")


@points(0.1)
def test_optim_choose_answers_are_choices():
    """Both answers are one of GD, SGD and MINI_BATCH."""
    expect.answered(choice_a, "choice_a")
    expect.answered(choice_b, "choice_b")
    expect.true(choice_a in METHODS and choice_b in METHODS, "choose GD, SGD or MINI_BATCH for both")


#!TAG HIDDENBEGIN
@points(1)
def test_optim_choose_large_data_little_memory():
    """(a) Many samples, little memory, steady progress."""
    expect.answered(choice_a, "choice_a")
    expect.equal(choice_a, METHODS[2], call="choice_a",
                 variants={"all samples do not fit into the memory, and a step would take very long": METHODS[0],
                           "single samples give noisy steps and leave the GPU idle": METHODS[1]})


@points(0.9)
def test_optim_choose_live_stream():
    """(b) A live stream, used at once."""
    expect.answered(choice_b, "choice_b")
    expect.equal(choice_b, METHODS[1], call="choice_b",
                 variants={"a stream never has all of its samples": METHODS[0],
                           "a batch would have to be collected first, but samples must be used at once": METHODS[2]})
#!TAG HIDDENEND

# %% [markdown]
# #!TAG ANSWER optim-diagnose points=2
# **`optim-diagnose`** A training loss falls very slowly. After the learning rate is raised, it swings up and down and does not settle. What was wrong before, what is wrong after, and what would you try?
#
# #!TAG HWBEGIN
# #!MSG *Your answer here: about four sentences.*
#
# Before, the steps were too small: each one went the right way but hardly moved. After, they are too large: a step overshoots the valley, lands on the other side, perhaps higher, and the next one
# comes back. Try a value in between, for example by going through powers of three; lower the rate during training (a schedule, with a warm-up at the start); or use an optimiser that scales its steps, such
# as Adam, or momentum, which damps the swinging. A larger batch also makes the steps less noisy, and clipping the gradient stops single wild steps.
#
# **Marking notes.** 0.5: too small. 0.5: too large, overshooting. 1: two sensible remedies with a reason (0.5 each).
# #!TAG HWEND

# %% [markdown]
# # What to take along
#
# - A shape is a promise. Say it in a comment, check it when a tensor enters or leaves a function.
# - An embedding is a table of learned vectors; an id outside it is an error, not a new word.
# - The output of a classifier is raw scores; the loss applies the softmax.
# - Attention is a table of weights, one row a query. Softmax goes along the row, the scale is the root of the *key* size.
#
# **Open questions.** What would the weights be if all queries were equal? If all keys were? Does it matter for the weights in which order the words stand?
# Which of the shapes above change when there are $B$ sentences at once?
#
# **To read on.** Vaswani et al., *Attention Is All You Need*, 2017, sections 3.2.1 and 3.2.2. PyTorch's documentation: "Tensor Views", `torch.bmm`, `nn.Embedding`, `nn.CrossEntropyLoss`.
#
# ## Before you hand in
#
# Restart the kernel and run all cells, save, then run the next cell: it looks at your notebook and writes the one file to hand in.
# In a terminal, `labs submit` does the same, and first runs the notebook from top to bottom in a copy of the folder.

# %%
#!TAG SKIPQUESTEXEC
from labkit.submit import hand_in

hand_in()
