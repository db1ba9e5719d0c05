"""A lab's settings, from ``lab.toml`` or the defaults."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from labbuild.colab import ColabConfig, read_colab_config
from labbuild.diagnostics import Diagnostics

__all__ = ["CONFIG_FILE", "LabConfig", "read_config"]

CONFIG_FILE = "lab.toml"
_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class LabConfig:
    """Settings of one lab.

    Args:
        title: shown to people; the folder's name when not given.
        notebooks: names without suffix, in order; empty means every notebook source in the folder, by name.
        files: patterns, relative to the lab's folder, of files that are handed out as they are.
        solution_files: patterns of files that the solution needs and students do not get, such as weights.
        modules: companion modules to hand out though no notebook imports them and they have no regions.
        profiles: name of a profile (``quick``, ``full``) -> its sizes.
        colab: where the lab is published, for the badge and the set-up cell; None for neither.
        has_file: there is a ``lab.toml``; without one, files that the student text links to are handed out.

    """

    title: str = ""
    notebooks: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    solution_files: tuple[str, ...] = ()
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: _NOTHING)
    colab: ColabConfig | None = None
    has_file: bool = False


_KEYS = ("title", "notebooks", "files", "solution_files", "modules", "profiles", "colab")


def read_config(folder: Path, name: str) -> tuple[LabConfig, Diagnostics]:
    """Read ``lab.toml`` in a folder.

    Args:
        folder: the lab's folder.
        name: the lab's name, used as its title when none is given.

    Returns:
        The settings (defaults where the file is wrong or missing) and what is wrong with the file.

    """
    path = folder / CONFIG_FILE
    report = Diagnostics(path)
    table: dict[str, Any] = {}
    if path.is_file():
        table = _parse(path, report)
    for key in table:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            report.add(
                "LB502",
                f"unknown key '{key}'",
                line=_line_of(report.lines, key),
                hint=f"write '{near[0]}'" if near else f"known keys: {', '.join(_KEYS)}",
            )
    title = table.get("title", name)
    if not isinstance(title, str):
        _complain(report, "title", "text in quotes")
        title = name
    config = LabConfig(
        title=title,
        notebooks=_names(table, "notebooks", report),
        files=_names(table, "files", report),
        modules=_names(table, "modules", report),
        solution_files=_names(table, "solution_files", report),
        profiles=_profiles(table, report),
        colab=_colab(folder, table, report),
        has_file=path.is_file(),
    )
    return config, report


def _parse(path: Path, report: Diagnostics) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        report.add("LB103", f"{path.name} cannot be read: {error}")
        return {}
    report.lines = tuple(text.split("\n"))
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+), column (\d+)", str(error))
        report.add(
            "LB501",
            f"{path.name} is not valid TOML: {re.sub(r' ?[(]at .*[)]$', '', str(error))}",
            line=int(place[1]) if place else 0,
            col=int(place[2]) if place else 0,
            hint='a setting looks like  title = "Recurrent cells"  or  notebooks = ["cells", "sentences"]',
        )
        return {}


def _line_of(lines: tuple[str, ...], key: str) -> int:
    pattern = re.compile(rf"""\s*(\[+\s*)?["']?{re.escape(key)}["']?\s*[=.\]]""")
    for number, line in enumerate(lines, 1):
        if pattern.match(line):
            return number
    return 0


def _complain(report: Diagnostics, key: str, wanted: str) -> None:
    report.add("LB503", f"'{key}' must be {wanted}", line=_line_of(report.lines, key))


def _names(table: Mapping[str, Any], key: str, report: Diagnostics) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        _complain(report, key, 'a list of texts, such as ["cells", "sentences"]')
        return ()
    return tuple(value)


def _profiles(table: Mapping[str, Any], report: Diagnostics) -> Mapping[str, Mapping[str, Any]]:
    value = table.get("profiles", {})
    if not isinstance(value, dict) or not all(isinstance(sizes, dict) for sizes in value.values()):
        _complain(report, "profiles", "a table of tables, such as [profiles.quick] with steps = 200")
        return _NOTHING
    return value


def _colab(folder: Path, table: Mapping[str, Any], report: Diagnostics) -> ColabConfig | None:
    try:
        return read_colab_config(folder, table)
    except ValueError as error:
        report.add("LB503", str(error), line=_line_of(report.lines, "colab"))
        return None
