"""What tests compare with, noted before the student's first cell and looked at again later.

It runs in the student's process, so it can be deceived by who knows of it; it catches those who patch what
tests use. See :mod:`labgrade.verify.canaries`.
"""

from __future__ import annotations

import operator
import sys
from typing import Any

__all__ = ["Tools"]

_NAMES = {
    "builtins": "AssertionError BaseException Exception __build_class__ abs all any bool compile dict eval "
    "exec float getattr hasattr hash int isinstance issubclass iter len list map max min next object range "
    "repr reversed round set sorted str sum super tuple type zip",
    "math": "fsum isclose isfinite isnan",
    "numpy": "abs all allclose any array array_equal array_equiv asarray isclose isfinite isnan max mean min "
    "ndarray shape sum",
    "numpy.testing": "assert_ assert_allclose assert_almost_equal assert_array_almost_equal "
    "assert_array_equal assert_array_less assert_equal assert_raises",
    "torch": "Tensor all allclose any as_tensor equal isclose isfinite isnan tensor",
    "torch.testing": "assert_close",
    "unittest": "TestCase",
    "pytest": "approx fail raises warns",
    "labkit.checks": "check",
    "labkit.checks.run": "add_up check judge run_tests",
    "labkit.expect": "close equal no_warning raises unchanged",
}
_METHODS = {
    (
        "unittest",
        "TestCase",
    ): "assertAlmostEqual assertEqual assertFalse assertIs assertRaises assertTrue fail",
    (
        "torch",
        "Tensor",
    ): "__bool__ __eq__ __ge__ __gt__ __le__ __lt__ __ne__ all allclose any equal isclose item",
}
_SHELL_METHODS = (
    "_run_cell run_ast_nodes run_cell run_cell_async run_code showtraceback transform_ast transform_cell"
)
_SHELL_PARTS = (
    "CustomTB ast_transformers compile custom_exceptions display_pub displayhook input_transformers_post"
)
_MISSING = object()


class Tools:
    """The tools of this process as they are now.

    Args:
        shell: that runs the cells; None if there is none.

    """

    def __init__(self, shell: Any) -> None:
        # Kept here, so that replacing a builtin does not replace what finds that out.
        self._is, self._getattr, self._vars = operator.is_, getattr, vars
        self._shell = shell
        self._modules = {name: sys.modules[name] for name in _NAMES if name in sys.modules}
        self._noted: list[tuple[str, Any, str, Any]] = []
        for name, module in self._modules.items():
            self._note(name, module, _NAMES[name])
        for (name, kind), words in _METHODS.items():
            if name in self._modules:
                self._note(f"{name}.{kind}", getattr(self._modules[name], kind), words)
        self._lists: list[tuple[str, list[Any], int]] = []
        self._own: frozenset[str] = frozenset()
        if shell is not None:
            for base in type(shell).__mro__:
                words = " ".join(word for word in _SHELL_METHODS.split() if word in vars(base))
                self._note(base.__name__, base, words)
            self._note("shell", shell, _SHELL_PARTS)
            self._own = frozenset(word for word in _SHELL_METHODS.split() if word in vars(shell))
            manager = shell.input_transformer_manager
            for name, owner in (("shell", shell), ("input_transformer_manager", manager)):
                for word, part in vars(owner).items():
                    if type(part) is list and "transform" in word:
                        self._lists.append((f"{name}.{word}", part, len(part)))
            for word in ("ast_transformers", "input_transformers_post"):
                self._lists.append((f"shell.{word}", getattr(shell, word), len(getattr(shell, word))))

    def _note(self, name: str, owner: Any, words: str) -> None:
        for word in words.split():
            value = getattr(owner, word, _MISSING)
            if value is not _MISSING:
                self._noted.append((f"{name}.{word}", owner, word, value))

    def changed(self) -> list[str]:
        """Name the tools that are not what they were."""
        found = {
            name
            for name, owner, word, value in self._noted
            if not self._is(self._getattr(owner, word, _MISSING), value)
        }
        found |= {
            f"sys.modules[{name!r}]"
            for name, module in self._modules.items()
            if not self._is(sys.modules.get(name), module)
        }
        found |= {name for name, part, size in self._lists if part.__len__() != size}
        if self._shell is not None:
            own = self._vars(self._shell)
            found |= {
                f"shell.{word}" for word in _SHELL_METHODS.split() if word in own and word not in self._own
            }
        return [*found]
