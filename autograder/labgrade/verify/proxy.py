# ruff: noqa: D102, D105, RET503 - a magic method does, over there, what its name says; _refuse never returns
"""What stands in the trusted process for a function, class, module or object of the student's.

A proxy does what it is told to do by name (call, attribute, item, length, iteration), over there.
Everything by which an object could decide about itself is refused: comparing, truth, arithmetic, and
names with an underscore.
"""

from __future__ import annotations

import builtins
import inspect
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from labgrade.verify.student import Student

__all__ = ["Proxy", "reference_of", "student_of", "type_name_of"]

_ASKED_NAMES = frozenset({"__name__", "__qualname__", "__annotations__", "__version__", "__all__"})
_CHUNK = 64


class Proxy:
    """An object of the student's.

    Args:
        student: the process that has it.
        number: by which that process knows it.
        kind: ``function``, ``class``, ``module``, ``iterator`` or ``object``.
        type_name: name of the function or class, or of the object's class.
        bases: public classes that it derives from, as ``module:name``.

    """

    __slots__ = ("_sq_bases", "_sq_epoch", "_sq_kind", "_sq_number", "_sq_student", "_sq_type")

    def __init__(
        self, student: Student, number: int, kind: str, type_name: str, bases: tuple[str, ...]
    ) -> None:
        write = object.__setattr__
        write(self, "_sq_student", student)
        write(self, "_sq_number", number)
        write(self, "_sq_epoch", student.epoch)
        write(self, "_sq_kind", kind)
        write(self, "_sq_type", type_name)
        write(self, "_sq_bases", bases)

    # ---- what is asked over there ----

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _ask(self, "call", args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and name not in _ASKED_NAMES:
            raise AttributeError(
                f"{_describe(self)}: names that begin with _ cannot be read while grading: {name}"
            )
        return _ask(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            raise AttributeError(
                f"{_describe(self)}: names that begin with _ cannot be set while grading: {name}"
            )
        _ask(self, "setattr", name, value)

    def __delattr__(self, name: str) -> None:
        _ask(self, "delattr", name)

    def __getitem__(self, key: Any) -> Any:
        return _ask(self, "getitem", key)

    def __setitem__(self, key: Any, value: Any) -> None:
        _ask(self, "setitem", key, value)

    def __delitem__(self, key: Any) -> None:
        _ask(self, "delitem", key)

    def __len__(self) -> int:
        return int(_expect(_ask(self, "length"), int, "len()"))

    def __iter__(self) -> Iterator[Any]:
        steps = self if _is_steps(self) else _ask(self, "iterate")
        # One at a time first: a generator's work shows as it is asked for; then more at once.
        size, more = 1, True
        while more:
            more, items = _ask(steps, "next", size)
            yield from items
            size = min(_CHUNK, size * 2)

    def __next__(self) -> Any:
        return _ask(self, "call_next")

    def __str__(self) -> str:
        return str(_expect(_ask(self, "text", "str"), str, "str()"))

    def __repr__(self) -> str:
        return f"<{_describe(self)}>"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __dir__(self) -> list[str]:
        return list(_ask(self, "names_of"))

    def __deepcopy__(self, memo: Any) -> Any:
        return _ask(self, "deepcopy")

    def __enter__(self) -> Any:
        return _ask(self, "enter")

    def __exit__(self, *exc: object) -> bool:
        return bool(_ask(self, "exit") is True)

    def __instancecheck__(self, instance: Any) -> bool:
        return type(instance) is Proxy and _ask(self, "instance_of", instance) is True

    def __subclasscheck__(self, subclass: Any) -> bool:
        return type(subclass) is Proxy and _ask(self, "subclass_of", subclass) is True

    @property
    def __doc__(self) -> Any:  # type: ignore[override]  # object declares a plain attribute
        return _ask(self, "text", "doc")

    @property
    def __signature__(self) -> inspect.Signature:
        parameters = []
        for name, kind, default in _ask(self, "signature"):
            value = default[0] if default else inspect.Parameter.empty
            parameters.append(inspect.Parameter(name, inspect._ParameterKind(kind), default=value))
        return inspect.Signature(parameters)

    @property  # type: ignore[misc]  # object's can be set; nobody sets this one
    def __class__(self) -> Any:
        """The nearest public class, so that ``isinstance(model, nn.Module)`` can be written."""
        found = _public_bases(self) if _kind(self) != "class" else ()
        return found[0] if found else Proxy

    @property
    def __bases__(self) -> tuple[type, ...]:
        if _kind(self) != "class":
            raise AttributeError("__bases__")
        return _public_bases(self) or (object,)

    def __labkit_probe__(self, verb: str, *args: Any) -> Any:
        from labgrade.verify.probes import answer_probe

        return answer_probe(self, verb, *args)

    # ---- what is refused ----

    def __eq__(self, other: object) -> bool:
        if other is None:
            return False
        if type(other) is Proxy and reference_of(other) == reference_of(self):
            return True
        _refuse(self, "compared")

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(reference_of(self))

    def __bool__(self) -> bool:
        _refuse(self, "taken as true or false")

    def __lt__(self, other: object) -> bool:
        _refuse(self, "compared")

    __le__ = __gt__ = __ge__ = __lt__

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        _refuse(self, "copied")


def _read(proxy: Proxy, name: str) -> Any:
    return object.__getattribute__(proxy, name)


def _kind(proxy: Proxy) -> str:
    return str(_read(proxy, "_sq_kind"))


def _is_steps(proxy: Proxy) -> bool:
    return bool(_read(proxy, "_sq_type") == "_Steps")


def reference_of(proxy: Proxy) -> tuple[int, int]:
    """Return the epoch and the number by which the student's process knows the object."""
    return _read(proxy, "_sq_epoch"), _read(proxy, "_sq_number")


def type_name_of(proxy: Proxy) -> str:
    """Return the name of a function or class, or of an object's class, as its process tells it."""
    return str(_read(proxy, "_sq_type"))


def student_of(proxy: Proxy) -> Student:
    """Return the process that has the object."""
    return _read(proxy, "_sq_student")  # type: ignore[no-any-return]  # a slot of this very class


def _describe(proxy: Proxy) -> str:
    kind, name = _kind(proxy), _read(proxy, "_sq_type")
    return (
        f"the student's {kind} {name}"
        if kind in ("function", "class")
        else f"an object of the student's type {name}"
    )


def _refuse(proxy: Proxy, what: str) -> NoReturn:
    raise TypeError(f"{_describe(proxy)} cannot be {what}: plain data was expected here")


def _ask(proxy: Proxy, operation: str, *args: Any) -> Any:
    return student_of(proxy).ask(operation, proxy, *args)


def _expect(value: Any, kind: type, what: str) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{what} gave {type(value).__name__}, not {kind.__name__}")
    return value


def _public_bases(proxy: Proxy) -> tuple[type, ...]:
    """Return the named classes as the trusted process has them; nothing that could pass for data."""
    found = []
    for text in _read(proxy, "_sq_bases"):
        module, _, name = text.partition(":")
        if module.startswith("torch.nn.modules") or module in (
            "torch.utils.data.dataset",
            "torch.optim.optimizer",
        ):
            kind = getattr(sys.modules.get(module), name, None)
        elif module == "builtins":
            kind = vars(builtins).get(name)
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                kind = None
        else:
            kind = None
        if isinstance(kind, type):
            found.append(kind)
    return tuple(found)
