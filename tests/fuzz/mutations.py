"""Damage bytes and notebooks in many small ways, each run of a seed the same."""

from __future__ import annotations

import copy
import io
import json
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

__all__ = ["STUDENTS", "damaged_archive", "damaged_notebook", "mutate_bytes", "mutate_notebook"]

STUDENTS = (
    "Ada Lovelace_11_assignsubmission_file_",
    "Alan Turing_12_assignsubmission_file_",
    "bob",
    "..",
    "",
)
NAMES = (
    "numbers.ipynb", "NUMBERS.ipynb", "words (1).ipynb", "mine.py", "numbers.py", "notes.md",
    "../evil.ipynb", "/etc/evil", "C:\\evil.py", "..\\..\\evil", "a/b/c/d.ipynb", "a/b", "a", "ü.py",
    "u\u0308.py", "timestamp.txt", "submission_metadata.yml", "work.zip", "work.tar", "work.tar.gz", "x.7z",
    "\x00",
    "n" * 300,
    "a\nb", "\u202ex.py", ".git/HEAD", "__MACOSX/._x", "lovelaceada_LATE_18_902_numbers-2.ipynb",
    "Lab_ada_attempt_2026-11-20-10-00-00_n.py", "1_submissions/numbers.ipynb",
    "ada+ps1+2026-01-01 10:00:00 UTC+x/numbers.ipynb",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 1e+308, float("nan"), "", "x", "\ud800", "\x00", [], {}, [[]], {'a': {}},
    "members = [1]", "def total(values):\n    return", "%%bash\nrm -rf /", "```python\n", "# %%", "\"\"\"",
    1000000000000000000000000000000, ['a', 1, None], "\u202e", "total = 1\nroot = 2\nwords = 3",
    {'nbgrader': {'grade_id': 'total', 'solution': 1, 'points': '9'}},
)  # fmt: skip


def mutate_bytes(data: bytes, random_: random.Random) -> bytes:
    """Return the bytes with one to eight changes: flipped, cut, doubled, moved, filled, or inserted."""
    work = bytearray(data)
    for _ in range(random_.randint(1, 8)):
        if not work:
            return random_.randbytes(random_.randint(0, 40))
        at = random_.randrange(len(work))
        size = min(random_.choice((1, 2, 4, 8, 40, 400)), len(work) - at)
        kind = random_.randrange(7)
        if kind == 0:
            work[at] ^= 1 << random_.randrange(8)
        elif kind == 1:
            del work[at : at + size]
        elif kind == 2:
            work[at:at] = work[at : at + size]
        elif kind == 3:
            work[at : at + size] = random_.randbytes(size)
        elif kind == 4:
            work[at : at + size] = random_.choice((b"\x00", b"\xff", b"{", b"\\u", b"]", b'"')) * size
        elif kind == 5:
            del work[at:]
        else:
            other = random_.randrange(len(work))
            work[at:at] = work[other : other + size]
    return bytes(work)


def mutate_notebook(notebook: dict[str, Any], random_: random.Random) -> Any:
    """Return a copy of a notebook with one to ten values or cells changed."""
    document: Any = copy.deepcopy(notebook)
    for _ in range(random_.randint(1, 10)):
        holder, key = _place(document, random_)
        if holder is None:
            return random_.choice(VALUES)
        kind = random_.randrange(6)
        if kind == 0:
            holder[key] = copy.deepcopy(random_.choice(VALUES))
        elif kind == 1:
            del holder[key]
        elif kind == 2 and isinstance(holder, list):
            holder.insert(key, copy.deepcopy(random_.choice(holder)))
        elif kind == 3 and isinstance(holder, list):
            random_.shuffle(holder)
        elif kind == 4 and isinstance(holder[key], str):
            text = holder[key]
            cut = random_.randint(0, len(text))
            holder[key] = text[cut:] + text[:cut]
        elif kind == 5 and isinstance(holder, dict):
            holder[random_.choice(("id", "source", "metadata", "cells", "nbgrader", "cell_type", "x"))] = (
                copy.deepcopy(random_.choice(VALUES))
            )
    return document


def _place(document: Any, random_: random.Random) -> tuple[Any, Any]:
    """Return a random holder in a document and a key in it."""
    holder, key = None, None
    value = document
    while isinstance(value, list | dict) and value:
        holder = value
        key = random_.randrange(len(value)) if isinstance(value, list) else random_.choice(list(value))
        value = value[key]
        if random_.random() < 0.3:
            break
    return holder, key


def damaged_notebook(good: dict[str, Any], random_: random.Random) -> bytes:
    """Return the bytes of a notebook: damaged as JSON, as text, as an export, or all of them."""
    document = mutate_notebook(good, random_) if random_.random() < 0.8 else good
    try:
        data = json.dumps(document, ensure_ascii=random_.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        data = b"{}"
    if random_.random() < 0.1:
        data = data.decode("utf-8", "replace").encode(
            random_.choice(("utf-16", "utf-8-sig", "cp1252")), "replace"
        )
    return mutate_bytes(data, random_) if random_.random() < 0.25 else data


def damaged_archive(
    make_file: Callable[[random.Random], bytes], random_: random.Random, depth: int = 0
) -> bytes:
    """Return a zip or tar file of good and bad members, then perhaps damaged as bytes."""
    members = [
        ("/".join(part for part in (random_.choice(STUDENTS), random_.choice(NAMES)) if part), random_)
        for _ in range(random_.randint(0, 6))
    ]
    contents = [(name, _content(name, make_file, random_, depth)) for name, _ in members]
    data = _pack_tar(contents, random_) if random_.random() < 0.25 else _pack_zip(contents, random_)
    return mutate_bytes(data, random_) if random_.random() < 0.35 else data


def _content(
    name: str, make_file: Callable[[random.Random], bytes], random_: random.Random, depth: int
) -> bytes:
    if name.endswith((".zip", ".tar", ".gz")) and depth < 4:
        return damaged_archive(make_file, random_, depth + 1)
    return make_file(random_)


def _pack_zip(contents: list[tuple[str, bytes]], random_: random.Random) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for number, (name, data) in enumerate(contents):
            info = zipfile.ZipInfo(name or f"x{number}")
            info.filename = name.replace("\x00", "\x01") or "x"
            info.create_system = 3
            mode = random_.choice((0o100644, 0o100644, 0o100644, stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o644))
            info.external_attr = mode << 16
            info.compress_type = random_.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            bundle.writestr(info, data)
    return buffer.getvalue()


def _pack_tar(contents: list[tuple[str, bytes]], random_: random.Random) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=random_.choice(("w", "w:gz"))) as bundle:
        for name, data in contents:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.type = random_.choice((tarfile.REGTYPE, tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE))
            info.linkname = "../../../../etc/passwd"
            if info.type == tarfile.REGTYPE:
                bundle.addfile(info, io.BytesIO(data))
            else:
                info.size = 0
                bundle.addfile(info)
    return buffer.getvalue()
