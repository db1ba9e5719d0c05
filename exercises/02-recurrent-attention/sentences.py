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
# # A language model, one character at a time
#
# In this notebook you train a network to guess the next character of a sentence, measure how well it guesses, and let it write. You choose the network: an RNN, a GRU, an LSTM or a causal transformer. What counts is the loss on sentences that neither you nor the network has seen.
#
# **When you are done, you can**
#
# - turn sentences into padded batches, and say what happens to the padding;
# - write a language model and its loss with teacher forcing, and test that it cannot see the future;
# - say how good a loss is: in nats, in bits and as a perplexity, beside guessing, counting and packing;
# - train with validation, checkpoints and early stopping, and read a training curve;
# - draw sentences from a model, and explain what the temperature does.
#
# **You need** the notebook `cells` (what an RNN and a GRU compute) and a first idea of PyTorch's training loop.
#
# **Time and hardware.** About two hours of work, and one training run that works by itself: count on half an hour on a CPU. (Ours took 15 minutes of one core, with a faster loop than that of `nn.GRU`; it was below 1.5 after three of its nine epochs.) A stopped run goes on where it was.
#
# **How to work.** You write your answers in the file `rnn_lm.py` beside this notebook, save it, and run the check here. Hand in this notebook, `rnn_lm.py` and the file of weights, `sentence_model.safetensors`.
#
# | question | in `rnn_lm.py` | points | difficulty | importance | minutes |
# |---|---|---:|---|---|---:|
# | `language-model` | `SentenceModel`, `sentence_loss` | 10 | ●●●○○ | ●●●●● | 60, and the training |
#
# | loss on held-back sentences, in nats per character | points |
# |---|---:|
# | below 2.5 (a bit better than counting pairs of characters) | 5 |
# | below 2.0 | 8 |
# | below 1.5 | 10 |

# %% [markdown]
# ## Symbols and shapes
#
# | symbol | in code | meaning | shape | type |
# |---|---|---|---|---|
# | $B$ | `B` | batch: sentences side by side | | integer |
# | $T$ | `T` | steps: ids of the longest sentence of a batch, with BEGIN and END | | integer |
# | $V$ | `N_IDS` | ids: 95 characters, then BEGIN = 95, END = 96, PAD = 97 | 98 | integer |
# | $c_t$ | `batch[:, t]` | the id at step $t$; $c_0$ is BEGIN | $[B]$ | int64 |
# | | `tokens` | what the model reads: ids from BEGIN on | $[B, T]$ | int64 |
# | | `logits` | what the model says about the next id at each step | $[B, T, V]$ | float32 |
# | $p(c \mid \dots)$ | | probability of the next id: softmax of the logits | $[V]$ | float32 |
# | $\ell$ | `sentence_loss(…)` | mean loss over all targets that are not PAD, in nats | | float32 |
# | | `freq` | how often each id comes next in the training sentences, as a share | $[V]$ | float32 |

# %% [markdown]
# ## Set-up

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from labkit import data, expect, friendly, needs, plots, points, profile, seed

seed(17)
friendly()

# %% [markdown]
# The next cell makes the notebook read `rnn_lm.py` again whenever you have saved it.

# %%
%load_ext autoreload
%autoreload 1
%aimport rnn_lm

# %% [markdown]
# **Given modules.** `lm_training.py` has the training loop: batches, validation, checkpoints. Read it once, it is what you will write yourself in other projects. `lm_baselines.py` counts characters; you need not read it.

# %%
#!TAG LOCKED
from lm_baselines import table_of_baselines
from lm_training import LN2, count_targets, evaluate, first_loss, load_model, make_batches, next_shares, train

# %% [markdown]
# # 1. The sentences
#
# The published data set is "200k short texts" (Annamoradnejad and Zoghi, 2020): headlines of newspapers and one-line jokes, 32 to 100 characters each, some of the jokes coarse. It is not part of the course. If your instructor has given you a folder or an address, set the environment variable `LABS_SHORT_TEXTS` to it before you start Jupyter. Without it, lines of the same length from Herman Melville's *Moby-Dick* take their place; everything below works on both, and the next cell says which one you have.
#
# Two rules make any text fit. Whatever is not ASCII becomes a space, and a newline ends each sentence. So 95 characters are enough: the newline and the printable ASCII characters, without the double quote, which becomes a single one.

# %%
corpus = data.load_short_texts()
for name in ("train", "valid"):
    sentences = getattr(corpus, name)
    lengths = np.array([len(sentence) for sentence in sentences])
    print(
        f"{name}: {len(sentences):,} sentences, {lengths.sum():,} characters, "
        f"{lengths.min()} to {lengths.max()} each, {lengths.mean():.1f} on average"
    )
print()
print("".join(corpus.train[:5]), end="")

# %% [markdown]
# **Predict first, then run.** Which character is the most frequent one, and about how large is its share? How many of the 95 characters make up 90 % of the text?

# %%
counts = {character: 0 for character in data.ALPHABET}
for sentence in corpus.train:
    for character in sentence:
        counts[character] += 1
by_count = sorted(counts, key=counts.get, reverse=True)
share = np.array([counts[character] for character in by_count]) / sum(counts.values())
shown = [{"\n": "newline", " ": "space"}.get(character, character) for character in by_count[:30]]

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3), width_ratios=(2, 1), layout="constrained")
left.bar(range(30), 100 * share[:30], color="#4477aa")
left.set_xticks(range(30), shown, rotation=90)
left.set(ylabel="share of all characters, %", title="The 30 most frequent characters")
lengths = [len(sentence) for sentence in corpus.train]
right.hist(lengths, bins=range(30, 104, 2), color="#4477aa")
right.set(xlabel="characters in a sentence", ylabel="sentences", title="Lengths")
plt.close(figure)  # the last line shows it, with a description for those who cannot see it
print(f"{(np.cumsum(share) < 0.9).sum() + 1} characters make up 90 % of the text;")
print(f"{sum(count == 0 for count in counts.values())} of the 95 do not occur in the training sentences.")
plots.Plot(
    figure,
    alt=f"Left: bars of the 30 most frequent characters, falling from {shown[0]} with {100 * share[0]:.1f} % over "
    f"{shown[1]} with {100 * share[1]:.1f} % to {100 * share[29]:.1f} %. Right: histogram of the lengths, from "
    f"{min(lengths)} to {max(lengths)} characters.",
)

# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# The space leads, with a share of 16 to 18 %, then e, t, a, o. About 20 characters make up 90 % of the text. A model that knows nothing but these shares does much better than guessing among 96 outcomes; you will see how much in section 3.
#
# </details>

# %% [markdown]
# # 2. From sentences to batches
#
# The model reads ids. A sentence becomes BEGIN, its characters (the last one is the newline), END. Sentences of one batch have different lengths, so the shorter ones are filled up with PAD:

# %%
small = data.pad_batch(["Call me.\n", "No!\n"])  # [B, T] = [2, 11]
print(small.shape, small.dtype)
print(small)


# %% [markdown]
# **Teacher forcing.** What should the model learn at step $t$? To say $c_{t+1}$ after it has read the *true* $c_0, \dots, c_t$, whatever it would have guessed itself. So one sentence gives $T - 1$ exercises at once: the model reads all ids but the last, and the targets are all ids but the first.

# %%
def name_of(index):
    return {data.BEGIN: "BEGIN", data.END: "END", data.PAD: "PAD"}.get(index) or repr(data.ALPHABET[index])


print("step  the model has read up to   and should say")
for step, (read, target) in enumerate(zip(small[1, :-1], small[1, 1:], strict=True)):
    note = "   (no exercise: the target is PAD)" if target == data.PAD else ""
    print(f"{step:>4}  {name_of(read):<25}  {name_of(target)}{note}")

# %% [markdown]
# PAD is never a target: from the third sentence position on, nothing is to be learned there. Nor may PAD change anything else: the logits of a sentence must be the same whether it stands alone or beside a longer one. With PAD on the right and a model that only looks back, this comes for free. Layers that mix the sentences of a batch, such as batch normalisation, break it.
#
# Batches of sentences of similar length need little padding. `make_batches` sorts within a window of 40 batches, and shuffles the rest:

