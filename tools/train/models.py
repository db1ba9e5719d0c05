"""The models that are compared: the lab's own, and an RNN, an LSTM and a small causal transformer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from fast_gru import run_gru
from torch import Tensor, nn
from torch.nn import functional

LAB = Path(__file__).resolve().parents[2] / "exercises" / "02-recurrent-attention"
sys.path.insert(0, str(LAB))

import lm_training  # noqa: E402 - the lab's folder is put on the path first
import rnn_lm  # noqa: E402

__all__ = ["KINDS", "lm_training", "make_model", "make_optimizers", "rnn_lm"]


class ContextGru(rnn_lm.SentenceModel):
    """The lab's model with the fast recurrence, dropout of recurrent weights, and sparse table gradients."""

    weight_dropout = 0.0

    def __init__(self, freq: Tensor) -> None:
        super().__init__(freq)
        self.contexts.sparse = True
        self.contexts.weight.is_table = True

    def run_states(self, embedded: Tensor) -> Tensor:
        """Run the GRU: [B,T,E] -> [B,T,H]."""
        gru = self.gru
        gates_x = functional.linear(embedded.transpose(0, 1), gru.weight_ih_l0, gru.bias_ih_l0)  # [T,B,3H]
        w_hh = functional.dropout(gru.weight_hh_l0, self.weight_dropout, self.training)
        return run_gru(gates_x, w_hh, gru.bias_hh_l0).transpose(0, 1)


class PlainGru(ContextGru):
    """The same without contexts: an embedding of the character alone."""

    rows = 1

    def embed(self, tokens: Tensor) -> Tensor:
        """Look up the characters: [B,T] -> [B,T,E]."""
        return self.characters(tokens)


class Recurrent(nn.Module):
    """Embedding, one recurrent layer of PyTorch, linear map."""

    layer: Callable[..., nn.Module] = nn.RNN
    embedding_size = 256
    hidden_size = 1000
    dropout = 0.0

    def __init__(self, freq: Tensor) -> None:
        super().__init__()
        self.embedding = nn.Embedding(rnn_lm.N_IDS, self.embedding_size)
        self.recurrent = self.layer(self.embedding_size, self.hidden_size, batch_first=True)
        self.output = nn.Linear(self.hidden_size, rnn_lm.N_IDS)
        with torch.no_grad():
            self.output.bias.copy_(torch.log(freq + 1e-6))

    def forward(self, tokens: Tensor) -> Tensor:
        """[B,T] -> [B,T,98]."""
        states = self.recurrent(self.embedding(tokens))[0]  # [B,T,H]
        return self.output(functional.dropout(states, self.dropout, self.training))


class Lstm(Recurrent):
    """The same with an LSTM."""

    layer = nn.LSTM
    hidden_size = 512


class Transformer(nn.Module):
    """A small causal transformer: learned positions, pre-norm blocks, GELU."""

    width = 192
    depth = 4
    heads = 6
    dropout = 0.1
    max_steps = 160

    def __init__(self, freq: Tensor) -> None:
        super().__init__()
        self.embedding = nn.Embedding(rnn_lm.N_IDS, self.width)
        self.positions = nn.Embedding(self.max_steps, self.width)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                self.width,
                self.heads,
                4 * self.width,
                self.dropout,
                "gelu",
                batch_first=True,
                norm_first=True,
            )
            for _ in range(self.depth)
        )
        self.norm = nn.LayerNorm(self.width)
        self.output = nn.Linear(self.width, rnn_lm.N_IDS)
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.normal_(self.positions.weight, std=0.02)
        with torch.no_grad():
            self.output.bias.copy_(torch.log(freq + 1e-6))

    def forward(self, tokens: Tensor) -> Tensor:
        """[B,T] -> [B,T,98]."""
        steps = tokens.shape[1]
        x = self.embedding(tokens) + self.positions.weight[:steps]  # [B,T,W]
        mask = nn.Transformer.generate_square_subsequent_mask(steps)  # [T,T], -inf above the diagonal
        for block in self.blocks:
            x = block(x, src_mask=mask, is_causal=True)
        return self.output(self.norm(x))


KINDS: dict[str, type[nn.Module]] = {
    "context-gru": ContextGru,
    "gru": PlainGru,
    "rnn": Recurrent,
    "lstm": Lstm,
    "transformer": Transformer,
}


def make_model(kind: str, freq: Tensor, sizes: dict[str, float]) -> nn.Module:
    """Return a fresh model of a kind, with its class's sizes replaced by the given ones.

    Raises:
        KeyError: the kind has no such size.

    """
    base = KINDS[kind]
    for name, value in sizes.items():
        if type(getattr(base, name, None)) not in (int, float):
            raise KeyError(f"{kind} has no size {name!r}")
        sizes[name] = type(getattr(base, name))(value)
    return type(f"Sized{base.__name__}", (base,), dict(sizes))(freq)


def make_optimizers(model: nn.Module, learning_rate: float) -> list[Any]:
    """Return AdamW for all but the table of contexts, and SparseAdam for that."""
    tables = [p for p in model.parameters() if getattr(p, "is_table", False)]
    rest = [p for p in model.parameters() if not getattr(p, "is_table", False)]
    groups = [
        {"params": [p for p in rest if p.dim() > 1], "weight_decay": 0.01},
        {"params": [p for p in rest if p.dim() <= 1], "weight_decay": 0.0},
    ]
    optimizers: list[Any] = [torch.optim.AdamW(groups, lr=learning_rate, betas=(0.9, 0.99))]
    if tables:
        optimizers.append(torch.optim.SparseAdam(tables, lr=learning_rate, betas=(0.9, 0.99)))
    return optimizers
