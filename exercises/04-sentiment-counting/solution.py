"""Sentiment of film reviews, with GloVe vectors. The file you hand in beside the notebook and the weights.

To write: `tokenise`, `encode`, `get_dataloader`, the classes `RNNClassifier` and `LSTMClassifier`, and
`make_model`, which makes the model whose weights you hand in. Names and arguments are fixed: training, checks
and grading call them so.

Sizes: B = batch, T = words of the longest review of a batch, V = ids, D = numbers of a word vector, H =
units. Id 0 is padding, id 1 an unknown word (`sentiment_vocabulary.py`).
"""

import functools
import re

import torch
from sentiment_vocabulary import PAD, UNKNOWN, load_reviews
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader

#!TAG HWBEGIN
#!MSG Constants and functions of your own go here.
_TAG = re.compile(r"<[^>]+>")
# GloVe's words: do n't, film 's, and marks by themselves
_TOKEN = re.compile(r"n't|'\w+|\w+(?=n't)|\w+|[^\w\s]")
VAL_EVERY = 5  # every fifth training review of each label is for validation


@functools.lru_cache(maxsize=1)
def _load_texts():
    return load_reviews()


def _split_by_rank(texts, in_val):
    """Keep the reviews whose rank within their label is, or is not, a multiple of VAL_EVERY."""
    seen = {0: 0, 1: 0}
    kept = []
    for text, label in zip(texts.texts, texts.labels, strict=True):
        if (seen[label] % VAL_EVERY == VAL_EVERY - 1) == in_val:
            kept.append((text, label))
        seen[label] += 1
    return kept


#!TAG HWEND
def tokenise(text):
    """Split a raw review into words as GloVe knows them.

    Args:
        text: a review, with capitals, punctuation and `<br />`.

    Returns:
        A list of lower-case words without HTML tags; punctuation does not stick to words.

    """
    #!TAG ANSWER words
    #!TAG HWBEGIN
    #!MSG Take tags out, make it lower case, cut punctuation off.
    return _TOKEN.findall(_TAG.sub(" ", text).lower())
    #!TAG HWEND


def encode(text, vocabulary, max_words=200):
    """Turn a raw review into ids.

    Args:
        text: a review.
        vocabulary: a `Vocabulary`; `vocabulary.index` gives the id of a word.
        max_words: later words are cut off.

    Returns:
        A list of 1 to `max_words` ids; unknown words are UNKNOWN. A review without words is [UNKNOWN].

    """
    #!TAG ANSWER encode
    #!TAG HWBEGIN
    #!MSG Look up each word; what if it is not there, and what if there is no word at all?
    return [vocabulary.index.get(word, UNKNOWN) for word in tokenise(text)[:max_words]] or [UNKNOWN]
    #!TAG HWEND


