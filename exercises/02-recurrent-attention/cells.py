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
# # Recurrent cells and attention, by hand
#
# In this notebook you write three building blocks of sequence models with nothing but NumPy: a recurrent network (RNN), a gated recurrent unit (GRU) and multi-head attention (MHA). Every one of them has a twin in PyTorch. You take the weights out of the twin, run your own code with them, and see the same numbers come out. Between the two, you set the weights of a GRU by hand and find out what its gates are for.
#
# **When you are done, you can**
#
# - write the loop of a recurrent layer over a batch of sequences and say which part of it cannot be done for all steps at once;
# - explain each of the three equations of a GRU, and set its gates so that it forgets at once, or not at all;
# - say why gradients fade with distance in time, and read it off a plot;
# - compute attention with several heads, with the right scale and the softmax along the right axis;
# - move weights between your code and `nn.RNN`, `nn.GRU` and `nn.MultiheadAttention`.
#
# **You need** matrix products and broadcasting in NumPy, the chain rule, and a first idea of PyTorch's layers. No training happens here.
#
# **Time and hardware.** About three hours of work. Everything runs on a CPU: with all answers in place, the whole notebook takes under 20 seconds, most of it for importing PyTorch.
#
# **How to work.** You write your answers in the file `implementation.py` beside this notebook, save it, and run the check cells here. Hand in both files.
#
# | question | function in `implementation.py` | points | difficulty | importance | minutes |
# |---|---|---:|---|---|---:|
# | `rnn` | `rnn` | 3 | ●●○○○ | ●●●●○ | 25 |
# | `gru` | `gru` | 5 | ●●●○○ | ●●●●○ | 40 |
# | `gru-as-rnn` | `init_gru_with_rnn` | 2 | ●●●○○ | ●●●○○ | 20 |
# | `gru-memory` | `init_gru_with_long_term_memory` | 2 | ●●○○○ | ●●●●○ | 15 |
# | `mha` | `mha` | 5 | ●●●●○ | ●●●●● | 50 |
#
# A check under each question shows at once how you are doing. It runs a few of the tests that count; when your work is graded, more tests of the same kind are run, on other sizes. What they look for is written in each task.

# %% [markdown]
# ## Symbols and shapes
#
# These letters mean the same in the text, in the figures, in the code and in the messages of the checks.
#
# | symbol | in code | meaning | shape | type |
# |---|---|---|---|---|
# | $B$ | `B` | batch: sequences that are handled side by side | | integer |
# | $T$ | `T` | time steps of a sequence | | integer |
# | $I$ | `I` | input size: features of one step | | integer |
# | $H$ | `H` | hidden size: units of the state | | integer |
# | $x_t$ | `input_data[:, t]` | input of step $t$ | $[B, I]$ | float32 |
# | $h_t$ | `outputs[:, t]` | state after step $t$ | $[B, H]$ | float32 |
# | $h_0$ | `init_state[0]` | state before the first step; `init_state` has PyTorch's extra axis of layers in front, $[1, B, H]$ | $[B, H]$ | float32 |
# | $W_x, W_h, b$ | `wt_x`, `wt_h`, `bias` | weights of the RNN | $[I, H]$, $[H, H]$, $[H]$ | float32 |
# | $r_t, z_t, n_t$ | | reset gate, update gate, candidate of the GRU | $[B, H]$ | float32 |
# | $S$ | `S` | positions of a sequence (in attention) | | integer |
# | $E$ | `E` | embedding size: features of one position | | integer |
# | $N$ | `N` | heads | | integer |
# | $K$ | `K` | features of one head, $K = E / N$ | | integer |
# | $X$ | `X` | sequences | $[B, S, E]$ | float32 tensor |
# | $W_q, W_k, W_v$ | `Wq`, `Wk`, `Wv` | projections: lists with one matrix for each head | $N \times [E, K]$ | float32 |
# | $W_o$ | `Wo` | output projection | $[E, E]$ | float32 |
#
# Rows are inputs everywhere: a linear map reads $x W + b$. PyTorch stores its weights the other way round and computes $x W^\top + b$; the given module `rnn_param_helper.py` turns them for you. $\odot$ is the product element by element, $\sigma(a) = 1 / (1 + e^{-a})$.

# %% [markdown]
# ## Set-up

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch
from rnn_param_helper import get_gru_params, get_mha_params, get_rnn_params
from torch import nn

# %% [markdown]
# The next cell makes the notebook read `implementation.py` again whenever you have saved it, so you need not restart.

# %%
%load_ext autoreload
%autoreload 1
%aimport implementation

# %% [markdown]
# **The library twins.** The given module `torch_twins.py` has three functions that put weights into a layer of PyTorch and run it: `torch_rnn`, `torch_gru` and `torch_mha`, with the same arguments as your own functions. They are the reference in all checks, and you may use them for experiments. Read `torch_gru`: it shows how PyTorch packs three gates into one matrix. The module `lab_checks.py` is what the checks share; you need not read it.

# %%
#!TAG LOCKED
from lab_checks import (
    expect_gru_equals_rnn,
    expect_memory,
    expect_own,
    expect_pair,
    expect_states,
    gru_mistakes,
    gru_parameters,
    mha_mistakes,
    numbers,
    on_copies,
    random_gru,
    random_mha,
    random_rnn,
    rnn_mistakes,
    time_major_mistakes,
)
from torch_twins import relative_difference, torch_gru, torch_mha, torch_rnn

from labkit import expect, needs, plots, points

# %% [markdown]
# # 1. A recurrent network
#
# **Intuition.** A recurrent network reads a sequence one step at a time and keeps a state: a vector that sums up what it has read so far. At every step the same small network, the *cell*, looks at the new input and at the state, and writes a new state. One set of weights serves every step, so the network can read sequences of any length.
#
# ![One cell drawn once with its state fed back, and the same cell drawn four times in a row: each copy takes its input from below and the state of the step before from the left, and hands its own state to the right and upwards.](figures/rnn-unrolled.svg)
#
# **Equation.** The cell of Elman (1990), as PyTorch computes it:
#
# $$h_t = \tanh\big(x_t W_x + h_{t-1} W_h + b\big), \qquad t = 1, \dots, T \tag{1}$$
#
# Shapes: $[B, H] = \tanh([B, I]\,[I, H] + [B, H]\,[H, H] + [H])$. The bias is added to every row.
#
# **By hand.** One sequence, one feature, one unit: $W_x = 1$, $W_h = 0.5$, $b = 0$, $h_0 = 0$, and the inputs $1, 0, 0$. Then $h_1 = \tanh(1) = 0.762$, $h_2 = \tanh(0.5 \cdot 0.762) = 0.363$ and $h_3 = \tanh(0.5 \cdot 0.363) = 0.180$. A single 1 echoes, and fades.
#
# **Predict first, then run.** In the next cell the same unit gets the weight $W_h = 2$ instead of $0.5$. Will the echo die out, settle somewhere, or grow without bound? Write your guess down, then run it.

# %%
pulse = np.zeros((1, 8, 1), dtype=np.float32)  # [B, T, I] = [1, 8, 1]
pulse[0, 0, 0] = 1.0
for weight in (0.5, 2.0):
    echo, _ = torch_rnn([[weight]], [[1.0]], [0.0], np.zeros((1, 1, 1)), pulse)
    print(f"W_h = {weight}:", " ".join(f"{value:.3f}" for value in echo.ravel()))

# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# With $0.5$ the echo dies out: 0.762 0.363 0.180 0.090 … With $2$ it settles at $0.957$, the solution of $h = \tanh(2h)$, and stays there although no input comes any more. Growing without bound is impossible: tanh keeps every state between $-1$ and $1$. So a large weight *can* hold on to the fact that something happened, but no longer to how much.
#
# </details>

# %% [markdown]
# ## The running example
#
# Four sequences of twelve steps with three features, two hidden units, and an initial state that is not zero. The weights are those of a fresh `nn.RNN`.

# %%
B, T, I, H = 4, 12, 3, 2
torch.manual_seed(17)
rnn_layer = nn.RNN(I, H, batch_first=True)
rnn_params = get_rnn_params(rnn_layer)  # wt_h [H, H], wt_x [I, H], bias [H]
x = torch.randn(B, T, I).numpy()  # [B, T, I]
h0 = torch.randn(1, B, H).numpy()  # [1, B, H]
for name, array in zip(
    ("wt_h", "wt_x", "bias", "init_state", "input_data"), (*rnn_params, h0, x), strict=True
):
    print(f"{name:<10}  shape {array.shape!s:<10}  {array.dtype}")

