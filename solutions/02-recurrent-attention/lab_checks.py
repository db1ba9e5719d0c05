"""What the checks of `cells` share: random weights, comparisons, known mistakes. Given."""

import ast

import numpy as np
import torch
from labkit import expect, probe
from torch_twins import torch_gru, torch_mha, torch_rnn

# An answer that calls one of these has not been written by hand. PyTorch's arithmetic is allowed.
LAYERS = (
    *(f"torch.nn.{kind}{end}" for kind in ("RNN", "GRU", "LSTM") for end in ("", "Cell")),
    *(
        f"torch.{name}"
        for name in ("rnn_tanh", "rnn_relu", "gru", "lstm", "rnn_tanh_cell", "rnn_relu_cell", "gru_cell")
    ),
    *(f"torch.nn.{name}" for name in ("MultiheadAttention", "Transformer", "TransformerEncoderLayer")),
    *(
        f"torch.nn.functional.{name}"
        for name in ("multi_head_attention_forward", "scaled_dot_product_attention")
    ),
    *("torch_rnn", "torch_gru", "torch_mha", "run_layer", "__main__"),
)


def numbers(rng, *shape, size=1.0):
    """Return normally distributed float32 numbers of this size."""
    return (size * rng.standard_normal(shape)).astype(np.float32)


def random_rnn(rng, I, H):
    """Return random weights of an RNN: wt_h [H, H], wt_x [I, H], bias [H]."""
    return numbers(rng, H, H, size=0.7 * H**-0.5), numbers(rng, I, H, size=0.7), numbers(rng, H, size=0.5)


def random_gru(rng, I, H):
    """Return random weights of a GRU: for r, z and n (wt_x [I, H], bias_x [H], wt_h [H, H], bias_h [H])."""
    gates = []
    for _ in "rzn":
        wt_h, wt_x, bias_x = random_rnn(rng, I, H)
        gates.append((wt_x, bias_x, wt_h, numbers(rng, H, size=0.5)))
    return tuple(gates)