# %%
for title, batches in (
    ("in random order", [torch.from_numpy(data.pad_batch(corpus.train[i : i + 64])) for i in range(0, 6400, 64)]),
    ("of similar length", make_batches(corpus.train[:6400], 64, seed=0)),
):
    padding = 1 - sum(map(count_targets, batches)) / sum(batch[:, 1:].numel() for batch in batches)
    print(f"{title}: {100 * padding:.1f} % of the targets are PAD")

# %% [markdown]
# `freq`, which your model gets, holds the shares of all ids as *next* ids, END included:

# %%
freq = next_shares(corpus.train)  # [98]
print(f"shape {tuple(freq.shape)}, sum {freq.sum():.4f}, END {freq[data.END]:.4f}, PAD {freq[data.PAD]:.4f}")

# %% [markdown]
# # 3. How good is good?
#
# A language model gives a sentence a probability, step by step (the chain rule, no approximation):
#
# $$p(c_1, \dots, c_{T-1}) = \prod_{t=1}^{T-1} p(c_t \mid c_0, \dots, c_{t-1}) \tag{1}$$
#
# The loss is the mean of $-\ln p$ over all targets that are not PAD, in **nats** per character:
#
# $$\ell = -\frac{1}{N} \sum_{n=1}^{N} \ln p(c_n \mid \text{all before it}) \tag{2}$$
#
# Divided by $\ln 2 = 0.693$ it is in **bits**: what an ideal packing program would need for each character. $e^{\ell}$ is the **perplexity**: how many equally likely characters the model hesitates between.
#
# **By hand.** A model gives the right characters of a three-character text the probabilities $\tfrac12, \tfrac14, \tfrac18$. Then $\ell = (\ln 2 + \ln 4 + \ln 8)/3 = 2 \ln 2 = 1.386$ nats, that is 2 bits, and the perplexity is 4: on average it hesitates between four.
#
# **What to beat.** Guessing among 96 outcomes (95 characters or END); counting how often a character follows the $n - 1$ before it ($n$-grams, with 0.1 added to each count); and `gzip`.
#
# **Predict first, then run.** Counting longer contexts should get better and better. Does it?

# %%
part = profile.pick(quick=4000, full=len(corpus.train))
orders = profile.pick(quick=(1, 2, 3), full=(1, 2, 3, 4, 5, 6))
baselines = table_of_baselines(corpus.train[:part], corpus.valid, orders)
print(f"{'':<34} nats   bits   perplexity")
for name, nats in baselines:
    print(f"{name:<34} {nats:.3f}  {nats / LN2:.3f}  {math.exp(nats):6.2f}")

# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# With all training sentences, counting gets better up to 5-grams and then worse: most contexts of five characters that come up in the validation sentences were seen once or never, and counts of nothing say nothing. On Moby-Dick the losses are 3.10, 2.38, 1.96, 1.66, 1.64 and then 1.89 nats for $n$ = 1 to 6. A network has no such limit: contexts that look alike share what was learned. That is what the rest of the notebook is about.
#
# </details>

# %% [markdown]
# # 4. The model
#
# **Intuition.** At every step the network has a summary of what it has read, and turns it into 98 numbers, one for each id. The summary comes from a recurrent layer, which carries it from step to step, or from causal attention, which looks back at all steps. Nothing else is needed:
#
# $$e_t = \mathrm{E}[c_t], \qquad h_t = \text{layer}(e_0, \dots, e_t), \qquad \text{logits}_t = h_t W + b \tag{3}$$
#
# Shapes: $[B, T]$ ids $\to [B, T, E] \to [B, T, H] \to [B, T, 98]$.
#
# Which layer? That is yours to find out; section 8 puts your runs beside ours, losses against minutes.

# %% [markdown]
# ## Task `language-model`: write the model and its loss
#
# > **10 points** · difficulty ●●●○○ · importance ●●●●● · 60 minutes, and the training
# >
# > In `rnn_lm.py`, write the class `SentenceModel` and the function `sentence_loss`. `SentenceModel(freq)` makes the model; `model(tokens)` with ids $[B, T]$ gives logits $[B, T, 98]$. `sentence_loss(model, batch)` gives equation (2) for a padded batch.
# >
# > Then train it (section 5) and load the weights (section 6). The points come from the loss on sentences that are held back, see the table at the top. The grader computes it itself from your model's logits. A model that sees later characters, or whose answer for a sentence depends on the other sentences of the batch, gets no points, whatever its loss. Probabilities in place of logits are accepted.
#
# **Stuck?** If you have spent more than ten minutes without writing a line, open the first hint.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# Three layers: `nn.Embedding` for the ids, `nn.GRU` (or `nn.RNN`, `nn.LSTM`) with `batch_first=True`, `nn.Linear` to 98 logits. The recurrent layer gives `(outputs, final_state)`; you need the outputs of *all* steps.
#
# </details>
#
# <details>
# <summary>Hint 2: the loss in words</summary>
#
# - Give the model all ids but the last column: `batch[:, :-1]`.
# - The targets are all ids but the first column.
# - `cross_entropy` of PyTorch wants logits $[N, 98]$ and targets $[N]$: flatten the first two axes.
# - It can leave targets out: `ignore_index`.
#
# </details>
#
# <details>
# <summary>Hint 3: nearly code</summary>
#
# ```text
# class SentenceModel:
#     make:    an embedding of 98 ids with E numbers each
#              a recurrent layer from E to H, batch first
#              a linear map from H to 98
#     forward: embed the tokens            [B, T]    -> [B, T, E]
#              run the layer, keep outputs [B, T, E] -> [B, T, H]
#              map them to logits          [B, T, H] -> [B, T, 98]
#
# sentence_loss:
#     logits  = model of the batch without its last column
#     targets = the batch without its first column
#     return the cross-entropy of both, flattened, PAD ignored
# ```
#
# </details>
#
# <details>
# <summary>Hint 4: what made ours better</summary>
#
# - Set the bias of the last map to `log(freq)`: the untrained model then starts at the loss of 1-grams, about 3.1, and not at $\ln 98 = 4.6$.
# - Dropout on the outputs of the layer (0.3), so that ten passes through the text do not become learning by heart.
# - A learning rate that rises, then falls to nearly nothing: most of the gain comes while it falls. `train` does this.
# - Add to each character's embedding the embeddings of its recent past, numbered by a hash: the last 2, 3, 4 and 6 characters, the word so far, the word before. Half of them are left out at random in training. On 30,000 of the short texts, a GRU with 384 units stood at 1.64 nats after one of three epochs without them, and at 1.53 with them.
#
# </details>
#
# <details>
# <summary>Common mistakes</summary>
#
# - **Predicting the present.** Targets that are not shifted: the loss falls to nearly 0 in a minute, and the model has learned to copy. The check calls this "the targets are not shifted".
# - **Seeing the future.** `bidirectional=True`, or attention without a mask: the loss falls far below 1, and the generated text is noise.
# - **PAD is learned.** Without `ignore_index` the model is praised for predicting padding; the loss looks better than it is.
# - **Probabilities.** `cross_entropy` wants logits. With a softmax before it, training is slow and stops early.
# - **Sum instead of mean.** The loss must not depend on the size of the batch.
#
# </details>
#
# When you have written both, look at the untrained model.

# %%
#!TAG SKIPQUESTEXEC
from rnn_lm import SentenceModel, sentence_loss

seed(17)
untrained = SentenceModel(freq)
size = sum(parameter.numel() for parameter in untrained.parameters())
first = make_batches(corpus.valid[:64], 64)[0]
print(f"{size:,} parameters")
print(f"loss of the untrained model: {first_loss(sentence_loss, untrained.eval(), first):.3f} nats")
print(f"guessing: {math.log(98):.3f}, knowing the shares of the characters: {baselines[1][1]:.3f}")

# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# Near 4.6 for a plain model, near 3.1 if you set the bias of the last map to `log(freq)`. Much more than 4.6 means that the first weights are too large; less than 2 that the model sees the targets.
#
# </details>
#
# **Can it learn at all?** Before you train for half an hour, let the model learn 16 sentences by heart. A model that cannot do this has a mistake, and it takes seconds to find out.

# %%
#!TAG SKIPQUESTEXEC
seed(17)
learner = SentenceModel(freq)
few = make_batches(corpus.train[:16], 16)[0]
first_loss(sentence_loss, learner, few)
optimizer = torch.optim.AdamW(learner.parameters(), lr=5e-3)
for step in range(profile.pick(quick=4, full=80) + 1):
    loss = sentence_loss(learner, few)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % profile.pick(quick=2, full=20) == 0:
        print(f"step {step:>3}: {loss.item():.3f} nats")

# %% [markdown]
# # 5. Training
#
# `train` goes through the sentences, `epochs` times. After each epoch it measures the loss on the validation sentences, and if it is the lowest so far, writes the weights to the file. After `patience` epochs without a new lowest loss it stops. If it is interrupted, call it again with the same settings: it goes on after the last whole epoch.
#
# The learning rate rises for a fifth of the steps and then falls along a cosine to a hundredth of its peak, so a run of 3 epochs is not the beginning of a run of 10: decide first how long you want to train. Try two or three epochs before the long run.

# %%
#!TAG SKIPQUESTEXEC
seed(17)
history = train(
    sentence_loss,
    SentenceModel(freq),
    corpus,
    profile.pick(quick="trial.safetensors", full="sentence_model.safetensors"),
    epochs=profile.pick(quick=2, full=10),
    batch_size=profile.pick(quick=8, full=64),
    learning_rate=4e-3,
    max_batches=profile.pick(quick=5, full=None),
)

# %% [markdown]
# **Read the curve.** Training loss that falls while validation loss rises means that the model learns sentences by heart: stop earlier, or add dropout. Both high and flat: the learning rate is too low, or the model too small. (The training loss is a mean over an epoch in which the model still changed, and with dropout on; so it can lie above the validation loss.)

# %%
#!TAG SKIPQUESTEXEC
plots.training_curves(
    {name: [epoch[name] for epoch in history] for name in ("train", "valid")},
    baselines={f"{worth} points": limit for limit, worth in ((2.5, 5), (2.0, 8), (1.5, 10))},
    title="Loss in nats per character",
)

# %% [markdown]
# # 6. The weights that you hand in
#
# The file `sentence_model.safetensors` holds numbers only: no code, so anyone can open it without risk. It must fit your class: if you change sizes in `rnn_lm.py` after training, train again. A state dict written with `torch.save` as `sentence_model.pt` is read too; a whole pickled model is refused.

# %%
#!TAG SKIPQUESTEXEC
model = load_model(SentenceModel(freq), "sentence_model.safetensors")
some = corpus.valid[: profile.pick(quick=100, full=None)]
loss = evaluate(sentence_loss, model, some)
print(f"validation: {loss:.4f} nats = {loss / LN2:.3f} bits per character, perplexity {math.exp(loss):.2f}")

# %% [markdown]
# The check looks at the form of the model, then at what it can see, then at its loss. When your work is graded, the loss is computed once more on sentences that are not in your files; that loss gives the points.

# %%
#!TAG TEST language-model points=10
THRESHOLDS = {2.5: 5, 2.0: 8, 1.5: 10}
LEFT = ["Call me Ishmael.\n", "The sea was calm that night, and we slept.\n", "No!\n"]


def log_probabilities(tokens):
    """Return the model's log-probabilities, [B, T, 98], from logits or from probabilities."""
    with torch.no_grad():
        logits = torch.as_tensor(model(tokens)).detach().to(torch.float64)
    expect.shape(logits, (*tokens.shape, data.N_IDS), call="model(tokens)", read="equation (3)")
    expect.finite(logits, call="model(tokens)")
    if bool((logits >= 0).all()) and torch.allclose(logits.sum(-1), torch.ones_like(logits[..., 0]), atol=1e-4):
        return torch.log(logits.clamp_min(1e-30))
    return torch.log_softmax(logits, dim=-1)


def loss_on(sentences):
    """Return the loss in nats per character, from the model's own logits: equation (2)."""
    total = targets = 0
    for batch in make_batches(sentences, 50):
        shares = log_probabilities(batch[:, :-1])  # [B, T-1, 98]
        chosen = shares.gather(2, batch[:, 1:, None])[..., 0]  # [B, T-1]
        kept = batch[:, 1:] != data.PAD
        total += float(chosen[kept].sum())
        targets += int(kept.sum())
    return -total / targets


@points(0)
def test_model_gives_98_logits_for_every_step():
    """`model(tokens)` gives finite logits of the shape [B, T, 98], for a batch and for a single step."""
    log_probabilities(torch.from_numpy(data.pad_batch(LEFT)))
    log_probabilities(torch.tensor([[data.BEGIN]]))


@points(0)
@needs("test_model_gives_98_logits_for_every_step")
def test_model_gives_the_same_logits_twice():
    """In evaluation mode, the model has no dice: the same tokens give the same logits."""
    tokens = torch.from_numpy(data.pad_batch(LEFT))
    expect.true(
        (log_probabilities(tokens) - log_probabilities(tokens)).abs().max().item() < 1e-4,
        "the same logits when the model is called twice with the same tokens",
        call="model(tokens), twice",
        cause="dropout is still on: `functional.dropout` needs `training=self.training`. Or a state is kept from "
        "call to call",
    )


@points(0)
@needs("test_model_gives_the_same_logits_twice")
def test_model_does_not_see_later_characters():
    """Changing later characters never changes earlier logits."""
    tokens = torch.from_numpy(data.pad_batch([LEFT[1]]))
    other = tokens.clone()
    other[0, 20:] = torch.tensor(data.encode("Something else entirely, oh!\n"))[: tokens.shape[1] - 20]
    moved = (log_probabilities(tokens)[0] - log_probabilities(other)[0]).abs().amax(dim=-1)  # [T]
    seen = int((moved[:20] > 1e-4).sum())
    expect.true(
        seen == 0,
        "the logits of the first 20 steps are equal for two sentences with the same first 20 ids",
        call="model(tokens) with two sentences that differ from step 20 on",
        cause=f"the model sees later characters: {seen} of the 20 earlier steps changed. "
        "Is a layer bidirectional, or an attention mask missing or upside down?",
        read="common mistakes: seeing the future",
    )
    expect.true(
        bool(moved[20] > 1e-7),
        "the logits of step 20 depend on the character of step 20",
        call="model(tokens) with two sentences that differ from step 20 on",
        cause="the model does not use the last character it has read: was the input shifted twice?",
        read="section 2, teacher forcing",
    )


@points(0)
@needs("test_model_gives_the_same_logits_twice")
def test_model_reads_each_sentence_by_itself():
    """The logits of a sentence depend neither on its neighbours in the batch nor on padding."""
    together = log_probabilities(torch.from_numpy(data.pad_batch(LEFT)))
    for row, sentence in enumerate(LEFT):
        alone = log_probabilities(torch.from_numpy(data.pad_batch([sentence])))[0]
        difference = (together[row, : len(alone)] - alone).abs().max().item()
        expect.true(
            difference < 1e-3,
            "the same logits for a sentence alone and beside others",
            call=f"model(tokens) with {sentence!r} alone, and beside two others",
            cause="the sentences of a batch are mixed: by a layer that looks across the batch, such as batch "
            "normalisation, or because `batch_first=True` was forgotten",
            read="section 2: PAD may not change anything",
        )


