"""A notebook's metadata: a kernelspec that every machine has, and nothing that is only for authors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from labbuild.diagnostics import Diagnostics

__all__ = ["language_of", "release_cell_metadata", "release_metadata"]

_PYTHON = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
_SKIP_TAGS = frozenset({"skip-execution", "skip_execution", "skipquestexec"})

# Traces of editors and of Jupytext; none of them is for students.
_PRIVATE = frozenset(
    {
        "autoscroll",
        "cell_marker",
        "collapsed",
        "ExecuteTime",
        "execution",
        "lines_to_end_of_cell_marker",
        "lines_to_next_cell",
        "nbgrader",
        "pycharm",
        "region_name",
        "scrolled",
        "trusted",
    }
)


def release_metadata(metadata: Mapping[str, Any], report: Diagnostics) -> dict[str, Any]:
    """Return the metadata of the built notebook.

    Args:
        metadata: from the source's header.
        report: gets a warning when the kernelspec had to be replaced.

    Returns:
        The header's own metadata without Jupytext's, with a full kernelspec. The kernels of this machine are
        not looked at: the same source must give the same bytes everywhere.

    """
    kept = {
        key: value for key, value in metadata.items() if key not in ("jupytext", "kernelspec", "celltoolbar")
    }
    language = language_of(metadata)
    given = metadata.get("kernelspec")
    spec = dict(given) if isinstance(given, Mapping) else {}
    if language != "python":
        name = str(spec.get("name") or language)
        kept["kernelspec"] = {
            "display_name": str(spec.get("display_name") or name),
            "language": language,
            "name": name,
        }
    else:
        name = str(spec.get("name") or "python3")
        if name != "python3":
            pattern = re.compile(rf"""[#\s]*name:\s*["']?{re.escape(name)}["']?\s*$""")
            line = next((n for n, text in enumerate(report.lines, 1) if pattern.match(text)), 0)
            report.add(
                "LB105",
                f"the kernel '{name}' is one of this author's machine; 'python3' was put in its place",
                line=line,
                hint="write 'name: python3' in the header",
            )
        kept["kernelspec"] = dict(_PYTHON)
        kept.setdefault("language_info", {"name": "python"})
    return {key: kept[key] for key in sorted(kept)}


def language_of(metadata: Mapping[str, Any]) -> str:
    """Return the language of the notebook's code; Python where the header does not say."""
    spec = metadata.get("kernelspec")
    if isinstance(spec, Mapping) and spec.get("language"):
        return (
            str(spec["language"]).lower()
            if str(spec["language"]).lower() == "python"
            else str(spec["language"])
        )
    main = metadata.get("jupytext", {}).get("main_language")
    info = metadata.get("language_info")
    return str(main or (info.get("name") if isinstance(info, Mapping) else None) or "python")


def release_cell_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return a built cell's metadata: the author's, without editors' traces and tags that skip execution."""
    kept = {key: value for key, value in metadata.items() if key not in _PRIVATE}
    tags = kept.get("tags")
    if isinstance(tags, list):
        left = [tag for tag in tags if str(tag).lower() not in _SKIP_TAGS]
        if left:
            kept["tags"] = left
        else:
            del kept["tags"]
    return {key: kept[key] for key in sorted(kept)}
