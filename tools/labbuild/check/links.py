"""Links and images of a notebook's text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from labbuild.cell_content import cell_text
from labbuild.check.findings import Finding, line_of_text
from labbuild.compiled import CompiledNotebook

__all__ = ["Target", "find_broken_links", "targets_of"]

_HTML_TARGET = re.compile(r"""<(a|img)\b[^>]*?\b(href|src)\s*=\s*["']([^"']*)["'][^>]*>""", re.IGNORECASE)
_HTML_ALT = re.compile(r"""\balt\s*=\s*["']\s*\S""", re.IGNORECASE)
_HTML_ANCHOR = re.compile(r"""\b(?:id|name)\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_SCHEMES = ("http", "https", "mailto", "data")


@dataclass(frozen=True, slots=True)
class Target:
    """What a Markdown cell points to.

    Args:
        url: as written.
        is_image: an image, and no link.
        has_text: the image has a text in its place.

    """

    url: str
    is_image: bool
    has_text: bool = True


def targets_of(text: str) -> list[Target]:
    """Return the links and images of a Markdown text, those in HTML as well."""
    return list(_targets(_parse(text)))


def find_broken_links(notebook: CompiledNotebook, version: str, files: Set[str]) -> list[Finding]:
    """Find links and images that lead nowhere.

    Args:
        notebook: compiled.
        version: ``student`` or ``solution``.
        files: names of the files that lie beside the notebook, relative to it, notebooks included.

    """
    content: dict[str, Any] = getattr(notebook, version)
    markdown = [
        (index, cell, _parse(cell_text(cell)))
        for index, cell in enumerate(content["cells"])
        if cell["cell_type"] == "markdown"
    ]
    anchors = {anchor for _, _, tokens in markdown for anchor in _anchors(tokens)}
    findings = []
    for index, cell, tokens in markdown:
        for target in _targets(tokens):
            problem = _problem(target, cell, files, anchors)
            if problem is None:
                continue
            code, message, hint = problem
            start = notebook.cell_lines[index] if index < len(notebook.cell_lines) else 0
            line = line_of_text(notebook.path, target.url, start or 1)
            findings.append(Finding(code, notebook.path, line, f"{message} ({version} version)", hint))
    return findings


def _problem(
    target: Target, cell: Mapping[str, Any], files: Set[str], anchors: Set[str]
) -> tuple[str, str, str] | None:
    code = "LC503" if target.is_image else "LC502"
    kind = "image" if target.is_image else "link"
    parts = urlsplit(target.url)
    if target.url.startswith("attachment:"):
        if unquote(target.url[11:]) not in cell.get("attachments", {}):
            return (
                code,
                f"{kind} {target.url!r}: the cell has no such attachment",
                "put the file beside the notebook",
            )
    elif parts.scheme in _SCHEMES:
        if parts.scheme.startswith("http") and not parts.netloc:
            return code, f"{kind} {target.url!r} has no host", "write https://host/path"
    elif parts.scheme:
        return code, f"{kind} {target.url!r} has an unknown scheme", "write https://…, or the name of a file"
    elif parts.path:
        if _normal(unquote(parts.path)) not in files:
            hint = (
                "write the name as it stands beside the notebook, and list the file under `files` in lab.toml"
            )
            return code, f"{kind} {target.url!r}: students do not get this file", hint
    elif parts.fragment and unquote(parts.fragment) not in anchors:
        hint = "a heading's anchor is its text with blanks turned into hyphens"
        return code, f"link {target.url!r}: there is no heading with this anchor", hint
    elif not target.url:
        return code, f"a {kind} has no target", "write the target between the parentheses"
    if target.is_image and not target.has_text:
        return "LC504", f"image {target.url!r} has no text in its place", "write ![what it shows](file)"
    return None


def _normal(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _parse(text: str) -> list[Any]:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").enable("table").parse(text)


def _flat(tokens: Iterable[Any]) -> Iterator[Any]:
    for token in tokens:
        yield token
        yield from token.children or ()


def _targets(tokens: list[Any]) -> Iterator[Target]:
    for token in _flat(tokens):
        if token.type == "link_open":
            yield Target(str(token.attrs.get("href", "")), is_image=False)
        elif token.type == "image":
            yield Target(str(token.attrs.get("src", "")), is_image=True, has_text=bool(token.content.strip()))
        elif token.type in ("html_block", "html_inline"):
            for match in _HTML_TARGET.finditer(token.content):
                is_image = match[1].lower() == "img"
                yield Target(match[3], is_image, not is_image or bool(_HTML_ALT.search(match[0])))


def _anchors(tokens: list[Any]) -> Iterator[str]:
    for position, token in enumerate(tokens):
        if token.type == "heading_open":
            text = tokens[position + 1].content
            # JupyterLab, and the form that code hosts use.
            yield text.replace(" ", "-")
            yield re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
    for token in _flat(tokens):
        if token.type in ("html_block", "html_inline"):
            yield from _HTML_ANCHOR.findall(token.content)
