"""Two libraries that need a hand before they are imported: torchvision beside a CPU-only torch, and keras.

On Linux, package registries serve a torchvision that is linked with CUDA. Beside a CPU-only torch its C++
operators cannot be loaded; its Python then registers an operator that does not exist, and the whole import
fails with "operator torchvision::nms does not exist". Data sets, transforms and utilities need none of these
operators. Declaring the missing ones is enough for the import to succeed; calling one says what is wrong.

``import labkit`` installs a hook that does this when torchvision is imported, and that lets keras compute
with torch.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

__all__ = ["install_hooks", "keras_on_torch", "torchvision_compat"]

_MISSING = ("nms", "qnms")
_SCHEMA = "{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_EXPLANATION = (
    "torchvision.ops.{name} is not available: torchvision's C++ operators do not fit this torch (usually a "
    "CUDA build of torchvision beside a CPU-only torch). Data sets, transforms and utilities work. To get "
    "the operators, install torch and torchvision from the same source."
)
# A torch library takes its operators with it when it is collected.
_declared: list[Any] = []


def torchvision_compat() -> str:
    """Make ``import torchvision`` succeed where its C++ operators cannot be loaded. Harmless anywhere else.

    Returns:
        ``imported`` (it was already), ``absent`` (it is not installed), ``complete`` (its operators load,
        nothing was done), or ``without operators`` (the missing ones were declared).

    """
    if "torchvision" in sys.modules:
        return "imported"
    spec = PathFinder.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return "absent"
    from pathlib import Path

    import torch

    for library in sorted(Path(spec.origin).parent.glob("_C.*")):
        try:
            torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
        except OSError:
            continue
        return "complete"
    if not _declared:
        _declare_operators(torch)
    return "without operators"


def keras_on_torch() -> None:
    """Let keras compute with torch, unless ``KERAS_BACKEND`` asks for another backend."""
    os.environ.setdefault("KERAS_BACKEND", "torch")


def install_hooks() -> None:
    """Have each done when its library is imported, and not before. A second call changes nothing."""
    if not any(isinstance(finder, _Hook) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Hook())


def _declare_operators(torch: Any) -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _MISSING:
        library.define(_SCHEMA.format(name=name))
        library.impl(name, _refusal(name), "CompositeExplicitAutograd")
    _declared.append(library)


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(*arguments: Any) -> Any:
        raise RuntimeError(_EXPLANATION.format(name=name))

    return refuse


class _Hook:
    """Is asked before every import of a new module; prepares two of them and never finds any itself."""

    _PREPARATIONS: dict[str, Callable[[], object]] = {  # noqa: RUF012 - a constant
        "keras": keras_on_torch,
        "torchvision": torchvision_compat,
    }

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        prepare = self._PREPARATIONS.get(fullname)
        if prepare is not None:
            prepare()
        return None