@points(0)
def test_sentence_loss_equals_the_definition():
    """`sentence_loss` is the mean over all targets that are not PAD, in nats."""
    generator = torch.Generator().manual_seed(3)
    table = 2 * torch.randn(data.N_IDS, data.N_IDS, generator=generator)  # logits that depend on the last id only
    batch = torch.from_numpy(data.pad_batch(LEFT))
    shares = torch.log_softmax(table, dim=-1)

    def mean_over(reads, targets, kept):
        return float(-shares[reads[kept], targets[kept]].mean())

    reads, targets = batch[:, :-1], batch[:, 1:]
    everything = torch.ones_like(targets, dtype=torch.bool)
    right = mean_over(reads, targets, targets != data.PAD)
    expect.close(
        sentence_loss(lambda tokens: table[tokens], batch),
        right,
        call="sentence_loss(model, batch)",
        tol=1e-4,
        variants={
            "PAD is counted as a target": mean_over(reads, targets, everything),
            "the targets are not shifted: the model is asked for the id it has just read": mean_over(
                reads, reads, reads != data.PAD
            ),
            "it is the sum and not the mean": right * int((targets != data.PAD).sum()),
            "it is in bits: leave out the division by ln 2": right / LN2,
            "the sign is missing": -right,
        },
        read="equation (2) and section 2",
    )


@points(0)
@needs("test_model_does_not_see_later_characters", "test_model_reads_each_sentence_by_itself")
def test_loss_on_validation_sentences():
    """The loss on 200 validation sentences, and what it would be worth."""
    return expect.loss_below(loss_on(corpus.valid[:200]), THRESHOLDS, what="the loss in nats per character")


#!TAG HIDDENBEGIN
@points(10)
@needs("test_model_does_not_see_later_characters", "test_model_reads_each_sentence_by_itself")
def test_loss_on_held_back_sentences():
    """The loss on sentences that were held back, computed from the model's logits."""
    return expect.loss_below(loss_on(held_back_sentences()), THRESHOLDS, what="the loss in nats per character")


