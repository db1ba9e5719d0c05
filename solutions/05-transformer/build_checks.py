"""What the checks of `build` share: calling what you wrote, naming known mistakes. Given."""

import linecache

import torch
from labkit import expect, probe
from labkit.expect.report import fail
from torch import nn
from torch.nn import functional
from torch_copies import run_block, run_heads, torch_attention, torch_block

FLOAT_SIZE = "a size is a float: `d_model / n_heads` gives 4.0, `d_model // n_heads` gives 4"
NO_CLASS = "it must be a class: `class Name(nn.Module):`, not `def`"
NO_RETURN = "the function gives None: is a `return` missing?"


def attempt(call, function, *arguments, causes=()):
    """Call what a student wrote; name the cause of the exceptions that are known.

    Args:
        call: what is called, for the message.
        function: to call.
        arguments: of the call.
        causes: further pairs (part of the exception's text, cause).

    """
    known = (
        ("'float' object cannot be interpreted as an integer", FLOAT_SIZE),
        ("but got float", FLOAT_SIZE),
        ("must be int, not float", FLOAT_SIZE),
        *causes,
    )
    try:
        return function(*arguments)
    except (TypeError, RuntimeError, IndexError, ValueError) as error:
        if isinstance(error, NotImplementedError):
            raise
        cause = next((cause for part, cause in known if part in str(error)), "")
        if not cause:
            raise
        where = str(getattr(error, "__labkit_message__", "")) or _line_of(error)
        came_back = f"{type(error).__name__}: {str(error)[:300]}"
    return fail(
        call=call,
        expected="a result",
        came_back=f"{came_back} ({where})" if where else came_back,
        cause=cause,
    )


def _line_of(error):
    """Return the line of the student's file in which an exception arose; "" if there is none."""
    step, found = error.__traceback__, ""
    while step is not None:
        name = step.tb_frame.f_code.co_filename.replace("\\", "/").rsplit("/", 1)[-1]
        if name in ("transformer.py", "palindromes.py", "word_model.py"):
            line = linecache.getline(step.tb_frame.f_code.co_filename, step.tb_lineno).strip()
            found = f"{name}, line {step.tb_lineno}: {line}"
        step = step.tb_next
    return found


def make(kind, call, *sizes):
    """Make a module of a student's class, in evaluation mode."""
    expect.answered(kind, call.split("(")[0])
    module = attempt(
        call,
        kind,
        *sizes,
        causes=(("positional argument", NO_CLASS), ("has no attribute", NO_CLASS)),
    )
    expect.true(
        isinstance(module, nn.Module),
        "a module: an object of a class that derives from `nn.Module`",
        call=call,
        cause=NO_CLASS,
    )
    module.eval()
    return module


def load(module, state, call):
    """Put weights into a student's module, by the names that its docstring tells."""
    has = {name: tuple(value.shape) for name, value in probe.state(module).items()}
    wanted = {name: tuple(value.shape) for name, value in state.items()}
    missing = sorted(wanted.keys() - has.keys())
    other = sorted(name for name in wanted.keys() & has.keys() if wanted[name] != has[name])
    more = sorted(has.keys() - wanted.keys())
    says = "; ".join(
        f"{what}: {', '.join(names[:4])}{' …' if len(names) > 4 else ''}"
        for what, names in (("missing", missing), ("of another shape", other), ("not asked for", more))
        if names
    )
    expect.true(not says, "the parts that the docstring names, and no others", call=call, cause=says)
    probe.load_state(module, state)
    return module


def expect_own(thing, name):
    """Expect that a function or class does not call the attention that it should compute."""
    used = ", ".join(probe.uses(thing, probe.ATTENTION_LAYERS))
    expect.true(
        not used,
        "your own computation, without PyTorch's attention",
        call=name,
        cause=f"it uses {used}" if used else "",
    )


def expect_result(result, call):
    """Expect anything but None."""
    expect.true(result is not None, "a result", call=call, cause=NO_RETURN)
    return result


def dice(seed):
    """Return a generator of random numbers."""
    return torch.Generator().manual_seed(seed)


def numbers(seed, *shape):
    """Return normally distributed float32 numbers."""
    return torch.randn(shape, generator=dice(seed))


def expect_attention(attention, Q, K, V, mask=None, call="attention(Q, K, V)"):
    """Compare a student's `attention` with PyTorch's function: weights, then output."""
    answer = attempt(
        call,
        attention,
        Q,
        K,
        V,
        *(() if mask is None else (mask,)),
        causes=(
            (
                "must match",
                "the keys are transposed over the wrong axes, or not at all: the last two change places",
            ),
        ),
    )
    expect.true(
        type(answer) in (tuple, list) and len(answer) == 2,
        "two results: (output, weights)",
        call=call,
        cause=NO_RETURN if answer is None else "",
    )
    output, weights = torch_attention(Q, K, V, mask)
    mistakes = attention_mistakes(Q, K, V, mask)
    for part, (name, right) in enumerate((("weights", weights), ("output", output))):
        variants = {
            cause: (lambda wrong=wrong, part=part: wrong()[1 - part]) for cause, wrong in mistakes.items()
        }
        expect.close(
            answer[1 - part], right, call=f"{name} of {call}", variants=variants, read="equation (2)"
        )


