"""Gradients across the border: going backwards through a result asks the student's process for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from labgrade.verify.student import Student

__all__ = ["attach_gradients"]


class _Across(torch.autograd.Function):
    """Results of one call, as functions of its inputs."""

    @staticmethod
    def forward(ctx: Any, call: tuple[Student, list[int], list[Any]], anchor: Any, *inputs: Any) -> Any:
        ctx.student, ctx.numbers, results = call
        ctx.number_of_inputs = len(inputs)
        ctx.epoch = ctx.student.epoch
        return tuple(result.detach() for result in results)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        from labgrade.verify.faults import StudentGoneError

        if ctx.epoch != ctx.student.epoch:
            raise StudentGoneError("this result was lost when the student's process had to be started again")
        found = ctx.student.ask("backward", ctx.numbers, list(gradients))
        if type(found) is not list or len(found) != ctx.number_of_inputs:
            raise TypeError("the gradients that came back do not match the inputs")
        return (None, None, *found)


def attach_gradients(student: Student, value: Any, remote: list[tuple[int, Any]], inputs: list[Any]) -> Any:
    """Return ``value`` with each tensor that was computed over there tied to the inputs of its call.

    Args:
        student: the process.
        value: what came back.
        remote: (number, tensor) of each result in it that can be differentiated.
        inputs: the inputs of the call that need a gradient.

    """
    anchor = torch.zeros((), requires_grad=True)
    numbers = [number for number, _ in remote]
    with torch.enable_grad():
        apply: Any = _Across.apply
        tied = apply((student, numbers, [tensor for _, tensor in remote]), anchor, *inputs)
    return _replace(value, {id(tensor): new for (_, tensor), new in zip(remote, tied, strict=True)})


def _replace(value: Any, new: dict[int, Any]) -> Any:
    if type(value) is torch.Tensor:
        return new.get(id(value), value)
    if type(value) in (list, tuple):
        return type(value)(_replace(part, new) for part in value)
    if type(value) is dict:
        return {key: _replace(part, new) for key, part in value.items()}
    return value
