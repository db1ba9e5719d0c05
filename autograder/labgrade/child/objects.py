"""The objects of a student's process that the grader holds by number, and what it may ask of them."""

from __future__ import annotations

import builtins
import copy
import inspect
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from labgrade.child.tools import Tools
from labgrade.child.tracebacks import is_own_file
from labgrade.wire import CodecError, Decoder, Encoder
from labgrade.wire.tags import Tag

__all__ = ["Objects", "describe_error"]

_MAX_HANDLES = 200_000
_PUBLIC_MODULES = frozenset({"numpy", "torch", "math", "cmath", "operator", "builtins", "scipy"})


class Objects:
    """Numbered objects, and the encoder and decoder that know them.

    Args:
        namespace: the globals of the notebook.
        call_back: calls a function of the grader's: ``(number, args, kwargs) -> result``.
        shell: that runs the cells.

    """

    def __init__(
        self,
        namespace: dict[str, Any],
        call_back: Callable[[int, tuple[Any, ...], dict[str, Any]], Any],
        shell: Any = None,
    ) -> None:
        self._namespace = namespace
        self._call_back = call_back
        self._by_number: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._leaves: list[Any] = []
        self._graphs: dict[int, list[Any]] = {}
        self._tools = Tools(shell)
        self.encoder = _TensorEncoder(self._to_node, self)
        self.decoder = _LeafDecoder(self._from_node, self)

    # ---- numbers ----

    def number_of(self, value: Any) -> int:
        """Return the number of an object; the same object keeps its number."""
        known = self._numbers.get(id(value))
        if known is not None:
            return known
        if len(self._by_number) >= _MAX_HANDLES:
            raise CodecError("too many objects are in use")
        number = len(self._by_number) + 1
        self._by_number[number] = value  # held from now on, so its id stays its own
        self._numbers[id(value)] = number
        return number

    def _to_node(self, value: Any) -> list[Any]:
        kind = _kind_of(value)
        type_name = value.__name__ if kind in ("function", "class") else type(value).__name__
        return [
            Tag.HANDLE,
            self.number_of(value),
            kind,
            str(type_name)[:200],
            callable(value),
            _bases_of(value),
        ]

    def _from_node(self, node: list[Any]) -> Any:
        if node[0] == Tag.REFERENCE:
            return self._by_number[node[1]]
        if node[0] == Tag.CALLBACK:
            return _make_callback(node[1], str(node[2]), self._call_back)
        if node[0] == Tag.PUBLIC:
            return _find_public(node[1], node[2])
        raise CodecError("a value of the wrong kind")

    # ---- what the grader may ask ----

    def find(self, names: list[str], module: str) -> list[Any]:
        """Return the values of names of the notebook or of a module; ... for what is not there."""
        if not module:
            return [self._namespace.get(name, ...) for name in names]
        __import__(module)
        return [getattr(sys.modules[module], name, ...) for name in names]

    def names_in(self, module: str) -> list[str]:
        """Return the names that ``import *`` takes from a module of the student's."""
        __import__(module)
        found = getattr(sys.modules[module], "__all__", None)
        if found is None:
            found = [name for name in vars(sys.modules[module]) if not name.startswith("_")]
        return [str(name) for name in found]

    def call(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call an object."""
        return target(*args, **kwargs)

    def call_inplace(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """Call an object; also return what it made of its arguments."""
        result = target(*args, **kwargs)
        return result, tuple(_without_grad(arg) for arg in args)

    def getattr(self, target: Any, name: str) -> Any:
        """Return an attribute."""
        return getattr(target, name)

    def hasattr(self, target: Any, name: str) -> bool:
        """Tell whether there is an attribute."""
        return hasattr(target, name)

    def setattr(self, target: Any, name: str, value: Any) -> None:
        """Set an attribute; a parameter of a module keeps being one."""
        old = getattr(target, name, None)
        torch = sys.modules.get("torch")
        if torch is not None and type(old) is torch.nn.Parameter and type(value) is torch.Tensor:
            raise TypeError(
                f"cannot assign a tensor as parameter '{name}' (torch.nn.Parameter or None expected)"
            )
        setattr(target, name, value)

    def delattr(self, target: Any, name: str) -> None:
        """Delete an attribute."""
        delattr(target, name)

    def getitem(self, target: Any, key: Any) -> Any:
        """Return an item."""
        return target[key]

    def setitem(self, target: Any, key: Any, value: Any) -> None:
        """Set an item."""
        target[key] = value

    def delitem(self, target: Any, key: Any) -> None:
        """Delete an item."""
        del target[key]

    def length(self, target: Any) -> int:
        """Return the length."""
        return len(target)

    def iterate(self, target: Any) -> Any:
        """Return an iterator, as an object."""
        return _Steps(iter(target))

    def next(self, target: _Steps, number: int) -> tuple[bool, list[Any]]:
        """Return up to ``number`` more items, and whether there may be others."""
        return target.take(number)

    def call_next(self, target: Any) -> Any:
        """Return the next item of an iterator; the end crosses as StopIteration."""
        return next(target)

    def text(self, target: Any, how: str) -> str:
        """Return ``str``, ``repr`` or the documentation of an object."""
        if how == "doc":
            return str(inspect.getdoc(target) or "")
        return str(repr(target) if how == "repr" else str(target))

    def names_of(self, target: Any) -> list[str]:
        """Return ``dir`` of an object."""
        return [str(name) for name in dir(target)]

    def instance_of(self, kind: Any, target: Any) -> bool:
        """Tell whether an object is an instance of a class of the student's."""
        return bool(isinstance(target, kind))

    def subclass_of(self, kind: Any, target: Any) -> bool:
        """Tell whether a class is a subclass of a class of the student's."""
        return bool(issubclass(target, kind))

    def deepcopy(self, target: Any) -> Any:
        """Return a deep copy, as an object."""
        return copy.deepcopy(target)

    def enter(self, target: Any) -> Any:
        """Enter a context."""
        return type(target).__enter__(target)

    def exit(self, target: Any) -> bool:
        """Leave a context without an exception."""
        return bool(type(target).__exit__(target, None, None, None))

    def signature(self, target: Any) -> list[Any]:
        """Return the parameters: name, kind, and the default as a list of none or one."""
        parameters = inspect.signature(target).parameters.values()
        empty = inspect.Parameter.empty
        return [[p.name, int(p.kind), [] if p.default is empty else [p.default]] for p in parameters]

    def state(self, target: Any) -> dict[str, Any]:
        """Return the state of a module as plain tensors."""
        return {str(name): _without_grad(value) for name, value in target.state_dict().items()}

    def load_state(self, target: Any, state: Mapping[str, Any]) -> None:
        """Set the state of a module."""
        target.load_state_dict(dict(state), strict=True)

    def parameters(self, target: Any) -> dict[str, Any]:
        """Return the named parameters of a module, as plain tensors."""
        return {str(name): _without_grad(value) for name, value in target.named_parameters()}

    def changed_tools(self) -> list[str]:
        """Name what tests use and the student's code has replaced."""
        return self._tools.changed()

    def numel(self, target: Any) -> int:
        """Return the number of trainable numbers of a module."""
        return sum(value.numel() for value in target.parameters() if value.requires_grad)

    def backward(self, numbers: list[int], gradients: list[Any]) -> list[Any]:
        """Go backwards through results of an earlier call; return the gradients of its inputs."""
        import torch

        tensors = [self._by_number[number] for number in numbers]
        leaves = self._graphs.get(numbers[0], []) if numbers else []
        for leaf in leaves:
            leaf.grad = None
        pairs = [(t, g) for t, g in zip(tensors, gradients, strict=True) if g is not None]
        torch.autograd.backward([t for t, _ in pairs], [g for _, g in pairs], retain_graph=True)
        found = [leaf.grad for leaf in leaves]
        for leaf in leaves:
            leaf.grad = None
        return found

    # ---- gradients ----

    def start_call(self, leaves: list[Any] | None = None) -> list[Any]:
        """Begin to collect the inputs that need a gradient; return those of the call until now."""
        before, self._leaves = self._leaves, [] if leaves is None else leaves
        return before

    def note_leaf(self, tensor: Any) -> None:
        """Remember an input that needs a gradient."""
        self._leaves.append(tensor)

    def note_result(self, tensor: Any) -> int:
        """Remember a result whose gradient may be asked for."""
        number = self.number_of(tensor)
        self._graphs[number] = self._leaves
        return number


class _TensorEncoder(Encoder):
    """Sends a tensor that was computed from others with a number, so that its gradient can be asked for."""

    def __init__(self, opaque: Callable[[Any], Any], objects: Objects) -> None:
        super().__init__(opaque)
        self._objects = objects

    def node(self, value: Any, depth: int) -> Any:
        node = super().node(value, depth)
        if type(node) is list and node[0] == Tag.TENSOR and node[3] & 1 and value.grad_fn is not None:
            return [Tag.REMOTE_TENSOR, self._objects.note_result(value), node]
        return node


class _LeafDecoder(Decoder):
    """Notes each decoded tensor that needs a gradient."""

    def __init__(self, resolve: Callable[[list[Any]], Any], objects: Objects) -> None:
        super().__init__(resolve)
        self._objects = objects

    def value(self, node: Any, depth: int) -> Any:
        value = super().value(node, depth)
        if type(node) is list and node and node[0] == Tag.TENSOR and value.requires_grad:
            self._objects.note_leaf(value)
        return value


class _Steps:
    """An iterator that is asked for several items at once."""

    def __init__(self, iterator: Iterator[Any]) -> None:
        self._iterator = iterator

    def take(self, number: int) -> tuple[bool, list[Any]]:
        items = []
        for _ in range(number):
            try:
                items.append(next(self._iterator))
            except StopIteration:
                return False, items
        return True, items


def _kind_of(value: Any) -> str:
    if isinstance(value, type):
        return "class"
    if isinstance(value, types.ModuleType):
        return "module"
    if isinstance(value, (types.FunctionType, types.BuiltinFunctionType)):
        return "function"
    if hasattr(type(value), "__next__"):
        return "iterator"
    return "object"


def _bases_of(value: Any) -> list[str]:
    """Name the public classes that an object's class derives from, nearest first."""
    kind = value if isinstance(value, type) else type(value)
    found = []
    for base in kind.__mro__[:40]:
        module = getattr(base, "__module__", "")
        if isinstance(module, str) and module.split(".")[0] in ("torch", "builtins") and base is not object:
            found.append(f"{module}:{base.__qualname__}")
    return found[:8]


def _find_public(module: Any, name: Any) -> Any:
    if str(module).split(".")[0] not in _PUBLIC_MODULES:
        raise CodecError("not a public object")
    value: Any = sys.modules[module]
    for part in str(name).split("."):
        value = getattr(value, part)
    return value


def _make_callback(number: int, name: str, call_back: Callable[..., Any]) -> Callable[..., Any]:
    def callback(*args: Any, **kwargs: Any) -> Any:
        return call_back(number, args, kwargs)

    callback.__name__ = callback.__qualname__ = name
    return callback


def _without_grad(value: Any) -> Any:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return value.detach()
    return value


def describe_error(error: BaseException) -> list[str]:
    """Return builtin type name, own type name, message, and the student's part of the traceback."""
    builtin = next(
        (kind.__name__ for kind in type(error).__mro__ if vars(builtins).get(kind.__name__) is kind),
        "Exception",
    )
    try:
        message = str(error)
    except Exception:  # the student's own __str__ failed
        message = ""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not is_own_file(f.filename)]
    lines = traceback.format_list(frames[-6:])
    own = type(error).__name__
    return [builtin, own[:200], message[:4000], "".join(lines)[-8000:]]
