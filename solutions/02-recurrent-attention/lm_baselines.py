"""What a language model must beat: guessing, counting, and a packing program. Given; you need not read it."""

import gzip
import math

import numpy as np
from labkit import data

N_OUTCOMES = len(data.ALPHABET) + 1  # the 95 characters, or END


def ngram_loss(train, sentences, order, smoothing=0.1):
    """Return the loss of counting: the next character given the `order` - 1 before it.

    Args:
        train: sentences that are counted.
        sentences: sentences that are predicted.
        order: 1 looks at no character before, 2 at one, and so on.
        smoothing: added to each count, so that nothing is impossible.

    Returns:
        Nats per character: the mean over all characters and END.

    """
    contexts, targets = _windows(train, order)
    seen, counts = np.unique(contexts * data.N_IDS + targets, return_counts=True)
    seen_contexts, context_counts = np.unique(contexts, return_counts=True)
    contexts, targets = _windows(sentences, order)
    pair_count = _look_up(seen, counts, contexts * data.N_IDS + targets)
    context_count = _look_up(seen_contexts, context_counts, contexts)
    probability = (pair_count + smoothing) / (context_count + smoothing * N_OUTCOMES)
    return float(-np.log(probability).mean())


def _windows(sentences, order):
    """Return for every target the number of its context (base 98) and the target: two arrays int64 [N]."""
    # BEGIN as often as the first character has no past, then the sentence, then END.
    rows = [[data.BEGIN] * (order - 1) + data.encode(sentence) + [data.END] for sentence in sentences]
    lengths = np.array([len(row) for row in rows])
    ids = np.concatenate([np.array(row, dtype=np.int64) for row in rows])
    starts = np.cumsum(lengths) - lengths
    is_target = np.ones(len(ids), dtype=bool)
    for back in range(order - 1):
        is_target[starts + back] = False
    places = np.flatnonzero(is_target)
    context = np.zeros(len(places), dtype=np.int64)
    for back in range(order - 1, 0, -1):
        context = context * data.N_IDS + ids[places - back]
    return context, ids[places]


def _look_up(keys, values, wanted):
    """Return the value of each wanted key, 0 where it is unknown; `keys` are sorted."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[places] == wanted, values[places], 0)


def packed_loss(sentences):
    """Return the nats per character that `gzip` needs for the sentences, one after the other."""
    raw = "".join(sentences).encode()
    return 8 * len(gzip.compress(raw, 9)) * math.log(2) / len(raw)


def table_of_baselines(train, valid, orders=(1, 2, 3, 4, 5)):
    """Return (name, nats per character) for guessing, counting and packing."""
    rows = [("guessing: all 96 outcomes alike", math.log(N_OUTCOMES))]
    rows += [(f"counting: {order}-gram", ngram_loss(train, valid, order)) for order in orders]
    return [*rows, ("packing: gzip", packed_loss(train))]
