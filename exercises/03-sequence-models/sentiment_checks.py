"""What the checks of `sentiment` share: reviews, models that read each one alone, known mistakes. Given."""

import numpy as np
import torch
from labkit import expect, probe
from torch import nn
from torch.nn.functional import binary_cross_entropy, embedding, linear

PAD = 0
_NAMES = {
    "LSTMModel": ("embedding.", "lstm.", "linear."),
    "AttentionModel": ("embedding.", "attention.", "linear."),
}


def random_reviews(seed, lengths, vocabulary, n_padding=0):
    """Return reviews of these lengths as int64 [B, T, 1]; T is the longest and so many zeros more."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.zeros(len(lengths), max(lengths) + n_padding, 1, dtype=torch.int64)
    for row, length in zip(rows, lengths, strict=True):
        row[:length, 0] = torch.randint(1, vocabulary, (length,), generator=generator)
    return rows


def set_weights(model, kind, seed):
    """Give a model random weights, padding's row of the embedding included; return them."""
    shapes = {name: tuple(value.shape) for name, value in probe.state(model).items()}
    kept = all(any(name.startswith(start) for name in shapes) for start in _NAMES[kind])
    names = ", ".join(start.rstrip(".") for start in _NAMES[kind])
    expect.true(
        kept,
        f"the layers of the given `__init__`: {names}",
        call=f"{kind}(…)",
        cause="a layer was renamed or is missing; `forward` is all there is to write",
    )
    generator = torch.Generator().manual_seed(seed)
    weights = {
        name: torch.randn(shape, generator=generator) * (1.0 if name.startswith("embedding") else 0.6)
        for name, shape in sorted(shapes.items())
    }
    probe.load_state(model, weights)
    model.eval()
    return weights


def _part(weights, name):
    return {
        key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")
    }


def _run_lstm(weights, ids, layers):
    """Return the states of all layers' last, [B, T, H], and the final states, [layers, B, H]."""
    embedded = embedding(ids, weights["embedding.weight"])  # [B, T, E]
    part = _part(weights, "lstm")
    lstm = nn.LSTM(embedded.shape[2], part["weight_hh_l0"].shape[1], layers, batch_first=True)
    lstm.load_state_dict(part)
    states, (final, _) = lstm(embedded)
    return states, final


def _attend(weights, ids, heads, is_padding=None):
    """Return the outputs of self-attention, [B, T, E]."""
    embedded = embedding(ids, weights["embedding.weight"])  # [B, T, E]
    attention = nn.MultiheadAttention(embedded.shape[2], heads, batch_first=True)
    attention.load_state_dict(_part(weights, "attention"))
    return attention(embedded, embedded, embedded, key_padding_mask=is_padding, need_weights=False)[0]


def _say(weights, features, sigmoid=True):
    logits = linear(features, weights["linear.weight"], weights["linear.bias"])[:, 0]  # [B]
    return torch.sigmoid(logits) if sigmoid else logits


@torch.no_grad()
def read_alone(kind, weights, reviews, size, sigmoid=True):
    """Return what a model says when it reads each review alone, without any padding, [B].

    Args:
        kind: LSTMModel or AttentionModel.
        weights: of the model.
        reviews: [B, T, 1].
        size: layers of the LSTM, or heads of the attention.
        sigmoid: False for logits.

    """
    said = []
    for review in reviews[:, :, 0]:
        ids = review[review != PAD][None]  # [1, n]
        if kind == "LSTMModel":
            features = _run_lstm(weights, ids, size)[1][-1]
        else:
            features = _attend(weights, ids, size).mean(dim=1)
        said.append(_say(weights, features, sigmoid))
    return torch.cat(said).numpy()


def _without_gradients(mistakes):
    """Let every mistake be computed without gradients, whenever it is asked for."""
    return {sentence: torch.no_grad()(compute) for sentence, compute in mistakes.items()}


