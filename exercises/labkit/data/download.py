"""A file from a URL that the reader chose: continued where it stopped, in its place only when complete."""

from __future__ import annotations

import contextlib
import os
import urllib.error
import urllib.parse
import urllib.request
from http.client import HTTPException
from pathlib import Path

from labkit.data.errors import DownloadError
from labkit.data.progress import byte_bar

__all__ = ["download"]

_CHUNK = 1 << 16


def download(url: str, target: Path, *, timeout_s: float = 30.0) -> Path:
    """Fetch a URL into ``target``; a partial file ``target.part`` is continued if the server can.

    Args:
        url: http or https.
        target: where the complete file goes.
        timeout_s: longest silence of the server.

    Raises:
        DownloadError: not http(s), no answer, or fewer bytes than announced; what came stays in ``.part``.

    """
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        raise DownloadError(f"{url}: only http and https are fetched", "or give a folder or file")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    held = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={held}-"} if held else {})  # noqa: S310 - scheme checked
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310 - scheme checked
            continued = answer.status == 206
            length = answer.headers.get("Content-Length")
            start = held if continued else 0
            expected = start + int(length) if length is not None else None
            with part.open("ab" if continued else "wb") as file, byte_bar(target.name, expected) as bar:
                bar.update(start)
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
    except urllib.error.HTTPError as error:
        with contextlib.closing(error):
            if error.code == 416 and held:  # nothing after what we hold: start again
                part.unlink()
                return download(url, target, timeout_s=timeout_s)
            answer_line = f"{error.code} {error.reason}"
            raise DownloadError(f"{url}: the server answered {answer_line}", status=error.code) from error
    except (OSError, HTTPException) as error:
        raise DownloadError(
            f"{url}: {getattr(error, 'reason', error)}", "run it again: it continues"
        ) from error
    if expected is not None and part.stat().st_size != expected:
        came = part.stat().st_size
        raise DownloadError(f"{url}: {came} of {expected} bytes came", "run it again: it continues")
    os.replace(part, target)
    return target