def held_back_sentences():
    """Return 250 held-back lines of Moby-Dick, or the test part of the real sentences where these are configured."""
    if not corpus.is_stand_in:
        return (corpus.test or corpus.valid)[:1000]
    import base64
    import zlib

    packed = (
        "c-nPb+p^n6l6=QkKu?;90QmvS2Zihzk2GPAy>k?+n8zm2AX^7OW6;2%>960+tZtCnON1{H4+u1>tFp4Ps!t!6I*g<5f?NG?uhW)h"
        "KXqZc)a%vP?Y6G`b6VZSr#im*MW3h8`KESLR}b;#7rT7%z8>7P`ejN@b*R5wL#l6AH}KLi=3D-Cx(p#*>)6+E=;}9j+4$hsDc+{q"
        "C0+An*~Z!J-^FA2>2KG2^0<5c98XC2!%%;&&sxDXjCIGmtno0$Wr?>B)z_<^8s7GE9p^CNZeg-Fi`$YsSFwf>AM>+y*?c{@bzAfU"
        "SYjDn>(@}9ed|VVi)<<y;2O8pV_mWS;?i~Xm)KxkvA(*l{<fvHzBoLN3wLXc8@1Pl7k56juy5`7<GP3S-4yZcrS1oJX{ui*FSES3"
        "%i)t-&N093=%)9nZm+@j_2ONM_T_(XKCK~6Wxqc8^WtyVuDIOmo2(hqe^ftgYmJ{SuvYNhvHpk^;8p6;EwA=fERx@Ub9}xnM&G|g"
        "e9$j()Q?9j`Y^h*9<JVXP4%Cf_gI2m>S(&~Ce!^hzQ#BF%gw7p8n}hM!^_^>oo3+8zGCUx+ZUMfdaQ2Ou=>fT1REw;+)uTC!+%EC"
        "(cvyr=tB$l;{7j!>v(BXeZ0DJJ#Wh#linoOvrByMC2p51A2edi^CSQ6@Pc*nZg;Aw#oo8e7WC~YF6;H?mX0^Z1vhMrulWcW-{I=S"
        "$Gf(T<4iX;zr%;;Z@z_*9o`@Bf$!mwdWST}SNt#b^c(kfN4U+{Pd}{)4qOSl;l|zIYwUq{?X`w~{JCB>M8mkXuMg{=<1NigSc?Hy"
        "*Y}GH!>RgdTjWC#zW%s;376{%Z^3(n34x)d^CvI2xO9h~7=@pwNxqNQl!vDc3+Vj<!{e*&4nxpVXE;y_zt@Q3^~%kG^Le@yEaV3~"
        "0b3};&?`r*1a1+g_&eX};}U#&SFKlV2xG_N^*g$8Cuc~mUAVWf0HPU@ySjmUhD9Y9NpFk$&=a}0aQ9QSO&y-%>hrKMZrz0E4Rw0G"
        "pA4U_VXo~OzWTtoNidb|I{-)sm+)*nWFr2!0RVNX9?OFdZqwwk<H;eI%tmzc9Ip(6WA#P*g4Hns7*c!%TI-u5s=`w1jb5<cB7zGJ"
        "e;yq6^t=tP!pOzxW;f4gFrtY?FzN)rO28vrJMsr{HONR7r~Lr?-0OLXbURoiHNvPZ<!HUaiA!({_#UC%-OP{-WFi!hW1yj7#!HMH"
        "u<1ewZ?VT=+A<twUlS_2p{ah0*n#tKCz>I={~jlItw(v9oZn9gH)!$dfaBzc-X3s`12P4_vtCa$P=o!1sc|jikgl=9AhcozXxGZ4"
        "=A3~TWGmBxm;dvxBXI+OjyH*;zvA}2#|zo}horE2#6F__RGshGEyP@OOOh)9P_QkAh%n8-Et2_VIxZ(=XF1;uA>j{xu&Br@^}oXb"
        "5m8~{COSaoy+qnA!U>z|E8`q6o^z?6nU7}IdP{8BXz%g*S`l5md=Aj#o#<pgE>WK&Da;Z3UD3$~7=u}_MHDXmHpq`@=VE(C*Q|WQ"
        "AolvpYU`HI-j8|_1j6WE;T91QGtqcTAg&&QTaMUsIOfmp54UW|0-+%quB%`6t-%XizjM)cTh6!*(+9rIYv#bUndv4jjG)1MdB<xQ"
        "R^mSvzyO+voEKcHbT|sO6_;ILT%;AROWW|qEpi?Jx(6v4!g@a;uBJfnk2z~iO3g}Av)rePfA|NRxh(WtH^3e#!&0|h>WAZ4_N71J"
        ")-*hPZiv8j5`YK?fLRk$A7AZT<UYtu$Le2kqmKbI^u0Y65og+h&lWYW9_vD&6PU3j!>|$Nln5iQmvxi~u_zFN)pPAw@1ZcU6-d=#"
        "a~pF<LIXCtWs)Iq!AwmhaCgA?nc0%CK?fb^$Zv6Y^O+biKdtyfSlVrz+*`OfT}ymNe0}T}<Y99n;zg${@lkQSC8Adt>{i@-A@Pk~"
        "CnpVh8D$U4QQrRnD))J+FTi0UjM<#IXz}DHjah)HQb;n8A>8oRaLzHTO?9E+N4p==;~SoS5eb1y(>-BUlESo&OiW6-`J*<vAss8a"
        "U)UE=-yd5>BpbHQKL`?bwIitwEdzR+$N|l)Q~3ixWDP676_<*hh3q&T>rWf~a5UahlQQ(6J0zc^PAzf`7t7m>5g`O91Aiocn=Z%d"
        "bKWQ}YGtH`^(a^vh`jnHC|kPv2lK%@rdL413FwR)`MW=yv3+=0do@SpA5P3*i+|5G=(%*7z-`EX&kMsYT=&mLH-t7sfI%1fo*A_D"
        "?-bT0ITFNBG1S{^%-t_3;O+mm0h4&$KVg&?(6CAjPvnt|Qmos7+a2p4NgN3aO->I@1sEaF%OrU5S8wd@@boEwY@0~bF5aC>?Lc7U"
        "Gk_bBZ*nF=!aT1=T@oy7>Hl5zQMBCc1fBTFO})S$`4kv`cr_R85NCdo5!|wJLl-}LL?-b5*Q-dSAKocg8ON($1Hgm5kPpI4AF5Tk"
        "r4X~Q$Srpq%Oq9X*@Xqsj6m4=-Oq5dNr)kY6@6~1mo?7s@bK`+EwsjRtpCNZ3Z13(13;J1^L~223U=#X;a*>^#+eWijRDi$f2foX"
        "ML5GK08*~t2f*R0N+Em~xB<NT5dcfW{RY#*)Oz6OrobHNAr?krttj*vmM3F*f(qbirLxHCo`c~Bb`Kl&FMLq{2zX_HD^l*vhi{Ic"
        "`PH~|@4`Y7?6ES^-X=TXzc(<PLejd$-Ng4FSt6OK!kSK1=*hlRTMB1Uw2=|xk$0wtfjf=rZ_lG?EUfR!8v+HdB;9ctx(pScGeuG!"
        "@YT<LHQ%K>J#9XXL-L!ksvU$5_&JwBZo)+al(-zX@^Y+}hG1cuNeaWy3Hl$XRh%HRmt3y>1BM5|R7oxPx`KKWpGjK4*g!>fbL~HO"
        "8!0BdJ^U)Z7GP8{5XPn!1jjRC?=E`)#cTy+Md1%EF?LJ>pus>}=9NbK%{RPTz2%2gQW4{rF$$+oWM{~$SW7^N3+V#rvC&J?UB0$R"
        "Rtx-jQ;7veNsbHdI;liaQC0^gO60Jdr!CvaB@t{Xzm(EuFH;!zxBS91E2L2oeyYH^xv@#xn^_-4hy&t5*$2Bt14|Pi2!Xuu|5pSH"
        "w_%R+Hn>I73)8Y`3TNWWB4aDw9XXB(6Z_)JiY?EwmdzpxEJBe*D3+??1b2dSn8aOj-T4;$?I}^h_pR&-*bmm9H_+)OYcl)SN2CoT"
        "l;!>bsiV}`piute7UcxVCKkQP!rr_aSMW`<<&r>a26Tp2A72*Q8cf2h&7?eR%PVO*JYo~QdH{W<-T@WbqMQV?II};Q{|46$X|D@t"
        "pu9K9bsdEVZCEPFo)CDfjCd*=YO{gC$NB|TPUsc;ybY4LG$a-MFgDzMX2L^;qbq-2b8wx#+tz^8(<q)+AIXhWu7WV-Ds@IwDg|Nf"
        "*wN8Sk{ENHij>ZHWO=Z*dTr__P4(BeQlJDqiX>w(ssLbjKpEt|@&WeWVCq<0fre47|IoKgD#A}uMgtK<D6Si9QOx!?5Vc7z^_3f&"
        "VNIoISZL1sFfij*EHXBW7CLK^L3gAaZ7q}Rj>li!tT>)t=?+JluSZr+mfkOs>*&m<5f!jMw<eC~2JdO*6^nz7m55b^DtoGrt2y!;"
        "_+9h3aPhrehf2h7m9@nXFNZV8JY@~CX(3tl<^SgOO(6zWvNE^LsJgjMc}FDbh@`tU8|b`5N6o<%JCuU2A@^cNNhIHj``*grav68Y"
        "5<hSf`$z6iG$5p1?=_Kof|JtBL|aob%TI+ESiJb==*fx*8&>ggu_ae)XK;&wRAMiREM?l&s<uIG<RlZzp1(y)16&;|vBGOhhNW(J"
        "GW~9q1WR|_1LqnLgbcc&ZwiX!`nr%Pvb2aotR;5}DGO!-B4Ns&j0!QwI<=*L-58N@F{ye8OG{#VE|foJR8Eqk2B09G&LVirdp2fy"
        "Yuu1d=An?OA_3}V)aojc2e>Z@^wzmnkU`_9Xt|cKGAT~weW_56RnfIcQ)INoR7gjeRc;G&y>W+_Y~LQ#t5o-(%!_fUsG9Uxh4p<Z"
        ")R@Es37s}UF2WnL&P{niN{fKp8-Yz}x2Zn4cT6<#W_K+{!^3ey(q~j-_2jtyBe#?;r~8oA;HQ&ZIByK=%s_M#-DU;TMP0}om4(&M"
        "g5I7_B48?tXA%R$2&GJ0+Rw7zTJjCRqZ9_H2i;6S&k7{S_$xh8A`_nA#{DB*sz|j<RXa7+HBNC`PUY@_MH;}~$X8Q8Wa;%jhd%g}"
        "MTKv8s)U}uW1UnliyXA5;L5=H_pQ5R9+lSZp(Bm4RnmQnq0PHRDMSL))rG+Xv@GGV{Q~;tyVFD1N@HAA*AqECt0$F-PTX_6=YYs8"
        "nVzC|4(qA<FC=fPKDj6IYeNFXkLn$=?qrpwQ6hIv2*3m0ti$br-dOsKLO-TBUl~XY1ead%rc&_W=BkY;2iGtZazj?j$=3!_=qyiI"
        "(327{f5^~9JiErh=Uzts=qopaBJIxPo!#}(Us^o13=!q9w8Z&RDgxjH(N?v0T)^UBfsf0CJV4@cNA+lwB+LS#3n+Gv+FjbOfZu92"
        "k-n_;vAUsXq>4LG^r05=IWJKawehQHDcSzq+n)2EA!9OGDglk6EDR$Vby}(4OOBXOO~*+;Vn!VKM0oZ|-5qC2F45wYx6C%_H*g40"
        "Zwl$T1jCxB<`h5#GkXhCo8U@egiU(v%gG!sZ<Z9kEYfD_K%%piNAz1hn{1M1CT22Q$gOfO?Ux9@{|mUqNx~)EqV>-zrN@rt27tPT"
        "6mpHtX35{F-m;!RiL|2F%-fQ-ux2^1`bm1DZvB+}<?6xc0LxOz>=G-KRK7*E>!_yU>#)&r*CsN*g}HvDTHo=JcoYiJc$v%<2j8!S"
        "xq@@V2cbgcbwNRr=D23m`+ww3T5&HoK=hPVqZ(?acRy+|tB(<jEJCG<Sb2Vn>P2M954Fk)ADs~TvM^gqQfHd_W!=u_0yBnYEBuyG"
        "&p&;5Z*7v8J8I<$*)Hpz&Xi~HMGubJ$O%6yB!RLN<ba@lrHNFlyxfs*N6Qk%N;mdbfc=4h)l}QGg8<@cJX4<B2n8pyZyL_^%nzk7"
        "$94jxcZ$0<79BfoJg9i4yfdqphCZ{Z{nq3xK4F7MH||;0>5Xj(3grP=WX_E(cw=nYEKho8l}DM?OpZP0LqAw8zVC4(7$Ek1i*nN3"
        "P&8s#m=pJ3GB14zf5Mw}r^<MCNx`BeY>JS|?fNwJtDWVu-)Brr-(-u>Djh6RlnUD%<<+V(iMhHF15QOqPo<l1R)nUkO7SyfRo#|E"
        "uJhbBlDC?<g*tfWM#hkcG72ZS7nM)>?Z~ogGCN<zHDMua1-Sf}TM{nkel~yAB+H?9jyF~W%<X_|7nW1C&8T@onNk=HlxbuZ530_$"
        "z6XfgoxcZ-w|K{fpNe}hR{3r2$;nuo%m`0zL=uYM=k~+S5+m};+n)46Iq?QzDShMI5#)w71~7_0<XAv4ZX;(s`_i|!B8o78k2~MK"
        "HoGqSsCfmp{sK%$CIFDCFq^R}zsA|1dF4Qc3G#Bz(o_rp!}DEr?5rMMpvG95zh_goa6JoepioFHO93y&I%XkSPxLwCq-SZVP>6=%"
        "ukvv(BxX(>u!TH;ShDMBfh-%DDt6}Ahk`|LEl}ic!wU|f_X>>8Gc9{KZ?wjT$h##7bL4*EB!V)#q42KT<j8)JEb-MwN3tMbF@ll<"
        "4r1R`Kl6PaTgeK`E%&PSKxZgaxtut=6?np%y|@Lb_JVM40R(rIt|5)?Zn&>Z>D3B3R&*VBnrR-VQh}+LiHMEtG4vk$$X4|@Co5Lx"
        "xB$cwNof}curGFf`+-k7^ng+9Is1yqR<>xMV5H+E%{XAw4=6k?>PKX-Lq4u;JM=C=6x{#r7eQctMV12KrRh}tbHf*dwK2Kk)pQCL"
        "^UUhhj7s}~)yQYK^VxTS{Q+*1vyP^K#p=Nq)D&knxeK40w?P3M!59Cn!62uVTgoD6#v3R^>8g`%!!cOx5;kR~hg3mk&H1LO{x6@l"
        "w}5;yxHqSTaUa9f(>Do$H&ETuX|U2Em*TlmYCm->uf*3%O0*O+SkurdB%}J0Y;25xHPte66O24QQFa!oBJ5!zdmp{C!VfOVqO*DQ"
        ">aXhRB8@ppO~>k2EHU%JclDuG;l}`EkkntTx+<FohWfs<w#O865}8W3>PEo_my9fyl@26aBTa1J{E8{;0=7`RS<@sI8)8*+DNN5k"
        "m*J~7b%B2o)26qBfLnWd3A6gGvz1YS4LK?Wn$SuUU|Zm5X5S{xA~+Bo-POTw9F-pc7kM9@V^TkZ1Z44eF>pTSKI-FERxv$ht!JdN"
        "9Sb{B!m)1F{^GMLLT&^IxAjGGkCU1u?g28ga<C+Ei3Dr6lzzBo;Q*bZY@26Rj@1o+ZCfV>%LTI#lS+}N;P|zV;1!%~%Idt;oR(xW"
        "l{dUoPMB)q?VkC{Bo3&U5k0Hs$g`SVAP(f{Ha3v+l|GT$T8f9<0<k1#;srbFE)j=OgUzg*56aM%XJQLyJ%ouML;@PE(4pd<W$AX|"
        "G?`7A?8I+pX}D#n>bTF=bk6DPSi!~m!wr5im&rc2k4v$MZhajoBi?bzD2rH1sD~pdo*`_LAgH1rRG*3g8EjSzgknWwzYyi}u+$S-"
        "x8_4o<QM2<I$-C$DjiSOmM|I&wo0UZh!v#F{Tj-&+ha7#bAX5giULqmLAjWL;TT8<verd7I{Q}rN7yv=;j%40&$g&7nT@=iR|>zR"
        "s<<=Ao}aQ1-_&K2Fmb5UO7z&XQ=iok#flnP)Jy6#pyV%~OHj5sJ+^J(kIUhP+ruNt4e}kvkY8^O?Cg-C;2Cbe%P(%&2g<CcL=8Py"
        "J4!C++E(oig-SfHHbS{~JjFGrKQP;!9^t_WgeNt-sb0Jd4aIGJI6NXO(h!#K9OdUQu*N9OYSFYO;v+Jm*~O+}QKPJvS$_Q&w{&pt"
        "fd+j_M`1B)JNW6cUV+mb6$A{5hK2RdMFxM(GLi(1`U{<&X8Jk8_a<ZGg=q?}t#?hU<i^K{vT{=Yta>z21~E8Q>mV&~n8krJKg|x@"
        "gCBBBR81qRAaYfhsqCo19uQ=c>K;u4<N_M5<7{9q>(v@?_roXTGQW^F(GT|?Kop>`Uk7`JTx!r^fn*kW`_`LEoZpVUN2!oT)|)4e"
        "vL~YKM}&mL%%%~=Re2a(yoFoATUbtXokm^YjW+X}$C%UXb}2Wbs1gHekLmSTy;!GkHJo`T35aZbjd~6em37^tjpRgx3~QaAOyscv"
        "kD>y~M_K2R!%oJd35a}thM9$-MG6~0MfZsX?f*FrDNkBC8~Y;UScSQG_Vw31GAO1?)CP4iNk=-1WLdR9S82N`_jWTv{m;&8A0-Q9"
        "uA8-$h9$~KfXnikaQqS!6qy6#DZ9+mRR5rLSR7-M7b;N-V^j~EvSs=HIk)2DoRbfT-zy_V1o+9uc|7r(`pqi)&#}8V`}CVN)v=29"
        "^`@~$BCHK;8!n0ySc2vsC{YhvGS<PeXdiIUumS6hWYUNw5E(1`>S~w5XI@s+ny(<kY5|tUZP8(Vbj<fm+9q{q_<2U88l7V6iCSbR"
        "F03r2msKvdDNU29qPmN%pI6RZ!jZZ?PRhh$+9nilrEYZlQthXcO=tQtsbLd=rSSv21)E%SFVD+EZlWq01PwPZBnvmnmAQetj|Er_"
        "Co1(M;hZHvrET0B+8UR#J~PuEQ;!tO+%*mw($xrFnYuIa<#~QXPD-gT6Ci36XH7$}#3=1wcHVK%N;S}Pk2!g3lF6nL8*Wx7S*FRJ"
        "z%6)`$YBT2oPuq@A^)hU0K^mWh=?*Ass+O}ZIprqSE7043?DrmxsOXxQyY1kq}DQABOYKSh(4cuY3{zJQ!U`;6p$BDeEuKD9?MjF"
        "vv-9KCW_OnRJ7={C(gg94$O$JNwc%RN0thC{*)mfrgKz4**S&#t^sILL`&o};R2`bNZRCj|ChPd_<GnItUk-FMLl6I^6hmp(r{f+"
        "vQ{63`Rc`_Fb3Z6>cVn3v)Dq&_|&qDAdV4lbN_!Y;JqfRi@@?DE>&^J4fqsi#ZICss-#H@k$3qfvB<Iz8$<Y3^)!c7{MB-A7S(AI"
        "x&}`-09+zGf;L3qhf11Vg9UkvYzWy9?>&`fk&P;xss#ElGbvo-L$LS_Ari=cQOb#h<N@K_fA+$ZHZo-S-fjlvuYe9#M{`<OV8?YQ"
        "O%q6I<^$%4G}PWrG%Uh|!JbI$d9miU;ua4P*5?6;y=y5m72XKk<OvC|cwQ!{RIjfNOug)~HU*FQq#jYvW&?diV|zA^z{$h<EiCKi"
        "ty!g3N6}bEx12>~zd0-ju2LqZxruOpE_YiVt-xI8L_1m`9_xQ!HC$yUX7cJUV01ylJT7Zy3cMcSAYzguReADRJA2$R%h2($<Llkp"
        "KzT3KsmHth#$xncDYlrQz8FQz?b^qfUl~$V>Qi2dHX5DEce2EHwkr61SIwZTmk+@-dm=HB!sa<`x?c>tOxlMfkK~*D*X(=z3&j^?"
        "9@GunPUC+jzx_&$>S!Wm=5hH%fDzpIa1I1!_pBhK$KaBBt65K=|FPjX8B&}o7DX14iZKl-GTl?-m~1X)>+(>34oU)9%Cl_FCM)+r"
        "6?Xka7!qe;ZEViY0`yi&w>wKdXF;~fP|ZBraV|3F0peaahP4a?Sz0909qp(Uo^jb$otRLglM{O!x>*BiH?_}e9cbA*zgFXst1yPB"
        "4XMt-{*NZ7n&OmuMF=%ch%R9pOU3@wG?0;Y6ASo0MUcP5rdrY%t)YM>mte<Hvm#*0k#xn{@l=W7iL&Z1FE5W_g&vT2z+Vn4l}v2w"
        "&~Zzx{ofAc3xajq+NV)(b<hs>F-5|OEgIWeTyu#l`_Y_m;CNf^Pd0luUJ+&rh=rU08~*BlZ@nh+<Pfx=O=1u0ayNJ=%>f$_&LG2v"
        "*mTKNAE*~G+PnSSBMr?-(mN+KO+NaOy;ywH=1VBS<`QldU!V(1zc;7<1Z4X|GGF4k7WXueRCn8+mU8LY>_Li5ElNFXOfaoRfOjon"
        "n}#r+eP<`FIAB}-6r?NtM_t+(t4U?+u2T55d8*-(_2F*MzWxxfvQsv7?gD$w6lCN$`-{^KnX~M6`pvP<8WN}IHj0yLcr=)87*Nyh"
        "cr~~}Mt5s0J8IWeRxgX7j`D*RP`{4Srd1)VO!l%lQL96l#?srZ?<$)gH8lG{b3-3$JCMNAD{W`aaxA4a@>F>LlG`U*-#`2f`!>!%"
        "+a;gEf-Nc$FnmSD!*{ZbFSS74JwS0jJ!&Uosa%06uA7~o=+%ftvFN+bSg}L2A*oQeM?U=S3wD7tS_(B((lji*pKhY*OT)IQe+Waz"
        "6PX7I8=zkSkjU{A)z+N&Rv6@|i!8=77W@O(L9Cr9!Jqioe~Q-Ueu;XF`6yLT<JJx3^v}jITTZ-7TvH2M8`y`X%;;P>6SL}|F`y^d"
        "DGzF1F_zhQW+RR%ZA|P`3YO4yeDprOaam-QX<J8cV<dpI&|4-53l*DlybX3}Y-+DXq+ebWD~SiZ=Yu}iQ05<Oj3P%6kCRxUIRI&b"
        "$%YiERky<H?i!C`K2b{2ScviUoexZT+^Y@?+kEhJ?#w4ka^J}U|K3OzxS5BZqb!lE_=jLT$0OKT$!nUN+t+T&a}72isk_NzlMIEG"
        "gWz9SXkH2|amH-wjy0Pw1BJkR)C7#raV#s{B5<s;@ycD5Wek+zVR6gc;-wTs!bkhD6(OE+7jQ9)seNbrC>eH}&fXyXR2We{<6UmT"
        "9mh4nPM72%z(&LEsu}kLc4b>PnB0^F30B*tT;C9Ci!akJ-^~F^nu=^$^Id)ef%?YNgZX5~u_`l`-j(nb%I!VH(onR46`d(5huwhl"
        "lfjA9lsu}=lS28d{PYLtP^HzBNv?+mvmYX?-8pW#g_gTb8lsnZ5E<FK8>1KBaCghcC6lOZzg<cEmK@mm_%-cOP9dcojO?%U#E`o`"
        "Jf5c+NJgI5sm<psXp7QY-$&46xRQh_9RxC<D`)Grq+xHAXOX9Dk*RFzlxtRodQ4&JtP!#B#(qt1x|9KiQtH2lljGh@KiUs?3tkW<"
        "BJbN6Mbsl^V)`i`G_iTB_@R=Ndn0RRN0nw4=gJ9NZ0HKWu$mYvu+zb852kCrMpdvKN#V`f!6^Q*IvD2njwdy)tPmf<kVIE+E?25F"
        "aDW5YGMvsz9Xq$U%SR$)>h7^BC3PRRi^^}Mw9p%*Hhaa$rZ{IbfOWj#1pxh_Qvd9%@ua8WzdRJDBpCaB`lY@M@w{bT6Q&-kFl+@s"
        "O<S%kGA;OSUPkn9p!Lf{9<y>t95v>6u3D86Nnmj{aXQwL<n%iD|8$a_+-`4^>+sdCgYlqjUm`g7t;Fn472es(RW@Vt2%5=H(wQ|U"
        "HQCV`W8!&d7J|2FS*p<st+&d9qa20ak`!P4T8<kUhmqRBbEidR`bQusxPGWiU3ro0b-+LP+u>*Y@K~D={4|L$SvA3#qD5LXYJzrC"
        "#NJWB?qkZEe$xO)F4ab|rRL-BCGzcBy}9~IzhK|^&pbcnbG?%=#3=F2&M+C~AVFqnA`8$FnWN~5M~fe1h$VMLl<us_T^1x^G7Cd>"
        "ITGI)Q7^|qNjR}F>1n_dw7ZPiDyg%){Q)U1&W{>{<(yylSK-Sqs51WC*i7W2KzcrbkVr6?we7Tt4mjMk4sL^WwR|3<Pa<$C@oe@i"
        "*XZB@HihGsmfWyikvc9*9+oF-B#Y7?ixj%g=u70nCgO*rBbxme1$z4Z9x(ghVOrJ??Qrkn^p2}EBKH@#LE6XTNo7(P7&mHx;@gM%"
        "Pg$d(e63=X4xzq?ve2J_ggm0j|Gul#blf_Ppeq9%>W|l$PbI&z-^>!y6W%uY)Yn6*(G<YDyeD>!WBPtvDJwKA=9DBf17#XGDyo0^"
        "#KGC;-wnWk4>=v$gR(qw+wtUo3w8Ot0$_ILF?0@oO~(6`B-J7*K6$LZs46|MN)<LIGf|U&e*h1Rm5npO8N7ZJP}yMhnl*@)V@yxK"
        "N`SK(d9h4#*nzv9$Ic(7O(z<dHnOrr;W?<Or#Zi>$mM4XDkoMmHfq+W)Z)`Pp;$m}-hcUxP`S$u`C+tZNTwec{VazlO1YeWT|@r0"
        "B;QT3FTPhMk|dMQGw84qQuOD(OojBuG+{DkB}R-Ye6wRIqFJQ2cTH%Id3|Lh7uBGq%j|b7*tQ4DbvixlHC!icm*C1_uoU^)#~tKt"
        "x+?J;q$K8bM>cXcE=hb!4(izX_%#oeg@XBx`r;$&Ajw%P(6sq&x_Hs;8`l@}FNAoNYV;>Vm;H1DM@ok~$cRZ5B3MQ%%+YWIVjI$0"
        "=}W8P_rJ3TlJqlG!cCQrKXNjR^q#O~N4f1-S(g>j{jiG8sWhOa9EBr3s2xrEWUzAO?-^Or{@W3ju=lA$F4?jJF9?tS2FM$7JO"
    )
    return zlib.decompress(base64.b85decode(packed)).decode().splitlines(keepends=True)