def lstm_mistakes(weights, reviews, layers):
    """Return what known mistakes give, each as a function without arguments."""
    ids = reviews[:, :, 0]
    lengths = torch.count_nonzero(ids, dim=1)

    def states():
        return _run_lstm(weights, ids, layers)[0]

    def alone(pick):
        found = [_run_lstm(weights, row[row != PAD][None], layers) for row in ids]
        return _say(weights, torch.cat([pick(all_states, final) for all_states, final in found])).numpy()

    return _without_gradients(
        {
            "the last state has read the padding: take the state after the last word": lambda: _say(
                weights, states()[:, -1]
            ).numpy(),
            "the sigmoid is missing": lambda: read_alone(
                "LSTMModel", weights, reviews, layers, sigmoid=False
            ),
            "the state one word too early was taken: the last word has the index n − 1": lambda: _say(
                weights,
                torch.stack([row[max(int(n) - 2, 0)] for row, n in zip(states(), lengths, strict=True)]),
            ).numpy(),
            "the state of the first layer was taken": lambda: alone(lambda _, final: final[0]),
            "the state after the first word was taken": lambda: _say(weights, states()[:, 0]).numpy(),
            "all states were averaged, padding included": lambda: _say(weights, states().mean(dim=1)).numpy(),
            "all states were averaged; the task asks for the last one": lambda: alone(
                lambda all_states, _: all_states.mean(dim=1)
            ),
            "the padding was read first, the review after it": lambda: _say(
                weights,
                _run_lstm(
                    weights,
                    torch.stack([torch.cat([row[row == PAD], row[row != PAD]]) for row in ids]),
                    layers,
                )[1][-1],
            ).numpy(),
        }
    )


def attention_mistakes(weights, reviews, heads):
    """Return what known mistakes give, each as a function without arguments."""
    ids = reviews[:, :, 0]
    is_padding = ids.eq(PAD)
    is_word = is_padding.logical_not().float()  # [B, T]
    n_words = torch.count_nonzero(ids, dim=1)[:, None]  # [B, 1]

    def mixed(mask):
        return _attend(weights, ids, heads, mask)

    def masked_mean(outputs):
        return torch.einsum("bte,bt->be", outputs, is_word) / n_words

    return _without_gradients(
        {
            "padding is masked in the mean, but the words still attend to it: key_padding_mask": lambda: _say(
                weights, masked_mean(mixed(None))
            ).numpy(),
            "the words do not attend to padding, but the mean still counts it": lambda: _say(
                weights, mixed(is_padding).mean(dim=1)
            ).numpy(),
            "padding is masked nowhere": lambda: _say(weights, mixed(None).mean(dim=1)).numpy(),
            "the sum leaves padding out, but is divided by all T positions": lambda: _say(
                weights, torch.einsum("bte,bt->be", mixed(is_padding), is_word) / ids.shape[1]
            ).numpy(),
            "the mask is turned round: True means leave out": lambda: _say(
                weights, masked_mean(mixed(~is_padding))
            ).numpy(),
            "the outputs were added up, not averaged": lambda: _say(
                weights, masked_mean(mixed(is_padding)) * n_words
            ).numpy(),
            "the sigmoid is missing": lambda: read_alone(
                "AttentionModel", weights, reviews, heads, sigmoid=False
            ),
            "the output of the first word stands for the review": lambda: _say(
                weights, mixed(is_padding)[:, 0]
            ).numpy(),
            "the attention was left out: the word vectors were averaged": lambda: _say(
                weights, masked_mean(embedding(ids, weights["embedding.weight"]))
            ).numpy(),
        }
    )


def expect_probabilities(model, kind, weights, reviews, size):
    """Expect of a model that it says of every review what it would say if it read it alone."""
    B, T = reviews.shape[:2]
    call = f"{kind}(…)(reviews) with B={B}, T={T}"
    said = model(reviews)
    shape = tuple(getattr(said, "shape", ()))
    cause = {
        (B, 1): "the last axis is still there: squeeze(1)",
        (): "squeeze() without an axis also takes away the batch where it has one review",
        (B, T): "one number for each word came out: a review needs one",
    }.get(shape, "")
    if said is None:
        cause = "the model gives None: is a `return` missing?"
    expect.true(shape == (B,), f"one probability for each review, shape [{B}]", call=call, cause=cause)
    mistakes = (lstm_mistakes if kind == "LSTMModel" else attention_mistakes)(weights, reviews, size)
    expect.close(
        said,
        read_alone(kind, weights, reviews, size),
        call=call,
        variants=mistakes,
        drop_axes=False,
        read="“Padding must not change the answer”",
    )


# ---------------------------------------------------------------- the training loop


def _word_weights(weight, bias, reviews):
    """Return what `WordWeights` says: the mean weight of the words, plus the bias, through a sigmoid."""
    ids = reviews[:, :, 0]
    summed = weight[ids, 0].sum(dim=1)  # the row of PAD is zero
    return torch.sigmoid(summed / (ids != PAD).sum(dim=1) + bias)


def _figures(p, labels):
    loss = binary_cross_entropy(p, labels, reduction="none")
    return loss, ((p > 0.5) == (labels > 0.5)).float()


