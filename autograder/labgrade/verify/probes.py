"""The helpers of ``labkit.probe`` when the object they are used on is in the student's process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labgrade.verify.proxy import Proxy, student_of

if TYPE_CHECKING:
    from labgrade.verify.sources import StudentTexts
    from labgrade.verify.student import Student

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
        return _vjp(proxy, args[:-1], args[-1])
    if verb == "state":
        return dict(student.ask("state", proxy))
    if verb == "load_state":
        return student.ask("load_state", proxy, dict(*args))
    if verb == "parameters":
        return dict(student.ask("parameters", proxy))
    if verb == "numel":
        return int(student.ask("numel", proxy))
    if verb == "source":
        return _texts_of(student).source_of(student.roots.name_of(proxy))
    if verb == "uses":
        (forbidden,) = args
        name, module = student.roots.name_of(proxy), student.roots.module_of(proxy)
        return _texts_of(student).uses(name, forbidden, module)
    raise NotImplementedError(f"there is no probe {verb!r} while grading")


def _texts_of(student: Student) -> StudentTexts:
    if student.texts is None:
        raise OSError("the student's text is not known")
    return student.texts


def _vjp(proxy: Proxy, inputs: tuple[Any, ...], cotangent: Any) -> tuple[Any, ...]:
    """Differentiate with respect to the floating point tensors; see ``labkit.probe.vjp``."""
    import torch

    with torch.enable_grad():
        passed = [
            value.detach().clone().requires_grad_(True) if _is_differentiable(value, torch) else value
            for value in inputs
        ]
        output = proxy(*passed)
        if isinstance(output, (tuple, list)) and output:
            output = output[0]
        if not isinstance(output, torch.Tensor):
            raise TypeError(f"a gradient needs a tensor to come back, not {type(output).__name__}")
        if not output.requires_grad:
            raise ValueError(
                "what came back is cut off from the inputs (detach, item, numpy or no_grad on the way)"
            )
        wanted = [value for value in passed if _is_differentiable(value, torch)]
        seed = torch.ones_like(output) if cotangent is None else torch.as_tensor(cotangent).to(output)
        found = torch.autograd.grad(output, wanted, seed.reshape(output.shape), allow_unused=True)
    return tuple(
        torch.zeros_like(value) if gradient is None else gradient.detach()
        for value, gradient in zip(wanted, found, strict=True)
    )


def _is_differentiable(value: Any, torch: Any) -> bool:
    return isinstance(value, torch.Tensor) and bool(value.dtype.is_floating_point or value.dtype.is_complex)
