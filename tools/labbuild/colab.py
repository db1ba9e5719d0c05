"""The Colab badge and the set-up cell, from one configuration."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["ColabConfig", "badge_cell", "colab_cells", "read_colab_config", "setup_cell", "with_colab_cells"]

COURSE_FILE = "course.toml"
_BADGE_IMAGE = "https://colab.research.google.com/assets/colab-badge.svg"

_SETUP = """\
# Google Colab starts with an empty folder: this cell fetches the lab. Elsewhere it does nothing.
try:
    import google.colab  # there only on Colab
except ImportError:
    pass
else:
    import io
    import os
    import pathlib
    import sys
    import urllib.request
    import zipfile

    lab_folder = pathlib.Path.cwd() / {lab!r}
    if not lab_folder.exists():
        with urllib.request.urlopen({url!r}, timeout=120) as reply:
            zipfile.ZipFile(io.BytesIO(reply.read())).extractall(lab_folder.parent)
    os.chdir(lab_folder)
    sys.path.insert(0, str(lab_folder))"""


@dataclass(frozen=True, slots=True)
class ColabConfig:
    """Where a lab is published; ``{lab}`` and ``{notebook}`` in a URL stand for the two names.

    Args:
        notebook_url: what the badge opens, e.g. ``https://colab.research.google.com/github/…/{lab}/{notebook}.ipynb``;
            "" for no badge.
        release_url: where the set-up cell finds the zip that ``labs release`` made; "" for no set-up cell.

    """

    notebook_url: str = ""
    release_url: str = ""


def read_colab_config(folder: Path, lab_table: Mapping[str, Any]) -> ColabConfig | None:
    """Find a lab's Colab configuration.

    Args:
        folder: the lab's folder.
        lab_table: its ``lab.toml``, read. A table ``[colab]`` there comes before the one of the course.

    Returns:
        The table ``[colab]`` of ``lab.toml``, else of ``course.toml`` in the folder above, else None.
        ``colab = false`` in ``lab.toml`` switches it off for one lab.

    Raises:
        ValueError: the table holds something else than the two URLs, or ``course.toml`` is not TOML.

    """
    table: object = lab_table.get("colab")
    if table is False:
        return None
    if table is None:
        course = folder.parent / COURSE_FILE
        if not course.is_file():
            return None
        try:
            table = tomllib.loads(course.read_text(encoding="utf-8")).get("colab")
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{course}: {error}") from error
        if table is None:
            return None
    known = {"notebook_url", "release_url"}
    if (
        not isinstance(table, Mapping)
        or not set(table) <= known
        or not all(isinstance(v, str) for v in table.values())
    ):
        raise ValueError("[colab] holds notebook_url and release_url, both text")
    return ColabConfig(**table)


def badge_cell(config: ColabConfig, lab: str, notebook: str) -> dict[str, Any]:
    """Return the Markdown cell with the badge, as an nbformat dict."""
    url = config.notebook_url.format(lab=lab, notebook=notebook)
    return {
        "id": "colab-badge",
        "cell_type": "markdown",
        "metadata": {},
        "source": f"[![Open this notebook in Google Colab]({_BADGE_IMAGE})]({url})",
    }


def setup_cell(config: ColabConfig, lab: str) -> dict[str, Any]:
    """Return the code cell that fetches the release on Colab and does nothing elsewhere."""
    return {
        "id": "colab-setup",
        "cell_type": "code",
        "metadata": {},
        "source": _SETUP.format(lab=lab, url=config.release_url.format(lab=lab)),
        "execution_count": None,
        "outputs": [],
    }


def colab_cells(
    config: ColabConfig, lab: str, notebook: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what stands at the top of a notebook, and what stands before its first code cell."""
    top = [badge_cell(config, lab, notebook)] if config.notebook_url else []
    before_code = [setup_cell(config, lab)] if config.release_url else []
    return top, before_code


def with_colab_cells(content: dict[str, Any], config: ColabConfig, lab: str, notebook: str) -> dict[str, Any]:
    """Return a copy of a notebook with the badge on top and the set-up cell before its first code."""
    top, before_code = colab_cells(config, lab, notebook)
    cells = list(content["cells"])
    kinds = [cell["cell_type"] for cell in cells]
    first_code = kinds.index("code") if "code" in kinds else len(cells)
    return {**content, "cells": [*top, *cells[:first_code], *before_code, *cells[first_code:]]}
