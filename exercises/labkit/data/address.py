"""Where a registry keeps an archive: asked of the registry that the machine's own clients are set up for."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException

from labkit.data.catalog import Package

__all__ = ["find_address", "read_index_page"]

_ANSWER_LIMIT_S = 30.0
_JSON_PAGE = "application/vnd.pypi.simple.v1+json"


def find_address(package: Package) -> str | None:
    """Return the archive's URL, or None where the registry does not tell.

    Then its client has to fetch the archive: it knows about log-ins and proxies that we do not.
    """
    return _ask_npm(package) if package.client == "npm" else _ask_index(package)


def _ask_npm(package: Package) -> str | None:
    npm = shutil.which("npm")
    if npm is None:
        return None
    answer = _ask([npm, "view", str(package), "dist.tarball", "--silent"])
    return answer if urllib.parse.urlsplit(answer).scheme in {"http", "https"} else None


def _ask_index(package: Package) -> str | None:
    """Find the file with our SHA-256 on the package's page of the index (PEP 503 and PEP 691)."""
    page = f"{_find_index().rstrip('/')}/{re.sub(r'[-_.]+', '-', package.name).lower()}/"
    if urllib.parse.urlsplit(page).scheme not in {"http", "https"}:
        return None
    request = urllib.request.Request(page, headers={"Accept": f"{_JSON_PAGE}, text/html;q=0.5"})  # noqa: S310 - scheme checked
    try:
        with urllib.request.urlopen(request, timeout=_ANSWER_LIMIT_S) as answer:  # noqa: S310 - scheme checked
            return read_index_page(answer.read(), answer.headers.get("Content-Type", ""), page, package)
    except (OSError, HTTPException):  # no answer to us; pip may still get one
        return None


def _find_index() -> str:
    """Return the address of pip's index: what it is set up with, or else what its help calls the default."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    configured = os.environ.get("PIP_INDEX_URL") or _ask([*pip, "config", "get", "global.index-url"])
    if configured:
        return configured
    told = re.search(r"--index-url\b.*?\(default\s+(\S+?)\)", _ask([*pip, "download", "--help"]), re.DOTALL)
    return told.group(1) if told else ""


def read_index_page(body: bytes, content_type: str, page: str, package: Package) -> str | None:
    """Return the URL of the file with the package's SHA-256 from a page of an index, JSON or HTML."""
    if content_type.startswith(_JSON_PAGE):
        try:
            files = json.loads(body)["files"]
            urls = [file["url"] for file in files if file["hashes"].get("sha256") == package.sha256]
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
    else:
        text = body.decode("utf-8", "replace")
        urls = re.findall(rf'href="([^"#]+)#sha256={package.sha256}"', text)
    return urllib.parse.urljoin(page, urls[0]) if urls else None


def _ask(command: list[str]) -> str:
    """Return what a client prints, or "" if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_ANSWER_LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
