"""Probes act on an object directly, and ask a proxy when there is one."""

import pytest
import torch
from labkit import probe


class Proxy:
    """Stands for an object in another process: answers the one method that probes look for."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []

    def __labkit_probe__(self, verb, *arguments):
        self.asked.append((verb, arguments))
        return self.answers[verb]


def scale_in_place(x, factor):
    x *= factor
    return x.sum()


def test_call_inplace_copies_show_the_change_and_originals_stay():
    """The result and the changed copies come back; the caller's tensor is as before."""
    x = torch.ones(2, 3)
    result, (after, factor) = probe.call_inplace(scale_in_place, x, 2)
    assert result.item() == 12
    assert torch.equal(after, torch.full((2, 3), 2.0))
    assert factor == 2
    assert torch.equal(x, torch.ones(2, 3))


def test_vjp_of_known_function_equals_the_formula():
    """The gradient of sum(a·x²) is 2·a·x, contracted with the cotangent; other inputs are passed on."""
    a, x, w = torch.tensor([2.0, 3.0]), torch.tensor([1.0, -1.0]), torch.tensor([1.0, 10.0])
    grad_a, grad_x = probe.vjp(lambda a, x, n: a * x**n, a, x, 2, cotangent=w)
    assert torch.allclose(grad_a, w * x**2)
    assert torch.allclose(grad_x, w * 2 * a * x)


def test_vjp_of_tuple_takes_its_first_part_and_unused_inputs_give_zeros():
    """`(output, state)` is differentiated by its output; an input without influence has gradient zero."""
    x, unused = torch.ones(3), torch.ones(2)
    grad_x, grad_unused = probe.vjp(lambda x, unused: (3 * x, None), x, unused)
    assert torch.equal(grad_x, torch.full((3,), 3.0))
    assert torch.equal(grad_unused, torch.zeros(2))


def test_vjp_of_detached_output_raises_value_error():
    """A result cut off from its inputs is told apart from a gradient of zero."""
    with pytest.raises(ValueError, match="cut off"):
        probe.vjp(lambda x: x.detach() * 2, torch.ones(2))


def test_vjp_of_no_tensor_raises_type_error():
    """A number has no gradient."""
    with pytest.raises(TypeError, match="float"):
        probe.vjp(lambda x: x.tolist(), torch.ones(2))


def test_state_and_load_state_round_trip_and_are_copies():
    """State goes out as copies and comes back in strictly."""
    module = torch.nn.Linear(2, 3)
    tensors = probe.state(module)
    tensors["bias"].fill_(7)
    assert not torch.equal(module.bias, tensors["bias"])
    probe.load_state(module, tensors)
    assert torch.equal(module.bias, torch.full((3,), 7.0))
    with pytest.raises(RuntimeError, match="weight"):
        probe.load_state(module, {"bias": torch.zeros(3)})


def test_parameters_and_numel_count_shared_and_frozen_once():
    """Tied weights count once, frozen ones not at all; names are in the module's order."""
    module = torch.nn.Sequential(torch.nn.Linear(4, 4, bias=False), torch.nn.Linear(4, 4))
    assert list(probe.parameters(module)) == ["0.weight", "1.weight", "1.bias"]
    module[1].weight = module[0].weight
    assert probe.numel(module) == 16 + 4
    module[1].bias.requires_grad_(False)
    assert probe.numel(module) == 16


def test_source_of_function_class_and_instance_is_dedented_text(run_cells):
    """The text comes without common indentation; an object stands for its class."""
    text = "if True:\n    def f(x):\n        return x + 1\n"
    cells = run_cells(text + "class C:\n    size = 3\n    def g(self):\n        pass\nc = C()")
    assert probe.source(cells["f"]) == "def f(x):\n    return x + 1\n"
    assert probe.source(cells["C"]).startswith("class C:\n    size = 3\n")
    assert probe.source(cells["c"]) == probe.source(cells["C"])
    assert "def vjp(" in probe.source(probe.vjp)


def test_source_of_builtin_raises():
    """There is no text of what is not written in Python."""
    with pytest.raises((OSError, TypeError)):
        probe.source(len)


def test_probes_of_proxy_ask_it_with_verb_and_arguments():
    """Every helper asks the proxy and gives plain results."""
    proxy = Proxy(
        {
            "call_inplace": (5, [1, 2]),
            "vjp": [torch.ones(2)],
            "state": {"w": 1},
            "load_state": None,
            "parameters": {"w": 2},
            "numel": 12,
            "source": "def f(): pass",
            "uses": ["torch.nn.GRU"],
        }
    )
    assert probe.call_inplace(proxy, 1, 2) == (5, (1, 2))
    assert len(probe.vjp(proxy, torch.ones(2), cotangent=None)) == 1
    assert probe.state(proxy) == {"w": 1}
    probe.load_state(proxy, {"w": 3})
    assert probe.parameters(proxy) == {"w": 2}
    assert probe.numel(proxy) == 12
    assert probe.source(proxy) == "def f(): pass"
    assert probe.uses(proxy, ["torch.nn.GRU"]) == ("torch.nn.GRU",)
    verbs = [verb for verb, _ in proxy.asked]
    assert verbs == ["call_inplace", "vjp", "state", "load_state", "parameters", "numel", "source", "uses"]
    assert proxy.asked[3][1] == ({"w": 3},)


def test_probe_of_instance_attribute_is_not_asked():
    """Only the type can make an object a proxy, so that a student's instance cannot pose as one."""
    module = torch.nn.Linear(2, 2)
    module.__dict__["__labkit_probe__"] = lambda *arguments: 10**6
    assert probe.numel(module) == 6