#!TAG HIDDENEND

# %% [markdown]
# # 7. Let it write
#
# To write, the model draws its own next character: from the softmax of the logits divided by a **temperature** $\tau$. At $\tau = 1$ it draws from what it has learned; towards 0 it always takes the likeliest character; above 1 it takes more and more chances. It stops at END, or at 100 characters. Here the model reads what it has written itself: there is no teacher now.

# %%
#!TAG SKIPQUESTEXEC
@torch.no_grad()
def write(model, start, temperature, generator, longest=100):
    """Continue a start until END or until the text has so many characters."""
    tokens = torch.tensor([[data.BEGIN, *data.encode(start)]])  # [1, T]
    while tokens.shape[1] <= longest:
        logits = model(tokens)[0, -1] / temperature  # [98]: what comes after the last id
        logits[[data.BEGIN, data.PAD]] = -math.inf  # never part of a text
        token = torch.multinomial(torch.softmax(logits, dim=0), 1, generator=generator)  # [1]
        if token.item() == data.END:
            break
        tokens = torch.cat([tokens, token[None]], dim=1)  # [1, T + 1]
    return data.decode(tokens[0, 1:].tolist()).rstrip("\n")


dice = torch.Generator().manual_seed(5)
for temperature in profile.pick(quick=(0.5, 1.0), full=(0.2, 0.5, 1.0, 1.5)):
    print(f"temperature {temperature}")
    for _ in range(profile.pick(quick=1, full=3)):
        print("   ", write(model, "I hav", temperature, dice, longest=profile.pick(quick=40, full=100)))

