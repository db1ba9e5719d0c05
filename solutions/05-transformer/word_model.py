"""A language model of words: tokens, sequences, perplexity, sampling. Hand it in with `shakespeare.ipynb`.

Four functions, 7 points. The model itself is `Transformer` from your `transformer.py`, with its causal mask.

Sizes: N = sequences, n = positions that the model reads, V = size of the vocabulary. Ids are int64.
"""

import math
import re

import torch
from torch import nn
from torch.nn import functional
from transformer import causal_mask


def tokenize(text):
    r"""Split a text at its word boundaries, `\b` in a regular expression.

    Args:
        text: any text.

    Returns:
        List of tokens: words, and what stands between them (spaces, line ends, punctuation). Joined, they
        are the text again; none is empty.

    """
    return [token for token in re.split(r"\b", text) if token]


def make_sequences(ids, length):
    """Cut a text into sequences in which every id but the first is a target exactly once.

    Args:
        ids: a whole text, [M] int64.
        length: n.

    Returns:
        [N, n + 1] int64: in each row the model reads all but the last, and its targets are all but the
        first. The last id of a row is the first one of the next. What does not fill a row at the end is
        left out.

    """
    n_rows = (len(ids) - 1) // length
    starts = length * torch.arange(n_rows)  # [N]
    return ids[starts[:, None] + torch.arange(length + 1)]  # [N, 1] + [n + 1] -> [N, n + 1]


def perplexity(model, sequences, batch_size=64):
    """Compute the perplexity of a model on sequences: e to the mean loss over all targets.

    Args:
        model: a `Transformer`; afterwards it is in the mode (training or evaluation) in which it came.
        sequences: [N, n + 1] int64, of `make_sequences`.
        batch_size: rows that are handled at once; the result does not depend on it.

    Returns:
        A number, at least 1.

    """
    was_training = model.training
    model.eval()
    mask = causal_mask(sequences.shape[1] - 1)
    total = 0.0
    with torch.no_grad():
        for batch in sequences.split(batch_size):  # [B, n + 1]
            logits = model(batch[:, :-1], mask)  # [B, n, V]
            targets = batch[:, 1:]  # [B, n]
            total += functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").item()
    model.train(was_training)
    return math.exp(total / sequences[:, 1:].numel())


def sample(model, start, n_new, context, temperature=1.0, generator=None, never=()):
    """Let a model continue a text, one token at a time.

    Args:
        model: a `Transformer` in evaluation mode.
        start: ids to continue, [m] int64, at least one.
        n_new: how many ids to add.
        context: the most ids that the model may read at once, the last ones.
        temperature: divides the logits; below 1 bolder, above 1 more surprising.
        generator: the dice, for `torch.multinomial`.
        never: ids that must not be drawn.

    Returns:
        [m + n_new] int64, beginning with `start`.

    """
    ids = start
    with torch.no_grad():
        for _ in range(n_new):
            read = ids[-context:]  # [at most context]
            logits = model(read[None], causal_mask(len(read)))[0, -1] / temperature  # [1, n, V] -> [V]
            logits[list(never)] = -math.inf
            drawn = torch.multinomial(torch.softmax(logits, dim=-1), 1, generator=generator)  # [1]
            ids = torch.cat([ids, drawn])
    return ids


def make_dice(seed):
    """Make a generator of random numbers that begins at a seed. Given."""
    return torch.Generator().manual_seed(seed)


class BigramTable(nn.Module):
    """A model that is a table: its logits depend on the last token only. Given, for trying out.

    Args:
        logits: one row for each token, [V, V].
        dropout: share of the logits that are left out in training.

    """

    def __init__(self, logits, dropout=0.0):
        super().__init__()
        self.table = nn.Embedding.from_pretrained(logits)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens, mask=None):
        """Look the logits up: [B, n] -> [B, n, V]. The mask plays no part."""
        return self.dropout(self.table(tokens))
