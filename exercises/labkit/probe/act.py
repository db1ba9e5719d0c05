"""What each probe does: on the object itself, or by asking its proxy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from labkit.probe.uses import find_uses_of, own_source

__all__ = ["call_inplace", "load_state", "numel", "parameters", "source", "state", "uses", "vjp"]

_NOTHING = object()


def call_inplace(function: Callable[..., Any], *arguments: Any) -> tuple[Any, tuple[Any, ...]]:
    """Call a function and also return what it did to its arguments.

    Args:
        function: the student's.
        arguments: arrays, tensors and other plain data. They are copied first: the caller's stay as they are.

    Returns:
        The function's result, and the copies as the function left them.

    """
    asked = _ask(function, "call_inplace", *arguments)
    if asked is not _NOTHING:
        result, after = asked
        return result, tuple(after)
    import copy

    copies = tuple(copy.deepcopy(argument) for argument in arguments)
    return function(*copies), copies


def vjp(function: Callable[..., Any], *inputs: Any, cotangent: Any = None) -> tuple[Any, ...]:
    """Return the gradients of a function with respect to its tensor inputs.

    Args:
        function: the student's; it gives one tensor, or a tuple whose first part is differentiated.
        inputs: tensors, floating point ones are differentiated; other values are passed on.
        cotangent: tensor of the output's shape that the gradients are contracted with; None: ones.

    Returns:
        For each floating point tensor among the inputs its gradient, same shape and dtype; zeros where the
        output does not depend on it.

    Raises:
        TypeError: the output is not a tensor.
        ValueError: the output is detached from every input.

    """
    asked = _ask(function, "vjp", *inputs, cotangent)
    if asked is not _NOTHING:
        return tuple(asked)
    import torch

    with torch.enable_grad():
        passed = [
            value.detach().clone().requires_grad_(True) if _is_differentiable(torch, value) else value
            for value in inputs
        ]
        output = function(*passed)
        if isinstance(output, (tuple, list)) and output:
            output = output[0]
        if not isinstance(output, torch.Tensor):
            raise TypeError(f"a gradient needs a tensor to come back, not {type(output).__name__}")
        wanted = [value for value in passed if _is_differentiable(torch, value)]
        if not output.requires_grad:
            raise ValueError(
                "what came back is cut off from the inputs (detach, item, numpy or no_grad on the way)"
            )
        seed = torch.ones_like(output) if cotangent is None else torch.as_tensor(cotangent).to(output)
        gradients = torch.autograd.grad(
            output, wanted, grad_outputs=seed.reshape(output.shape), allow_unused=True
        )
    return tuple(
        torch.zeros_like(value) if gradient is None else gradient.detach()
        for value, gradient in zip(wanted, gradients, strict=True)
    )


def state(module: Any) -> dict[str, Any]:
    """Return a module's ``state_dict`` as a dict of detached copies, name -> tensor."""
    asked = _ask(module, "state")
    if asked is not _NOTHING:
        return dict(asked)
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def load_state(module: Any, tensors: Mapping[str, Any]) -> None:
    """Set a module's ``state_dict``; every name must be there and every shape must fit.

    Raises:
        RuntimeError: a name is missing or unknown, or a shape differs.

    """
    asked = _ask(module, "load_state", dict(tensors))
    if asked is _NOTHING:
        module.load_state_dict(dict(tensors), strict=True)


def parameters(module: Any) -> dict[str, Any]:
    """Return a module's named parameters as detached copies, name -> tensor, in the module's order."""
    asked = _ask(module, "parameters")
    if asked is not _NOTHING:
        return dict(asked)
    return {name: value.detach().clone() for name, value in module.named_parameters()}


def numel(module: Any) -> int:
    """Return the number of trainable numbers in a module; a parameter used twice counts once."""
    asked = _ask(module, "numel")
    if asked is not _NOTHING:
        return int(asked)
    return sum(value.numel() for value in module.parameters() if value.requires_grad)


def source(thing: Any) -> str:
    """Return the source text of a function, class or module, without common indentation.

    Raises:
        OSError: the text is not known (built in, or typed at a prompt).

    """
    asked = _ask(thing, "source")
    if asked is not _NOTHING:
        return str(asked)
    if _is_instance(thing):
        thing = type(thing)
    return own_source(thing)


def uses(thing: Any, names: Iterable[str]) -> tuple[str, ...]:
    """Return the forbidden names that a function's or class's source uses, directly or through helpers.

    The source is read, not run; comments, texts and annotations do not count.

    Args:
        thing: function, class, object or module of the student's.
        names: e.g. ``["torch.nn.GRU", "torch.gru"]``; without a dot a name is forbidden wherever it comes
        from.

    Returns:
        Those of ``names`` that are used, in their order. Code that computes a name so that it cannot be read
        (``getattr`` with a computed name on a library, ``eval``, ``exec``) is returned as e.g. ``"eval(…)"``.

    """
    forbidden = tuple(names)
    asked = _ask(thing, "uses", list(forbidden))
    if asked is not _NOTHING:
        return tuple(asked)
    return find_uses_of(thing, forbidden)


def _ask(thing: Any, verb: str, *arguments: Any) -> Any:
    """Ask a proxy; ``_NOTHING`` if it is none. Looked up on the type, where an instance cannot fake it."""
    answer = getattr(type(thing), "__labkit_probe__", None)
    return _NOTHING if answer is None else answer(thing, verb, *arguments)


def _is_differentiable(torch: Any, value: Any) -> bool:
    return isinstance(value, torch.Tensor) and bool(value.dtype.is_floating_point or value.dtype.is_complex)


def _is_instance(thing: Any) -> bool:
    return not (
        inspect.isroutine(thing)
        or inspect.isclass(thing)
        or inspect.ismodule(thing)
        or hasattr(thing, "__wrapped__")
    )
