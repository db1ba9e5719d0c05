"""Look at weights that a student wants to hand in, without ever running what is in the file."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["MODEL_LIMIT_MIB", "MODEL_SUFFIXES", "ModelFile", "inspect_model"]

MODEL_SUFFIXES = (".safetensors", ".pt", ".pth")
MODEL_LIMIT_MIB = 32.0
"""Largest file of weights that can be handed in."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What was found in a file of weights.

    Args:
        path: the file.
        n_tensors: number of tensors.
        n_values: numbers in all of them.
        problem: why it cannot be graded, or "".
        hint: what to do about it, or "".

    """

    path: Path
    n_tensors: int = 0
    n_values: int = 0
    problem: str = ""
    hint: str = ""


def inspect_model(path: Path, limit_mib: float = MODEL_LIMIT_MIB) -> ModelFile:
    """Check that a file of weights is there, small enough, loadable and finite.

    Args:
        path: a ``.safetensors`` file or a state dict written by ``torch.save``.
        limit_mib: largest size, in MiB.

    """
    if not path.is_file():
        return ModelFile(path, problem="is not there", hint="run the cell that trains and saves the model")
    size_mib = path.stat().st_size / 2**20
    if size_mib > limit_mib:
        return ModelFile(
            path,
            problem=f"has {size_mib:.1f} MiB; {limit_mib:g} MiB are allowed",
            hint="save the state dict only (no optimizer), or use a smaller model",
        )
    if path.stat().st_size == 0:
        return ModelFile(path, problem="is empty", hint="save the model again")
    try:
        tensors = _load_safetensors(path) if path.suffix == ".safetensors" else _load_state_dict(path)
    except _UnusableError as error:
        return ModelFile(path, problem=str(error), hint=error.hint)
    return _judge_tensors(path, tensors)


class _UnusableError(Exception):
    """The file holds something else than a dict of tensors."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


_SAVE_HINT = 'save it with: safetensors.torch.save_file(model.state_dict(), "model.safetensors")'


def _load_safetensors(path: Path) -> Mapping[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise _UnusableError(
            f"is not a complete safetensors file ({error})", "save the model again"
        ) from error


def _load_state_dict(path: Path) -> Mapping[str, Any]:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", UserWarning
            )  # torch remarks on the pickle protocol of files we refuse
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _UnusableError(
            "holds a pickled module or other objects; opening such a file can run any code: refused",
            _SAVE_HINT,
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise _UnusableError(f"is not a complete file of torch.save ({first})", _SAVE_HINT) from error
    if not isinstance(loaded, Mapping):
        raise _UnusableError(f"holds a {type(loaded).__name__}, not a state dict", _SAVE_HINT)
    return loaded


def _judge_tensors(path: Path, tensors: Mapping[str, Any]) -> ModelFile:
    """Ask that everything is a finite tensor with a name."""
    import torch

    others = [name for name, value in tensors.items() if not isinstance(value, torch.Tensor)]
    if others:
        return ModelFile(
            path,
            problem=f"holds {others[0]!r}, which is not a tensor",
            hint="save model.state_dict() itself, not a checkpoint with the optimizer or the epoch",
        )
    if not tensors:
        return ModelFile(path, problem="holds no tensors", hint=_SAVE_HINT)
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            return ModelFile(
                path,
                problem=f"holds NaN or infinity in {name!r}",
                hint="the training diverged: lower the learning rate, clip the gradient, and train again",
            )
    return ModelFile(path, len(tensors), sum(int(value.numel()) for value in tensors.values()))
