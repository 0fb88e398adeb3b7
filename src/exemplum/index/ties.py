"""The order of images with the same activation: fixed, spread over the corpus, and another for each unit.

A sparse feature is 0 for most images. If the earlier ranked first, the first pictures of a folder, which are often of
one class, would be the least activating images of every such feature.
"""

from __future__ import annotations

import zlib
from typing import Any

from exemplum.records import Unit

BITS = 32
MASK = (1 << BITS) - 1
FACTOR = 2_654_435_761  # 2³² over the golden ratio: consecutive rows lie far apart (Knuth, vol. 3, 6.4)
INVERSE = pow(FACTOR, -1, 1 << BITS)


def offset(unit: Unit | str) -> int:
    """What distinguishes a unit's order from others, by its name; 0 ≤ offset < 2³²."""
    return zlib.crc32(str(unit).encode())


def precedence(rows: Any, offsets: Any) -> Any:
    """Of int64 rows, 0 ≤ row < 2³², distinct numbers 0 ≤ p < 2³²: of equal activations the greatest is ranked first.

    Arrays of NumPy or torch; offsets are broadcast against rows.
    """
    return (rows * FACTOR + offsets) & MASK


def row_of(precedences: Any, offsets: Any) -> Any:
    """The rows with these precedences."""
    return ((precedences - offsets) * INVERSE) & MASK
