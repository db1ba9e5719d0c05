"""What the checks of `addition` share: images that say what they show, references, known mistakes. Given."""

import numpy as np
import torch
from labkit import expect, probe
from torch import nn
from torch.nn.functional import batch_norm, conv2d, cross_entropy, linear, max_pool2d, relu

_KINDS = ("loss", "digit_acc", "sequence_acc")


def expect_digit_lists(convert, cases):
    """Compare the digits of numbers; `cases` are pairs (number, max_length)."""
    for number, length in cases:
        text = str(number)
        right = [int(character) for character in text.zfill(length)]
        expect.equal(
            convert(number, length),
            right,
            call=f"convert_int_to_vector({number}, {length})",
            variants={
                "the digits come from the last to the first": right[::-1],
                "the zeros in front are missing": [int(character) for character in text],
                "the zeros stand behind the number, not in front": [int(c) for c in text.ljust(length, "0")],
                "the digits are characters, not integers": list(text.zfill(length)),
            },
            read="section 1",
        )


def values_of(digits):
    """Return the numbers of digits [N, L] as an array [N]."""
    rows = np.asarray(digits)
    return (rows * 10 ** np.arange(rows.shape[1])[::-1]).sum(axis=1)


def coded_digits(copies):
    """Return images that say what they show: two pixels hold the digit and the number of the copy.

    Returns:
        Images uint8 [10 * copies, 28, 28] in mixed order, and their digits, int64 [10 * copies].

    """
    order = torch.randperm(10 * copies, generator=torch.Generator().manual_seed(copies))
    digits, copy = order % 10, order // 10
    images = torch.zeros(10 * copies, 28, 28, dtype=torch.uint8)
    images[:, 3, 5] = (20 * digits + 10).to(torch.uint8)
    images[:, 11, 2] = (20 * copy + 10).to(torch.uint8)
    images[:, 20, 9] = 255
    return images, digits


def decode_images(images):
    """Return digit and copy that coded images [L, 1, 28, 28] show, as two integer arrays [L]."""
    pixels = np.asarray(images)[:, 0] * 255
    return tuple(np.rint((pixels[:, row, column] - 10) / 20).astype(int) for row, column in ((3, 5), (11, 2)))


# ---------------------------------------------------------------- the model


def set_adder_weights(model, seed):
    """Give an adder random weights, put it into evaluation mode, and return the weights."""
    shapes = {name: tuple(value.shape) for name, value in probe.state(model).items()}
    starts = ("encoder.", "lstm.", "linear.")
    expect.true(
        all(any(name.startswith(start) for name in shapes) for start in starts),
        "the layers of the given `__init__`: encoder, lstm, linear",
        call="AdditionModel(…)",
        cause="a layer was renamed or is missing; `forward` is all there is to write",
    )
    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, shape in sorted(shapes.items()):
        if name.endswith("num_batches_tracked"):
            weights[name] = torch.tensor(1)
        elif name.endswith("running_var"):
            weights[name] = 0.5 + torch.rand(shape, generator=generator)
        else:
            weights[name] = 0.5 * torch.randn(shape, generator=generator)
    probe.load_state(model, weights)
    model.eval()
    return weights


def _part(weights, start):
    return {key.removeprefix(start): value for key, value in weights.items() if key.startswith(start)}