def reference_run(state, train, test, learning_rate, epochs, batch_size, mistake=""):
    """Train `WordWeights` by plain gradient descent and return its metrics, right or with a mistake.

    Batches are those of `make_batches` for reviews of different lengths: in order of length. As long as
    the learning rate is 0, or one batch holds everything, their order changes nothing.

    Args:
        state: weights of the model at the start.
        train: (reviews [N, T, 1], labels [N]).
        test: likewise.
        learning_rate: of gradient descent.
        epochs: how many.
        batch_size: reviews in a batch.
        mistake: "" for none.

    Returns:
        Lists with one value for each epoch: train_loss, train_acc, test_loss, test_acc.

    """
    weight = state["weight.weight"].clone().requires_grad_()
    bias = state["bias"].clone().requires_grad_()
    metrics = {name: [] for name in ("train_loss", "train_acc", "test_loss", "test_acc")}
    order = torch.argsort((train[0][:, :, 0] != PAD).sum(dim=1), stable=True)
    velocity = [torch.zeros_like(weight), torch.zeros_like(bias)]
    for _ in range(epochs):
        seen = []
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            loss, right = _figures(_word_weights(weight, bias, train[0][rows]), train[1][rows])
            seen.append((loss.detach(), right))
            gradients = list(torch.autograd.grad(loss.mean(), (weight, bias)))
            gradients[0][PAD] = 0  # as padding_idx does
            if mistake == "gradients add up":
                velocity = gradients = [old + new for old, new in zip(velocity, gradients, strict=True)]
            with torch.no_grad():
                if mistake != "no step":
                    weight -= learning_rate * gradients[0]
                    bias -= learning_rate * gradients[1]
        with torch.no_grad():
            loss, right = _figures(_word_weights(weight, bias, test[0]), test[1])
        for part, batches in (("train", seen), ("test", _cut(loss, right, test[0], batch_size))):
            for name, figures in (("loss", [b[0] for b in batches]), ("acc", [b[1] for b in batches])):
                metrics[f"{part}_{name}"].append(_summarise(figures, name, mistake))
    return metrics


def _cut(loss, right, reviews, batch_size):
    order = torch.argsort((reviews[:, :, 0] != PAD).sum(dim=1), stable=True)
    return [
        (loss[order[i : i + batch_size]], right[order[i : i + batch_size]])
        for i in range(0, len(order), batch_size)
    ]


def _summarise(batches, name, mistake):
    total = sum(len(batch) for batch in batches)
    means = [float(batch.mean()) for batch in batches]
    if mistake == "means over samples" and name == "loss":
        return sum(means) / total
    if mistake == "mean of means" and name == "loss":
        return sum(means) / len(means)
    if mistake == "sums over batches" and name == "loss":
        return sum(float(batch.sum()) for batch in batches) / len(batches)
    if mistake == "percent" and name == "acc":
        return 100 * sum(float(batch.sum()) for batch in batches) / total
    if mistake == "counts" and name == "acc":
        return sum(float(batch.sum()) for batch in batches)
    return sum(float(batch.sum()) for batch in batches) / total


_LOOP_MISTAKES = {
    "means over samples": "the mean losses of the batches were divided by the number of reviews: multiply "
    "each by the size of its batch first",
    "mean of means": "the means of the batches were averaged: the last batch is smaller, and its reviews "
    "count more",
    "sums over batches": "the losses of all reviews were divided by the number of batches",
    "gradients add up": "the gradients add up from step to step: optimizer.zero_grad() is missing",
    "no step": "the weights do not change: optimizer.step() is missing",
    "percent": "the accuracy is in percent; the task asks for a share from 0 to 1",
    "counts": "the accuracy is a count; divide it by the number of reviews",
}


def loop_mistakes(*arguments):
    """Return the metrics that known mistakes of a loop give: sentence -> metrics."""
    return {
        sentence: reference_run(*arguments, mistake=mistake) for mistake, sentence in _LOOP_MISTAKES.items()
    }


def expect_metrics(
    metrics, right, mistakes, call, names=("train_loss", "train_acc", "test_loss", "test_acc")
):
    """Compare what `train` gave with the metrics of a reference."""
    expect.true(
        isinstance(metrics, dict) and set(names) <= set(metrics),
        f"a dict with the keys {', '.join(names)}",
        call=call,
        cause="the function gives None: is a `return` missing?" if metrics is None else "a key is missing",
    )
    for name in names:
        expect.true(
            isinstance(metrics[name], (list, tuple)) and len(metrics[name]) == len(right[name]),
            f"a list with one value for each of the {len(right[name])} epochs",
            call=f"{call}[{name!r}]",
            cause="it is no list"
            if not isinstance(metrics[name], (list, tuple))
            else "it has another length",
        )
        expect.close(
            np.array([float(value) for value in metrics[name]]),
            np.array(right[name]),
            call=f"{call}[{name!r}]",
            variants={cause: np.array(wrong[name]) for cause, wrong in mistakes.items()},
            tol=1e-4,
            read="section 4",
        )
