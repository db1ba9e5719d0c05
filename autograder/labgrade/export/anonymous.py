"""Ids that tell nobody who it is, and the list that does tell, kept apart."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import os
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from labgrade.collect.placing import disk_errors
from labgrade.errors import UsageError
from labgrade.spreadsheet import safe_cell

__all__ = ["anonymous_ids", "read_key", "write_ids"]

KEY_BYTES = 32


def read_key(path: Path) -> bytes:
    """Return the key, made and kept for its owner alone if there is none yet.

    Raises:
        UsageError: the file holds something else.
        MachineError: the disk refuses.

    """
    with disk_errors(path):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(KEY_BYTES) + "\n")
        text = path.read_text(encoding="ascii", errors="replace").strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        raise UsageError(
            "anonymous-key", "this is no key", "delete the file, and a new key is made", str(path)
        )
    return key


def anonymous_ids(key: bytes) -> Callable[[str], str]:
    """Return the function from an id to its anonymous one; it cannot be turned round without the key."""

    def show(student: str) -> str:
        code = hmac.new(key, student.encode("utf-8", "replace"), hashlib.sha256).digest()
        return "anon-" + base64.b32encode(code)[:12].decode().lower()

    return show


def write_ids(path: Path, students: Iterable[str], show: Callable[[str], str]) -> None:
    """Write who is who, readable for its owner alone.

    Raises:
        MachineError: the disk refuses.

    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["anonymous", "student"])
    writer.writerows(sorted((show(student), safe_cell(student)) for student in students))
    new = path.with_name(f".{path.name}.new")
    with disk_errors(path):
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(out.getvalue())
        os.replace(new, path)
