"""A page of HTML as PDF, by the Chromium of this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

__all__ = ["NoChromiumError", "PdfError", "find_chromium", "html_to_pdf"]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_MAC = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_DATE = re.compile(rb"D:\d{14}[+-]\d\d'\d\d'")
# Offline, quiet, and without anything of the user's own browser.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-extensions",
    "--disable-sync",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-pdf-header-footer",
)


class PdfError(Exception):
    """A PDF could not be made; the message says why."""


class NoChromiumError(PdfError):
    """There is no Chromium here, so PDF is left out."""


def find_chromium() -> str | None:
    """Return the path of a Chromium or Chrome: that of the variable CHROMIUM, else the first one on PATH."""
    wanted = os.environ.get("CHROMIUM")
    if wanted:
        return shutil.which(wanted)
    for name in (*_NAMES, *_MAC):
        found = shutil.which(name)
        if found:
            return found
    return None


def html_to_pdf(page: str, timeout_s: float = 120.0) -> bytes:
    """Print a self-contained page.

    Args:
        page: HTML.
        timeout_s: wall-clock seconds for Chromium.

    Raises:
        NoChromiumError: there is none on this machine.
        PdfError: it ended without a PDF.

    """
    chromium = find_chromium()
    if chromium is None:
        raise NoChromiumError(
            "PDF is left out: no Chromium or Chrome here (install one, or set CHROMIUM to its path)"
        )
    with tempfile.TemporaryDirectory(prefix="labs-pdf-", ignore_cleanup_errors=True) as folder:
        source, target = Path(folder, "page.html"), Path(folder, "page.pdf")
        source.write_text(page, encoding="utf-8")
        command = [
            chromium,
            *_FLAGS,
            f"--user-data-dir={folder}/profile",
            f"--print-to-pdf={target}",
            source.as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
        except subprocess.TimeoutExpired as error:
            raise PdfError(f"Chromium made no PDF within {timeout_s:g} s") from error
        if not target.exists():
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise PdfError(
                f"Chromium ended with {done.returncode} and made no PDF: {said[-1] if said else ''}"
            )
        # The same page makes the same bytes, whenever it is printed.
        return _DATE.sub(b"D:20000101000000+00'00'", target.read_bytes())
