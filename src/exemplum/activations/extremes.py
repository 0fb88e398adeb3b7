"""The k highest (or lowest) values of every unit in a stream, exact, with ties to the earlier image.

A value and its row in the corpus are packed into one int64 whose order is the order wanted: the float's bits, made
monotone, above; the complement of the row below. So one integer top-k settles value and tie, and merging two
streams in any order gives the same result.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

EMPTY = torch.iinfo(torch.int64).min  # sorts below every packed value
ROW_BITS = 32
ROW_MASK = (1 << ROW_BITS) - 1


def pack(values: Tensor, rows: Tensor) -> Tensor:
    """Pack float32 values (units, n) and rows (n,), 0 ≤ row < 2³², into keys, int64 (units, n); greater is higher.

    NaN packs to EMPTY: it is no extreme.
    """
    bits = (values + 0.0).view(torch.int32).to(torch.int64)  # + 0.0: −0 and 0 tie
    # IEEE floats order like integers once the magnitude bits of negative ones are flipped
    ordered = torch.where(bits >= 0, bits, bits ^ 0x7FFFFFFF)
    keys = (ordered << ROW_BITS) | (ROW_MASK - rows)
    return torch.where(values.isnan(), EMPTY, keys)


def unpack(keys: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Values, float32, and rows, int64, of packed keys; NaN and -1 where a key is EMPTY."""
    ordered = keys >> ROW_BITS
    bits = torch.where(ordered >= 0, ordered, ordered ^ 0x7FFFFFFF).to(torch.int32)
    values, rows = bits.view(torch.float32), ROW_MASK - (keys & ROW_MASK)
    empty = keys == EMPTY
    return values.masked_fill(empty, float("nan")).numpy(), rows.masked_fill(empty, -1).numpy()


def merge(first: Tensor, second: Tensor, keep: int) -> Tensor:
    """The `keep` greatest keys of two sets, (units, a) and (units, b), sorted from the greatest."""
    both = torch.cat([first, second], dim=1)
    return both.topk(min(keep, both.shape[1]), dim=1, sorted=True).values