# %% [markdown]
# ## Task `rnn`: write the loop
#
# > **3 points** · difficulty ●●○○○ · importance ●●●●○ · 25 minutes
# >
# > In `implementation.py`, write `rnn(wt_h, wt_x, bias, init_state, input_data)`. It applies equation (1) for every step, starting from `init_state`, and returns `(outputs, final_state)`: the states of all steps, $[B, T, H]$, and the state after the last one, $[1, B, H]$.
# >
# > The tests look at: equality with `nn.RNN` on this example and on other sizes; initial states that are not zero; 64 steps; a single step, unit or sequence; the last output and the final state are the same. Calling PyTorch's own recurrent layers in the function gives 0 points; its arithmetic is allowed.
#
# **Stuck?** If you have spent more than ten minutes without writing a line, open the first hint.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# The state of step $t$ needs the state of step $t-1$, so there is a loop over time. It needs nothing of the other sequences, so there is *no* loop over the batch: one matrix product handles all $B$ rows at once.
#
# </details>
#
# <details>
# <summary>Hint 2: in words</summary>
#
# - Take the state out of `init_state`: it has the shape $[1, B, H]$, you need $[B, H]$.
# - Walk along the *second* axis of `input_data`. One step of all sequences is `input_data[:, t]`, $[B, I]$.
# - Compute the new state, keep it in a list, and go on with it.
# - At the end, put the list together along a new second axis: $T$ arrays $[B, H]$ become $[B, T, H]$.
#
# </details>
#
# <details>
# <summary>Hint 3: nearly code</summary>
#
# ```text
# state = the [B, H] part of init_state
# outputs = []
# for each step t:
#     state = tanh( input of step t times wt_x  +  state times wt_h  +  bias )
#     append state to outputs
# return outputs stacked along axis 1, state with an axis of length 1 in front
# ```
#
# </details>
#
# <details>
# <summary>Common mistakes</summary>
#
# - **Time first.** `for x_t in input_data` walks along the first axis: that is the batch. The steps are the second axis.
# - **The state is forgotten.** The loop must go on with the state it has just computed, and start with `init_state`, not with zeros.
# - **A transposed matrix.** The helper has already turned the matrices: it is `state @ wt_h`, without `.T`. As `wt_h` is square, the wrong way round raises no error.
# - **An array that changes later.** Writing into one array in place and appending it T times gives T references to the *last* state.
#
# </details>

# %%
from implementation import rnn

# %%
#!TAG SKIPQUESTEXEC
answer = rnn(*rnn_params, h0, x)
with torch.no_grad():
    reference = rnn_layer(torch.from_numpy(x), torch.from_numpy(h0))
difference = relative_difference(answer, reference)
print(f"relative difference to nn.RNN: {difference:.1e}")


# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# `relative difference to nn.RNN: 2.1e-07`. Both compute in float32, but add in another order. On 200 other examples of this size the difference was between $2 \cdot 10^{-7}$ and, one time in twenty, more than $8 \cdot 10^{-6}$: the relative difference of a number that happens to lie near 0 is large. Should you see a number near 1, the values differ; run the check below, it tries to name the mistake.
#
# </details>


# %%
#!TAG TEST rnn points=3
@points(0)
def test_rnn_is_your_own_and_gives_two_results():
    """`rnn` returns two results and computes them itself."""
    expect_own(rnn, "rnn")
    rng = np.random.default_rng(0)
    answer = on_copies(
        rnn, *random_rnn(rng, 3, 4), numbers(rng, 1, 2, 4), numbers(rng, 2, 2, 3)
    )
    expect_pair(answer, "rnn(wt_h, wt_x, bias, init_state, input_data)")


@points(0.5)
@needs("test_rnn_is_your_own_and_gives_two_results")
def test_rnn_running_example_equals_torch():
    """On the running example, `rnn` equals `nn.RNN`."""
    inputs = (*rnn_params, h0, x)
    call = "rnn(wt_h, wt_x, bias, init_state, input_data) with B=4, T=12, I=3, H=2"
    expect_states(on_copies(rnn, *inputs), torch_rnn(*inputs), call, rnn_mistakes(*inputs))


@points(0.25)
@needs("test_rnn_is_your_own_and_gives_two_results")
def test_rnn_with_as_many_steps_as_sequences_loops_over_time():
    """Time is the second axis of `input_data`, also where B = T and a mix-up raises no error."""
    rng = np.random.default_rng(1)
    weights, state, data = (
        random_rnn(rng, 5, 3),
        numbers(rng, 1, 4, 3),
        numbers(rng, 4, 4, 5),
    )
    mistakes = {
        **time_major_mistakes(torch_rnn, *weights, state, data),
        **rnn_mistakes(*weights, state, data),
    }
    call = "rnn(wt_h, wt_x, bias, init_state, input_data) with B=4, T=4, I=5, H=3"
    expect_states(
        on_copies(rnn, *weights, state, data),
        torch_rnn(*weights, state, data),
        call,
        mistakes,
    )


@points(0.25)
@needs("test_rnn_is_your_own_and_gives_two_results")
def test_rnn_in_two_halves_equals_one_pass():
    """Reading the first 5 steps, then the other 7 from the state reached, gives what one pass gives."""
    whole, _ = on_copies(rnn, *rnn_params, h0, x)
    expect.finite(whole, call="outputs of rnn(…)")
    _, state = on_copies(rnn, *rnn_params, h0, x[:, :5])
    rest, _ = on_copies(rnn, *rnn_params, np.reshape(state, (1, B, H)), x[:, 5:])
    from_zero, _ = on_copies(rnn, *rnn_params, 0 * h0, x[:, 5:])
    expect.close(
        rest,
        np.reshape(whole, (B, T, H))[:, 5:],
        call="rnn(…, state after 5 steps, input_data[:, 5:])",
        variants={"the initial state was ignored": from_zero},
    )


#!TAG HIDDENBEGIN
@points(1)
@needs("test_rnn_is_your_own_and_gives_two_results")
def test_rnn_other_sizes_equal_torch():
    """`rnn` equals `nn.RNN` on other sizes of batch, time, input and state, and leaves its inputs alone."""
    rng = np.random.default_rng(2101)
    for size_b, size_t, size_i, size_h in ((2, 7, 5, 3), (5, 3, 2, 7), (3, 11, 13, 6)):
        weights, state = random_rnn(rng, size_i, size_h), numbers(rng, 1, size_b, size_h)
        data = numbers(rng, size_b, size_t, size_i)
        call = f"rnn(…) with B={size_b}, T={size_t}, I={size_i}, H={size_h}"
        answer = on_copies(rnn, *weights, state, data)
        expect_states(
            answer,
            torch_rnn(*weights, state, data),
            call,
            rnn_mistakes(*weights, state, data),
        )


@points(0.5)
@needs("test_rnn_is_your_own_and_gives_two_results")
def test_rnn_over_64_steps_equals_torch():
    """`rnn` equals `nn.RNN` over 64 steps."""
    rng = np.random.default_rng(2102)
    inputs = (*random_rnn(rng, 4, 9), numbers(rng, 1, 3, 9), numbers(rng, 3, 64, 4))
    expect_states(
        on_copies(rnn, *inputs),
        torch_rnn(*inputs),
        "rnn(…) with B=3, T=64, I=4, H=9",
        rnn_mistakes(*inputs),
    )


@points(0.25)
@needs("test_rnn_is_your_own_and_gives_two_results")
def test_rnn_last_output_equals_final_state():
    """The last output is the final state."""
    rng = np.random.default_rng(2103)
    outputs, final_state = on_copies(
        rnn, *random_rnn(rng, 3, 5), numbers(rng, 1, 2, 5), numbers(rng, 2, 6, 3)
    )
    last = np.reshape(outputs, (2, 6, 5))[:, -1]
    expect.true(np.ptp(last) > 1e-3, "states that differ from each other", call="rnn(…)")
    expect.close(
        final_state, last, call="final_state of rnn(…), compared with outputs[:, -1]"
    )


@points(0.25)
@needs("test_rnn_is_your_own_and_gives_two_results")
def test_rnn_edge_sizes_equal_torch():
    """A single sequence, a single step and a single unit work too."""
    rng = np.random.default_rng(2104)
    for size_b, size_t, size_i, size_h in (
        (1, 4, 3, 2),
        (3, 1, 2, 4),
        (2, 3, 4, 1),
        (1, 1, 1, 1),
    ):
        inputs = (
            *random_rnn(rng, size_i, size_h),
            numbers(rng, 1, size_b, size_h),
            numbers(rng, size_b, size_t, size_i),
        )
        call = f"rnn(…) with B={size_b}, T={size_t}, I={size_i}, H={size_h}"
        expect_states(
            on_copies(rnn, *inputs), torch_rnn(*inputs), call, rnn_mistakes(*inputs)
        )


#!TAG HIDDENEND

# %% [markdown]
# **What to notice.** The products $x_t W_x$ of all steps do not depend on each other: they could be computed in one go, $[B, T, I]\,[I, H]$, before the loop starts. Only $h_{t-1} W_h$ must wait. This waiting is what makes recurrent networks slow on long sequences, and what attention (part 4) does without.

