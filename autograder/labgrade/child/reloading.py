"""``%load_ext autoreload`` without a look at every file of every library.

The extension notes when each imported file was changed, and reads those of the standard library: a tenth of a
second in each child, for files that no child can change. What the warm process has imported is noted once.
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = ["prepare_autoreload"]


def prepare_autoreload() -> None:
    """Note the files of all modules that are imported now; to be called last, before the first fork."""
    try:
        from IPython.extensions import autoreload
    except ImportError:
        return
    reloader: Any = getattr(autoreload, "ModuleReloader", None)
    sources: Any = getattr(autoreload, "DeduperReloader", None)
    if not hasattr(reloader, "filename_and_mtime") or sources is None:
        return  # a version that works in another way: it does without
    ask = reloader.filename_and_mtime
    start = sources.__init__
    known: dict[int, tuple[Any, Any]] = {}  # the module, so that its id stays its own, and the answer
    texts: dict[str, str] = {}

    def filename_and_mtime(self: Any, module: Any) -> Any:
        # A module that the student's code puts in the place of a library's is another object.
        found = known.get(id(module))
        return ask(self, module) if found is None else found[1]

    def begin(self: Any) -> None:
        start(self)
        self.source_by_modname.update(texts)

    first = reloader()
    for module in list(sys.modules.values()):
        known[id(module)] = module, ask(first, module)
    texts.update(getattr(first.deduper_reloader, "source_by_modname", {}))
    reloader.filename_and_mtime = filename_and_mtime
    sources.__init__ = begin