def random_mha(rng, E, N):
    """Return random weights of attention: three lists of N matrices [E, K], and Wo [E, E]."""
    Wq, Wk, Wv = (list(numbers(rng, N, E, E // N, size=E**-0.5)) for _ in "qkv")
    return Wq, Wk, Wv, numbers(rng, E, E, size=E**-0.5)


def times(factor, linear_trans):
    """Return the parameters of a gate with every number multiplied."""
    return tuple(factor * np.asarray(part, dtype=np.float64) for part in linear_trans)


def without(linear_trans, *parts):
    """Return the parameters of a gate with some parts set to 0. Parts: 0 wt_x, 1 bias_x, 2 wt_h, 3 bias_h."""
    return tuple(0 * value if part in parts else value for part, value in enumerate(linear_trans))


def transposed(linear_trans):
    """Return the parameters of a gate with its hidden matrix transposed."""
    wt_x, bias_x, wt_h, bias_h = linear_trans
    return wt_x, bias_x, np.transpose(wt_h), bias_h


def expect_own(function, name):
    """Expect that a function is more than its docstring, and does not call the layer it should compute."""
    statements = ast.parse(probe.source(function)).body[0].body
    if all(isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) for line in statements):
        expect.answered(None, name)
    used = ", ".join(probe.uses(function, LAYERS))
    expect.true(
        not used,
        "your own computation, without PyTorch's layers",
        cause=f"the function uses {used}" if used else "",
    )


def expect_pair(answer, call):
    """Expect two results."""
    expect.true(
        type(answer) in (tuple, list) and len(answer) == 2,
        "two results: (outputs, final_state)",
        call=call,
        cause="the function gives None: is a `return` missing?" if answer is None else "",
    )


def expect_states(answer, reference, call, mistakes, read="equation (1)"):
    """Compare (outputs, final_state) with a reference; `mistakes` are functions that give a wrong pair."""
    expect_pair(answer, call)
    for part, name in enumerate(("outputs", "final_state")):
        right = reference[part] if part == 0 else reference[part][0]  # [B, T, H] and [B, H]
        known = {cause: (lambda wrong=wrong, part=part: wrong()[part]) for cause, wrong in mistakes.items()}
        if part == 0:
            known["the outputs are stacked with time first"] = np.swapaxes(right, 0, 1)
        expect.close(answer[part], right, call=f"{name} of {call}", variants=known, read=read)


def on_copies(function, *inputs):
    """Call `rnn`, `gru` or `mha` on copies of the inputs; note, at no cost, which of them it changed."""
    if isinstance(inputs[-1], torch.Tensor):
        names = ("Wq", "Wk", "Wv", "Wo", "X")
    elif isinstance(inputs[0], tuple):
        names = ("linear_trans_r", "linear_trans_z", "linear_trans_n", "init_state", "input_data")
    else:
        names = ("wt_h", "wt_x", "bias", "init_state", "input_data")
    answer, after = probe.call_inplace(function, *inputs)
    for name, one, other in zip(names, inputs, after, strict=True):
        for was, is_now in zip(_arrays(one), _arrays(other), strict=True):
            seen = was.copy()
            with expect.unchanged(**{name: seen}):
                seen[...] = is_now
    return answer


def _arrays(value):
    """Return the arrays in a value, one after the other."""
    if isinstance(value, (list, tuple)):
        return [array for part in value for array in _arrays(part)]
    return [np.asarray(value)]


def rnn_mistakes(wt_h, wt_x, bias, h0, x):
    """Return what known mistakes give, each as a function without arguments."""
    return {
        "the bias was forgotten": lambda: torch_rnn(wt_h, wt_x, 0 * bias, h0, x),
        "the bias was counted twice": lambda: torch_rnn(wt_h, wt_x, 2 * bias, h0, x),
        "the hidden matrix was transposed": lambda: torch_rnn(wt_h.T, wt_x, bias, h0, x),
        "the initial state was ignored": lambda: torch_rnn(wt_h, wt_x, bias, 0 * h0, x),
    }


def gru_mistakes(r, z, n, h0, x):
    """Return what known mistakes give, each as a function without arguments."""
    return {
        "z and 1 − z were swapped": lambda: torch_gru(r, times(-1, z), n, h0, x),
        "the initial state was ignored": lambda: torch_gru(r, z, n, 0 * h0, x),
        "the biases were forgotten": lambda: torch_gru(*(without(gate, 1, 3) for gate in (r, z, n)), h0, x),
        "the bias bias_h was forgotten": lambda: torch_gru(*(without(gate, 3) for gate in (r, z, n)), h0, x),
        "the bias bias_x was forgotten": lambda: torch_gru(*(without(gate, 1) for gate in (r, z, n)), h0, x),
        "the hidden matrix was transposed": lambda: torch_gru(
            *(transposed(gate) for gate in (r, z, n)), h0, x
        ),
        "the parameters of r and z were exchanged": lambda: torch_gru(z, r, n, h0, x),
        "the reset gate was left out": lambda: torch_gru(
            without((r[0], r[1] + 1e4, r[2], r[3]), 0, 2, 3), z, n, h0, x
        ),
    }


def time_major_mistakes(layer, *weights_state_and_data):
    """Return what loops over the wrong axis give, for `torch_rnn` or `torch_gru`."""
    *weights, h0, x = weights_state_and_data
    cause = "time-major: the loop runs over the batch, the first axis, instead of the steps, the second"

    def over_the_batch():
        return layer(*weights, h0, np.swapaxes(x, 0, 1))

    def stacked_alike():
        outputs, final_state = over_the_batch()
        return np.swapaxes(outputs, 0, 1), final_state

    return {cause: over_the_batch, f"{cause}; the outputs are stacked so too": stacked_alike}


def gru_parameters(answer, I, H, call):
    """Check the form of GRU parameters that a function returned; give them as float32 arrays."""
    in_threes = type(answer) in (tuple, list) and len(answer) == 3
    in_fours = in_threes and all(type(gate) in (tuple, list) and len(gate) == 4 for gate in answer)
    expect.true(
        in_fours,
        "three groups, for r, z and n, each of four: (wt_x, bias_x, wt_h, bias_h)",
        call=call,
        cause="the function gives None: is a `return` missing?" if answer is None else "",
    )
    forms = (("wt_x", (I, H)), ("bias_x", (H,)), ("wt_h", (H, H)), ("bias_h", (H,)))
    checked = []
    for gate, group in zip("rzn", answer, strict=True):
        parts = []
        for (name, form), part in zip(forms, group, strict=True):
            array = part.detach().numpy() if isinstance(part, torch.Tensor) else np.asarray(part)
            array = array[0] if array.shape == (1, *form) else array
            expect.shape(array, form, call=f"{name} of gate {gate} from {call}")
            parts.append(array.astype(np.float32))
        checked.append(tuple(parts))
    return tuple(checked)


def with_hard_gates(r, z, n, h0, x):
    """Run the GRU with its two gates driven to exactly 0 or 1, whichever is nearer."""
    return torch_gru(times(1e8, r), times(1e8, z), n, h0, x)


def when(actual, condition):
    """Return `actual` if the condition holds: a mistake that is recognised by what would mend it."""
    return actual if condition else None


def near(one, other):
    """Tell whether two arrays agree to 1e-4."""
    return bool(np.max(np.abs(np.asarray(one) - np.asarray(other))) < 1e-4)


def expect_gru_equals_rnn(answer, weights, state, data):
    """Put GRU parameters that `init_gru_with_rnn` returned into `nn.GRU` and compare with `nn.RNN`."""
    wt_h, wt_x, bias = weights
    call = f"init_gru_with_rnn(wt_h, wt_x, bias) with I={len(wt_x)}, H={len(wt_h)}"
    r, z, n = gru_parameters(answer, *wt_x.shape, call)
    right = torch_rnn(wt_h, wt_x, bias, state, data)[0]
    outputs = torch_gru(r, z, n, state, data)[0]
    against_z = times(-1, z)
    expect.close(
        outputs,
        right,
        call=f"nn.GRU with the parameters of {call}",
        variants={
            "the bias was counted twice": lambda: torch_rnn(wt_h, wt_x, 2 * bias, state, data)[0],
            "the bias was forgotten": lambda: torch_rnn(wt_h, wt_x, 0 * bias, state, data)[0],
            "the hidden matrix was transposed": lambda: torch_rnn(wt_h.T, wt_x, bias, state, data)[0],
            "the update gate is open: z must be 0 here": lambda: when(
                outputs, near(with_hard_gates(r, against_z, n, state, data)[0], right)
            ),
            "the reset gate is shut: r must be 1 here": lambda: when(
                outputs, near(with_hard_gates(times(-1, r), z, n, state, data)[0], right)
            ),
            "soft gates: r or z is near its value, but not exactly there": lambda: when(
                outputs, near(with_hard_gates(r, z, n, state, data)[0], right)
            ),
        },
        read="equations (1), (4) and (5)",
    )


def expect_memory(answer, state, data):
    """Put what `init_gru_with_long_term_memory` returned into `nn.GRU`; expect that it keeps its state."""
    I, H = data.shape[-1], state.shape[-1]
    call = f"init_gru_with_long_term_memory({I}, {H})"
    r, z, n = gru_parameters(answer, I, H, call)
    final = torch_gru(r, z, n, state, data)[1][0]  # [B, H]
    fades = "soft gates: the update gate is near 1, but not at 1, so the memory fades"
    shut = "the update gate is shut: z must be 1 to keep the state"
    expect.close(
        final,
        state[0],
        call=f"the state of nn.GRU with the parameters of {call} after {data.shape[1]} steps",
        variants={
            shut: lambda: when(final, near(with_hard_gates(r, times(-1, z), n, state, data)[1][0], state[0])),
            fades: lambda: when(final, near(with_hard_gates(r, z, n, state, data)[1][0], state[0])),
            "the input moves the update gate: its wt_x must not outweigh its bias": lambda: when(
                final, near(torch_gru(r, times(1e8, without(z, 0, 2)), n, state, data)[1][0], state[0])
            ),
        },
        read="equation (5)",
    )


def mha_mistakes(Wq, Wk, Wv, Wo, X):
    """Return what known mistakes give, each as a function without arguments."""
    E, N, K = len(Wo), len(Wq), len(Wo) // len(Wq)
    in_turns = np.arange(E).reshape(N, K).T.ravel()  # feature 0 of every head, feature 1 of every head, …
    return {
        "the scores were scaled by √E instead of √K": lambda: torch_mha(
            [w * N**-0.5 for w in Wq], Wk, Wv, Wo, X
        ),
        "the scores were not scaled by √K": lambda: torch_mha([w * K**0.5 for w in Wq], Wk, Wv, Wo, X),
        "the scores were scaled by K instead of √K": lambda: torch_mha(
            [w * K**-0.5 for w in Wq], Wk, Wv, Wo, X
        ),
        "the output projection Wo was forgotten": lambda: torch_mha(Wq, Wk, Wv, np.eye(E), X),
        "the output projection Wo was transposed": lambda: torch_mha(Wq, Wk, Wv, np.transpose(Wo), X),
        "queries and keys were exchanged": lambda: torch_mha(Wk, Wq, Wv, Wo, X),
        "the heads were joined feature by feature instead of side by side": lambda: torch_mha(
            Wq, Wk, Wv, Wo[np.argsort(in_turns)], X
        ),
    }
