"""Helpers for tests that need more of the student's objects than calling them.

Each works the same in a notebook and while ``labs grade`` runs the test in another process: there the object
is a proxy that answers ``type(obj).__labkit_probe__``; everywhere else the helper acts on the object itself.
"""

from labkit.probe.act import call_inplace, load_state, numel, parameters, source, state, uses, vjp
from labkit.probe.names import ATTENTION_LAYERS, RECURRENT_LAYERS
from labkit.probe.uses import find_uses

__all__ = [
    "ATTENTION_LAYERS",
    "RECURRENT_LAYERS",
    "call_inplace",
    "find_uses",
    "load_state",
    "numel",
    "parameters",
    "source",
    "state",
    "uses",
    "vjp",
]