# %% [markdown]
# # 2. A gated recurrent unit
#
# **Intuition.** The RNN rewrites its whole state at every step. A GRU first decides, for every unit separately, how much to rewrite. Two *gates*, numbers between 0 and 1 for each unit, are computed from the input and the old state:
#
# - the **update gate** $z$ says how much of the old state stays;
# - the **reset gate** $r$ says how much of the old state is seen when the new content, the *candidate* $n$, is made.
#
# We build the picture in three stages, and the equations with it. Each gate and the candidate has four parameters of its own: $W_{x}\,[I, H]$, $b_{x}\,[H]$, $W_{h}\,[H, H]$, $b_{h}\,[H]$.
#
# **Stage 1: the gates.**
#
# ![The old state runs along the top, the input along the bottom. The reset gate r and the update gate z each receive both and give numbers between 0 and 1.](figures/gru-1-gates.svg)
#
# $$r_t = \sigma\big(x_t W_{xr} + b_{xr} + h_{t-1} W_{hr} + b_{hr}\big) \tag{2}$$
#
# $$z_t = \sigma\big(x_t W_{xz} + b_{xz} + h_{t-1} W_{hz} + b_{hz}\big) \tag{3}$$
#
# Shapes: everything inside the brackets is $[B, H]$, and so are $r_t$ and $z_t$.
#
# **Stage 2: the candidate.**
#
# ![Added to the gates: the old state times W hn plus its bias is multiplied by the reset gate; the input times W xn plus its bias is added; tanh gives the candidate n.](figures/gru-2-candidate.svg)
#
# $$n_t = \tanh\big(x_t W_{xn} + b_{xn} + r_t \odot (h_{t-1} W_{hn} + b_{hn})\big) \tag{4}$$
#
# **Stage 3: the new state.**
#
# ![Added to the candidate: the new state is one minus z times the candidate plus z times the old state.](figures/gru-3-state.svg)
#
# $$h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1} \tag{5}$$
#
# **The limits, in words.** Where $z = 1$, the old state is copied and the input is not seen at all. Where $z = 0$, the candidate becomes the state. Where $z = 0$ and $r = 1$, equation (4) is equation (1): a plain RNN. Where $z = 0$ and $r = 0$, the old state has no influence: the unit is a small feed-forward layer on the input of this step.
#
# **Which GRU?** Papers and libraries differ in two places. Read a formula before you copy it.
#
# | source | reset gate | $z$ near 1 means |
# |---|---|---|
# | PyTorch, cuDNN, and this notebook | after the product: $r \odot (h W_{hn} + b_{hn})$ | keep the old state |
# | Cho et al. (2014), section 2.3, equations (5)–(8) | before the product: $(r \odot h)\, U$ | keep the old state |
# | Chung et al. (2014), section 3.2 | before the product | take the candidate |
#
# With a zero initial state, one step and no hidden bias the variants of the reset gate give the same numbers: a test with $h_0 = 0$ and $T = 1$ cannot tell them apart. Ours use other states and more steps.
#
# **Predict first.** A GRU whose weights and biases are all zero starts with the state $0.8$. What is its state after one step, and after three? (You need no computer: what is $\sigma(0)$, what is $\tanh(0)$?)

# %%
zero_gate = (np.zeros((1, 1)), np.zeros(1), np.zeros((1, 1)), np.zeros(1))
states, _ = torch_gru(
    zero_gate, zero_gate, zero_gate, np.full((1, 1, 1), 0.8), np.zeros((1, 3, 1))
)
print(states.ravel())

# %% [markdown]
# ## Task `gru`: two gates and a candidate
#
# > **5 points** · difficulty ●●●○○ · importance ●●●●○ · 40 minutes
# >
# > In `implementation.py`, write `gru(linear_trans_r, linear_trans_z, linear_trans_n, init_state, input_data)` with equations (2) to (5). Each `linear_trans_…` is a tuple `(wt_x, bias_x, wt_h, bias_h)`. It returns `(outputs, final_state)` as `rnn` does.
# >
# > The tests look at: equality with `nn.GRU` on this example and on other sizes; initial states that are not zero; 64 steps; a single step, unit or sequence; a sigmoid that stays right for arguments up to $\pm 10{,}000$ and gives no overflow warning. Calling PyTorch's own recurrent layers gives 0 points.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# It is the loop of `rnn` with another cell in it. Write the four equations in their order; every array in the loop is $[B, H]$ except the input of the step, $[B, I]$.
#
# </details>
#
# <details>
# <summary>Hint 2: in words</summary>
#
# - Unpack the three tuples before the loop.
# - In the loop: reset gate, update gate, candidate, new state. The *old* state appears in all four; replace it only in the last line.
# - In the candidate, compute `h W + b` with its bias first and multiply by the reset gate afterwards.
# - A sigmoid for large numbers: $e^{-a}$ overflows for $a = -10{,}000$. The identity $\sigma(a) = \tfrac12\,(1 + \tanh(a/2))$ never overflows.
#
# </details>
#
# <details>
# <summary>Hint 3: nearly code</summary>
#
# ```text
# for each step t:
#     r = sigmoid( x_t wt_xr + bias_xr + state wt_hr + bias_hr )
#     z = the same with the parameters of z
#     n = tanh( x_t wt_xn + bias_xn + r * ( state wt_hn + bias_hn ) )
#     state = (1 - z) * n + z * state
#     append state
# ```
#
# </details>
#
# <details>
# <summary>Common mistakes</summary>
#
# - **Reset before the product.** `(r * state) @ wt_hn + bias_hn` is the GRU of the paper, not PyTorch's. Here the product and its bias come first.
# - **$z$ and $1 - z$ exchanged.** In PyTorch, $z$ multiplies the *old* state.
# - **Only one bias.** Each gate has two. In the gates they are simply added; in the candidate only `bias_h` is inside the bracket that the reset gate multiplies.
# - **The state replaced too early.** If the state is overwritten before $n$ is computed, the candidate sees the wrong one.
#
# </details>

# %%
from implementation import gru

# %%
torch.manual_seed(25)
gru_layer = nn.GRU(I, H, batch_first=True)
# For r, z and n: (wt_x [I, H], bias_x [H], wt_h [H, H], bias_h [H])
gru_params = get_gru_params(gru_layer)
for name, gate in zip(("r", "z", "n"), gru_params, strict=True):
    print(f"gate {name}:", ", ".join(f"{array.shape}" for array in gate))

# %%
#!TAG SKIPQUESTEXEC
answer = gru(*gru_params, h0, x)
with torch.no_grad():
    reference = gru_layer(torch.from_numpy(x), torch.from_numpy(h0))
difference = relative_difference(answer, reference)
print(f"relative difference to nn.GRU: {difference:.1e}")

# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# `relative difference to nn.GRU: 3.6e-07`. On 200 other examples of this size half were below $2.6 \cdot 10^{-6}$.
#
# </details>

# %%
#!TAG TEST gru points=5
read = "equations (2) to (5)"


def as_arrays(*gates):
    """Return typed-in numbers as float32 arrays."""
    return tuple(tuple(np.array(part, dtype=np.float32) for part in gate) for gate in gates)


@points(0)
def test_gru_is_your_own_and_gives_two_results():
    """`gru` returns two results and computes them itself."""
    expect_own(gru, "gru")
    rng = np.random.default_rng(0)
    answer = on_copies(
        gru, *random_gru(rng, 3, 4), numbers(rng, 1, 2, 4), numbers(rng, 2, 2, 3)
    )
    expect_pair(
        answer,
        "gru(linear_trans_r, linear_trans_z, linear_trans_n, init_state, input_data)",
    )


@points(0.75)
@needs("test_gru_is_your_own_and_gives_two_results")
def test_gru_running_example_equals_torch():
    """On the running example, `gru` equals `nn.GRU`."""
    inputs = (*gru_params, h0, x)
    call = "gru(…) with B=4, T=12, I=3, H=2"
    expect_states(
        on_copies(gru, *inputs), torch_gru(*inputs), call, gru_mistakes(*inputs), read
    )


@points(0.5)
@needs("test_gru_is_your_own_and_gives_two_results")
def test_gru_two_small_steps_give_known_numbers():
    """Two steps of one sequence with small round weights give the numbers of equations (2) to (5)."""
    small = as_arrays(
        ([[1, -1]], [0, 0.5], [[0.5, -1], [1, 0]], [0.5, 0]),  # r
        ([[-1, 0.5]], [0, 0], [[1, 0], [-0.5, 0.5]], [0, -1]),  # z
        ([[1, 2]], [0, -0.5], [[2, -1], [1, 1]], [-1, 0.5]),  # n
    )
    state, data = (
        np.array([[[0.5, -0.5]]], dtype=np.float32),
        np.array([[[1], [-1]]], dtype=np.float32),
    )
    outputs, _ = on_copies(gru, *small, state, data)
    expect.close(
        outputs,
        torch_gru(*small, state, data)[0],
        call="outputs of gru(…) with B=1, T=2, I=1, H=2",
        variants={
            "reset before the product: r must multiply h W + b, not h": [
                [[0.53756617, 0.45144904], [0.25545800, -0.65309644]]
            ],
            "the bias bias_h of the candidate stands outside the reset gate": [
                [[0.42702711, 0.47746098], [0.12781829, -0.64366531]]
            ],
        },
        read="equation (4), and the table “Which GRU?”",
    )


