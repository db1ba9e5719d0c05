"""Reviews, their words, the ids of words, and their GloVe vectors. Given.

Id 0 is padding, id 1 stands for every unknown word, and the words follow from id 2 on, most frequent first.
"""

from collections import Counter
from dataclasses import dataclass, field

import torch
from labkit import data, profile

PAD, UNKNOWN = 0, 1
FIRST_WORD = 2


@dataclass(frozen=True)
class Vocabulary:
    """Words that a model knows.

    Args:
        words: in the order of their ids, which start at 2.
        matrix: one vector for each id, [V, D] float32 with V = len(words) + 2. Row 0 (padding) is zero, row 1
            (unknown) is the mean of all words.

    """

    words: tuple[str, ...]
    matrix: torch.Tensor = field(repr=False)
    index: dict[str, int] = field(default_factory=dict, repr=False)

    def __post_init__(self):
        self.index.update((word, place + FIRST_WORD) for place, word in enumerate(self.words))

    def __len__(self):
        return len(self.words) + FIRST_WORD


def build_vocabulary(token_lists, vectors, size):
    """Keep the most frequent words of some texts that have a vector.

    Args:
        token_lists: an iterable of lists of words.
        vectors: a `WordVectors` of `labkit.data.load_glove`.
        size: how many words at most.

    Returns:
        A `Vocabulary`; equally frequent words stand in alphabetical order.

    """
    counts = Counter(token for tokens in token_lists for token in tokens)
    known = [word for word in counts if word in vectors]
    words = tuple(sorted(known, key=lambda word: (-counts[word], word))[:size])
    rows = [vectors.index[word] for word in words]
    found = torch.from_numpy(vectors.matrix[rows])  # [len(words), D]
    special = torch.stack([torch.zeros(vectors.dim), found.mean(dim=0)])  # [2, D]
    return Vocabulary(words, torch.cat([special, found]))


def load_reviews():
    """Load the raw reviews of the Large Movie Review Dataset, in the official split.

    In the quick profile, and where IMDB is not at hand, the sentences from Rotten Tomatoes take their place.

    Returns:
        (training part, test part); each has `texts` and `labels`, 0 negative and 1 positive.

    """
    return profile.pick(quick=data.load_rotten_tomatoes, full=data.load_imdb_texts)()


def load_vocabulary(tokenise, size=20_000, dim=50):
    """Build the vocabulary of the training reviews, as your `tokenise` sees them.

    Args:
        tokenise: gives the words of a text.
        size: how many words at most.
        dim: of the GloVe vectors: 50, or 100, 200, 300 if the published file lies in the cache folder.

    """
    train, _ = load_reviews()
    return build_vocabulary(
        (tokenise(text) for text in train.texts),
        data.load_glove(dim, profile.pick(quick=5000, full=None)),
        size,
    )
