"""What the warm process imports for a lab: what every lab may need, and what this one's text names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from labgrade.engine import PRELOAD
from labgrade.model import LabSpec

__all__ = ["preload_for"]

_WHERE_NAMED = {
    "torchvision": re.compile(r"(?m)^\s*(?:import|from)\s+torchvision\b"),
    # Not keras: importing it starts a thread, and a process with two must not fork.
    # The compiler is a third of torch's memory; most labs do without (see labgrade.child.compiler).
    "torch._dynamo": re.compile(r"\btorch\.(?:func|compile|vmap|jit|export|fx)\b|\bfrom torch\.func\b"),
}


def preload_for(lab: LabSpec) -> tuple[str, ...]:
    """Return the modules that the warm process shall import for a lab."""
    text = "\n".join(_texts(lab))
    return (*PRELOAD, *(name for name, pattern in _WHERE_NAMED.items() if pattern.search(text)))


def _texts(lab: LabSpec) -> Iterator[str]:
    for notebook in lab.notebooks:
        yield from (cell.source for cell in notebook.cells if cell.cell_type == "code")
    for path, data in {**lab.given_files, **lab.student_files}.items():
        if path.endswith(".py"):
            yield data.decode("utf-8", "replace")
