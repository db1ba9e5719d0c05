"""Train the counting transformer of lab 04 with parts in other places, and keep records of their steps.

    OMP_NUM_THREADS=1 nice python tools/train/train_counting.py pre-norm --seeds 0-9 --out DIR

Each pair of kind and seed is trained once: run it again and it goes on with those that are missing.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import torch
from torch import nn

LAB = Path(__file__).resolve().parents[2] / "exercises" / "04-sentiment-counting"
sys.path.insert(0, str(LAB))

# The lab's own modules, from its folder.
from counting_training import SEQ_LEN, VOCAB_SIZE, train_steps  # noqa: E402
from sentiment_training import describe_machine, write_atomically  # noqa: E402

__all__ = ["KINDS", "CountingNet", "Kind", "main"]

TARGET = 0.99
STOP = 0.995  # a little above, so that one lucky measurement does not end the run


@dataclass(frozen=True)
class Kind:
    """What is where in the network.

    Args:
        place: of the layer norm: ``before`` a part, ``after`` the sum, ``inside`` (on the part's result) or
            ``none``.
        last_norm: a layer norm between encoder and decoder.
        answer_norm: a layer norm between decoder and output.
        embedding_std: of the word vectors at the beginning.
        position_std: of the positional encoding at the beginning.
        query_std: of the learned query at the beginning.
        xavier: projections start Xavier uniform with zero bias, else as `nn.Linear` does.
        positions: there is a positional encoding.
        scaled: scores are divided by the root of the key size.
        softmax_axis: -1 over the keys, -2 over the queries (wrong).

    """

    place: str = "before"
    last_norm: bool = True
    answer_norm: bool = False
    embedding_std: float = 0.2
    position_std: float = 0.2
    query_std: float = 0.1
    xavier: bool = True
    positions: bool = True
    scaled: bool = True
    softmax_axis: int = -1


KINDS = {
    "pre-norm": Kind(),
    "post-norm": Kind(place="after", last_norm=False),
    "post-norm-std-1": Kind(
        place="after", last_norm=False, embedding_std=1.0, position_std=1.0, query_std=1.0
    ),
    "norm-inside": Kind(place="inside", last_norm=False),
    "no-norm": Kind(place="none", last_norm=False),
    "no-last-norm": Kind(last_norm=False),
    "std-1": Kind(embedding_std=1.0, position_std=1.0, query_std=1.0),
    "words-std-1": Kind(embedding_std=1.0),
    "query-std-1": Kind(query_std=1.0),
    "std-0.1": Kind(embedding_std=0.1, position_std=0.1),
    "answer-norm": Kind(answer_norm=True),
    "no-xavier": Kind(xavier=False),
    "wrong-no-positions": Kind(positions=False),
    "wrong-softmax-over-queries": Kind(softmax_axis=-2),
}
"""Name -> what is where. Names that begin with ``wrong`` are wrong answers, for the table of thresholds."""


class _MultiHead(nn.Module):
    def __init__(self, kind: Kind, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.kind, self.heads = kind, num_heads
        self.to_query, self.to_key, self.to_value, self.to_output = (
            nn.Linear(embed_dim, embed_dim) for _ in range(4)
        )
        if kind.xavier:
            for linear in (self.to_query, self.to_key, self.to_value, self.to_output):
                nn.init.xavier_uniform_(linear.weight)
                nn.init.zeros_(linear.bias)

    def forward(self, query: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        q, k, v = (
            linear(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # [B, h, n, d_k]
            for linear, x in ((self.to_query, query), (self.to_key, memory), (self.to_value, memory))
        )
        scores = q @ k.transpose(-2, -1) / (math.sqrt(k.shape[-1]) if self.kind.scaled else 1.0)
        output = torch.softmax(scores, dim=self.kind.softmax_axis) @ v  # [B, h, n_q, d_k]
        result: torch.Tensor = self.to_output(output.transpose(1, 2).flatten(-2))
        return result  # [B, n_q, d]


class CountingNet(nn.Module):
    """The network of the notebook `counting`, with switches; of kind ``pre-norm`` it is the solution's.

    Args:
        kind: what is where.
        num_hidden: size of a vector.
        num_heads: heads.

    """

    def __init__(self, kind: Kind, num_hidden: int = 64, num_heads: int = 4) -> None:
        super().__init__()
        self.kind = kind
        self.embedding = nn.Embedding(VOCAB_SIZE, num_hidden)
        nn.init.normal_(self.embedding.weight, std=kind.embedding_std)
        self.positions = nn.Parameter(kind.position_std * torch.randn(SEQ_LEN + 2, num_hidden))
        self.attention = _MultiHead(kind, num_hidden, num_heads)
        self.norm_1, self.norm_2 = nn.LayerNorm(num_hidden), nn.LayerNorm(num_hidden)
        self.feed_forward = nn.Sequential(
            nn.Linear(num_hidden, 2 * num_hidden), nn.ReLU(), nn.Linear(2 * num_hidden, num_hidden)
        )
        self.last_norm = nn.LayerNorm(num_hidden)
        self.query = nn.Parameter(kind.query_std * torch.randn(1, num_hidden))
        self.decoder = _MultiHead(kind, num_hidden, num_heads)
        self.answer_norm = nn.LayerNorm(num_hidden)
        self.output = nn.Linear(num_hidden, 2 * SEQ_LEN + 1)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Give logits [B, 11] for sequences [B, 7]."""
        x = self.embedding(tokens)  # [B, 7, d]
        if self.kind.positions:
            x = x + self.positions
        match self.kind.place:
            case "before":
                normed = self.norm_1(x)
                x = x + self.attention(normed, normed)
                x = x + self.feed_forward(self.norm_2(x))
            case "after":
                x = self.norm_1(x + self.attention(x, x))
                x = self.norm_2(x + self.feed_forward(x))
            case "inside":
                x = x + self.norm_1(self.attention(x, x))
                x = x + self.norm_2(self.feed_forward(x))
            case _:
                x = x + self.attention(x, x)
                x = x + self.feed_forward(x)
        if self.kind.last_norm:
            x = self.last_norm(x)
        query = self.query.expand(len(tokens), -1, -1)  # [B, 1, d]
        answer = self.decoder(query, x)[:, 0]  # [B, d]
        logits: torch.Tensor = self.output(self.answer_norm(answer) if self.kind.answer_norm else answer)
        return logits  # [B, 11]


def draw_samples(
    batch_size: int, generator: torch.Generator | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw sequences [B, 7] and labels [B], as the notebook's `get_data_sample` does."""
    sequences = torch.randint(0, VOCAB_SIZE, (batch_size, SEQ_LEN + 2), generator=generator)
    x, y, rest = sequences[:, :1], sequences[:, 1:2], sequences[:, 2:]  # [B, 1], [B, 1], [B, 5]
    return sequences, (rest == x).sum(dim=1) - (rest == y).sum(dim=1) + SEQ_LEN


def train_one(kind: Kind, seed: int, most_steps: int, every: int) -> dict[str, Any]:
    """Train one network until it is right on 99.5 % of 4,000 fresh samples, or for so many steps."""
    torch.manual_seed(seed)
    net = CountingNet(kind)
    fresh = draw_samples(4000, torch.Generator().manual_seed(10_000 + seed))
    started = time.process_time()
    curve: list[list[float]] = []
    for step, _ in train_steps(net, draw_samples, most_steps):
        if step % every == 0:
            with torch.no_grad():
                accuracy = (net(fresh[0]).argmax(dim=1) == fresh[1]).float().mean().item()
            curve.append([step, accuracy])
            if accuracy >= STOP:
                break
    reached = next((step for step, accuracy in curve if accuracy >= TARGET), None)
    return {"steps": reached, "curve": curve, "cpu_s": time.process_time() - started}


def _seeds(text: str) -> Iterator[int]:
    first, _, last = text.partition("-")
    yield from range(int(first), int(last or first) + 1)


@click.command()
@click.argument("kinds", nargs=-1, required=True, type=click.Choice(list(KINDS)))
@click.option("--seeds", default="0-2", show_default=True, help="FIRST-LAST.")
@click.option("--most-steps", default=4500, show_default=True)
@click.option("--every", default=100, show_default=True, help="Steps between two measurements.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the records.")
def main(kinds: tuple[str, ...], seeds: str, most_steps: int, every: int, out: Path) -> None:
    """Train networks of these KINDS from several seeds."""
    out.mkdir(parents=True, exist_ok=True)
    torch.set_flush_denormal(True)
    for name in kinds:
        path = out / f"counting-{name}.json"
        settings = {
            "kind": name,
            **asdict(KINDS[name]),
            "most_steps": most_steps,
            "target": TARGET,
            "stop": STOP,
        }
        curves = _read_curves(path, settings)
        for seed in _seeds(seeds):
            if str(seed) in curves:
                continue
            curves[str(seed)] = train_one(KINDS[name], seed, most_steps, every)
            text = json.dumps(make_record(name, settings, curves)) + "\n"
            write_atomically(path, lambda temporary, text=text: Path(temporary).write_text(text))
            click.echo(f"{name}, seed {seed}: {curves[str(seed)]['steps']} steps to {TARGET:.0%}")


def _read_curves(path: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the curves of an earlier call with the same settings, by seed."""
    if not path.is_file():
        return {}
    record = json.loads(path.read_text(encoding="utf-8"))
    same = {key: value for key, value in record["settings"].items() if key != "seed"} == settings
    return dict(record["curves"]) if same else {}


def make_record(name: str, settings: dict[str, Any], curves: dict[str, Any]) -> dict[str, Any]:
    """Put together a record; its "epochs" are the runs from single seeds."""
    steps = [run["steps"] for run in curves.values() if run["steps"] is not None]
    best = {seed: max(accuracy for _, accuracy in run["curve"]) for seed, run in curves.items()}
    return {
        "lab": "04-sentiment-counting",
        "notebook": "counting",
        "run": f"counting-{name}",
        "settings": {**settings, "seed": " to ".join(sorted({min(curves, key=int), max(curves, key=int)}))},
        "parameters": sum(p.numel() for p in CountingNet(KINDS[name]).parameters()),
        "epochs": [
            {
                "epoch": number,
                "seed": int(seed),
                "steps": run["steps"],
                "best_accuracy": best[seed],
                "cpu_minutes": run["cpu_s"] / 60,
            }
            for number, (seed, run) in enumerate(curves.items(), 1)
        ],
        "curves": curves,
        "result": {
            "seeds": len(curves),
            "seeds that reach 0.99": len(steps),
            **({"most steps to 0.99": max(steps)} if len(steps) == len(curves) else {}),
            "lowest accuracy": min(best.values()),
        },
        "machine": describe_machine(),
    }


if __name__ == "__main__":
    main()