def attention_mistakes(Q, K, V, mask):
    """Return what known mistakes give, each as a function that gives (output, weights)."""
    root = Q.shape[-1] ** 0.5

    def with_weights(weights):
        return weights @ V, weights

    def over(axis):
        # PyTorch's function has its softmax over the keys only: queries and keys change places, and back.
        def compute():
            scores = torch.einsum("...qd,...kd->...qk", Q, K) / root
            if mask is not None:
                scores = torch.where(mask, scores, torch.tensor(-1e30))
            weights = functional.softmax(scores, dim=axis)
            return with_weights(weights)

        return compute

    mistakes = {
        "the scores were not scaled": lambda: torch_attention(Q * root, K, V, mask),
        "the scores were divided by d_k and not by its root": lambda: torch_attention(Q / root, K, V, mask),
        "the scores were multiplied by the root of d_k": lambda: torch_attention(Q * root**2, K, V, mask),
        "the softmax runs over the queries and not over the keys": over(-2),
        "queries and keys were exchanged": lambda: torch_attention(K, Q, V, mask),
    }
    for axis in range(Q.dim() - 2):
        mistakes[f"the softmax runs over axis {axis}, which is not that of the keys: use dim=-1"] = over(axis)
    if mask is not None:
        whole = torch_attention(Q, K, V)[1]
        mistakes |= {
            "the mask acts after the softmax: the rows no longer sum to 1": lambda: with_weights(
                whole * mask
            ),
            "the mask is upside down: True means may attend": lambda: torch_attention(Q, K, V, ~mask),
            "the mask was ignored": lambda: torch_attention(Q, K, V),
            "masked scores were set to 0 and not to −∞: e⁰ is 1": lambda: zero_scores(Q, K, V, mask),
        }
    return mistakes


def zero_scores(Q, K, V, mask):
    """Compute attention with masked scores at 0 in place of −∞."""
    scores = torch.einsum("...qd,...kd->...qk", Q, K) * Q.shape[-1] ** -0.5
    weights = functional.softmax(scores * mask, dim=-1)
    return weights @ V, weights


def heads_mistakes(layer, query, key, value, mask=None):
    """Return what known mistakes of multi-head attention give, each as a function."""

    def changed(change):
        other = nn.MultiheadAttention(layer.embed_dim, layer.num_heads, batch_first=True).eval()
        other.load_state_dict(layer.state_dict())
        with torch.no_grad():
            change(other)
        return run_heads(other, query, key, value, mask)[0]

    def no_output_map(other):
        other.out_proj.weight.copy_(torch.eye(layer.embed_dim))
        other.out_proj.bias.zero_()

    def exchange(other):
        d = layer.embed_dim
        order = [*range(d, 2 * d), *range(d), *range(2 * d, 3 * d)]
        other.in_proj_weight.copy_(layer.in_proj_weight[order])
        other.in_proj_bias.copy_(layer.in_proj_bias[order])

    def by_model_size(other):
        other.in_proj_weight[: layer.embed_dim] *= layer.num_heads**-0.5
        other.in_proj_bias[: layer.embed_dim] *= layer.num_heads**-0.5

    mistakes = {
        "the output map was forgotten": lambda: changed(no_output_map),
        "the maps of queries and keys were exchanged": lambda: changed(exchange),
        "the scores were scaled by the root of d and not of d_k": lambda: changed(by_model_size),
        "the heads were cut by a reshape without a transpose: positions and heads are mixed": lambda: (
            reshaped(layer, query, key, value, mask, into=True)
        ),
        "the heads were joined by a reshape without a transpose: positions and heads are mixed": lambda: (
            reshaped(layer, query, key, value, mask, into=False)
        ),
        "the heads were never concatenated: their sum was taken": lambda: summed(
            layer, query, key, value, mask
        ),
        "the heads were never concatenated: their mean was taken": lambda: summed(
            layer, query, key, value, mask, share=1 / layer.num_heads
        ),
        "only the first head is used": lambda: summed(layer, query, key, value, mask, heads=1),
    }
    if mask is not None:
        mistakes["the mask was not passed on"] = lambda: run_heads(layer, query, key, value)[0]
        mistakes["the mask is upside down: True means may attend"] = lambda: run_heads(
            layer, query, key, value, ~mask
        )[0]
    return mistakes