def get_dataloader(split, vocabulary, batch_size=64, max_words=200, limit=None, seed=0):
    """Return a DataLoader over the Large Movie Review Dataset.

    Args:
        split: "train" or "val" (four and one fifth of the official training reviews) or "test".
        vocabulary: a `Vocabulary`.
        batch_size: B, reviews in a batch; the last batch may be smaller.
        max_words: reviews are cut to so many words.
        limit: use only so many reviews of the split, as many of each label; None: all.
        seed: of the order of the training reviews, which changes from epoch to epoch. "val" and "test" keep
            theirs.

    Returns:
        A DataLoader whose batches are tuples (tokens, lengths, labels): ids [B, T] int64, with PAD behind a
        review; number of words [B] int64; 0 for negative and 1 for positive, [B] float32.

    Raises:
        ValueError: there is no such split.

    """
    #!TAG ANSWER dataloader
    #!TAG HWBEGIN
    #!MSG `load_reviews()` gives the official training and test part, each with `texts` and `labels`,
    #!MSG sorted by label. Split, limit, encode, pad. `pad_sequence` and `collate_fn` are made for this.
    if split not in ("train", "val", "test"):
        raise ValueError(f"split is 'train', 'val' or 'test', not {split!r}")
    train, test = _load_texts()
    reviews = (
        list(zip(test.texts, test.labels, strict=True))
        if split == "test"
        else _split_by_rank(train, split == "val")
    )
    if limit is not None:
        by_label = [[review for review in reviews if review[1] == label] for label in (0, 1)]
        reviews = by_label[0][: (limit + 1) // 2] + by_label[1][: limit // 2]
    encoded = [(torch.tensor(encode(text, vocabulary, max_words)), float(label)) for text, label in reviews]

    def collate(batch):
        tokens = pad_sequence([ids for ids, _ in batch], batch_first=True, padding_value=PAD)  # [B, T]
        lengths = torch.tensor([len(ids) for ids, _ in batch])  # [B]
        return tokens, lengths, torch.tensor([label for _, label in batch])  # [B, T], [B], [B]

    return DataLoader(
        encoded,
        batch_size,
        shuffle=split == "train",
        generator=torch.Generator().manual_seed(seed),
        collate_fn=collate,
    )
    #!TAG HWEND


#!TAG ANSWER model
#!TAG HWBEGIN
#!MSG A class that does the work of both can stand here; or write it out in each.
class _FinalState(nn.Module):
    """Embed, run a recurrent layer, map its final state to a logit.

    Args:
        layer_class: nn.RNN, nn.LSTM or nn.GRU.
        matrix: vectors of all ids, [V, D].
        hidden_size: H, for each direction.
        bidirectional: a second layer reads from the end.
        frozen: the vectors stay as they are.

    """

    def __init__(self, layer_class, matrix, hidden_size, bidirectional, frozen):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(matrix.clone(), freeze=frozen, padding_idx=PAD)
        self.layer = layer_class(matrix.shape[1], hidden_size, batch_first=True, bidirectional=bidirectional)
        self.output = nn.Linear(hidden_size * (1 + bidirectional), 1)
        for name, weight in self.layer.named_parameters():
            if name.startswith("weight_hh"):
                for gate in weight.data.chunk(len(weight) // hidden_size):
                    nn.init.orthogonal_(gate)  # keeps the length of the state at the beginning
        if layer_class is nn.LSTM:  # an open forget gate: remember at first
            for name, bias in self.layer.named_parameters():
                if name.startswith("bias_ih"):
                    bias.data[hidden_size : 2 * hidden_size] = 1.0

    def forward(self, tokens, lengths):
        embedded = self.embedding(tokens)  # [B, T, D]
        packed = pack_padded_sequence(embedded, lengths.cpu(), batch_first=True, enforce_sorted=False)
        # Packed: the state after the last word, not after the padding.
        final = self.layer(packed)[1]
        final = final[0] if isinstance(final, tuple) else final  # [directions, B, H]; an LSTM also has a cell
        return self.output(final.transpose(0, 1).flatten(1)).squeeze(1)  # [B]


#!TAG HWEND
class RNNClassifier(nn.Module):
    """A plain RNN reads the review; its final state decides.

    Args:
        matrix: vectors of all ids, [V, D] float32.
        hidden_size: H.

    """

    def __init__(self, matrix, hidden_size=64, bidirectional=False, frozen=True):
        super().__init__()
        #!TAG HWBEGIN
        #!MSG An embedding with the vectors of `matrix`, `nn.RNN` with `batch_first=True`, a map from H to 1.
        self.reader = _FinalState(nn.RNN, matrix, hidden_size, bidirectional, frozen)
        #!TAG HWEND

    def forward(self, tokens, lengths):
        """Give one logit for each review; above 0 means positive.

        Args:
            tokens: ids, [B, T] int64, padded behind each review.
            lengths: number of words, [B] int64, at least 1.

        Returns:
            Logits, [B] float32. Padding does not change them.

        """
        #!TAG HWBEGIN
        #!MSG The state after the last word, not after the padding: pack, or pick.
        return self.reader(tokens, lengths)  # [B]
        #!TAG HWEND


class LSTMClassifier(nn.Module):
    """The same with an LSTM.

    Args:
        matrix: vectors of all ids, [V, D] float32.
        hidden_size: H.

    """

    def __init__(self, matrix, hidden_size=64, bidirectional=False, frozen=True):
        super().__init__()
        #!TAG HWBEGIN
        #!MSG As above, with `nn.LSTM`.
        self.reader = _FinalState(nn.LSTM, matrix, hidden_size, bidirectional, frozen)
        #!TAG HWEND

    def forward(self, tokens, lengths):
        """Give one logit for each review, [B] float32, for ids [B, T] and lengths [B]."""
        #!TAG HWBEGIN
        #!MSG An LSTM gives two final states, h and c.
        return self.reader(tokens, lengths)  # [B]
        #!TAG HWEND


#!TAG ANSWER weights
#!TAG HWBEGIN
#!MSG Further classes that you want to compare go here.
class GRUClassifier(nn.Module):
    """The same with a GRU, which has no cell state and three quarters of an LSTM's parameters."""

    def __init__(self, matrix, hidden_size=64, bidirectional=False, frozen=True):
        super().__init__()
        self.reader = _FinalState(nn.GRU, matrix, hidden_size, bidirectional, frozen)

    def forward(self, tokens, lengths):
        """Give one logit for each review, [B]."""
        return self.reader(tokens, lengths)  # [B]


class AveragingClassifier(nn.Module):
    """No recurrent layer: the mean and the maximum over all word vectors, which are trained, decide.

    Iyyer et al. (2015) call it a deep averaging network. It cannot know the order of words.

    Args:
        matrix: vectors of all ids, [V, D]; they are where the training begins.
        hidden_size: H.
        word_dropout: share of the words that are left out in training.

    """

    def __init__(self, matrix, hidden_size=32, word_dropout=0.3):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(matrix.clone(), freeze=False, padding_idx=PAD)
        self.hidden = nn.Linear(2 * matrix.shape[1], hidden_size)
        self.output = nn.Linear(hidden_size, 1)
        self.word_dropout = word_dropout

    def forward(self, tokens, lengths):
        """Give one logit for each review, [B]."""
        places = torch.arange(tokens.shape[1], device=tokens.device)  # [T]
        is_pad = places >= lengths.to(tokens.device)[:, None]  # [B, T]
        if self.training:  # leave words out, but never the first
            is_pad = is_pad | (torch.rand(tokens.shape, device=tokens.device) < self.word_dropout)
            is_pad[:, 0] = False
        embedded = self.embedding(tokens)  # [B, T, D]
        counts = (~is_pad).sum(dim=1, keepdim=True)  # [B, 1]
        mean = embedded.masked_fill(is_pad.unsqueeze(2), 0).sum(dim=1) / counts  # [B, D]
        highest = embedded.masked_fill(is_pad.unsqueeze(2), -torch.inf).amax(dim=1)  # [B, D]
        summary = torch.relu(self.hidden(torch.cat([mean, highest], dim=1)))  # [B, H]
        return self.output(summary).squeeze(1)  # [B]


#!TAG HWEND
def make_model(matrix):
    """Make the model whose weights you hand in.

    Args:
        matrix: vectors of all ids, [V, D] float32; zeros when weights are loaded, the file has the vectors.

    Returns:
        A module that is called as `model(tokens, lengths)` and gives logits, [B].

    """
    #!TAG HWBEGIN
    #!MSG For example `return LSTMClassifier(matrix)`.
    return AveragingClassifier(matrix)
    #!TAG HWEND
