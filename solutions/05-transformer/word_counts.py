"""Counting words: the baselines of `shakespeare`, and what it costs to spell rare words. Given.

The n-grams are smoothed by interpolated Kneser-Ney (Chen and Goodman, 1999, section 2.7): the best way to
count for texts of this size. Every order gives away a discount D of each count to the order below, and the
lower orders count in how many *different* contexts a token came, not how often.
"""

import math

import numpy as np


class NgramModel:
    """Interpolated Kneser-Ney n-grams over ids 0 to V - 1.

    Args:
        ids: training text, [M] integers.
        order: n; 1 counts tokens only, 2 looks at one token before, 3 at two.
        vocabulary_size: V; V ** n must fit into 63 bits.

    """

    def __init__(self, ids, order, vocabulary_size):
        if order * math.log2(vocabulary_size) >= 63:
            raise ValueError(f"{order}-grams of {vocabulary_size} ids do not fit into 63 bits")
        self.order, self.vocabulary_size = order, vocabulary_size
        keys, counts = np.unique(self._grams(np.asarray(ids), order), return_counts=True)
        self._levels = {order: _Level(keys, counts, vocabulary_size)}
        for level in range(order - 1, 0, -1):
            # In how many different contexts each shorter gram came: the first token is dropped.
            keys, counts = np.unique(keys % vocabulary_size**level, return_counts=True)
            self._levels[level] = _Level(keys, counts, vocabulary_size)

    def _grams(self, ids, order):
        """Number each run of `order` ids: int64 [M - order + 1]."""
        number = np.zeros(len(ids) - order + 1, dtype=np.int64)
        for place in range(order):
            number = number * self.vocabulary_size + ids[place : len(ids) - order + 1 + place]
        return number

    def probabilities(self, ids):
        """Return the probability of every id but the first, given those before it: float64 [M - 1]."""
        ids = np.asarray(ids)
        probability = np.full(len(ids) - 1, 1.0 / self.vocabulary_size)
        for level in range(1, self.order + 1):
            known = max(level - 1, 1)  # the first id with a whole context, and never the very first
            grams = self._grams(ids, level)[known - level + 1 :]
            probability[known - 1 :] = self._levels[level].interpolate(grams, probability[known - 1 :])
        return probability

    def next_probabilities(self, context):
        """Return the probability of every id after a context: float64 [V]."""
        context = list(context)[-(self.order - 1) :] if self.order > 1 else []
        probability = np.full(self.vocabulary_size, 1.0 / self.vocabulary_size)
        everything = np.arange(self.vocabulary_size)
        for level in range(1, len(context) + 2):
            prefix = 0
            for token in context[len(context) - level + 1 :]:
                prefix = prefix * self.vocabulary_size + int(token)
            probability = self._levels[level].interpolate(
                prefix * self.vocabulary_size + everything, probability
            )
        return probability


class _Level:
    """The counts of one order: sorted grams, and for each context its total and its number of kinds."""

    def __init__(self, keys, counts, vocabulary_size):
        self.keys, self.counts, self.vocabulary_size = keys, counts, vocabulary_size
        once, twice = (counts == 1).sum(), (counts == 2).sum()
        self.discount = once / (once + 2 * twice) if once and twice else 0.5
        self.contexts, first = np.unique(keys // vocabulary_size, return_index=True)
        self.totals = np.add.reduceat(counts, first)
        self.kinds = np.diff(np.append(first, len(keys)))

    def interpolate(self, grams, lower):
        """Mix the discounted counts of grams with the probability that the order below gives."""
        count = _look_up(self.keys, self.counts, grams)
        context = grams // self.vocabulary_size
        total = _look_up(self.contexts, self.totals, context)
        kinds = _look_up(self.contexts, self.kinds, context)
        mixed = np.maximum(count - self.discount, 0) + self.discount * kinds * lower
        return np.where(total > 0, mixed / np.maximum(total, 1), lower)


def _look_up(keys, values, wanted):
    """Return the value of each wanted key, 0 where it is unknown; `keys` are sorted."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)


def ngram_perplexity(train, held_out, order, vocabulary_size):
    """Return the perplexity of n-grams counted in `train` on every id of `held_out` but the first."""
    probability = NgramModel(train, order, vocabulary_size).probabilities(held_out)
    return float(np.exp(-np.log(probability).mean()))


def spelling_nats(train_tokens, held_out_tokens, known):
    """Return what it costs to spell the tokens of `held_out_tokens` that are not known, in nats altogether.

    Trigrams of characters, counted in the kinds of tokens of the training text that are not known either,
    write each token and its end. So a perplexity with unknown tokens can be turned into bits per character:
    nothing is left out.

    Args:
        train_tokens: tokens of the training text.
        held_out_tokens: tokens to spell.
        known: those that have an id of their own.

    """
    rare = [token for token in dict.fromkeys(train_tokens) if token not in known]
    wanted = [token for token in held_out_tokens if token not in known]
    characters = sorted(set("".join(rare)) | set("".join(wanted)))
    number = {character: place for place, character in enumerate(characters, start=1)}  # 0 is the end

    def spell(tokens):
        return [0, *(place for token in tokens for place in (*(number[c] for c in token), 0))]

    model = NgramModel(spell(rare), 3, len(characters) + 1)
    return float(-np.log(model.probabilities(spell(wanted))).sum()) if wanted else 0.0
