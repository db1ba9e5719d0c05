"""Batches of reviews of similar length, without the columns that are padding only. Given."""

import torch
from torch.utils.data import DataLoader, Sampler

PAD = 0
_WINDOW = 50
"""Reviews are sorted by length within so many batches: little padding, and a new order in each epoch."""


class SimilarLengths(Sampler):
    """Give the rows of batches: shuffled, then sorted by length within windows, the batches shuffled again.

    Args:
        lengths: words of each review, [N].
        batch_size: reviews in a batch; the last one may be smaller.
        shuffle: False keeps all reviews in order of their length.

    """

    def __init__(self, lengths, batch_size, shuffle):
        self.lengths, self.batch_size, self.shuffle = lengths, batch_size, shuffle

    def __len__(self):
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self):
        count = len(self.lengths)
        order = torch.randperm(count) if self.shuffle else torch.arange(count)
        window = _WINDOW * self.batch_size if self.shuffle else max(count, 1)
        batches = []
        for start in range(0, count, window):
            near = order[start : start + window]
            near = near[torch.argsort(self.lengths[near], stable=True)]
            batches += [near[i : i + self.batch_size] for i in range(0, len(near), self.batch_size)]
        places = torch.randperm(len(batches)) if self.shuffle else range(len(batches))
        return (batches[int(place)].tolist() for place in places)


def join(samples):
    """Put samples together and drop the columns at the end in which every review has padding."""
    reviews = torch.stack([review for review, _ in samples])  # [B, T, 1]
    labels = torch.stack([torch.as_tensor(label, dtype=torch.float32) for _, label in samples])  # [B]
    longest = int((reviews != PAD).sum(dim=1).max())
    return reviews[:, : max(longest, 1)], labels


def make_batches(dataset, batch_size, shuffle):
    """Return a DataLoader of (reviews [B, T, 1], labels [B]) whose batches hold reviews of similar length.

    Args:
        dataset: an `IMDBDataset`: `dataset[i]` gives one review [T, 1] and its label.
        batch_size: reviews in a batch; the last one may be smaller.
        shuffle: True for training, False for measuring.

    """
    lengths = torch.tensor([int((dataset[i][0] != PAD).sum()) for i in range(len(dataset))])
    return DataLoader(dataset, batch_sampler=SimilarLengths(lengths, batch_size, shuffle), collate_fn=join)
