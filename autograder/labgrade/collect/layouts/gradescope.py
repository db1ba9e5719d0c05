"""Gradescope, "Export Submissions": ``submission_99001/cells.ipynb`` beside ``submission_metadata.yml``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import yaml

from labgrade.collect.layouts.base import Context, Layout
from labgrade.collect.model import Claim, Person

__all__ = ["GRADESCOPE", "read_metadata"]

METADATA = "submission_metadata.yml"
MAX_METADATA_BYTES = 50_000_000
_FOLDER = re.compile(r"submission_(\d+)")


class _PlainLoader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML publishes no types
    """Reads Ruby's objects as the plain data they are made of; aliases are refused, they can be a bomb."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose the next node, refusing an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)


def _construct_plain(loader: yaml.SafeLoader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else None


_PlainLoader.add_multi_constructor("", _construct_plain)
_PlainLoader.add_multi_constructor("!", _construct_plain)


def _read(names: Sequence[str], _context: Context) -> list[Claim | None]:
    return [_claim(name) for name in names]


def _claim(path: str) -> Claim | None:
    if path == METADATA:
        return Claim(METADATA, "", Person(), dropped="it is Gradescope's list of submissions")
    first, _, inner = path.partition("/")
    match = _FOLDER.fullmatch(first)
    return Claim(first, inner, Person()) if match and inner else None


def read_metadata(data: bytes) -> dict[str, tuple[list[Person], str]]:
    """Return for each submission's folder its submitters and the moment it was made.

    Raises:
        ValueError: it is not what Gradescope writes.

    """
    try:
        document = yaml.load(data.decode("utf-8"), Loader=_PlainLoader)  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError, TypeError) as error:
        raise ValueError(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    if not isinstance(document, dict):
        raise TypeError("it is no list of submissions")
    found: dict[str, tuple[list[Person], str]] = {}
    for folder, about in document.items():
        if isinstance(folder, str) and isinstance(about, dict):
            people = about.get(":submitters")
            found[folder.partition(".")[0]] = (
                [_person(one) for one in people if isinstance(one, dict)] if isinstance(people, list) else [],
                _moment(about.get(":created_at")),
            )
    return found


def _person(about: Mapping[Any, Any]) -> Person:
    def text(key: str) -> str:
        value = about.get(key)
        return "" if value is None else str(value).strip()

    return Person(name=text(":name"), login=text(":sid"), email=text(":email"))


def _moment(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.strip() if isinstance(value, str) else ""


GRADESCOPE = Layout(
    "gradescope", "Gradescope", "submission_NUMBER/ and submission_metadata.yml", _read, describe=METADATA
)
