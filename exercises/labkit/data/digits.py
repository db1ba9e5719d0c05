"""MNIST."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt

from labkit.data.cache import cache_folder, read_contents, store_folder
from labkit.data.idx import read_idx
from labkit.data.locate import Located, announce, locate, sample_of

__all__ = ["load_mnist", "torchvision_root"]

Digits = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]

_STEMS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def _raw_file(found: Located, stem: str) -> Path:
    plain = found.folder / stem
    return plain if plain.is_file() else found.folder / f"{stem}.gz"


def load_mnist(*, sample: bool = False) -> tuple[Digits, Digits]:
    """Load handwritten digits.

    Args:
        sample: take the 2,000 + 500 digits in any case, for a quick run that is the same everywhere.

    Returns:
        ``(x_train, y_train), (x_test, y_test)`` as ``keras.datasets.mnist.load_data()`` gives them: images
        uint8 [N,28,28], 0 is paper and 255 ink; labels uint8 [N], 0 to 9. N is 60,000 and 10,000, or 2,000
        and 500 (balanced) where only the sample is at hand.

    """
    found = sample_of("mnist") if sample else locate("mnist")
    announce(found)
    arrays = [read_idx(_raw_file(found, stem)) for stem in _STEMS]
    return (arrays[0], arrays[1]), (arrays[2], arrays[3])


def torchvision_root(*, sample: bool = False) -> Path:
    """Return a folder for ``torchvision.datasets.MNIST(root, download=True)`` that needs no network.

    torchvision asks only whether the four raw files are there: the sample serves as well as all of MNIST.

    Args:
        sample: take the 2,000 + 500 digits in any case.

    """
    found = sample_of("mnist") if sample else locate("mnist")
    announce(found)
    name = "mnist-sample" if found.is_sample else "mnist-full"
    root = cache_folder() / "torchvision" / name
    if read_contents(root) is None:

        def fill(work: Path) -> None:
            raw = work / "MNIST" / "raw"
            raw.mkdir(parents=True)
            for stem in _STEMS:
                source = _raw_file(found, stem)
                if source.suffix == ".gz":
                    (raw / stem).write_bytes(gzip.decompress(source.read_bytes()))
                else:
                    _link_or_copy(source, raw / stem)

        store_folder(root, fill, f"seeded from {found.origin}")
    return root


def _link_or_copy(source: Path, target: Path) -> None:
    """Use no second 55 MB where the file system can link."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
