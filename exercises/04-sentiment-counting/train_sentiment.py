"""Train one classifier of your `solution.py` from a terminal or a batch job. Given.

    python train_sentiment.py lstm --epochs 10 --out runs
    python train_sentiment.py lstm --dry-run          # everything once, on a few reviews, in under a minute

Run it again with the same arguments and it goes on after the last epoch that was finished.
"""

import argparse
from pathlib import Path

import torch
from sentiment_training import train
from sentiment_vocabulary import load_vocabulary
from solution import LSTMClassifier, RNNClassifier, get_dataloader, make_model, tokenise

# Name on the command line -> what makes the model from the vectors. Add your own.
KINDS = {"rnn": RNNClassifier, "lstm": LSTMClassifier, "mine": make_model}


def read_arguments(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=list(KINDS))
    parser.add_argument("--epochs", type=int, default=10, help="passes through the training reviews (10)")
    parser.add_argument("--batch-size", type=int, default=64, help="reviews in a batch (64)")
    parser.add_argument("--max-words", type=int, default=250, help="reviews are cut to so many words (250)")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="the highest one (0.002)")
    parser.add_argument("--limit", type=int, help="use only so many reviews of each split")
    parser.add_argument(
        "--dim", type=int, default=50, help="numbers of a GloVe vector: 50, 100, 200, 300 (50)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder of weights, state and record")
    parser.add_argument("--dry-run", action="store_true", help="one epoch on 64 reviews of 40 words")
    chosen = parser.parse_args(arguments)
    if chosen.dry_run:
        chosen.epochs, chosen.limit, chosen.max_words = 1, 64, 40
    return chosen


def main(arguments=None):
    """Train, and print what was reached."""
    chosen = read_arguments(arguments)
    chosen.out.mkdir(parents=True, exist_ok=True)
    torch.set_flush_denormal(True)  # tiny numbers of the optimizer cost a CPU much time
    vocabulary = load_vocabulary(tokenise, dim=chosen.dim)
    loaders = {
        split: get_dataloader(
            split, vocabulary, chosen.batch_size, chosen.max_words, chosen.limit, chosen.seed
        )
        for split in ("train", "val", "test")
    }
    torch.manual_seed(chosen.seed)
    note = {"kind": chosen.kind, "max_words": chosen.max_words, "limit": chosen.limit, "dim": chosen.dim}
    record = train(
        KINDS[chosen.kind](vocabulary.matrix),
        loaders,
        vocabulary.words,
        chosen.out / f"{chosen.kind}.safetensors",
        epochs=chosen.epochs,
        learning_rate=chosen.learning_rate,
        name=f"glove-{chosen.kind}",
        seed=chosen.seed,
        note={**note, "batch_size": chosen.batch_size},
    )
    print(record["result"])


if __name__ == "__main__":
    main()
