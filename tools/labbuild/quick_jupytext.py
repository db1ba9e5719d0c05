"""Import Jupytext without what reading a text notebook does not need.

A plain ``import jupytext`` takes a second or two: nine tenths of it go to a grammar of internationalised
URLs (``rfc3987_syntax``) that jsonschema loads if it is installed, and to the Jupyter server that Jupytext's
contents manager plugs into. Both imports are optional (``try … except ImportError`` on their side), so they
are made to fail while Jupytext is being imported, and only then. A module that is already loaded stays
loaded, and a later ``import jupyter_server`` in the same process works as ever. Should a future Jupytext need
one of them, the import is done again in full.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

__all__ = ["jupytext_module"]

_NOT_NEEDED = ("rfc3987_syntax", "jupyter_server", "jupyter_client", "tornado", "markdown_it")


def jupytext_module(name: str) -> ModuleType:
    """Return the module ``jupytext.NAME``, importing Jupytext the quick way if it is not loaded.

    Args:
        name: for instance ``formats``.

    Returns:
        The module.

    """
    if "jupytext" not in sys.modules:
        _import_quickly()
    return importlib.import_module(f"jupytext.{name}")


def _import_quickly() -> None:
    hidden = [name for name in _NOT_NEEDED if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # None is the documented way to forbid an import
    try:
        importlib.import_module("jupytext")
    except ImportError:
        _restore(hidden)
        importlib.import_module("jupytext")
    finally:
        _restore(hidden)


def _restore(hidden: list[str]) -> None:
    for name in hidden:
        if name in sys.modules and sys.modules[name] is None:
            del sys.modules[name]
