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
# # The transformer, in words
#
# Four questions about the architecture, answered in words and small calculations before you build it. A person reads your answers; short and exact is better than long.
#
# **When you are done, you can**
#
# - compare recurrent networks and transformers by what they keep, what they can compute at once, and how far apart two positions are;
# - give the shape of every matrix of the paper's attention, and count parameters by hand;
# - say what makes a function of queries and keys usable for attention weights;
# - explain what residual connections and weights of their own do in a stack of blocks.
#
# **You need** lab 02 (recurrent networks, attention by hand), and sections 1 to 3 of Vaswani et al. (2017): nine pages, with the figure beside you.
#
# **Time and hardware.** About an hour and a half. The cells take a few seconds on any computer.
#
# **How to work.** Write your answers into the cells below the questions. The cells with code are for looking: run them, change numbers, use what you see in your answers.
#
# | question | about | points | difficulty | importance | minutes |
# |---|---|---:|---|---|---:|
# | `recurrence` | transformer against RNN and LSTM | 1 | ●●○○○ | ●●●●○ | 20 |
# | `dimensions` | attention: shapes, heads, other functions | 3 | ●●●○○ | ●●●●● | 40 |
# | `dense-layers` | weights of the blocks | 1 | ●●○○○ | ●●●○○ | 10 |
# | `skip-connections` | residuals | 1 | ●●○○○ | ●●●●○ | 15 |

# %% [markdown]
# ## Symbols and shapes
#
# | symbol | meaning | shape | in the paper |
# |---|---|---|---|
# | $n$ | positions of a sequence | | |
# | $d_{\text{model}}$ | numbers for each position | | 512 |
# | $h$ | heads | | 8 |
# | $d_k, d_v$ | numbers of a query or key, and of a value, in one head | | 64, 64 |
# | $d_{\text{ff}}$ | hidden numbers of the feed-forward network | | 2048 |
# | $Q$ | queries | $[n, d_k]$ | |
# | $K$ | keys | $[n, d_k]$ | |
# | $V$ | values | $[n, d_v]$ | |
# | $W^Q_j, W^K_j, W^V_j$ | maps of head $j$ | $[d_{\text{model}}, d_k]$, …, $[d_{\text{model}}, d_v]$ | |
# | $W^O$ | output map | $[h\, d_v, d_{\text{model}}]$ | |

# %%
import math

import matplotlib.pyplot as plt
import torch
from labkit import friendly, plots, seed

seed(17)
friendly()

# %% [markdown]
# # 1. Without recurrence
#
# ![Above: a recurrent network; information from position 1 reaches position 5 through four cells, one after the other. Below: attention; position 5 has a direct line to each of the positions 1 to 5, and all positions are computed at once.](figures/paths.svg)
#
# **Predict first.** In which of the two pictures can the last position be computed before the others?
#
# > **Question `recurrence`** (1 point). How does a transformer handle a sequence, and the order in it, where an RNN or LSTM has its recurrence? Compare what is carried from position to position, what can be computed at once in training and when a text is generated, how many steps lie between two distant positions, and what it costs.

# %% [markdown]
# #!TAG ANSWER recurrence points=1
# #!TAG HWBEGIN
# #!MSG *Your answer here.*
# **Model answer.** An RNN reads one position after the other and carries all it knows in a state of fixed size, $h_t = f(h_{t-1}, x_t)$; an LSTM adds a cell state with gates, so that content and gradient survive longer, but still one step after the other. Order is in the procedure itself. A transformer has no state: every position attends directly to all (with a causal mask: to all earlier) positions. Order is not in the procedure, attention treats the positions as a set; it is written into the input as a positional encoding. In training, all positions of a layer are computed at once, by matrix products; an RNN needs $n$ steps in sequence. When a text is *generated*, both work token by token: the transformer can keep the keys and values of earlier positions, and its work and memory for the next token grow with $n$, where the RNN's stay constant. Between two positions lies one step of attention, against up to $n$ cells, so gradients need not pass through a long product. The price is $n^2$ scores for each head and layer, and a limited context; an RNN's work grows with $n$ only, and its memory of the past is whatever fits into the state.
#
# **Marking.** ½ point: no state, all positions at once by attention, order by positional encoding. ½ point: at least two consequences, correctly: parallel in training (not in generation), path of length 1 against $n$, cost $n^2$ against $n$, fixed state against all positions kept. "The transformer is not sequential at all" without a word on generation: no deduction, but a remark.
# #!TAG HWEND

