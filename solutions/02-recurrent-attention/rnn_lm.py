"""A character language model. This is the file you hand in beside `sentences.ipynb` and the trained weights.

Two things to write: the class `SentenceModel` and the function `sentence_loss`. Their names and arguments are
fixed: training, checks and grading call them so. The layers of PyTorch are yours to choose: RNN, GRU, LSTM or
a causal transformer.

Sizes: B = batch, T = time steps, V = 98 ids: 95 characters, then BEGIN, END and PAD. Tokens are int64, logits
float32.
"""

import torch
from torch import nn
from torch.nn import functional

BEGIN, END, PAD = 95, 96, 97
N_IDS = 98

LETTERS = torch.zeros(N_IDS, dtype=torch.bool)  # which ids are parts of words: ' 0-9 A-Z a-z
for _low, _high in ((7, 7), (16, 25), (33, 58), (65, 90)):
    LETTERS[_low : _high + 1] = True


def hash_contexts(tokens, rows):
    """Number the recent past of every position: the last 2, 3, 4, 6 ids, the word, the last two words.

    Args:
        tokens: ids, [B, T] int64.
        rows: how many numbers there are; different pasts may get the same one.

    Returns:
        Numbers from 0 to `rows` - 1, [B, T, 6] int64. The entry at step t depends on steps 0 to t only.

    """
    prime = 2_147_483_647
    numbers = []
    for length in (2, 3, 4, 6):
        past = functional.pad(tokens, (length - 1, 0), value=BEGIN).unfold(1, length, 1)  # [B, T, length]
        number = torch.full_like(tokens, length)
        for place in range(length):
            number = (number * 4099 + past[:, :, place] + 1) % prime
        numbers.append(number)
    word = torch.zeros_like(tokens[:, 0])  # [B]: the letters since the last character that is none
    before = torch.zeros_like(word)  # [B]: the word before that
    words, pairs = [], []
    for step in range(tokens.shape[1]):
        token = tokens[:, step]
        inside = LETTERS.to(token.device)[token]
        before = torch.where(~inside & (word > 0), word, before)
        word = torch.where(inside, (word * 4099 + token + 1) % prime, torch.zeros_like(word))
        now = torch.where(inside, word, token + 7)
        words.append((now * 8191 + 17) % prime)
        pairs.append((now * 131_071 + before * 524_287 + 31) % prime)
    numbers += [torch.stack(words, dim=1), torch.stack(pairs, dim=1)]
    return torch.stack(numbers, dim=2) % rows


class SentenceModel(nn.Module):
    """A model of the next character, given all characters before it.

    Args:
        freq: how often each id comes next in the training sentences, as a share: float32 [98], sums to 1.

    """

    embedding_size = 80
    hidden_size = 448
    rows = 2**15
    dropout = 0.3
    context_dropout = 0.5

    def __init__(self, freq):
        super().__init__()
        self.characters = nn.Embedding(N_IDS, self.embedding_size)
        self.contexts = nn.Embedding(self.rows, self.embedding_size)
        self.gru = nn.GRU(self.embedding_size, self.hidden_size, batch_first=True)
        self.output = nn.Linear(self.hidden_size, N_IDS)
        nn.init.normal_(self.contexts.weight, std=0.1)
        nn.init.xavier_uniform_(self.gru.weight_ih_l0)
        for gate in self.gru.weight_hh_l0.data.chunk(3):
            nn.init.orthogonal_(gate)
        nn.init.zeros_(self.gru.bias_ih_l0)
        nn.init.zeros_(self.gru.bias_hh_l0)
        self.gru.bias_ih_l0.data[self.hidden_size : 2 * self.hidden_size] = 1.0  # z: keep the state at first
        with torch.no_grad():  # the untrained model starts near the frequencies and not at ln 98
            self.output.weight.mul_(0.5)
            self.output.bias.copy_(torch.log(freq + 1e-6))

    def forward(self, tokens):
        """Give the logits of the next id at every step.

        Args:
            tokens: ids, [B, T] int64, starting with BEGIN.

        Returns:
            Logits, [B, T, 98] float32: those at step t see the tokens 0 to t and no later ones.

        """
        states = self.run_states(self.embed(tokens))  # [B, T, H]
        return self.output(functional.dropout(states, self.dropout, self.training))  # [B, T, 98]

    def embed(self, tokens):
        """Add up the embeddings of the character and of its six contexts: [B, T] -> [B, T, E]."""
        contexts = self.contexts(hash_contexts(tokens, self.rows))  # [B, T, 6, E]
        if self.training:  # leave whole contexts out, or the model learns pasts by heart
            kept = torch.rand(contexts.shape[:3], device=tokens.device) > self.context_dropout  # [B, T, 6]
            contexts = contexts * (kept / (1 - self.context_dropout)).unsqueeze(3)
        return self.characters(tokens) + contexts.sum(dim=2)

    def run_states(self, embedded):
        """Run the GRU over the steps: [B, T, E] -> [B, T, H]."""
        return self.gru(embedded)[0]



def sentence_loss(model, batch):
    """Compute the mean loss of the next id over a batch, with teacher forcing.

    Args:
        model: a `SentenceModel`.
        batch: padded sentences, [B, T] int64: BEGIN, characters, END, then PAD.

    Returns:
        Cross-entropy in nats, a scalar: the mean over all targets that are not PAD.

    """
    logits = model(batch[:, :-1])  # [B, T-1, 98]
    targets = batch[:, 1:]  # [B, T-1]
    return functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=PAD)
