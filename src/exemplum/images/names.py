"""Millions of names in little memory."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

import numpy as np


class Names:
    """Names as one block of bytes and the end of each: 8 bytes a name more than its letters."""

    def __init__(self, block: bytes, ends: np.ndarray) -> None:
        self.block, self.ends = block, ends

    @classmethod
    def of(cls, names: Iterable[bytes]) -> Names:
        block, ends = bytearray(), array("q")
        for name in names:
            block += name
            ends.append(len(block))
        return cls(bytes(block), np.frombuffer(ends, dtype=np.int64))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, row: int) -> bytes:
        """Raises IndexError if there is no such row; rows are not counted from the end."""
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of a corpus of {len(self)} images")
        return self.block[self.ends[row - 1] if row else 0 : self.ends[row]]


def as_id(name: bytes) -> str:
    """A name as text that fits in a table: bytes that are not UTF-8 are spelled with backslashes."""
    return name.decode("utf-8", errors="backslashreplace")
