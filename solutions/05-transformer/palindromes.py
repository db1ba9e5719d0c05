"""The toy task of `build.ipynb`: a random half, then its reverse. Hand it in with the notebook.

Two functions to write, 3 points; the training loop below them is given. The task has a known answer: the
second half follows from the first, and the first from nothing. So it shows at once whether a mask keeps the
future hidden.

Sizes: B = sequences of a batch, m = half of a sequence, S = symbols to choose from.
"""

import torch
from labkit import progress
from torch.nn import functional


def make_palindromes(n_sequences, half, n_symbols, generator=None):
    """Draw sequences that read the same from both ends.

    Args:
        n_sequences: B.
        half: m, symbols of the random half.
        n_symbols: S; the symbols are 0 to S - 1, each as likely.
        generator: the dice, for `torch.randint`.

    Returns:
        [B, 2 m] int64: m random symbols, then the same symbols from the last to the first.

    """
    first = torch.randint(n_symbols, (n_sequences, half), generator=generator)  # [B, m]
    return torch.cat([first, first.flip(1)], dim=1)  # [B, 2 m]


def next_token_loss(model, tokens, mask=None):
    """Compute the mean loss of the next token, with teacher forcing.

    Args:
        model: called as `model(tokens, mask)`, gives logits [B, n, V].
        tokens: [B, n + 1] int64; the model reads all but the last, and the targets are all but the first.
        mask: [n, n] bool, or None.

    Returns:
        Cross-entropy in nats, a scalar: the mean over all targets.

    """
    logits = model(tokens[:, :-1], mask)  # [B, n, V]
    return functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def make_dice(seed):
    """Make a generator of random numbers that begins at a seed. Given."""
    return torch.Generator().manual_seed(seed)


def train_palindromes(model, mask, half, n_symbols, steps, batch_size=64, learning_rate=3e-3, seed=0):
    """Train a model on fresh palindromes at every step. Given.

    The learning rate rises for a tenth of the steps and falls along a straight line afterwards.

    Returns:
        The loss of every step: list of `steps` numbers, in nats.

    """
    dice = make_dice(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    model.train()
    for step in progress(range(steps), "palindromes"):
        share = step / steps
        factor = min(1.0, (share + 1 / steps) / 0.1, (1 - share) / 0.9)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate * factor
        loss = next_token_loss(model, make_palindromes(batch_size, half, n_symbols, dice), mask)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


def accuracy_by_position(model, mask, half, n_symbols, n_sequences=500, seed=1):
    """Measure how often the model's first choice is right, on fresh palindromes, for every target. Given.

    Returns:
        [2 m - 1] float32: the first m - 1 numbers belong to the random half, the last m to its reverse.

    """
    tokens = make_palindromes(n_sequences, half, n_symbols, make_dice(seed))
    with torch.no_grad():
        choice = model(tokens[:, :-1], mask).argmax(dim=-1)  # [B, 2 m - 1]
    return (choice == tokens[:, 1:]).float().mean(dim=0)