def project(layer, *parts):
    """Apply the maps of queries, keys and values: each [B, n, d]."""
    weights, biases = layer.in_proj_weight.chunk(3), layer.in_proj_bias.chunk(3)
    return [functional.linear(*parts) for parts in zip(parts, weights, biases, strict=True)]


def reshaped(layer, query, key, value, mask, *, into):
    """Compute multi-head attention with a reshape for a transpose: before the heads (into) or after."""
    heads = layer.num_heads
    with torch.no_grad():
        parts = project(layer, query, key, value)
        if into:
            parts = [part.reshape(len(part), heads, -1, layer.head_dim) for part in parts]
        else:
            parts = [torch.stack(part.chunk(heads, dim=-1), dim=1) for part in parts]
        wide = mask if mask is None or len(mask.shape) == 2 else mask[:, None]
        joined = torch_attention(*parts, wide)[0]  # [B, h, n, d_k]
        if into:
            joined = torch.cat(list(joined.unbind(1)), dim=-1)
        return layer.out_proj(joined.reshape(query.shape))


def summed(layer, query, key, value, mask, share=1.0, heads=None):
    """Add (the first) heads up, repeat the sum for every head, and apply the output map."""
    with torch.no_grad():
        parts = [torch.stack(p.chunk(layer.num_heads, -1), 1) for p in project(layer, query, key, value)]
        wide = mask if mask is None or len(mask.shape) == 2 else mask[:, None]
        total = share * torch_attention(*parts, wide)[0][:, :heads].sum(dim=1)  # [B, n, d_k]
        return layer.out_proj(total.repeat(1, 1, layer.num_heads))


def expect_heads(own, layer, inputs, mask, call):
    """Compare a student's `MultiHeadAttention` with PyTorch's layer; `inputs` are query, key and value."""
    answer = attempt(
        call,
        own,
        *inputs,
        *(() if mask is None else (mask,)),
        causes=(
            (
                "must match the size",
                "an axis of heads is missing: a mask [B, …] needs one to stand beside [B, h, …]",
            ),
            (
                "shapes cannot be multiplied",
                "the heads were never concatenated: the output map needs all d numbers",
            ),
        ),
    )
    expect_result(answer, call)
    B, n_q, d = inputs[0].shape
    if isinstance(answer, torch.Tensor) and answer.dim() == 4:
        expect.shape(
            answer, (B, n_q, d), axes="B n_q d", call=call, cause="the heads were never concatenated"
        )
    expect.close(
        answer,
        run_heads(layer, *inputs, mask)[0],
        call=call,
        variants=heads_mistakes(layer, *inputs, mask),
        read="equations (3) and (4)",
    )


def block_mistakes(layer, X, mask, norm_first, seed):
    """Return what known mistakes of a block give, each as a function."""
    hidden = layer.linear1.out_features

    def changed(change):
        other = torch_block(layer.self_attn.embed_dim, layer.self_attn.num_heads, hidden, norm_first, seed)
        with torch.no_grad():
            change(other)
        return run_block(other, X, mask)

    def with_activation(activation, order=norm_first):
        other = torch_block(X.shape[-1], layer.self_attn.num_heads, hidden, order, seed, activation)
        return run_block(other, X, mask)

    def same_norm(other):
        other.norm2.weight.copy_(layer.norm1.weight)
        other.norm2.bias.copy_(layer.norm1.bias)

    def without(part):
        def change(other):
            part(other).weight.zero_()
            part(other).bias.zero_()

        return change

    def first_sum():
        return changed(without(lambda other: other.linear2))

    def no_second_residual():
        return run_block(layer, X, mask) - first_sum()

    def no_first_residual():
        with torch.no_grad():
            part = first_sum() - X
            inside = layer.linear2(torch.relu(layer.linear1(layer.norm2(part))))
        return part + inside

    other_order = (
        "post-norm was computed where pre-norm was asked for"
        if norm_first
        else ("pre-norm was computed where post-norm was asked for")
    )
    mistakes = {
        other_order: lambda: with_activation(functional.relu, not norm_first),
        "the ReLU is missing": lambda: with_activation(lambda values: values),
        "GELU was used; the paper has ReLU": lambda: with_activation(functional.gelu),
        "`norm_1` was used twice": lambda: changed(same_norm),
        "the feed-forward network was left out": lambda: changed(without(lambda other: other.linear2)),
        "the attention was left out": lambda: changed(without(lambda other: other.self_attn.out_proj)),
    }
    if norm_first:
        mistakes |= {
            "the residual around the feed-forward network is missing": no_second_residual,
            "the residual around the attention is missing": no_first_residual,
        }
    if mask is not None:
        mistakes["the mask was not passed on to the attention"] = lambda: run_block(layer, X)
    return mistakes