# %% [markdown]
# # 2. Attention
#
# $$\text{Attention}(Q, K, V) = \text{softmax}\Big(\frac{Q K^{\top}}{\sqrt{d_k}}\Big) V$$
#
# The next cell shows why the root is there: the weights of one query over 16 random keys, for growing $d_k$, with and without it. **Predict first:** what happens to the largest weight without the root?

# %%
print(f"{'d_k':>5}   largest weight with the root   without")
for d_k in (1, 4, 16, 64, 256):
    query, keys = torch.randn(500, 1, d_k), torch.randn(500, 16, d_k)
    scores = (query * keys).sum(dim=-1)  # [500, 16]
    with_root = torch.softmax(scores / math.sqrt(d_k), dim=-1).amax(dim=-1).mean()
    without = torch.softmax(scores, dim=-1).amax(dim=-1).mean()
    print(f"{d_k:>5}   {with_root:>28.2f}   {without:>7.2f}")

# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# With the root, the largest of 16 weights stays near a quarter. Without it, it goes to 1: the products of $d_k$ independent numbers have variance $d_k$. A softmax that has already decided has hardly a gradient.
#
# </details>
#
# > **Question `dimensions`** (3 points).
# >
# > 1. What are the dimensions of $Q$, $K$ and $V$, of $Q K^\top$ and of the result? Which of them must agree, and why?
# > 2. Why several heads, with $d_k = d_{\text{model}}/h$? Give $d_k$ for 1, 4, 8, 16 and 32 heads with $d_{\text{model}} = 512$, and compare parameters and work of one head and of eight.
# > 3. Which other functions of $(Q, K)$ could give the weights? Name two, and say what a function must fulfil to be used here.

# %% [markdown]
# #!TAG ANSWER dimensions points=3
# #!TAG HWBEGIN
# #!MSG *Your answer here, in three parts.*
# **Model answer.** 1. $Q$ is $[n, d_k]$, $K$ is $[n, d_k]$, $V$ is $[n, d_v]$. (In general there are $n_q$ queries and $n_k$ keys and values: in the attention of a decoder to an encoder, the queries come from one sequence, keys and values from the other.) Queries and keys must have the same $d_k$, since they are multiplied; keys and values must be equally many, since there is one weight for each pair. $d_v$ is free. $Q K^\top$ is $[n, n]$, the softmax runs along the keys, each row sums to 1, and the result is $[n, d_v]$: one vector for each query.
#
# 2. One head gives one set of weights, that is one mean, for each position. Several heads attend to different things at the same time, each in its own projection, which one mean would mix. With $d_k = d_{\text{model}}/h$:
#
# | heads $h$ | 1 | 4 | 8 | 16 | 32 |
# |---|---:|---:|---:|---:|---:|
# | $d_k = 512/h$ | 512 | 128 | 64 | 32 | 16 |
#
# The paper has $h = 8$, $d_k = d_v = 64$. The results, $h$ times $[n, d_v]$, are joined to $[n, h\,d_v] = [n, d_{\text{model}}]$ and mapped by $W^O$. Parameters: the maps are $h$ times $512 \times d_k$ for $Q$, $K$, $V$ each, that is $512 \times 512$, plus $W^O$ with $512 \times 512$: four times 262,144, about 1.05 million without biases, *for every* $h$. The products $QK^\top$ cost $h \cdot n^2 d_k = n^2 d_{\text{model}}$, also independent of $h$; only the number of weights to be stored grows, $h\,n^2$. The division of $d_{\text{model}}$ keeps the cost that of one large head. Very small $d_k$ make poor keys (the paper's table 3, rows A: quality falls with 1 head and with 32).
#
# 3. For instance additive attention, $w^\top \tanh(W_1 q + W_2 k)$ (Bahdanau et al., 2015), with parameters of its own; bilinear, $q^\top W k$ (Luong et al., 2015); cosine similarity with a learned scale; a Gaussian kernel $e^{-\lVert q - k \rVert^2 / 2\sigma^2}$, normed; a feature map $\phi(q) \cdot \phi(k)$ with $\phi > 0$, which can be computed in linear time; in place of the softmax a sparsemax, or a sigmoid for each key. Needed: one number for each pair of query and key, for any number of keys; weights that are not negative and sum to 1, so that the result is a mean of values (this can be relaxed); differentiable in both arguments; cheap for all pairs at once, for which the scalar product is hard to beat: it is a matrix product.
#
# **Marking.** Part 1, 1 point: the three shapes ½; which must agree ½. Part 2, 1 point: $d_k$ correct for the heads ½; a reason for several heads and "cost and parameters do not grow" ½. Part 3, 1 point: two functions ½; what is required (a score for each pair; weights normed or positive; differentiable) ½.
#
# **Swapped numbers: look twice.** $d_k = 64$ belongs to **8** heads and $d_k = 128$ to **4**. Answers often have these two exchanged, "64 with 4 heads and 128 with 8". With $d_{\text{model}} = 512$ the product $h \cdot d_k$ must be 512 in every column: take ¼ for the exchange if the rest is right, once only.
# #!TAG HWEND