@points(0.5)
@needs("test_gru_is_your_own_and_gives_two_results")
def test_gru_with_as_many_steps_as_sequences_loops_over_time():
    """Time is the second axis of `input_data`, also where B = T and a mix-up raises no error."""
    rng = np.random.default_rng(1)
    gates, state, data = random_gru(rng, 5, 3), numbers(rng, 1, 4, 3), numbers(rng, 4, 4, 5)
    mistakes = {
        **time_major_mistakes(torch_gru, *gates, state, data),
        **gru_mistakes(*gates, state, data),
    }
    call = "gru(…) with B=4, T=4, I=5, H=3"
    expect_states(
        on_copies(gru, *gates, state, data),
        torch_gru(*gates, state, data),
        call,
        mistakes,
        read,
    )


#!TAG HIDDENBEGIN
def hidden_gru_mistakes(r, z, n, h0, x):
    """Return known mistakes, with those that need a formula of their own."""

    def other_candidate(candidate):
        def sigmoid(values):
            return 0.5 + 0.5 * np.tanh(0.5 * values)

        state, outputs = h0[0], []
        for t in range(x.shape[1]):
            reset = sigmoid(x[:, t] @ r[0] + r[1] + state @ r[2] + r[3])
            update = sigmoid(x[:, t] @ z[0] + z[1] + state @ z[2] + z[3])
            state = (1 - update) * np.tanh(
                x[:, t] @ n[0] + n[1] + candidate(reset, state)
            ) + update * state
            outputs.append(state)
        return np.stack(outputs, axis=1), state

    return {
        "reset before the product: r must multiply h W + b, not h": lambda: other_candidate(
            lambda reset, state: (reset * state) @ n[2] + n[3]
        ),
        "the bias bias_h of the candidate stands outside the reset gate": lambda: (
            other_candidate(lambda reset, state: reset * (state @ n[2]) + n[3])
        ),
        **gru_mistakes(r, z, n, h0, x),
    }


@points(1.5)
@needs("test_gru_is_your_own_and_gives_two_results")
def test_gru_other_sizes_equal_torch():
    """`gru` equals `nn.GRU` on other sizes of batch, time, input and state, and leaves its inputs alone."""
    rng = np.random.default_rng(2201)
    for size_b, size_t, size_i, size_h in ((2, 7, 5, 3), (5, 3, 2, 7), (3, 11, 13, 6)):
        gates, state = random_gru(rng, size_i, size_h), numbers(rng, 1, size_b, size_h)
        inputs = (*gates, state, numbers(rng, size_b, size_t, size_i))
        call = f"gru(…) with B={size_b}, T={size_t}, I={size_i}, H={size_h}"
        answer = on_copies(gru, *inputs)
        expect_states(answer, torch_gru(*inputs), call, hidden_gru_mistakes(*inputs), read)


@points(0.5)
@needs("test_gru_is_your_own_and_gives_two_results")
def test_gru_over_64_steps_equals_torch():
    """`gru` equals `nn.GRU` over 64 steps."""
    rng = np.random.default_rng(2202)
    inputs = (*random_gru(rng, 4, 9), numbers(rng, 1, 3, 9), numbers(rng, 3, 64, 4))
    expect_states(
        on_copies(gru, *inputs),
        torch_gru(*inputs),
        "gru(…) with B=3, T=64, I=4, H=9",
        hidden_gru_mistakes(*inputs),
        read,
    )


@points(0.5)
@needs("test_gru_is_your_own_and_gives_two_results")
def test_gru_with_large_arguments_equals_torch():
    """The gates are right for arguments of the sigmoid up to ±10,000."""
    rng = np.random.default_rng(2203)
    gates = random_gru(rng, 3, 5)
    data = np.ones((2, 5, 3), dtype=np.float32)
    data *= np.array([3000, -3000, 100, -100, 1], dtype=np.float32)[:, np.newaxis]
    inputs = (*gates, numbers(rng, 1, 2, 5), data)
    call = "gru(…) with inputs of ±3,000"
    expect_states(
        on_copies(gru, *inputs),
        torch_gru(*inputs),
        call,
        hidden_gru_mistakes(*inputs),
        read="hint 2 of the task",
    )


@points(0.25)
@needs("test_gru_is_your_own_and_gives_two_results")
def test_gru_with_large_arguments_gives_no_warning():
    """The sigmoid gives no overflow warning for arguments up to ±10,000."""
    rng = np.random.default_rng(2204)
    data = np.full((2, 2, 3), 3000, dtype=np.float32)
    data[:, 1] *= -1
    call = "gru(…) with inputs of ±3,000"
    with expect.no_warning(call=call, category=RuntimeWarning, read="hint 2 of the task"):
        answer = on_copies(gru, *random_gru(rng, 3, 4), numbers(rng, 1, 2, 4), data)
    expect_pair(answer, call)
    expect.finite(answer[0], call=f"outputs of {call}")


@points(0.25)
@needs("test_gru_is_your_own_and_gives_two_results")
def test_gru_last_output_equals_final_state():
    """The last output is the final state."""
    rng = np.random.default_rng(2205)
    outputs, final_state = on_copies(
        gru, *random_gru(rng, 3, 5), numbers(rng, 1, 2, 5), numbers(rng, 2, 6, 3)
    )
    last = np.reshape(outputs, (2, 6, 5))[:, -1]
    expect.true(np.ptp(last) > 1e-3, "states that differ from each other", call="gru(…)")
    expect.close(
        final_state, last, call="final_state of gru(…), compared with outputs[:, -1]"
    )


@points(0.25)
@needs("test_gru_is_your_own_and_gives_two_results")
def test_gru_edge_sizes_equal_torch():
    """A single sequence, a single step and a single unit work too."""
    rng = np.random.default_rng(2206)
    for size_b, size_t, size_i, size_h in (
        (1, 4, 3, 2),
        (3, 1, 2, 4),
        (2, 3, 4, 1),
        (1, 1, 1, 1),
    ):
        inputs = (
            *random_gru(rng, size_i, size_h),
            numbers(rng, 1, size_b, size_h),
            numbers(rng, size_b, size_t, size_i),
        )
        call = f"gru(…) with B={size_b}, T={size_t}, I={size_i}, H={size_h}"
        expect_states(
            on_copies(gru, *inputs),
            torch_gru(*inputs),
            call,
            hidden_gru_mistakes(*inputs),
            read,
        )


#!TAG HIDDENEND

# %% [markdown]
# **What to notice.** Equation (5) is an average: every unit of the new state lies between the candidate and the old state. A unit with $z$ near 1 is a wire from the past to the future that nothing has to squeeze through a tanh. The next part uses exactly that.

# %% [markdown]
# # 3. Gates as switches
#
# Weights are usually learned. In this part you *choose* them, to see what a GRU can do at its limits. A gate is a sigmoid, and a sigmoid never quite reaches 0 or 1. In float32, though, it gets there: try it.

# %%
for argument in (2.0, 10.0, 20.0, 100.0, -100.0, -10_000.0):
    print(f"sigmoid({argument:>9}) = {torch.sigmoid(torch.tensor(argument)).item():.10f}")

# %% [markdown]
# ## Task `gru-as-rnn`: a GRU that is an RNN
#
# > **2 points** · difficulty ●●●○○ · importance ●●●○○ · 20 minutes
# >
# > Write `init_gru_with_rnn(wt_h, wt_x, bias)`. It returns `(linear_trans_r, linear_trans_z, linear_trans_n)`, each `(wt_x [I, H], bias_x [H], wt_h [H, H], bias_h [H])`, such that a GRU with these parameters computes the same outputs as the RNN with `wt_h`, `wt_x`, `bias`.
# >
# > The tests put your parameters into an `nn.GRU`, so they do not depend on your `gru`. They look at: shapes; equality with the RNN on several sizes and over 64 steps, also for large inputs.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# Compare equation (4) with equation (1). Which value of $r$ makes them alike? Then look at (5): which value of $z$ lets the candidate through untouched?
#
# </details>
#
# <details>
# <summary>Hint 2: in words</summary>
#
# A gate has the same value whatever the data are if its two matrices are zero; then only the biases count. Which number must a bias be, for the sigmoid to be 1 in float32? Which for 0? The cell above tells you.
#
# </details>
#
# <details>
# <summary>Hint 3: nearly code</summary>
#
# ```text
# zeros for every matrix of the two gates
# reset gate:   a large positive bias   ->  r = 1
# update gate:  a large negative bias   ->  z = 0
# candidate:    (wt_x, bias, wt_h, zeros)     the RNN's bias goes in once
# ```
#
# </details>
#
# <details>
# <summary>Common mistakes</summary>
#
# - **Soft gates.** A bias of 1 or 5 gives $\sigma(5) = 0.993$: close, but the errors of many steps add up, and the checks see them.
# - **The bias counted twice.** The candidate has two biases and the RNN's fits into one of them. Put zeros into the other.
#
# </details>

# %%
from implementation import init_gru_with_rnn

