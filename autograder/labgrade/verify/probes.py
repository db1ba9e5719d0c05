"""The helpers of ``labkit.probe`` when the object they are used on is in the student's process."""

from __future__ import annotations

from typing import Any

from labgrade.verify.proxy import Proxy, student_of

__all__ = ["answer_probe"]


def answer_probe(proxy: Proxy, verb: str, *args: Any) -> Any:
    """Do what ``labkit.probe`` asks for.

    Args:
        proxy: the object.
        verb: name of the helper.
        args: its further arguments.

    Raises:
        NotImplementedError: there is no such helper.

    """
    student = student_of(proxy)
    if verb == "call_inplace":
        result, after = student.ask("call_inplace", proxy, args, {})
        return result, after
    if verb == "vjp":
        return _vjp(proxy, *args)
    if verb == "state":
        return dict(student.ask("state", proxy))
    if verb == "load_state":
        return student.ask("load_state", proxy, dict(*args))
    if verb == "parameters":
        return dict(student.ask("parameters", proxy))
    if verb == "numel":
        return sum(int(tensor.numel()) for tensor in student.ask("parameters", proxy).values())
    if verb == "source":
        return student.texts.source_of(proxy)
    if verb == "uses":
        return student.texts.uses(proxy, *args)
    raise NotImplementedError(f"there is no probe {verb!r} while grading")


def _vjp(proxy: Proxy, inputs: Any, cotangent: Any) -> Any:
    import torch

    leaves = [
        value.detach().clone().requires_grad_(True)
        if isinstance(value, torch.Tensor) and value.is_floating_point()
        else value
        for value in inputs
    ]
    result = proxy(*leaves)
    wanted = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor) and leaf.requires_grad]
    found = torch.autograd.grad(result, wanted, cotangent, allow_unused=True)
    return tuple(found)
