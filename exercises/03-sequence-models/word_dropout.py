"""Word dropout: in training, some words of a review are read as the unknown word. Given."""

import torch
from torch import nn

PAD, UNKNOWN = 0, 2


class DropWords(nn.Module):
    """Replace a share of the words by UNKNOWN while the model is in training mode; change nothing otherwise.

    Args:
        share: of the words to replace, 0 to 1. Padding stays padding.

    """

    def __init__(self, share):
        super().__init__()
        self.share = share

    def forward(self, ids):  # [B, T] -> [B, T]
        if not self.training or self.share == 0:
            return ids
        is_dropped = (torch.rand(ids.shape, device=ids.device) < self.share) & (ids != PAD)
        return ids.masked_fill(is_dropped, UNKNOWN)

    def extra_repr(self):
        return f"{self.share}"
