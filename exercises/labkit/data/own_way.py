"""Downloads that the field's own libraries know."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from labkit.data.cache import sha256_of
from labkit.data.errors import DownloadError

__all__ = ["MNIST_SHA256", "fetch_mnist", "short_timeout"]

MNIST_SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


@contextmanager
def short_timeout(seconds: float = 10.0) -> Iterator[None]:
    """Let no connection of a library that sets no time limit hang for longer than this."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def fetch_mnist(folder: Path) -> None:
    """Fetch MNIST as torchvision does, and check the bytes, which torchvision does not.

    Raises:
        DownloadError: torchvision is not there, its mirrors do not answer, or the bytes are others.

    """
    try:
        from torchvision.datasets import MNIST
    except (
        ImportError,
        RuntimeError,
    ) as error:  # RuntimeError: torchvision for another torch
        raise DownloadError(f"torchvision cannot be used ({error})") from error
    with tempfile.TemporaryDirectory(dir=folder) as root:
        try:
            with short_timeout():
                MNIST(root, train=True, download=True)
        except (URLError, OSError, RuntimeError) as error:
            raise DownloadError(f"torchvision could not download MNIST ({error})") from error
        for name, expected in MNIST_SHA256.items():
            raw = Path(root) / "MNIST" / "raw" / name
            if sha256_of(raw) != expected:
                raise DownloadError(f"torchvision gave another {name} than the published one")
            raw.replace(folder / name)