# %%
#!TAG SKIPQUESTEXEC
reference = torch_rnn(*rnn_params, h0, x)
answer = gru(*init_gru_with_rnn(*rnn_params), h0, x)
difference = relative_difference(answer, reference)
print(f"your GRU with these weights and nn.RNN: relative difference {difference:.1e}")
answer = torch_gru(*init_gru_with_rnn(*rnn_params), h0, x)
difference = relative_difference(answer, reference)
print(f"nn.GRU with these weights and nn.RNN:   relative difference {difference:.1e}")


# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# ```text
# your GRU with these weights and nn.RNN: relative difference 1.5e-07
# nn.GRU with these weights and nn.RNN:   relative difference 0.0e+00
# ```
#
# </details>


# %%
#!TAG TEST gru-as-rnn points=2
@points(0.25)
def test_gru_as_rnn_gives_parameters_of_the_right_shapes():
    """`init_gru_with_rnn` returns three groups of four arrays with the right shapes."""
    expect_own(init_gru_with_rnn, "init_gru_with_rnn")
    weights = random_rnn(np.random.default_rng(0), 3, 4)
    gru_parameters(
        init_gru_with_rnn(*weights),
        3,
        4,
        "init_gru_with_rnn(wt_h, wt_x, bias) with I=3, H=4",
    )


@points(0.5)
@needs("test_gru_as_rnn_gives_parameters_of_the_right_shapes")
def test_gru_as_rnn_running_example_equals_the_rnn():
    """On the running example, the GRU with your parameters equals the RNN."""
    expect_gru_equals_rnn(init_gru_with_rnn(*rnn_params), rnn_params, h0, x)


#!TAG HIDDENBEGIN
@points(0.75)
@needs("test_gru_as_rnn_gives_parameters_of_the_right_shapes")
def test_gru_as_rnn_other_sizes_equal_the_rnn():
    """The GRU equals the RNN on other sizes, and for large inputs."""
    rng = np.random.default_rng(2301)
    for size_b, size_t, size_i, size_h, size in (
        (2, 7, 5, 3, 1.0),
        (5, 3, 2, 7, 1.0),
        (3, 4, 1, 1, 1.0),
        (3, 6, 4, 5, 100.0),
    ):
        weights, state = random_rnn(rng, size_i, size_h), numbers(rng, 1, size_b, size_h)
        data = numbers(rng, size_b, size_t, size_i, size=size)
        expect_gru_equals_rnn(init_gru_with_rnn(*weights), weights, state, data)


@points(0.5)
@needs("test_gru_as_rnn_gives_parameters_of_the_right_shapes")
def test_gru_as_rnn_over_64_steps_equals_the_rnn():
    """The GRU equals the RNN over 64 steps."""
    rng = np.random.default_rng(2302)
    weights = random_rnn(rng, 4, 9)
    expect_gru_equals_rnn(
        init_gru_with_rnn(*weights), weights, numbers(rng, 1, 3, 9), numbers(rng, 3, 64, 4)
    )


#!TAG HIDDENEND

# %% [markdown]
# **What to notice.** An RNN is one point in the space of GRUs, so a GRU can represent whatever an RNN of the same size can. That says nothing yet about which of the two learns it more easily.

# %% [markdown]
# ## Task `gru-memory`: a GRU that does not forget
#
# > **2 points** · difficulty ●●○○○ · importance ●●●●○ · 15 minutes
# >
# > Write `init_gru_with_long_term_memory(input_size, hidden_size)`. It returns the parameters of a GRU (in the same form) whose state after many steps is still the initial state, whatever the inputs are.
# >
# > The tests put your parameters into an `nn.GRU` and run it: 12 steps first, later 1,000 steps with inputs in the hundreds. Large weights are fine.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# Only one of the equations says how much of the old state survives. Find the gate in it, and the value that it must have.
#
# </details>
#
# <details>
# <summary>Hint 2: in words</summary>
#
# The gate must have its value for *every* input, so its matrices should not let the input speak. What the other gate and the candidate do is of no importance then: why?
#
# </details>
#
# <details>
# <summary>Hint 3: nearly code</summary>
#
# ```text
# update gate:  zero matrices, one large positive bias   ->  z = 1
# reset gate and candidate:  zeros everywhere will do
# ```
#
# </details>
#
# <details>
# <summary>Common mistakes</summary>
#
# - **A gate that is nearly 1.** $0.993$ looks like 1. After 1,000 steps it is $0.993^{1000} = 0.0009$.
# - **The wrong sign.** With $z = 0$ the GRU forgets at once: the old state is gone after the first step.
# - **Random matrices in the update gate.** With inputs in the hundreds they outweigh a bias of 10.
#
# </details>

# %%
from implementation import init_gru_with_long_term_memory

# %%
#!TAG SKIPQUESTEXEC
outputs, final_state = gru(*init_gru_with_long_term_memory(I, H), h0, x)
change = np.mean(np.abs(np.reshape(final_state, (B, H)) - h0[0]))
print(f"mean change of the state after {T} steps: {change:.1e}")


# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# `mean change of the state after 12 steps: 0.0e+00`. It is exactly 0: in float32, $\sigma(10{,}000)$ *is* 1, and $1 \cdot h + 0 \cdot n = h$.
#
# </details>


# %%
#!TAG TEST gru-memory points=2
@points(0.25)
def test_gru_memory_gives_parameters_of_the_right_shapes():
    """`init_gru_with_long_term_memory` returns three groups of four arrays with the right shapes."""
    expect_own(init_gru_with_long_term_memory, "init_gru_with_long_term_memory")
    call = "init_gru_with_long_term_memory(input_size=3, hidden_size=4)"
    gru_parameters(init_gru_with_long_term_memory(3, 4), 3, 4, call)


@points(0.5)
@needs("test_gru_memory_gives_parameters_of_the_right_shapes")
def test_gru_memory_keeps_the_state_for_12_steps():
    """On the running example, the state after 12 steps is the initial state."""
    expect_memory(init_gru_with_long_term_memory(I, H), h0, x)


#!TAG HIDDENBEGIN
@points(1)
@needs("test_gru_memory_gives_parameters_of_the_right_shapes")
def test_gru_memory_keeps_the_state_for_1000_steps():
    """The state survives 1,000 steps with inputs in the hundreds."""
    rng = np.random.default_rng(2401)
    expect_memory(
        init_gru_with_long_term_memory(4, 6),
        numbers(rng, 1, 2, 6),
        numbers(rng, 2, 1000, 4, size=100.0),
    )


@points(0.25)
@needs("test_gru_memory_gives_parameters_of_the_right_shapes")
def test_gru_memory_works_for_other_sizes():
    """The memory works for other sizes, a single input and a single unit among them."""
    rng = np.random.default_rng(2402)
    for size_i, size_h in ((1, 1), (5, 2), (2, 9)):
        answer = init_gru_with_long_term_memory(size_i, size_h)
        expect_memory(answer, numbers(rng, 1, 3, size_h), numbers(rng, 3, 40, size_i))


#!TAG HIDDENEND

# %% [markdown]
# ## What gates do over time
#
# A gate that is always open or always shut is a constant. Gates become useful when they react. The next cell sets three units by hand:
#
# - unit 0 is a **latch**: its update gate is near 1 as long as the second input, the *mark*, is 0, and near 0 when the mark is 1;
# - unit 1 **leaks**: its update gate is always 0.9;
# - unit 2 has **no memory**: its update gate is always near 0.
#
# All three have the candidate $\tanh(2 \cdot \text{value})$, so they differ in nothing but $z$. `nn.GRU` does not return its gates, but they can be read off: with the candidate held at 1, equation (5) becomes $h' = (1 - z) + z h$, so $z = (1 - h') / (1 - h)$.
#
# **Predict first, then run.** The mark is 1 at steps 4 and 15. Sketch the three states on paper before you look.


# %%
def read_update_gate(linear_trans_z, states, inputs):
    """Read an update gate off `nn.GRU`: from states [T, H] and inputs [T, I] to z [T, H]."""
    wt_x, bias_x, wt_h, bias_h = (0 * np.asarray(part) for part in linear_trans_z)
    always_one = (wt_x, bias_x + 1e4, wt_h, bias_h)  # n = tanh(10,000) = 1
    # Every step becomes a sequence of its own, of length 1: T states [1, T, H], T inputs [T, 1, I].
    one_step = (states[np.newaxis], inputs[:, np.newaxis])
    after, _ = torch_gru(always_one, linear_trans_z, always_one, *one_step)  # [T, 1, H]
    return (1 - after[:, 0]) / (1 - states)


steps = 24
values = np.random.default_rng(3).uniform(-1, 1, steps)
marks = np.isin(np.arange(steps), (4, 15)).astype(float)
signal = np.stack([values, marks], axis=1)  # [T, I] = [24, 2]

no_state = np.zeros((3, 3))
no_bias = np.zeros(3)
latch_r = (np.zeros((2, 3)), no_bias, no_state, no_bias)
latch_z_x = np.array([[0, 0, 0], [-12, 0, 0]])  # only unit 0 listens to the mark
latch_z = (
    latch_z_x,
    np.array([6, np.log(9), -6]),
    no_state,
    no_bias,
)  # sigmoid(log 9) = 0.9
latch_n = (np.array([[2, 2, 2], [0, 0, 0]]), no_bias, no_state, no_bias)
start = np.zeros((1, 1, 3))
memory, _ = torch_gru(latch_r, latch_z, latch_n, start, signal[np.newaxis])  # [1, T, 3]
states_before = np.concatenate([np.zeros((1, 3)), memory[0, :-1]])  # [T, 3]
update_gate = read_update_gate(latch_z, states_before, signal)  # [T, 3]