# %% [markdown]
# # 3. The dense layers
#
# The next cell counts the parameters of the paper's base model, block by block of its encoder. **Predict first:** which part of a block has most of the parameters, attention or feed-forward?

# %%
d_model, d_ff, n_blocks = 512, 2048, 6
parts = {
    "attention: four maps with biases": 4 * (d_model * d_model + d_model),
    "feed-forward: two maps with biases": d_model * d_ff + d_ff + d_ff * d_model + d_model,
    "two layer norms": 2 * 2 * d_model,
}
for name, count in parts.items():
    print(f"{name:<36} {count:>10,}  {count / sum(parts.values()):.0%}")
print(f"{'one block':<36} {sum(parts.values()):>10,}")
print(f"{'six blocks':<36} {n_blocks * sum(parts.values()):>10,}")
layer = torch.nn.TransformerEncoderLayer(d_model, 8, d_ff)
print(f"{'PyTorch counts for one':<36} {sum(p.numel() for p in layer.parameters()):>10,}")


# %% [markdown]
# > **Question `dense-layers`** (1 point). The figure of the paper shows the same block several times, and within it a dense (feed-forward) layer that acts on every position. Are the dense layers of the blocks different from each other? And at different positions of one block?

# %% [markdown]
# #!TAG ANSWER dense-layers points=1
# #!TAG HWBEGIN
# #!MSG *Your answer here.*
# **Model answer.** Between blocks: yes. All have the same *form*, $512 \to 2048 \to 512$ with a ReLU, and each has *weights of its own*, as section 3.3 of the paper says. The figure shows one block and "$N \times$", which means $N$ blocks and not one block applied $N$ times. Between positions of the same block: no. The same two maps are applied to every position by itself; it could be written as two convolutions with kernel size 1. That is why the number of parameters does not depend on $n$. (Sharing the weights between blocks is possible and was done later, in the Universal Transformer and in ALBERT; then a block *is* applied $N$ times.)
#
# **Marking.** ½ point: same shape, own weights in each block. ½ point: the same weights at all positions of a block. "They are the same" without the distinction between form and weights: 0.
# #!TAG HWEND

# %% [markdown]
# # 4. Skip connections
#
# **Predict first, then run.** A stack of 24 dense layers with layer norm, once plain and once with residuals. The cell sends a random input through and shows the size of the gradient of the output with respect to what enters each layer, and how similar the outputs of two different inputs are.

# %%
def run_stack(residual, depth=24, width=64):
    """Return the gradient norm at the input of each layer, and the cosine of two outputs."""
    seed(17)
    layers = [torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, width)) for _ in range(depth)]
    X = torch.randn(2, width, requires_grad=True)  # two different inputs
    entered = [X]
    for layer in layers:
        change = layer(entered[-1])
        entered.append(entered[-1] + change if residual else change)
    torch.autograd.backward(entered[-1][0].sum(), inputs=entered)
    return [value.grad[0].norm().item() for value in entered], torch.cosine_similarity(*entered[-1].detach(), dim=0).item()