# %% [markdown]
# Every character runs the model over the whole text again. A recurrent model could keep its state and go one step only: 100 steps of work and not 5,050. For 100 characters it does not matter.
#
# **Where is the model surprised?** Each bar is $-\log_2 p$ of one character: what it costs in bits. Beginnings of words cost much, their ends little; a rare word costs from its second letter on.

# %%
#!TAG SKIPQUESTEXEC
sentence = max(corpus.valid[:40], key=lambda text: len(text) < 70 and len(text))
tokens = torch.from_numpy(data.pad_batch([sentence]))  # [1, T]
with torch.no_grad():
    shares = torch.log_softmax(model(tokens[:, :-1]), dim=-1)  # [1, T-1, 98]
bits = -shares.gather(2, tokens[:, 1:, None])[0, :, 0].numpy() / LN2  # [T-1]
letters = [*sentence[:-1].replace(" ", "·"), "newline", "END"]
figure, axes = plt.subplots(figsize=(11, 3), layout="constrained")
axes.bar(range(len(bits)), bits, color="#4477aa")
axes.axhline(bits.mean(), color="#ee6677", linestyle="--", label=f"mean: {bits.mean():.2f} bits")
axes.set_xticks(range(len(bits)), letters)
axes.tick_params(axis="x", labelsize=9)
for label in axes.get_xticklabels()[-2:]:
    label.set_rotation(90)