# %%
fig, (top, middle, bottom) = plt.subplots(
    3, 1, figsize=(9, 6.5), sharex=True, height_ratios=(1.2, 1, 1.6), layout="constrained"
)
at = np.arange(steps)
top.plot(at, values, "o-", color="#0072B2", label="value")
top.vlines(at[marks == 1], -1.1, 1.1, color="#D55E00", linestyle="dashed", label="mark = 1")
top.set(
    ylabel="input",
    ylim=(-1.9, 1.2),
    title="Three units that differ in nothing but the update gate z",
)
top.legend(loc="lower right", ncols=2)
image = middle.imshow(update_gate.T, aspect="auto", cmap="cividis", vmin=0, vmax=1)
middle.set_yticks(range(3), ["0: latch", "1: leaks", "2: no memory"])
middle.set(ylabel="unit")
fig.colorbar(image, ax=middle, label="update gate z", ticks=(0, 0.5, 1))
for unit, (name, color, style) in enumerate(
    (
        ("0: latch", "#D55E00", "-"),
        ("1: leaks", "#009E73", "--"),
        ("2: no memory", "#0072B2", ":"),
    )
):
    bottom.plot(
        at, memory[0, :, unit], color=color, linestyle=style, linewidth=2, label=name
    )
bottom.set(xlabel="time step", ylabel="state h", ylim=(-1.6, 1.1))
bottom.legend(loc="lower right", ncols=3)
plt.close(fig)  # the next line shows it, with a description for those who cannot see it
plots.Plot(
    fig,
    alt="Three panels over 24 steps. Top: a random value and two marks, at steps 4 and 15. Middle: "
    "the update gate is near 1 in unit 0 except at the marks, 0.9 in unit 1 and near 0 in unit 2. "
    "Bottom: the state of unit 0 jumps at the marks and is flat between them, that of unit 1 moves "
    "slowly around 0, that of unit 2 follows the value.",
)


# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# The latch copies the candidate at the two marked steps and holds it in between; the slight slope is $\sigma(6) = 0.9975$ to the power of the steps. The leaking unit is a running average over about ten steps. The unit without memory shows the input of each step, squeezed by tanh. Same candidate, three behaviours: a GRU *learns* where on this range each unit should be, and when.
#
# </details>

# %% [markdown]
# ## Gradients over time
#
# To learn that something long ago mattered, a gradient has to travel back to it. Each step back multiplies it by the derivative of one step; for the RNN that is a product of $T$ matrices, and products of many numbers below 1 vanish (Bengio et al., 1994). For a GRU, equation (5) gives one more way back: the term $z_t \odot h_{t-1}$ multiplies the gradient by $z$ and nothing else.
#
# **Predict first, then run.** We compare a fresh `nn.RNN`, a fresh `nn.GRU`, and the same GRU with 3 added to the bias of its update gate, all with 32 units. A fresh GRU has $z \approx 0.5$. Which of the three curves fall in the same way, and how far down is each at a lag of 60 steps?


# %%
def gradient_norm_by_lag(layer, inputs):
    """Return the size of d(last state)/d(input) for every lag: how strongly an input k steps back is still felt."""
    inputs = inputs.clone().requires_grad_()
    outputs, _ = layer(inputs)  # [B, T, H]
    outputs[:, -1].sum().backward()
    return inputs.grad.norm(dim=-1).mean(dim=0).flip(0).numpy()  # [T], lag 0 first


torch.manual_seed(7)
lag_inputs = torch.randn(16, 80, 8)  # [B, T, I]
plain_rnn = nn.RNN(8, 32, batch_first=True)
fresh_gru = nn.GRU(8, 32, batch_first=True)
open_gru = nn.GRU(8, 32, batch_first=True)
open_gru.load_state_dict(fresh_gru.state_dict())
with torch.no_grad():
    # The second third belongs to z: PyTorch's order is r, z, n.
    open_gru.bias_ih_l0[32:64] += 3.0
gradient_norms = {
    "RNN": gradient_norm_by_lag(plain_rnn, lag_inputs),
    "GRU, as created (z near 0.5)": gradient_norm_by_lag(fresh_gru, lag_inputs),
    "GRU, update bias + 3 (z near 0.95)": gradient_norm_by_lag(open_gru, lag_inputs),
}

# %%
plots.gradient_by_lag(gradient_norms, title="How strongly an early input is felt")

# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# The curves of the RNN and of the fresh GRU are both straight lines on the logarithmic axis: every step back multiplies the gradient by about the same number, 0.59 for the RNN and 0.62 for the fresh GRU. At a lag of 60 steps $5 \cdot 10^{-15}$ and $2 \cdot 10^{-13}$ are left: nothing that training could use. So gates alone do not help. With the bias raised, $z$ is near 0.95, each step back keeps about 95 % of the gradient, and $4 \cdot 10^{-3}$ arrive. The price shows at lag 0: a gate that keeps the old state lets less of the newest input in (0.07 instead of 0.7).
#
# </details>

# %% [markdown]
# # 4. Multi-head attention
#
# **Intuition.** A recurrent network passes everything through one state. Attention lets every position look at all positions directly. Each position asks a question (its *query*), every position offers a label (its *key*) and some content (its *value*). A position takes the average of all values, weighted by how well each key answers its query. Several *heads* do this side by side, each with questions of its own.
#
# **Stage 1: one head.**
#
# ![X becomes queries, keys and values. Queries times keys, scaled, give scores; a softmax along each row gives weights that sum to 1; weights times values give the head's output.](figures/mha-1-head.svg)
#
# For one head with the matrices $W_q, W_k, W_v$, each $[E, K]$:
#
# $$Q = X W_q, \quad K_{\!*} = X W_k, \quad V = X W_v \qquad \text{each } [B, S, K] \tag{6}$$
#
# $$A = \operatorname{softmax}\!\Big(\frac{Q K_{\!*}^\top}{\sqrt{K}}\Big) \qquad [B, S, S] \tag{7}$$
#
# Row $i$ of $A$ belongs to query $i$ and sums to 1: the softmax runs over the keys, the *last* axis. ($K_{\!*}$ are the keys, $K$ without a star is the number $E / N$; the papers call it $d_k$.) The scale keeps the scores of random vectors near size 1: a sum of $K$ products grows like $\sqrt{K}$, and a softmax of large numbers is nearly all 0 and 1, with hardly any gradient (Vaswani et al., 2017, section 3.2.1).
#
# **Stage 2: several heads.**
#
# ![The same X goes into N heads; their results are laid side by side and multiplied by the output matrix.](figures/mha-2-heads.svg)
#
# $$\operatorname{MHA}(X) = \big[A_1 V_1 \;\; A_2 V_2 \;\cdots\; A_N V_N\big]\, W_o \qquad [B, S, E] \tag{8}$$
#
# The results of the heads are laid side by side along the last axis, in order, and $W_o$ mixes them.
#
# **By hand.** Three positions, $E = K = 2$, one head, and all three matrices the identity, so $Q = K_{\!*} = V = X$:
#
# $$X = \begin{pmatrix} 1 & 0 \\ 0 & 1 \\ 1 & 1 \end{pmatrix}, \qquad \frac{X X^\top}{\sqrt 2} = \begin{pmatrix} 0.71 & 0 & 0.71 \\ 0 & 0.71 & 0.71 \\ 0.71 & 0.71 & 1.41 \end{pmatrix}$$
#
# The first row is $(0.71, 0, 0.71)$; $e$ to these powers is $(2.03, 1, 2.03)$, the sum is $5.06$, so the weights are $(0.40, 0.20, 0.40)$. The first output is $0.40\,(1, 0) + 0.20\,(0, 1) + 0.40\,(1, 1) = (0.80, 0.60)$. Check the second and third row on paper, then compare:

# %%
by_hand = [[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]]  # X, [B, S, E] = [1, 3, 2]
identity = np.eye(2)
print(torch_mha([identity], [identity], [identity], identity, by_hand)[0].round(2))

# %% [markdown]
# **Predict first.** If you exchange two positions of $X$, what happens to the output? And if all positions of $X$ are equal, what are the weights?