curves = {}
for name, residual in (("with residuals", True), ("plain", False)):
    curves[name], cosine = run_stack(residual)
    print(f"{name:<15} gradient at the input {curves[name][0]:.1e}; cosine of two outputs {cosine:.3f}")
figure, axes = plt.subplots(figsize=(6.4, 3), layout="constrained")
for (name, values), style in zip(curves.items(), ("o-", "s--"), strict=True):
    axes.plot(values, style, markersize=4, label=name)
axes.set_yscale("log")
axes.set(xlabel="what enters layer …", ylabel="norm of the gradient")
axes.legend()
plt.close(figure)
plots.Plot(
    figure,
    alt="Norm of the gradient by layer, logarithmic: "
    + "; ".join(f"{name}: from {values[0]:.1e} at the input to {values[-1]:.1e} at the output" for name, values in curves.items())
    + ".",
)

# %% [markdown]
# > **Question `skip-connections`** (1 point). Why does the transformer have so many skip connections, one around each attention and one around each dense layer? What would happen without them?

# %% [markdown]
# #!TAG ANSWER skip-connections points=1
# #!TAG HWBEGIN
# #!MSG *Your answer here.*
# **Model answer.** A part computes $X + f(X)$. (a) *Gradient*: its derivative is $1 + f'$. Through the 12 parts of six blocks leads a path on which nothing is multiplied, so the gradient arrives in the first block; without it, it is a product of 12 Jacobian matrices and fades or explodes, as in the plot. (b) *Start and task*: with small weights, a block is near the identity; each part learns a *change* of what it gets, which is easier than to learn to pass everything on. (c) *Content*: attention replaces a position by a mean of others. Without the skip, the position's own word and its positional encoding, which is added once only, at the input, would have to be carried through every softmax; after some layers all positions would be alike (pure attention loses rank with depth: Dong et al., 2021). (d) The norms need the sum: pre-norm keeps the skip path free of everything. Without skip connections a deep transformer trains badly or not at all; a few blocks may still learn, more slowly.
#
# **Marking.** ½ point: gradients in deep stacks (a path of identity). ½ point: a second reason, (b) or (c), or what happens without: original content and position are lost, positions become alike, training fails with depth. "They make it better" earns nothing.
# #!TAG HWEND

# %% [markdown]
# **Open questions.** There is no credit for these; talk about them with others.
#
# 1. An RNN can, in principle, read a text of any length with constant memory. What does it pay for that?
# 2. With $h = 512$ heads each head would have one number. What could such a head still do?
# 3. Is attention a dense layer whose weights depend on the input? Write both as a matrix product and compare.
# 4. Could residuals alone, without layer norm, be enough? What grows?

# %% [markdown]
# ## References
#
# - A. Vaswani et al. (2017). *Attention is all you need.* arXiv:1706.03762. Architecture: section 3 and figure 1; attention: section 3.2.1, equation (1); heads: section 3.2.2; dense layers: section 3.3, equation (2); why self-attention: section 4, table 1; numbers of heads: table 3, rows (A).
# - S. Hochreiter, J. Schmidhuber (1997). *Long short-term memory.* Neural Computation 9(8), section 4.
# - D. Bahdanau, K. Cho, Y. Bengio (2015). *Neural machine translation by jointly learning to align and translate.* arXiv:1409.0473, section 3.1 and appendix A.1.2: additive attention.
# - M.-T. Luong, H. Pham, C. D. Manning (2015). *Effective approaches to attention-based neural machine translation.* arXiv:1508.04025, section 3.1, equation (8).
# - A. Katharopoulos et al. (2020). *Transformers are RNNs.* arXiv:2006.16236, section 3.2: feature maps in place of the softmax.
# - K. He et al. (2016). *Deep residual learning for image recognition.* arXiv:1512.03385, section 3.
# - Y. Dong, J.-B. Cordonnier, A. Loukas (2021). *Attention is not all you need: pure attention loses rank doubly exponentially with depth.* arXiv:2103.03404, section 2.
# - M. Dehghani et al. (2019). *Universal transformers.* arXiv:1807.03819; Z. Lan et al. (2020). *ALBERT.* arXiv:1909.11942, section 3.1: blocks that share weights.
