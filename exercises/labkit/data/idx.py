"""The IDX format of MNIST: four bytes of magic, big-endian sizes, then bytes."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from labkit.data.errors import DataError

__all__ = ["idx_bytes", "read_idx"]

_UNSIGNED_BYTE = 0x08
_MEND = "remove it and run `labs data fetch mnist`"


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Raises:
        DataError: the file is not IDX, holds another type, or is shorter than its header says.

    """
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] != _UNSIGNED_BYTE:
        raise DataError(f"{path} is not an IDX file of bytes", _MEND)
    n_axes = data[3]
    header = 4 + 4 * n_axes
    if len(data) < header:
        raise DataError(f"{path} ends inside its header", _MEND)
    shape = struct.unpack(f">{n_axes}I", data[4:header])
    if len(data) - header != int(np.prod(shape, dtype=np.int64)):
        raise DataError(f"{path} is not as long as its header says", _MEND)
    return np.frombuffer(data, dtype=np.uint8, offset=header).reshape(shape).copy()


def idx_bytes(array: npt.NDArray[np.uint8]) -> bytes:
    """Return an array in the IDX format, header and bytes."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, _UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + np.ascontiguousarray(array).tobytes()