# %% [markdown]
# ## Task `mha`: all heads
#
# > **5 points** · difficulty ●●●●○ · importance ●●●●● · 50 minutes
# >
# > Write `mha(Wq, Wk, Wv, Wo, X)` with equations (6) to (8). `Wq`, `Wk`, `Wv` are lists with one matrix $[E, K]$ for each head, `Wo` is $[E, E]$, and `X` is a torch tensor $[B, S, E]$ without gradient (`np.asarray(X)` makes it an array). The result is $[B, S, E]$, an array or a tensor.
# >
# > The tests look at: equality with `nn.MultiheadAttention` on this example and with other sizes and numbers of heads; positions that are exchanged; very large scores; a single position, sequence or head. Calling PyTorch's attention functions gives 0 points.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# Write one head first, for the whole batch at once, as a chain of shapes: $[B,S,E] \to [B,S,K] \to [B,S,S] \to [B,S,K]$. Then loop over the heads and join.
#
# </details>
#
# <details>
# <summary>Hint 2: in words</summary>
#
# - For each head: three products with `X`.
# - Scores: queries times the keys with their *last two* axes exchanged. For an array with three axes that is `keys.transpose(0, 2, 1)`; `.T` would also turn the batch around.
# - Divide by the root of the *head's* size, not of $E$.
# - Softmax along the last axis. Subtract the largest score of each row first: it changes nothing, and the exponential stays finite.
# - Weights times values. Collect the heads, join them along the last axis, multiply by `Wo`.
#
# </details>
#
# <details>
# <summary>Hint 3: nearly code</summary>
#
# ```text
# for each head:
#     q, k, v = X times its three matrices                     # [B, S, K]
#     scores  = q times k with the last two axes exchanged, divided by sqrt(K)    # [B, S, S]
#     e       = exp(scores - largest score of each row)        # keep the axis: keepdims=True
#     weights = e / sum of e along the last axis               # keepdims=True
#     heads.append(weights times v)                            # [B, S, K]
# return (heads joined along the last axis) times Wo           # [B, S, E]
# ```
#
# </details>
#
# <details>
# <summary>Common mistakes</summary>
#
# - **Scale by $\sqrt{E}$.** Each head has $K = E / N$ features. With one head the two are the same, so a test with one head would not notice.
# - **Softmax over the queries.** The rows must sum to 1, not the columns. `axis=1` of $[B, S, S]$ is the axis of queries.
# - **The output projection is forgotten.** The heads joined already have the right shape $[B, S, E]$, so nothing complains.
# - **NaN.** $e^{1000}$ overflows and $\infty / \infty$ is NaN: subtract the largest score first.
# - **Heads mixed up.** A reshape from $[B, S, E]$ to $[B, N, S, K]$ without a transpose mixes positions and heads.
#
# </details>

# %%
from implementation import mha

# %%
S, E, N = 8, 10, 5
torch.manual_seed(11)
mha_layer = nn.MultiheadAttention(E, N, bias=False, batch_first=True)
mha_params = get_mha_params(mha_layer)  # Wq, Wk, Wv: lists of N arrays [E, K]; Wo [E, E]
X = torch.randn(B, S, E)
Wq, Wk, Wv, Wo = mha_params
print(
    f"{len(Wq)} heads, each with matrices {Wq[0].shape}; Wo {Wo.shape}; X {tuple(X.shape)}"
)

# %%
#!TAG SKIPQUESTEXEC
with torch.no_grad():
    torch_result, _ = mha_layer(X, X, X, need_weights=False)
difference = np.mean(
    np.abs(np.reshape(mha(*mha_params, X), (B, S, E)) - torch_result.numpy())
)
print(f"mean difference to nn.MultiheadAttention: {difference:.1e}")


# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# `mean difference to nn.MultiheadAttention: 1.1e-08`.
#
# </details>


# %%
#!TAG TEST mha points=5
def expect_attention(weights, X, mistakes):
    """Compare `mha` with `nn.MultiheadAttention`."""
    size_b, size_s, size_e = X.shape
    call = f"mha(Wq, Wk, Wv, Wo, X) with B={size_b}, S={size_s}, E={size_e}, {len(weights[0])} heads"
    answer = on_copies(mha, *weights, X)
    right = torch_mha(*weights, X)
    expect.close(
        answer,
        right,
        call=call,
        variants=mistakes(*weights, X),
        read="equations (6) to (8)",
    )


@points(0)
def test_mha_is_your_own_and_gives_a_result():
    """`mha` computes attention itself and returns [B, S, E]."""
    expect_own(mha, "mha")
    rng = np.random.default_rng(0)
    answer = on_copies(mha, *random_mha(rng, 6, 3), torch.from_numpy(numbers(rng, 2, 4, 6)))
    expect.true(
        answer is not None,
        "a result",
        call="mha(Wq, Wk, Wv, Wo, X)",
        cause="is a `return` missing?",
    )


@points(1)
@needs("test_mha_is_your_own_and_gives_a_result")
def test_mha_running_example_equals_torch():
    """On the running example, `mha` equals `nn.MultiheadAttention`."""
    expect_attention(mha_params, X, mha_mistakes)


@points(0.5)
@needs("test_mha_is_your_own_and_gives_a_result")
def test_mha_small_example_gives_known_numbers():
    """Three positions and two heads with small round weights give the numbers of equations (6) to (8)."""
    weights = (
        [
            np.array(w, dtype=np.float32)
            for w in ([[1, 0], [0, 1], [1, 0], [0, 0]], [[0, 1], [1, 0], [0, 0], [0, 1]])
        ],
        [
            np.array(w, dtype=np.float32)
            for w in ([[1, 1], [0, 1], [0, 0], [1, 0]], [[1, 0], [0, 0], [0, 1], [1, 1]])
        ],
        [
            np.array(w, dtype=np.float32)
            for w in ([[1, 0], [0, 2], [1, 1], [0, 0]], [[0, 0], [1, 0], [0, 1], [1, 2]])
        ],
        np.array(
            [[1, 0, 0, 1], [0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 2, 1]], dtype=np.float32
        ),
    )
    data = torch.tensor([[[1.0, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, -1]]])
    over_queries = [
        [
            [1.407118, 1.420103, 0.993020, 1.158863],
            [1.848340, 1.484944, 3.034898, 1.855319],
            [1.744543, 2.094953, -0.027919, 0.985818],
        ]
    ]
    expect.close(
        on_copies(mha, *weights, data),
        torch_mha(*weights, data),
        call="mha(Wq, Wk, Wv, Wo, X) with B=1, S=3, E=4, 2 heads",
        variants={
            "the softmax runs over the queries instead of the keys": over_queries,
            **mha_mistakes(*weights, data),
        },
        read="equations (6) to (8)",
    )


@points(0.25)
@needs("test_mha_is_your_own_and_gives_a_result")
def test_mha_exchanged_positions_give_exchanged_results():
    """Exchanging two positions of X exchanges the same two positions of the result, and nothing else."""
    order = [0, 1, 5, 3, 4, 2, 6, 7]
    before = np.reshape(on_copies(mha, *mha_params, X), (B, S, E))
    expect.true(
        np.ptp(before[:, order] - before) > 1e-3,
        "results that differ from each other",
        call="mha(…)",
    )
    expect.close(
        on_copies(mha, *mha_params, X[:, order]),
        before[:, order],
        call="mha(Wq, Wk, Wv, Wo, X) with positions 2 and 5 exchanged",
    )


#!TAG HIDDENBEGIN
def hidden_mha_mistakes(*inputs):
    """Return known mistakes, with those that need a formula of their own."""
    Wq, Wk, Wv, Wo, X = inputs

    def over_the_queries():
        heads = []
        for query, key, value in zip(Wq, Wk, Wv, strict=True):
            scores = (
                torch.einsum("bsk,btk->bst", X @ torch.tensor(query), X @ torch.tensor(key))
                / query.shape[1] ** 0.5
            )
            heads.append(scores.softmax(dim=1) @ (X @ torch.tensor(value)))
        return torch.cat(heads, dim=-1) @ torch.tensor(Wo)

    return {
        "the softmax runs over the queries instead of the keys": over_the_queries,
        **mha_mistakes(*inputs),
    }


@points(1.75)
@needs("test_mha_is_your_own_and_gives_a_result")
def test_mha_other_sizes_and_heads_equal_torch():
    """`mha` equals `nn.MultiheadAttention` for other sizes and numbers of heads."""
    rng = np.random.default_rng(2501)
    for size_b, size_s, size_e, heads in (
        (2, 5, 12, 3),
        (3, 7, 8, 4),
        (4, 3, 10, 2),
        (2, 6, 7, 7),
    ):
        expect_attention(
            random_mha(rng, size_e, heads),
            torch.from_numpy(numbers(rng, size_b, size_s, size_e)),
            hidden_mha_mistakes,
        )


@points(0.5)
@needs("test_mha_is_your_own_and_gives_a_result")
def test_mha_with_50_positions_equals_torch():
    """`mha` equals `nn.MultiheadAttention` for 50 positions."""
    rng = np.random.default_rng(2502)
    expect_attention(
        random_mha(rng, 12, 4),
        torch.from_numpy(numbers(rng, 2, 50, 12)),
        hidden_mha_mistakes,
    )


@points(0.5)
@needs("test_mha_is_your_own_and_gives_a_result")
def test_mha_with_large_scores_stays_finite():
    """Scores in the thousands give numbers, not NaN."""
    rng = np.random.default_rng(2503)
    Wq, Wk, Wv, Wo = random_mha(rng, 6, 2)
    weights, data = (
        ([w * 2000 for w in Wq], Wk, Wv, Wo),
        torch.from_numpy(numbers(rng, 2, 4, 6)),
    )
    expect.finite(
        on_copies(mha, *weights, data),
        call="mha(…) with scores in the thousands",
        read="hint 2 of the task",
    )
    expect_attention(weights, data, hidden_mha_mistakes)