axes.set(ylabel="bits", title="What each character costs (· is a space)")
axes.legend()
plt.close(figure)
dearest = sorted(range(len(bits)), key=lambda step: -bits[step])[:3]
plots.Plot(
    figure,
    alt=f"Bars of the bits for each character of {sentence.strip()!r}; mean {bits.mean():.2f}. The dearest are "
    + ", ".join(f"{letters[step]!r} after {''.join(letters[:step])!r}" for step in sorted(dearest))
    + ".",
)

# %% [markdown]
# **Teacher forcing and its price.** In training, the model only ever reads true beginnings. When it writes, it reads its own, and one odd word leads to the next. The next cell measures this: it lets the model write 30 characters after a true beginning, and then asks a question that has an answer: what does the *true* rest cost after the true beginning, and after one that the model wrote itself?

# %%
#!TAG SKIPQUESTEXEC
dice = torch.Generator().manual_seed(11)
cost = {"true": [], "its own": []}
for sentence in [text for text in corpus.valid if len(text) > 70][: profile.pick(quick=2, full=40)]:
    own = write(model, sentence[:10], 1.0, dice, longest=40)
    for name, beginning in (("true", sentence[:40]), ("its own", own)):
        text = beginning + sentence[40:]
        tokens = torch.from_numpy(data.pad_batch([text]))
        with torch.no_grad():
            shares = torch.log_softmax(model(tokens[:, :-1]), dim=-1)
        chosen = -shares.gather(2, tokens[:, 1:, None])[0, :, 0] / LN2  # [T-1]
        cost[name].append(chosen[len(beginning) : len(beginning) + 20].mean().item())
for name, values in cost.items():
    print(f"the next 20 true characters after {name} beginning: {np.mean(values):.2f} bits each")

# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# After its own beginning the model is more surprised by what truly follows: the first characters stand in the middle of another thought. Remedies are old and not simple: feeding the model's own characters now and then in training (scheduled sampling, Bengio et al., 2015) helps in some tasks and hurts the probabilities in others.
#
# </details>

# %% [markdown]
# # 8. Which model? Records of runs
#
# The next cell reads the records in the folder `records`. Ours is the model that wrote the file of weights of the solution: a GRU with 448 units that also reads hashed contexts (`context-gru`, hint 4), trained on Moby-Dick on one core of a CPU. The minutes are CPU minutes of training and validation together. Your own runs write records of the same form, beside the weights: give `train` the argument `note={"kind": "gru"}` (or `rnn`, `lstm`, `transformer`), copy the `.json` file into `records`, and your models stand beside ours.

# %%
import json
from pathlib import Path

records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path("records").glob("*.json"))]
print(f"{'corpus':<17} {'model':<14} {'parameters':>11} {'epochs':>7} {'minutes':>8} {'nats':>7} {'bits':>6}")
for record in sorted(records, key=lambda r: (r["settings"]["corpus"], min(e["valid"] for e in r["epochs"]))):
    settings, done = record["settings"], record["epochs"]
    nats = min(epoch["valid"] for epoch in done)
    minutes = sum(epoch["cpu_minutes"] for epoch in done)
    print(
        f"{settings['corpus']:<17} {settings.get('kind', '?'):<14} {settings['parameters']:>11,} {len(done):>7} "
        f"{minutes:>8.1f} {nats:>7.4f} {nats / LN2:>6.3f}"
    )

# %%
names = sorted({record["settings"]["corpus"] for record in records})
figure, panels = plt.subplots(1, len(names), figsize=(5 * len(names), 3.6), layout="constrained", squeeze=False)
styles = {"context-gru": "o-", "gru": "s--", "lstm": "^-.", "rnn": "D:", "transformer": "v-"}
colours = {"context-gru": "#4477aa", "gru": "#66ccee", "lstm": "#228833", "rnn": "#aa3377", "transformer": "#ee6677"}
for panel, name in zip(panels[0], names, strict=True):
    for record in records:
        if record["settings"]["corpus"] == name:
            kind = record["settings"].get("kind", "gru")
            minutes = np.cumsum([epoch["cpu_minutes"] for epoch in record["epochs"]])
            panel.plot(minutes, [e["valid"] for e in record["epochs"]], styles.get(kind, "P-"), color=colours.get(kind, "#888888"), label=kind)
    panel.set(title=name, xlabel="CPU minutes", ylabel="validation loss, nats per character")
    panel.legend()
plt.close(figure)
plots.Plot(figure, alt="Validation loss against CPU minutes, a falling line for each model; the table has the ends.")

# %% [markdown]
# For comparison, from the literature on the full set of 160,000 short texts: a plain RNN with 1,000 units 1.363 nats after five epochs; an LSTM 0.991 nats (1.43 bits).
#
# **Open questions.** There is no check for these; talk about them with others.
#
# 1. Is 1.3 nats per character good? Shannon (1951) had people guess printed English letter by letter and estimated 0.6 to 1.3 *bits*. What do people know that your model does not?
# 2. The loss counts END and the newline as targets. Both are nearly certain in one place and impossible elsewhere. By how much do they lower the mean for sentences of 70 characters?
# 3. Two models have the same loss. One is always a little wrong, the other nearly always right and sometimes badly wrong. Which one writes better text at temperature 0.5?
# 4. Why can a model with dropout have a lower validation than training loss?
# 5. A 5-gram table can be stored as a model with this interface. How would you write `forward` for it, without a loop over characters?
#
# **Bonus track** (no points). Keep the state in `write` and measure how much faster it becomes. Then train on Moby-Dick and let the model write with `LABS_SHORT_TEXTS` as its start, and the other way round: what does each model cost on the other's sentences?

# %% [markdown]
# ## References
#
# - I. Annamoradnejad, G. Zoghi (2020). *ColBERT: Using BERT sentence embedding for humor detection.* arXiv:2004.12765. The short texts; MIT licence.
# - H. Melville (1851). *Moby-Dick; or, The Whale.* The stand-in; public domain.
# - C. E. Shannon (1951). *Prediction and entropy of printed English.* Bell System Technical Journal 30(1), 50–64. People as language models: table I and figure 4.
# - R. J. Williams, D. Zipser (1989). *A learning algorithm for continually running fully recurrent neural networks.* Neural Computation 1(2), 270–280. Teacher forcing: section 2.
# - S. Bengio et al. (2015). *Scheduled sampling for sequence prediction with recurrent neural networks.* arXiv:1506.03099, section 2.4.
# - T. Mikolov et al. (2011). *RNNME: strategies for training large scale neural network language models.* ASRU 2011: an RNN with hashed n-grams beside it.
# - S. Merity, N. S. Keskar, R. Socher (2018). *Regularizing and optimizing LSTM language models.* arXiv:1708.02182, section 2: dropout of recurrent weights.
# - L. N. Smith, N. Topin (2017). *Super-convergence.* arXiv:1708.07120: a learning rate that rises once and falls once.

# %% [markdown]
# ## Before you hand in
#
# Restart the kernel and run all cells in the full profile. Then run the next cell: it looks at your notebook, your module and your weights, and writes the one file to hand in.

# %%
#!TAG SKIPQUESTEXEC
from labkit.submit import hand_in

hand_in("sentences.ipynb", files=["rnn_lm.py", "sentence_model.safetensors"])
