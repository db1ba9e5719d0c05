"""The characters of the language model of lab 02, and their ids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["ALPHABET", "BEGIN", "END", "N_IDS", "PAD", "clean_sentence", "decode", "encode", "pad_batch"]

# The sorted characters of the full training set: a newline and all printable ASCII except the double quote.
# They are fixed, so that a model trained on one corpus can read another one of the same form.
ALPHABET = "\n" + "".join(chr(code) for code in range(32, 127) if chr(code) != '"')
BEGIN, END, PAD = len(ALPHABET), len(ALPHABET) + 1, len(ALPHABET) + 2
N_IDS = len(ALPHABET) + 3

_ID = {character: index for index, character in enumerate(ALPHABET)}


def clean_sentence(text: str) -> str:
    """Write one sentence with the 95 characters of the alphabet, ended by a newline.

    Typographic quotes and dashes are not special: whatever is not ASCII becomes a space, as in the
    published results on this data. A double quote becomes a single one.
    """
    line = " ".join(text.splitlines()).replace('"', "'")
    return "".join(character if character in _ID else " " for character in line).rstrip() + "\n"


def encode(sentence: str) -> list[int]:
    """Turn a cleaned sentence into ids, without BEGIN and END.

    Raises:
        ValueError: a character is not in the alphabet.

    """
    try:
        return [_ID[character] for character in sentence]
    except KeyError as error:
        raise ValueError(f"{error.args[0]!r} is not one of the {len(ALPHABET)} characters") from None


def decode(ids: Sequence[int]) -> str:
    """Turn ids into text; BEGIN, END and PAD leave nothing."""
    return "".join(ALPHABET[int(index)] for index in ids if int(index) < len(ALPHABET))


def pad_batch(sentences: Sequence[str]) -> npt.NDArray[np.int64]:
    """Turn cleaned sentences into one batch.

    Returns:
        int64 array [batch, time]: BEGIN, the characters, END, then PAD up to the longest sentence.

    """
    rows = [[BEGIN, *encode(sentence), END] for sentence in sentences]
    batch = np.full((len(rows), max(map(len, rows), default=0)), PAD, dtype=np.int64)
    for row, ids in zip(batch, rows, strict=True):
        row[: len(ids)] = ids
    return batch