def _encode(weights, images):
    """Describe images [M, 1, 28, 28] one after the other, [M, C]."""
    part = _part(weights, "encoder.layers.")

    def convolve(x, conv, norm):
        x = conv2d(x, part[f"{conv}.weight"], part[f"{conv}.bias"], padding=1)
        x = max_pool2d(x, 2)
        statistics = [part[f"{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
        return relu(batch_norm(x, *statistics))

    described = []
    for image in images:
        x = convolve(image[None], 0, 2)
        x = convolve(x, 4, 6)
        described.append(convolve(x, 8, 10).mean(dim=(2, 3)))
    return torch.cat(described)


def _walk(weights, joined, batch_first=True):
    """Return the states of the LSTM in both directions, [B, L, 2H]."""
    part = _part(weights, "lstm.")
    hidden = part["weight_hh_l0"].shape[1]
    lstm = nn.LSTM(joined.shape[2], hidden, batch_first=batch_first, bidirectional=True)
    lstm.load_state_dict(part)
    return lstm(joined)[0]


def _score(weights, states):
    return linear(states, weights["linear.weight"], weights["linear.bias"])  # [B, L, 10]


@torch.no_grad()
def reference_adder(weights, num_1, num_2):
    """Return the logits of equation (1), [B, 10, L], one sum after the other."""
    found = []
    for first, second in zip(num_1, num_2, strict=True):
        joined = torch.cat([_encode(weights, first), _encode(weights, second)], dim=1)[None]  # [1, L, 2C]
        found.append(_score(weights, _walk(weights, joined)).transpose(1, 2))
    return torch.cat(found)


def _without_gradients(mistakes):
    """Let every mistake be computed without gradients, whenever it is asked for."""
    return {sentence: torch.no_grad()(compute) for sentence, compute in mistakes.items()}


def adder_mistakes(weights, num_1, num_2):
    """Return what known mistakes give, each as a function without arguments."""
    batch, length = num_1.shape[:2]

    def codes(images):
        return _encode(weights, images.flatten(0, 1)).reshape(batch, length, -1)

    def joined():
        return torch.cat([codes(num_1), codes(num_2)], dim=2)

    return _without_gradients(
        {
            "reshape was taken for transpose: the scores went to other digits and places": lambda: _score(
                weights, _walk(weights, joined())
            ).reshape(batch, 10, length),
            "num_1 was read twice": lambda: reference_adder(weights, num_1, num_1),
            "num_2 was read twice": lambda: reference_adder(weights, num_2, num_2),
            "num_2 was joined in front of num_1": lambda: reference_adder(weights, num_2, num_1),
            "a softmax was applied: the loss has it built in": lambda: torch.softmax(
                reference_adder(weights, num_1, num_2), dim=1
            ),
            "the LSTM walked over the sums of the batch, not along the places": lambda: _score(
                weights, _walk(weights, joined(), batch_first=False)
            ).transpose(1, 2),
            "batch and places were exchanged when the images were put together": lambda: _score(
                weights,
                _walk(
                    weights,
                    torch.cat(
                        [
                            _encode(weights, part.transpose(0, 1).flatten(0, 1)).reshape(batch, length, -1)
                            for part in (num_1, num_2)
                        ],
                        dim=2,
                    ),
                ),
            ).transpose(1, 2),
        }
    )


# ---------------------------------------------------------------- the loop


def copyist_batches(sizes, length, seed):
    """Return batches of noise with random labels, as a list of dicts."""
    generator = torch.Generator().manual_seed(seed)
    return [
        {
            "num_1": torch.rand(size, length, 1, 28, 28, generator=generator).pow(3 + index),
            "num_2": torch.rand(size, length, 1, 28, 28, generator=generator),
            "label": torch.randint(0, 3, (size, length), generator=generator),
        }
        for index, size in enumerate(sizes)
    ]


def set_copyist_weights(model, seed):
    """Give a `Copyist` weights with which it is right now and then; return them."""
    generator = torch.Generator().manual_seed(seed)
    weights = {
        "linear.weight": 4 * torch.randn(10, 2, generator=generator),
        "linear.bias": torch.tensor([0.6, 0.5, 0.4] + 7 * [-4.0]),
    }
    probe.load_state(model, weights)
    return weights


def _copy(weight, bias, batch):
    grey = torch.stack([batch[name].mean(dim=(2, 3, 4)) for name in ("num_1", "num_2")], dim=2)  # [B, L, 2]
    return linear(grey, weight, bias).transpose(1, 2)  # [B, 10, L]


def _summarise(seen, mistake=""):
    """Turn (loss, digits right, sums right, sums, places) of batches into figures."""
    n_sums = sum(batch[3] for batch in seen)
    n_digits = sum(batch[3] * batch[4] for batch in seen)
    losses = {
        "": sum(batch[0] * batch[3] for batch in seen) / n_sums,
        "mean of means": sum(batch[0] for batch in seen) / len(seen),
        "means over samples": sum(batch[0] for batch in seen) / n_sums,
    }
    digits = sum(batch[1] for batch in seen) / n_digits
    sums = sum(batch[2] for batch in seen) / n_sums
    if mistake == "digits over sums":
        digits = sum(batch[1] for batch in seen) / n_sums
    if mistake == "digits for sums":
        sums = digits
    return dict(zip(_KINDS, (losses.get(mistake, losses[""]), digits, sums), strict=True))


_MISTAKES = {
    "mean of means": "the means of the batches were averaged: the last batch is smaller, and its sums "
    "count more",
    "means over samples": "the mean losses of the batches were divided by the number of sums: multiply "
    "each by the size of its batch first",
    "digits over sums": "the right digits were divided by the number of sums, not of digits",
    "digits for sums": "sequence_acc is the accuracy of digits: a sum counts only if all of its digits "
    "are right",
}


def _look(weight, bias, batch):
    logits = _copy(weight, bias, batch)
    hits = batch["label"].eq(logits.max(dim=1).indices)
    loss = cross_entropy(logits, batch["label"])
    counts = (int(hits.sum()), sum(bool(row.all()) for row in hits), *hits.shape)
    return loss, (loss.item(), *counts)


def copyist_figures(state, batches, mistake=""):
    """Return the figures of `Copyist` over batches, without training."""
    seen = [_look(state["linear.weight"], state["linear.bias"], batch)[1] for batch in batches]
    return _summarise(seen, mistake)


def copyist_mistakes(state, batches):
    """Return the figures that known mistakes give: sentence -> figures."""
    return {sentence: copyist_figures(state, batches, mistake) for mistake, sentence in _MISTAKES.items()}


def _descend(state, batches, learning_rate, mistake=""):
    weight, bias = (state[f"linear.{name}"].clone().requires_grad_() for name in ("weight", "bias"))
    seen, kept = [], [torch.zeros_like(weight), torch.zeros_like(bias)]
    for batch in batches:
        loss, figures = _look(weight, bias, batch)
        seen.append(figures)
        gradients = list(torch.autograd.grad(loss, (weight, bias)))
        if mistake == "gradients add up":
            kept = gradients = [old + new for old, new in zip(kept, gradients, strict=True)]
        with torch.no_grad():
            weight -= learning_rate * gradients[0]
            bias -= learning_rate * gradients[1]
    return seen, {"linear.weight": weight.detach(), "linear.bias": bias.detach()}


def copyist_epoch(state, batches, learning_rate):
    """Train `Copyist` for an epoch by plain gradient descent.

    Returns:
        The figures of the epoch, the new weights, and the figures that known mistakes give.

    """
    seen, after = _descend(state, batches, learning_rate)
    mistakes = {sentence: _summarise(seen, mistake) for mistake, sentence in _MISTAKES.items()}
    added_up, _ = _descend(state, batches, learning_rate, "gradients add up")
    mistakes["the gradients add up from step to step: optimizer.zero_grad() is missing"] = _summarise(
        added_up
    )
    mistakes["the weights do not change: optimizer.step() is missing"] = copyist_figures(state, batches)
    return _summarise(seen), after, mistakes


def expect_figures(figures, right, mistakes, call):
    """Compare a dict of loss, digit_acc and sequence_acc with a reference."""
    expect.true(
        isinstance(figures, dict) and set(_KINDS) <= set(figures),
        "a dict with the keys loss, digit_acc and sequence_acc",
        call=call,
        cause="the function gives None: is a `return` missing?" if figures is None else "a key is missing",
    )
    for name in _KINDS:
        expect.close(
            float(figures[name]),
            float(right[name]),
            call=f"{call}[{name!r}]",
            variants={cause: float(wrong[name]) for cause, wrong in mistakes.items()},
            tol=1e-4,
            read="section 4",
        )