@points(0.5)
@needs("test_mha_is_your_own_and_gives_a_result")
def test_mha_edge_sizes_equal_torch():
    """A single sequence, a single position and a single head work too."""
    rng = np.random.default_rng(2504)
    for size_b, size_s, size_e, heads in ((1, 4, 6, 2), (3, 1, 6, 2), (2, 5, 4, 1)):
        expect_attention(
            random_mha(rng, size_e, heads),
            torch.from_numpy(numbers(rng, size_b, size_s, size_e)),
            hidden_mha_mistakes,
        )


#!TAG HIDDENEND

# %% [markdown]
# **What to notice.** Nothing in equations (6) to (8) knows where a position stands: exchange two positions of $X$ and the same two rows of the result are exchanged. Models that need the order must put it into $X$ (position codes, lab 05). And there is no loop over $S$: all positions are computed at once. The price is the $[S, S]$ matrix of every head.

# %% [markdown]
# ## Attention maps
#
# An attention map shows $A$ of equation (7): one row for each query, one column for each key. To learn how to read one, look first at a map that is known in advance. The next cell builds $X$ from a code for the word and a code for the position, and sets two heads by hand:
#
# - head 1 compares *words*: its query and key are the code of the word;
# - head 2 compares *positions*: its query is the code of its own position shifted by one, so it looks at the position before it.
#
# **Predict first, then run.** Draw the two 8 × 8 maps on squared paper: where do the large weights stand? What does head 2 do at the first word, which has none before it?

# %%
words = "the dog saw the cat and the bird".split()
vocabulary = sorted(set(words))
word_code = np.zeros((8, 8))
word_code[np.arange(8), [vocabulary.index(word) for word in words]] = 1.0  # one-hot, [S, 8]
position_code = np.eye(8)  # [S, 8]
both_codes = np.concatenate([word_code, position_code], axis=1)  # [S, 16]
sentence = torch.tensor(both_codes[np.newaxis], dtype=torch.float32)  # [1, S, 16]

sharpness = 8.0  # larger: the softmax is closer to all-or-nothing
nothing, everything, one_earlier = np.zeros((8, 8)), np.eye(8), np.eye(8, k=-1)
# [E, K] = [16, 8]: what a head takes from the two codes
take_word = np.concatenate([everything, nothing])
take_position = np.concatenate([nothing, everything])
take_previous = np.concatenate([nothing, one_earlier])
two_heads = nn.MultiheadAttention(16, 2, bias=False, batch_first=True)
with torch.no_grad():
    queries, keys = [take_word, take_previous], [take_word, take_position]
    stacked = np.concatenate([*queries, *keys, take_word, take_word], axis=1).T  # [3E, E]
    stacked[:16] *= sharpness
    two_heads.in_proj_weight.copy_(torch.from_numpy(stacked))
    # [1, N, S, S]; without the last argument the layer returns the mean over its heads
    _, attention_maps = two_heads(sentence, sentence, sentence, average_attn_weights=False)

# %%
plots.attention_map(
    attention_maps[0], words, heads=["head 1: same word", "head 2: previous position"]
)

# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# In head 1 the three "the" share their attention equally, 0.30 each; every other word looks at itself, with 0.71. In head 2 the large weights stand one below the diagonal. The first word has no position before it: its query is all zeros, all its scores are equal, and its row is spread evenly over the eight words. Every row sums to 1; the columns need not. Set `sharpness` to 1 or to 30 and run again: the scale $1/\sqrt{K}$ acts on the same thing.
#
# </details>

# %% [markdown]
# ## Masks: two functions, two meanings
#
# A language model must not look ahead: position $i$ may see positions up to $i$ only. PyTorch has two functions for attention, and they read a boolean mask in *opposite* ways:
#
# - `nn.MultiheadAttention(…, attn_mask=m)`: `True` means this pair is **blocked**;
# - `F.scaled_dot_product_attention(…, attn_mask=m)`: `True` means this pair **may attend**.
#
# The same mask in both, and one of them looks into the future without any error. The next cell computes the same causal attention both ways; the masks are each other's opposite.

# %%
# True on and below the diagonal: position i sees 0 … i
may_attend = torch.ones(S, S, dtype=torch.bool).tril()
with torch.no_grad():
    with_layer, _ = mha_layer(X, X, X, attn_mask=~may_attend, need_weights=False)
    q, k, v = (X @ mha_layer.in_proj_weight.T).chunk(3, dim=-1)  # each [B, S, E]
    # [B, S, E] -> [B, S, N, K] -> [B, N, S, K]
    q, k, v = (part.unflatten(-1, (N, E // N)).transpose(1, 2) for part in (q, k, v))
    heads = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=may_attend)
    # [B, N, S, K] -> [B, S, N, K] -> [B, S, E]
    with_function = mha_layer.out_proj(heads.transpose(1, 2).flatten(-2))
print(f"largest difference: {(with_layer - with_function).abs().max():.1e}")

# %% [markdown]
# **Check a mask by what it does**, not by its look: change a later position, and no earlier output may change.

# %%
with torch.no_grad():
    changed = X.clone()
    changed[:, 5] += 1.0
    moved, _ = mha_layer(
        changed, changed, changed, attn_mask=~may_attend, need_weights=False
    )
largest_change = (moved - with_layer).abs().amax(dim=(0, 2))  # [S]
print(
    "outputs that moved when position 5 changed:", largest_change.nonzero().ravel().tolist()
)

# %% [markdown]
# # What you have now
#
# | | state or memory | path from step $i$ to step $j$ | work for $T$ steps | steps at once? |
# |---|---|---|---|---|
# | RNN | $[H]$, rewritten at every step | $\lvert i - j \rvert$ cells | $T \cdot H^2$ | no |
# | GRU | $[H]$, rewritten where $z$ is small | $\lvert i - j \rvert$ cells, with a wire through them | $T \cdot 3 H^2$ | no |
# | attention | all positions are kept | 1 | $T^2 \cdot E$ | yes |
#
# (The work counts the recurrent products and the products of queries, keys and values, without the input projections that all three have. Compare Vaswani et al., 2017, table 1.)
#
# **Open questions.** There is no check for these; talk about them with others.
#
# 1. Could a GRU with $z = 1$ in some units and $z = 0$ in others count how many marks it has seen? What stops it?
# 2. Why is the bias of a forget or update gate often set to a positive number before training? Use the plot of gradients.
# 3. `tanh` in equation (1) keeps the state in $(-1, 1)$. What would a linear cell, without tanh, do with the eigenvalues of $W_h$?
# 4. If $W_q$ and $W_k$ of a head are multiplied by 10, what happens to its map? To the gradient through the softmax?
# 5. Two heads whose $W_q, W_k$ are the same but whose $W_v$ differ: can one head of double width do the same?
#
# **Bonus track** (no points). Write `mha` without a loop over heads: stack the matrices into one $[E, E]$, reshape to $[B, N, S, K]$ as in the cell on masks, and compare the time for $E = 64$, $N = 8$, $S = 256$. Then write an LSTM with the weights of `nn.LSTM` (PyTorch's order of gates is i, f, g, o).

# %% [markdown]
# ## References
#
# - J. L. Elman (1990). *Finding structure in time.* Cognitive Science 14(2), 179–211. The network whose hidden units are fed back: equation (1).
# - Y. Bengio, P. Simard, P. Frasconi (1994). *Learning long-term dependencies with gradient descent is difficult.* IEEE Transactions on Neural Networks 5(2), 157–166. Why gradients vanish.
# - K. Cho et al. (2014). *Learning phrase representations using RNN encoder–decoder for statistical machine translation.* arXiv:1406.1078, section 2.3, equations (5)–(8): the first GRU, with the reset gate before the product.
# - J. Chung, C. Gulcehre, K. Cho, Y. Bengio (2014). *Empirical evaluation of gated recurrent neural networks on sequence modeling.* arXiv:1412.3555, section 3.2: the GRU with the roles of $z$ and $1 - z$ exchanged.
# - A. Vaswani et al. (2017). *Attention is all you need.* arXiv:1706.03762, section 3.2.1, equation (1): scaled dot-product attention; section 3.2.2: several heads; table 1: the costs.
# - PyTorch documentation of [`nn.RNN`](https://docs.pytorch.org/docs/stable/generated/torch.nn.RNN.html), [`nn.GRU`](https://docs.pytorch.org/docs/stable/generated/torch.nn.GRU.html) (with a note on the reset gate after the product), [`nn.MultiheadAttention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.MultiheadAttention.html) and [`scaled_dot_product_attention`](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.scaled_dot_product_attention.html) (for the two meanings of a boolean mask).

# %% [markdown]
# ## Before you hand in
#
# Restart the kernel and run all cells. Every check above should show what you expect. Then hand in this notebook and `implementation.py`.
