"""How much memory the tensors of a computation take at once. Given: you need not read it.

Every operation of PyTorch that makes a new tensor passes through a *dispatch mode* here. Its bytes are added
when the tensor is made and taken off when Python lets go of it; the highest sum is the peak. Arrays of NumPy
and lists are counted too, by Python's own `tracemalloc`.
"""

import tracemalloc
import weakref

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class _Meter(TorchDispatchMode):
    """Adds up the bytes of all storages that operations made and that are still alive."""

    def __init__(self, known):
        super().__init__()
        self.alive = {id(storage): (None, 0) for storage in known}  # the inputs do not count
        self.now = self.peak = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor) and leaf.device.type != "meta":
                self._add(leaf.untyped_storage())
        return result

    def _add(self, storage):
        key = id(storage)
        if key in self.alive:  # a view, or an operation in place
            return
        self.alive[key] = (weakref.ref(storage, lambda _: self._remove(key)), storage.nbytes())
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)

    def _remove(self, key):
        self.now -= self.alive.pop(key, (None, 0))[1]


def measure_peak_bytes(function, *inputs):
    """Call a function and return the most bytes that it held at one time, its inputs not counted.

    Args:
        function: what is measured.
        inputs: its arguments, tensors among them.

    Returns:
        (result, peak in bytes). Memory that an operation takes and gives back inside itself is not seen.

    """
    function(*inputs)  # what is loaded or made ready at the first call is not counted
    with _Meter([]):
        torch.zeros(1).add(1)
    storages = [leaf.untyped_storage() for leaf in tree_leaves(inputs) if isinstance(leaf, torch.Tensor)]
    was_tracing = tracemalloc.is_tracing()
    if not was_tracing:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        with _Meter(storages) as meter:
            result = function(*inputs)
        arrays = max(0, tracemalloc.get_traced_memory()[1] - before)
    finally:
        if not was_tracing:
            tracemalloc.stop()
    return result, meter.peak + arrays
